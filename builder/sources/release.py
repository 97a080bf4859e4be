"""The published S1-MMAlign as a source: what lies where, in a folder or in a repository on the Hub.

    arxiv/jsonl/07_recaption.jsonl    arxiv/images_2007.tar.gz.partaa, .partab, …    a pair for each year
    biorxiv/jsonl/biorxiv_recaption.jsonl    biorxiv/images.tar.gz                   likewise the other sources
    nature_comunication/…                                                            spelt as published

A *part* is what can be read by itself: the JSONL files and the archives of one source and year.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from s1_mmalign.builder.records import SOURCES
from s1_mmalign.builder.sources.errors import InputError

RELEASE = "release"
REPOSITORY = "ScienceOne-AI/S1-MMAlign"
"""Where it was published (arXiv 2601.00264)."""

FOLDERS = {"nature_comunication": "nature_communications"} | {source: source for source in SOURCES}
"""Source by folder, the misspelt one included."""

READ_AHEAD_BYTES = 16 << 20
"""One request for a range of a remote file."""

_ARCHIVE = re.compile(r"(?P<name>images(?:_(?P<year>\d{4}))?[^./]*\.tar(?:\.gz)?)(?:\.part(?P<part>[a-z]+))?")
_LINES = re.compile(r"(?:(?P<year>\d{2})_)?[^/]*\.jsonl")
_REPOSITORY = re.compile(r"(?:hf:/+datasets/)?(?P<repo>[\w.\-]+/[\w.\-]+?)(?:@(?P<revision>[^/]+))?/?")


@dataclass(frozen=True, slots=True)
class File:
    """A file of the release: path from its root, bytes, and what changes when its content does."""

    path: str
    bytes: int
    version: str
    sha256: str | None = None
    """Where the Hub tells it."""


@dataclass(slots=True)
class Part:
    """The rows and images of one source, and of one year where the source is cut by years (two digits)."""

    source: str
    year: str | None
    lines: list[File] = field(default_factory=list)
    archives: list[list[File]] = field(default_factory=list)
    """Each archive as its volumes, in order."""

    @property
    def name(self) -> str:
        """`arxiv-07`, or the source alone."""
        return f"{self.source}-{self.year}" if self.year else self.source

    @property
    def bytes(self) -> int:
        """Packed bytes of the archives."""
        return sum(volume.bytes for archive in self.archives for volume in archive)


@dataclass(frozen=True, slots=True)
class Root:
    """Where a release lies. Holds no connection, so that it travels to other processes."""

    name: str
    folder: Path | None = None
    repo: str | None = None
    commit: str | None = None

    def files(self) -> list[File]:
        """List all files.

        Raises:
            InputError: the repository or its revision cannot be read.
        """
        if self.folder is not None:
            paths = sorted(path for path in self.folder.rglob("*") if path.is_file())
            stats = [(path.relative_to(self.folder).as_posix(), path.stat()) for path in paths]
            return [File(path, stat.st_size, str(stat.st_mtime_ns)) for path, stat in stats]
        from huggingface_hub import HfApi
        from huggingface_hub.hf_api import RepoFile

        entries = HfApi().list_repo_tree(str(self.repo), recursive=True, revision=self.commit, repo_type="dataset")
        return [
            File(entry.path, entry.size, entry.blob_id, entry.lfs.sha256 if entry.lfs else None)
            for entry in entries
            if isinstance(entry, RepoFile)
        ]

    def open(self, path: str) -> IO[bytes]:
        """Open a file for reading from its start on; a remote one is read by ranges."""
        if self.folder is not None:
            return (self.folder / path).open("rb")
        return self._remote().open(
            f"datasets/{self.repo}@{self.commit}/{path}", block_size=READ_AHEAD_BYTES, cache_type="readahead"
        )

    def fetch(self, path: str, target: Path) -> None:
        """Copy a file of a repository to `target`."""
        partial = target.with_name(f".{target.name}.partial")
        self._remote().get_file(f"datasets/{self.repo}@{self.commit}/{path}", str(partial))
        partial.replace(target)

    def _remote(self) -> Any:
        from huggingface_hub import HfFileSystem

        return HfFileSystem()


def open_root(path: str | Path) -> Root:
    """Find a release by its folder, or by its repository (`owner/name`, `owner/name@revision`, `hf://datasets/…`).

    Raises:
        InputError: neither is there.
    """
    name = str(path)
    if Path(name).is_dir():
        return Root(name, folder=Path(name))
    match = _REPOSITORY.fullmatch(name)
    if match is None or name.startswith((".", "/")):
        raise InputError(f"{name}: no such folder, and no repository (owner/name or owner/name@revision).")
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        info = HfApi().dataset_info(match["repo"], revision=match["revision"])
    except HFValidationError as error:
        raise InputError(f"{name}: {error}") from None
    except (HfHubHTTPError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise InputError(f"{name}: no such folder, and no dataset on the Hub that can be read ({reason}).") from error
    return Root(name, repo=match["repo"], commit=info.sha)


def find_parts(root: Root, source: str | None = None) -> list[Part]:
    """Find the parts of a release, in order of name.

    Args:
        root: where it lies.
        source: only this one; None: all.

    Raises:
        InputError: nothing of the layout is there, or a volume is missing.
    """
    lines: dict[str, dict[str | None, list[File]]] = defaultdict(lambda: defaultdict(list))
    volumes: dict[str, dict[str | None, dict[str, dict[str, File]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(dict))
    )
    for file in root.files():
        folder, _, rest = file.path.partition("/")
        found = FOLDERS.get(folder)
        if found is None or (source is not None and found != source):
            continue
        if (match := _ARCHIVE.fullmatch(rest)) is not None:
            year = match["year"][2:] if match["year"] else None
            volumes[found][year][f"{folder}/{match['name']}"][match["part"] or ""] = file
        elif rest.startswith("jsonl/") and (match := _LINES.fullmatch(rest.removeprefix("jsonl/"))) is not None:
            lines[found][match["year"]].append(file)
    parts = [
        Part(name, year, lines[name][year], [_in_order(*one) for one in sorted(volumes[name][year].items())])
        for name in sorted({*lines, *volumes})
        for year in _years(lines[name], volumes[name])
    ]
    if not parts:
        wanted = source or "<source>"
        raise InputError(
            f"{root.name}: not in the layout of the published S1-MMAlign: neither {wanted}/jsonl/*.jsonl nor "
            f"{wanted}/images*.tar.gz (or its volumes) is there."
        )
    return parts


def _years(lines: dict[str | None, Any], volumes: dict[str | None, Any]) -> list[str | None]:
    """The years of a source; [None] where one side is not cut by years, and then everything is brought under None."""
    if set(lines) == {None} or set(volumes) == {None}:
        lines[None] = [file for files in lines.values() for file in files]
        volumes[None] = {name: parts for archives in volumes.values() for name, parts in archives.items()}
        return [None]
    return sorted({*lines, *volumes}, key=lambda year: year or "")


def _in_order(name: str, parts: Mapping[str, File]) -> list[File]:
    """The volumes of an archive, none missing between the first and the last."""
    if "" in parts:
        if len(parts) > 1:
            raise InputError(f"{name}: is there whole and as volumes. Remove one of them.")
        return [parts[""]]
    width = len(min(parts))
    letters = [_letters(number, width) for number in range(len(parts))]
    for expected, found in zip(letters, sorted(parts), strict=True):
        if expected != found:
            raise InputError(
                f"{name}.part{expected}: is missing, .part{found} is there. Download it: nothing after it can be read."
            )
    return [parts[part] for part in letters]


def _letters(number: int, width: int) -> str:
    """`aa`, `ab`, … as `split` names volumes."""
    text = ""
    for _ in range(width):
        number, letter = divmod(number, 26)
        text = chr(ord("a") + letter) + text
    return text


def files_of(parts: Iterable[Part]) -> list[File]:
    """Return every file of the parts."""
    return [file for part in parts for file in [*part.lines, *(volume for one in part.archives for volume in one)]]


def describe(parts: Iterable[Part]) -> list[tuple[str, int, str]]:
    """Return path, bytes and version of every file: what a cache of the rows has to be keyed by."""
    return [(file.path, file.bytes, file.version) for file in files_of(parts)]

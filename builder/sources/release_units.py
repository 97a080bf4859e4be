"""One part of the published release -> units: the same Parquet files and ledgers that papers give.

    JSONL -> index of its rows;  archives, member by member -> the row of each -> unit by unit -> the rows left over

A unit ends after `unit_bytes` of images and notes how many members were read until then: a run that was interrupted
passes over those without decoding them. The rows that no image was found for are drops of the last unit.
"""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any

from s1_mmalign.builder.confined_pool import ConfinedPool
from s1_mmalign.builder.disciplines import discipline_of
from s1_mmalign.builder.extract import scrub
from s1_mmalign.builder.extraction import Extraction, Row
from s1_mmalign.builder.images import EncodedImage
from s1_mmalign.builder.licences import licence_class
from s1_mmalign.builder.options import BuildOptions
from s1_mmalign.builder.records import DISCIPLINES, FEATURES, LICENCE_CLASSES, SOURCES, Drop, DropReason, Metadata
from s1_mmalign.builder.sealed_json import SealError, seal, unseal
from s1_mmalign.builder.shards import sha256_of, write_atomically
from s1_mmalign.builder.sources.digests import Input
from s1_mmalign.builder.sources.metadata import join_metadata, metadata_of_record
from s1_mmalign.builder.sources.package import paper_id_of
from s1_mmalign.builder.sources.release import Part, Root, describe, files_of
from s1_mmalign.builder.sources.release_archives import iter_members
from s1_mmalign.builder.sources.release_images import ImageQueue
from s1_mmalign.builder.sources.release_rows import ReleaseRows
from s1_mmalign.builder.units import Unit, code_version, load_unit, write_unit


def make_part(
    root: Root,
    part: Part,
    options: BuildOptions,
    folder: Path,
    pool: ConfinedPool,
    on_bytes: Callable[[int], None] = lambda count: None,
) -> list[Unit]:
    """Make those units of a part that `folder` does not hold yet, and return them all.

    Args:
        root: where the release is.
        part: what of it.
        options: of the build.
        folder: where units are kept.
        pool: where images are decoded.
        on_bytes: called with the bytes that were read since.

    Raises:
        InputError: an archive is damaged or ends early; the units before stay.
    """
    units, members, finished = _finished(part, options, folder)
    if finished:
        on_bytes(part.bytes)
        return units
    spool = folder / f"{part.name}.jsonl.d"
    lines = _local_lines(root, part, spool)
    rows = ReleaseRows(lines)
    try:
        with ImageQueue[Member](pool, options.extract.image) as images:
            _Maker(part, options, folder, units, members, rows, images).run(root, on_bytes, lines)
    finally:
        rows.close()
    shutil.rmtree(spool, ignore_errors=True)
    return units


def _finished(part: Part, options: BuildOptions, folder: Path) -> tuple[list[Unit], int, bool]:
    """The units that are there, the members they cover, and whether they are all."""
    units: list[Unit] = []
    members = 0
    while True:
        unit = Unit(_unit_name(part, options, len(units)))
        if not load_unit(unit, folder):
            return units, members, False
        try:
            note = unseal((folder / f"{unit.name}.part.json").read_bytes())
        except (OSError, SealError):
            return units, members, False
        units.append(unit)
        members = note["members"]
        if note["last"]:
            return units, members, True


def _unit_name(part: Part, options: BuildOptions, number: int) -> str:
    metadata = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in options.metadata]
    content = [
        code_version(),
        _reading_version(),
        asdict(options.extract),
        options.unit_bytes,
        metadata,
        part.name,
        describe([part]),
    ]
    return f"{hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]}-{number:05d}"


@functools.cache
def _reading_version() -> str:
    """A hash of the code that decides what a part gives; `code_version` is of what papers give."""
    files = [Path(__file__).with_name(f"release_{name}.py") for name in ("archives", "images", "rows", "units")]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def _local_lines(root: Root, part: Part, spool: Path) -> list[Path]:
    """The JSONL files on this machine: rows are looked up in the order of the images, so they must be at hand."""
    if root.folder is not None:
        return [root.folder / file.path for file in part.lines]
    spool.mkdir(parents=True, exist_ok=True)
    paths = []
    for file in part.lines:
        path = spool / f"{hashlib.sha256(file.version.encode()).hexdigest()[:8]}-{PurePosixPath(file.path).name}"
        if not path.is_file():
            root.fetch(file.path, path)
        paths.append(path)
    return paths


Member = tuple[int, str, str, dict[str, Any] | None]
"""Of an archive: its number, path, paper and row."""


class _Maker:
    """Turns the members of a part's archives into units."""

    def __init__(
        self,
        part: Part,
        options: BuildOptions,
        folder: Path,
        units: list[Unit],
        members: int,
        rows: ReleaseRows,
        images: ImageQueue[Member],
    ) -> None:
        self._part, self._options, self._folder = part, options, folder
        self._units, self._done, self._rows = units, members, rows
        self._images = images
        self._known = _joined(rows, options, part.source)
        self._extraction, self._bytes, self._members = Extraction(), 0, 0
        self._digests: dict[str, str] = {}

    def run(self, root: Root, on_bytes: Callable[[int], None], lines: Sequence[Path]) -> None:
        """Read everything; `lines` are the JSONL files as they are on this machine."""
        for file, local in zip(self._part.lines, lines, strict=True):
            self._digests[file.path] = sha256_of(local)
        number = 0
        for archive in self._part.archives:
            for path, read in iter_members(root, archive, on_bytes, self._digests):
                row = self._rows.find(path)
                number += 1
                if number > self._done:
                    self._put(number, path, row, read)
                    self._take(self._images.ready())
        self._take(self._images.rest())
        for row, again in self._rows.left():
            reason, detail = ("duplicate_row", "") if again else ("image_missing", "not in the archives")
            self._drop(_paper_id(row["image_path"], row), row["image_path"], reason, detail)
        for name, line in self._rows.unreadable:
            self._drop("", f"{name}:{line}", "source_unreadable", "no JSON object with an image_path")
        self._flush(last=True)

    def _put(self, number: int, path: str, row: dict[str, Any] | None, read: Callable[[], bytes | None]) -> None:
        paper_id = _paper_id(path, row or {})
        if row is None:
            again = self._rows.known(path)
            reason: DropReason = "duplicate_row" if again else "image_without_row"
            drop = Drop(paper_id, path, reason, "the archive has it again" if again else "")
        elif (data := read()) is None:
            drop = Drop(paper_id, path, "image_too_large", "no image has so many bytes")
        else:
            self._images.put((number, path, paper_id, row), paper_id, path, data)
            return
        self._images.put_drop((number, path, paper_id, row), drop)

    def _take(self, done: Iterator[tuple[Member, EncodedImage | Drop]]) -> None:
        for (number, path, paper_id, row), found in done:
            self._members = number
            if isinstance(found, Drop):
                self._extraction.drops.append(found)
            elif row is not None:
                self._bytes += len(found.data)
                self._extraction.rows.append(_row(row, path, paper_id, found, self._part.source, self._known))
            if self._bytes >= self._options.unit_bytes:
                self._flush(last=False)

    def _drop(self, paper_id: str, where: str, reason: Any, detail: str) -> None:
        self._extraction.drops.append(Drop(paper_id, where, reason, detail))

    def _flush(self, last: bool) -> None:
        unit = Unit(_unit_name(self._part, self._options, len(self._units)))
        note = {"part": self._part.name, "members": self._members, "last": last}
        write_atomically(self._folder / f"{unit.name}.part.json", seal(note))
        read = [Input(one.path, "", one.bytes, self._digests.get(one.path)) for one in files_of([self._part])]
        write_unit(unit, [self._extraction], self._folder, self._options.extract, read if last else [])
        self._units.append(unit)
        self._extraction, self._bytes = Extraction(), 0


def _joined(rows: ReleaseRows, options: BuildOptions, source: str) -> dict[str, Metadata]:
    """What the metadata files know (licence, abstract, date), by arXiv id."""
    if not options.metadata or source != "arxiv":
        return {}
    return join_metadata(list(options.metadata), set(_arxiv_ids(rows)))


def _arxiv_ids(rows: ReleaseRows) -> Iterator[str]:
    for row, _ in rows.left():
        if row.get("arxiv_id"):
            yield str(row["arxiv_id"])


def _paper_id(path: str, row: dict[str, Any]) -> str:
    """The folder of the image, as packages are named; where there is none, the row's identifier.

    The number of an old arXiv id is that of several papers, so its archive goes before: `hep-th0606282`.
    """
    folder = paper_id_of(PurePosixPath(path.removeprefix("images/")).parent.name)
    arxiv_id = str(row.get("arxiv_id") or "")
    if not folder:
        return arxiv_id or str(row.get("doi") or "")
    return arxiv_id.replace("/", "") if arxiv_id.endswith(f"/{folder}") else folder


def _row(
    line: dict[str, Any], path: str, paper_id: str, image: EncodedImage, source: str, known: dict[str, Metadata]
) -> Row:
    """One row of the dataset; what the release does not say stays null."""
    said = metadata_of_record(line)
    arxiv_id = line.get("arxiv_id") or None
    metadata = known.get(str(arxiv_id), Metadata())
    categories = said.categories or metadata.categories
    doi = line.get("doi") or metadata.doi
    discipline = discipline_of(source, categories)
    licence = metadata.licence
    name = PurePosixPath(path)
    row: Row = dict.fromkeys(FEATURES) | {
        "image": {"bytes": image.data, "path": name.name},
        "image_path": f"{source}/{path}",
        "caption": line.get("caption") or "",
        "recaption": line.get("recaption") or None,
        "paper_id": paper_id,
        "doi": doi,
        "arxiv_id": arxiv_id,
        "title": line.get("title") or metadata.title,
        "abstract": metadata.abstract,
        "categories": categories,
        "discipline": DISCIPLINES.index(discipline) if discipline else None,
        "published": metadata.published,
        "url": metadata.url or said.url or (f"https://doi.org/{doi}" if doi else None),
        "source": SOURCES.index(source),
        "licence": licence,
        "licence_class": LICENCE_CLASSES.index(licence_class(licence)),
        "figure_id": name.stem,
        "image_source": path,
        "citation_contexts": [],
        "width": image.width,
        "height": image.height,
        "image_sha256": image.sha256,
        "phash": image.phash,
    }
    return {key: scrub(value) for key, value in row.items()}

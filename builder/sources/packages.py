"""Find the packages (one paper each) in files, folders and URLs, and the bulk tars that hold many."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from s1_mmalign.builder.sources.bulk_tars import MANIFEST_NAME, is_bulk_tar, members_of
from s1_mmalign.builder.sources.errors import InputError
from s1_mmalign.builder.sources.locations import RemoteFile, as_url, is_url, remote_files, shown_url
from s1_mmalign.builder.sources.package import PACKAGE_SUFFIXES, Container, Package, paper_id_of, size_and_time

METADATA_NAMES = ("metadata.jsonl", "oa_file_list.csv")
"""Files of these names in an input folder are read as metadata without being asked for."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file of the input that is no package: `kind` is `metadata`, `tar_manifest` or `ignored`."""

    kind: str
    path: Path
    remote: RemoteFile | None = None


@dataclass(slots=True)
class Inputs:
    """What `find_packages` saw: the packages in order of key, metadata files, and files that are neither."""

    packages: list[Package] = field(default_factory=list)
    metadata_files: list[Path] = field(default_factory=list)
    ignored: list[Path] = field(default_factory=list)


def find_packages(paths: Iterable[Path], storage: Mapping[str, Any] | None = None) -> Inputs:
    """Find every package under `paths`, those in bulk tars too, and hold them in memory (see `find` for millions).

    Raises:
        InputError: a path that does not exist, or nothing found at all.
    """
    inputs = Inputs()
    roots = list(paths)
    for found in find(roots, storage or {}):
        if isinstance(found, Package):
            inputs.packages.append(found)
        elif isinstance(found, Container):
            inputs.packages += packages_in(found)
        elif found.kind == "metadata" and found.remote is None:
            inputs.metadata_files.append(found.path)
        else:
            inputs.ignored.append(found.path)
    if not inputs.packages:
        raise nothing_found(roots)
    inputs.packages.sort(key=lambda package: package.key)
    return inputs


def find(paths: Iterable[Path], storage: Mapping[str, Any]) -> Iterator[Package | Container | Found]:
    """Yield what lies under `paths`, one at a time.

    A path that names a file is a package whatever it is called (a bulk tar: a container). In a folder or under a
    URL, files with a suffix of `PACKAGE_SUFFIXES` are packages, and so is a local folder that itself holds LaTeX or
    JATS source. Links to files are followed, links to folders are not.

    Raises:
        InputError: a path that does not exist.
    """
    for root in paths:
        if is_url(root):
            yield from _remote(as_url(root), storage)
        elif not root.exists():
            raise InputError(f"{root}: no such file or folder.")
        elif root.is_file():
            yield _file(root, root.name) if not MANIFEST_NAME.search(root.name) else Found("tar_manifest", root)
        else:
            yield from _search(root, root)


def packages_in(container: Container, state: str = "") -> Iterator[Package]:
    """Yield the packages of a bulk tar; `state` says what its content is known by (default: its size and time).

    Raises:
        InputError: it is damaged or breaks off.
    """
    with container.open() as file:
        for member in members_of(file, container.bytes, str(container.path)):
            name = member.name.rpartition("/")[2]
            if name.lower().endswith(PACKAGE_SUFFIXES):
                yield Package(
                    key=f"{container.key}/{member.name}",
                    paper_id=paper_id_of(name),
                    path=container.path,
                    bytes=member.bytes,
                    mtime_ns=container.mtime_ns,
                    offset=member.offset,
                    remote=container.remote,
                    state=state or container.state,
                )


def nothing_found(roots: Iterable[Path]) -> InputError:
    """The error of an input without a paper."""
    return InputError(
        f"no papers in {', '.join(map(shown_url, roots))}: expected {', '.join(PACKAGE_SUFFIXES)} files, "
        "arXiv's bulk tars, or folders that hold .tex, .xml or .nxml source."
    )


def _search(folder: Path, root: Path) -> Iterator[Package | Container | Found]:
    """Yield what lies in one folder, then in its subfolders, however deep they are."""
    waiting = [folder]
    while waiting:
        folder = waiting.pop()
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
        files = [entry for entry in entries if entry.is_file()]
        if folder != root and _is_package_folder(files):
            yield _package(folder, folder.relative_to(root).as_posix())
            continue
        yield from _listed(files, root)
        waiting += [entry for entry in reversed(entries) if entry.is_dir() and not entry.is_symlink()]


def _listed(files: list[Path], root: Path) -> Iterator[Package | Container | Found]:
    """Yield what the files of one folder are."""
    names = {path.name for path in files}
    for path in files:
        name = path.name.lower()
        if name.endswith(PACKAGE_SUFFIXES):
            yield _file(path, path.relative_to(root).as_posix())
        elif name in METADATA_NAMES:
            yield Found("metadata", path)
        elif MANIFEST_NAME.search(name):
            yield Found("tar_manifest", path)
        elif not (name.endswith(".json") and path.with_suffix(".pdf").name in names):
            yield Found("ignored", path)


def _remote(url: str, storage: Mapping[str, Any]) -> Iterator[Package | Container | Found]:
    for key, file in remote_files(url, storage):
        name = key.rpartition("/")[2]
        lower = name.lower()
        if is_bulk_tar(name):
            yield Container(key, Path(key), file.size, 0, file)
        elif lower.endswith(PACKAGE_SUFFIXES):
            yield Package(key, paper_id_of(name), Path(key), file.size, 0, remote=file, state=file.state)
        elif lower in METADATA_NAMES:
            yield Found("metadata", Path(key), file)
        elif MANIFEST_NAME.search(name):
            yield Found("tar_manifest", Path(key), file)
        else:
            yield Found("ignored", Path(key), file)


def _file(path: Path, key: str) -> Package | Container:
    key = _spelt(key)
    if path.name.lower().endswith(".tar"):
        with path.open("rb") as file:
            if is_bulk_tar(path.name, file):
                stat = path.stat()
                return Container(key, path, stat.st_size, stat.st_mtime_ns)
    return _package(path, key)


def _is_package_folder(files: list[Path]) -> bool:
    """Whether a folder is one unpacked paper: it holds TeX with a document class, or JATS XML, itself."""
    for path in files:
        suffix = path.suffix.lower()
        if suffix in (".tex", ".ltx", ".nxml", ".xml") and re.search(
            rb"\\document(class|style)|<article[\s>]", _head(path)
        ):
            return True
    return False


def _head(path: Path, size: int = 16_384) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        return b""


def _package(path: Path, key: str) -> Package:
    size, mtime_ns = size_and_time(path)
    return Package(_spelt(key), paper_id_of(_spelt(path.name)), path=path, bytes=size, mtime_ns=mtime_ns)


def _spelt(name: str) -> str:
    r"""A file's name as text that can be stored: bytes that are no UTF-8 become `\udcff` and the like."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")

"""A package: one paper as its source hands it out, wherever its bytes lie."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from s1_mmalign.builder.archives import Archive, ArchiveLimits, FolderArchive, open_bytes
from s1_mmalign.builder.records import Metadata, PackageError
from s1_mmalign.builder.sources.digests import Digest, Input, digest_of_bytes, digest_of_folder
from s1_mmalign.builder.sources.errors import InputError
from s1_mmalign.builder.sources.identify import arxiv_id_of
from s1_mmalign.builder.sources.locations import RemoteFile, shown_url

ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".tar", ".gz", ".zip", ".meca")
PACKAGE_SUFFIXES = (*ARCHIVE_SUFFIXES, ".pdf", ".nxml")

_VERSION = re.compile(r"(?<=\d)v(\d+)$")


@dataclass(frozen=True, slots=True)
class Package:
    """One paper as it is handed out.

    `key` is its path relative to the input it was found in: stable when the whole input is moved.
    `path` is the archive, folder, PDF or XML itself (of a remote one: its path below the input); `bytes` its size,
    `mtime_ns` its (newest) change. In a bulk tar `path` is the tar, `offset` where the package begins in it, and
    `state` what tells one content of the tar from another. `remote` is the file where it is none of this machine.
    """

    key: str
    paper_id: str
    path: Path
    bytes: int
    mtime_ns: int
    metadata: Metadata = field(default_factory=Metadata, compare=False)
    offset: int | None = None
    remote: RemoteFile | None = None
    state: str = ""

    @property
    def version(self) -> int:
        """The version that the name spells (`2301.00001v2`: 2), 0 where it spells none."""
        match = _VERSION.search(self.paper_id)
        return int(match.group(1)) if match else 0

    @property
    def paper(self) -> str:
        """What all versions of the paper share: its arXiv id, else its id without version."""
        return arxiv_id_of(self.paper_id) or _VERSION.sub("", self.paper_id)


@dataclass(frozen=True, slots=True)
class Container:
    """A file that holds many packages (a bulk tar). Fields as of `Package`."""

    key: str
    path: Path
    bytes: int
    mtime_ns: int
    remote: RemoteFile | None = None

    @property
    def state(self) -> str:
        """What tells one content from another without reading it."""
        return self.remote.state if self.remote else f"{self.bytes}-{self.mtime_ns}"

    def open(self) -> BinaryIO:
        """Open the file for seeking."""
        return self.remote.open() if self.remote else self.path.open("rb")


def paper_id_of(name: str) -> str:
    """Return the paper's id: its file's name without the suffixes of packages (`2301.00001.tar.gz` -> `2301.00001`)."""
    lower = name.lower()
    for suffix in (*PACKAGE_SUFFIXES, ".xml", ".tex"):
        if lower.endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name


@dataclass(frozen=True, slots=True)
class LoadedPackage:
    """A package whose bytes are in memory (`data`; of a folder they stay where they are), and their digest."""

    package: Package
    digest: Digest
    data: bytes | None

    def open(self, limits: ArchiveLimits) -> Archive:
        """Open it.

        Raises:
            PackageError: it is no archive that can be read, or unpacks to more than `limits` allow.
        """
        if self.data is None:
            return FolderArchive(self.package.path, limits)
        return open_bytes(self.data, self.package.key.rpartition("/")[2], limits)


def load_package(package: Package) -> LoadedPackage:
    """Read a package wherever it lies, once; of a tar or a remote file only its own bytes are read.

    Raises:
        PackageError: it cannot be read.
        InputError: a remote file cannot be fetched.
    """
    if package.offset is None and package.remote is None and package.path.is_dir():
        return LoadedPackage(package, digest_of_folder(package.path), None)
    data = _read(package)
    beside = package.path.with_suffix(".json") if package.remote is None and _has_json(package.path) else None
    return LoadedPackage(package, digest_of_bytes(data, beside), data)


def input_of(package: Package, digest: Digest | None = None) -> Input:
    """Return the line of a package for the list of inputs; without a digest it is read for it.

    Raises:
        InputError: a remote file cannot be fetched.
    """
    try:
        digest = digest or load_package(package).digest
    except PackageError:
        return Input(package.key, package.paper_id, package.bytes, None)
    return Input(package.key, package.paper_id, *digest)


def _read(package: Package) -> bytes:
    start = package.offset or 0
    if package.remote:
        whole = package.offset is None
        return package.remote.read() if whole else package.remote.read(start, start + package.bytes)
    try:
        if package.offset is None:
            return package.path.read_bytes()
        with package.path.open("rb") as file:
            file.seek(start)
            data = file.read(package.bytes)
    except OSError as error:
        raise PackageError("package_unreadable", str(error.strerror or error)) from error
    if len(data) < package.bytes:
        raise PackageError("package_unreadable", f"{package.path.name} breaks off before byte {start + package.bytes}")
    return data


def check_unchanged(package: Package) -> None:
    """Hold what was read against what was found before: a file that changed meanwhile must not become rows.

    Raises:
        InputError: the file (of a bulk tar: the tar) is gone or another one.
    """
    if package.remote:
        if package.remote.current_state() != package.remote.state:
            raise InputError(_changed(shown_url(package.remote.url)))
        return
    try:
        size, mtime_ns = size_and_time(package.path)
    except OSError as error:
        raise InputError(f"{package.path}: is gone ({error.strerror}). Put it back, or build without it.") from error
    if mtime_ns != package.mtime_ns or (package.offset is None and size != package.bytes):
        raise InputError(_changed(package.path))


def size_and_time(path: Path) -> tuple[int, int]:
    """Return a package's size in bytes and newest change in ns, over all the files that make it."""
    stats = [entry.stat() for entry in _files_of(path)] or [path.stat()]
    return sum(stat.st_size for stat in stats), max(stat.st_mtime_ns for stat in stats)


def _files_of(path: Path) -> Iterator[Path]:
    """The files whose change makes the package another one: itself or its content, and the JSON beside a PDF."""
    if path.is_dir():
        yield from sorted(entry for entry in path.rglob("*") if entry.is_file())
        return
    yield path
    if _has_json(path):
        yield path.with_suffix(".json")


def _has_json(path: Path) -> bool:
    """Whether a package is a PDF with its metadata in a file beside it."""
    return path.suffix.lower() == ".pdf" and path.with_suffix(".json").is_file()


def _changed(where: object) -> str:
    return f"{where}: changed while it was read. Wait until it is written, and run the same command again."

"""Packages as strangers made them, opened without unpacking to disk: tar, zip, gzip, folder, single file.

An `Archive` hands out members by name. Names are taken as keys, never as paths of this machine, so a
traversal name (`../x`, `/etc/x`) can do no more than be odd; links and devices are no members at all.
Size, member count and compression ratio are bounded before the bytes are held.
"""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from s1_mmalign.builder.records import PackageError


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What a package may unpack to. Defaults fit the largest honest arXiv packages with room to spare."""

    max_bytes: int = 1 << 30
    """All members together, in bytes."""
    max_members: int = 20_000
    max_ratio: float = 200.0
    """Unpacked over packed size, judged once more than `ratio_floor` bytes came out."""
    ratio_floor: int = 64 << 20

    def check(self, unpacked: int, packed: int) -> None:
        """Raise `PackageError("package_too_large")` if `unpacked` bytes out of `packed` are too many."""
        if unpacked > self.max_bytes:
            raise PackageError("package_too_large", f"unpacks to more than {self.max_bytes} bytes")
        if unpacked > self.ratio_floor and unpacked > self.max_ratio * max(packed, 1):
            raise PackageError("package_too_large", f"compression ratio over {self.max_ratio:g}")


_ZIP_FAULTS = (zipfile.BadZipFile, OSError, EOFError, ValueError, RuntimeError, NotImplementedError, struct.error)


class Archive(Protocol):
    """Members of a package by name. Names use `/`, stand in archive order, and are unique."""

    def names(self) -> list[str]:
        """Return the names of all regular files."""
        ...

    def read(self, name: str) -> bytes:
        """Return a member's bytes; `KeyError` if there is none of that name, `PackageError` if it is corrupt."""
        ...

    def size(self, name: str) -> int:
        """Return a member's size in bytes without reading it."""
        ...


class MemoryArchive:
    """Members held in memory: what a tar, a gzip or a single file becomes."""

    def __init__(self, members: dict[str, bytes]) -> None:
        self._members = members

    def names(self) -> list[str]:
        """See `Archive.names`."""
        return list(self._members)

    def read(self, name: str) -> bytes:
        """See `Archive.read`."""
        return self._members[name]

    def size(self, name: str) -> int:
        """See `Archive.size`."""
        return len(self._members[name])


class ZipArchive:
    """Members of a zip (MECA is one), unpacked one at a time."""

    def __init__(self, data: bytes, limits: ArchiveLimits) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
            raise PackageError("package_unreadable", f"zip: {error}") from error
        entries = [entry for entry in self._zip.infolist() if entry.filename and not entry.is_dir()]
        if len(entries) > limits.max_members:
            raise PackageError("package_too_large", f"more than {limits.max_members} members")
        limits.check(sum(entry.file_size for entry in entries), len(data))
        if any(entry.flag_bits & 0x1 for entry in entries):
            raise PackageError("package_unreadable", "zip is encrypted")
        self._entries = {_clean(entry.filename): entry for entry in entries}

    def names(self) -> list[str]:
        """See `Archive.names`."""
        return list(self._entries)

    def read(self, name: str) -> bytes:
        """See `Archive.read`."""
        entry = self._entries[name]
        try:
            with self._zip.open(entry) as member:
                data = member.read(entry.file_size + 1)
        except (*_ZIP_FAULTS, zlib.error, lzma.LZMAError) as error:
            raise PackageError("package_unreadable", f"{name}: {error}") from error
        if len(data) > entry.file_size:
            raise PackageError("package_too_large", f"{name} is larger than its header says")
        return data

    def size(self, name: str) -> int:
        """See `Archive.size`."""
        return self._entries[name].file_size


class FolderArchive:
    """Files under a folder; links are left out, so nothing outside it can be read."""

    def __init__(self, root: Path, limits: ArchiveLimits) -> None:
        self._root = root
        self._names: list[str] = []
        total = 0
        for path in files_of_folder(root):
            self._names.append(path.relative_to(root).as_posix())
            total += path.stat().st_size
            limits.check(total, total)
            if len(self._names) > limits.max_members:
                raise PackageError("package_too_large", f"more than {limits.max_members} members")

    def names(self) -> list[str]:
        """See `Archive.names`."""
        return self._names

    def read(self, name: str) -> bytes:
        """See `Archive.read`."""
        if name not in self._names:
            raise KeyError(name)
        return (self._root / name).read_bytes()

    def size(self, name: str) -> int:
        """See `Archive.size`."""
        return (self._root / name).stat().st_size


def open_archive(path: Path, limits: ArchiveLimits = ArchiveLimits()) -> Archive:
    """Open the package at `path`: a folder, tar, tar.gz, zip/meca, a gzipped file, or one plain file.

    The form is told by the bytes, not by the name, as arXiv hands out `.gz` for all of them.

    Raises:
        PackageError: `package_unreadable` (corrupt, encrypted, empty), `package_too_large`.
    """
    if path.is_dir():
        return FolderArchive(path, limits)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PackageError("package_unreadable", str(error.strerror or error)) from error
    return open_bytes(data, path.name, limits)


def open_bytes(data: bytes, name: str, limits: ArchiveLimits = ArchiveLimits()) -> Archive:
    """Open a package that is already in memory; `name` is what a single file inside will be called."""
    if not data:
        raise PackageError("package_unreadable", "the file is empty")
    packed = len(data)
    if data[:2] == b"\x1f\x8b":
        data = _gunzip(data, limits)
        name = name.removesuffix(".gz")
    if not data.strip(b"\0"):
        raise PackageError("package_unreadable", "the file holds nothing but zeros")
    if data[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        archive: Archive = ZipArchive(data, limits)
    elif data[257:262] == b"ustar" or _is_old_tar(data):
        archive = _open_tar(data, packed, limits)
    else:
        archive = MemoryArchive({name: data})
    if not archive.names():
        raise PackageError("package_unreadable", "the archive holds no file")
    return archive


def _gunzip(data: bytes, limits: ArchiveLimits) -> bytes:
    """Decompress within the limits. A stream that breaks off keeps what came out, as tar can often use it."""
    out = io.BytesIO()
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            while block := stream.read(1 << 20):
                out.write(block)
                limits.check(out.tell(), len(data))
    except (OSError, EOFError, zlib.error) as error:
        raise PackageError("package_unreadable", f"gzip: {error}") from error
    return out.getvalue()


def _open_tar(data: bytes, packed: int, limits: ArchiveLimits) -> MemoryArchive:
    limits.check(len(data), packed)
    members: dict[str, bytes] = {}
    total = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:", errors="surrogateescape") as tar:
            for member in forward(tar, limits.max_members):
                if not member.isreg():
                    continue
                total += member.size  # of a sparse member far more than the tar holds
                limits.check(total, packed)
                stream = tar.extractfile(member)
                # A name that comes twice is the later one, as unpacking would leave it.
                members[_clean(member.name)] = stream.read() if stream else b""
    except (tarfile.TarError, EOFError, OSError, ValueError, OverflowError, struct.error) as error:
        raise PackageError("package_unreadable", f"tar: {error}") from error
    except RecursionError as error:
        raise PackageError("package_unreadable", "tar: headers upon headers") from error
    return MemoryArchive(members)


def forward(tar: tarfile.TarFile, most: int | None = None) -> Iterator[tarfile.TarInfo]:
    """Yield the members of a tar, each behind the one before it.

    A header may give a size below zero, and `tarfile` then reads the same members for ever (CVE-2025-8194).

    Raises:
        tarfile.ReadError: a member of negative size, or one that leads back.
        PackageError: more than `most` members.
    """
    reached = -1
    for count, member in enumerate(tar, 1):
        if most is not None and count > most:
            raise PackageError("package_too_large", f"more than {most} members")
        if member.size < 0 or member.offset_data <= reached:
            raise tarfile.ReadError("a member that leads back")
        reached = member.offset_data
        yield member


def _is_old_tar(data: bytes) -> bool:
    """Whether bytes without the `ustar` mark are a V7 tar: the header's checksum decides."""
    if len(data) < 512:
        return False
    try:
        tarfile.TarInfo.frombuf(data[:512], "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


def _clean(name: str) -> str:
    """Spell a member's name without `./`, doubled slashes or surrogates."""
    parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in (".", "/")]
    return "/".join(parts).encode("utf-8", "replace").decode("utf-8")


def files_of_folder(root: Path) -> Iterator[Path]:
    """Yield the files under a folder, in order, without those behind links."""
    waiting = [root]
    while waiting:
        path = waiting.pop()
        if path.is_symlink() and path is not root:
            continue
        if path.is_dir():
            waiting += sorted(path.iterdir(), reverse=True)
        elif path.is_file():
            yield path

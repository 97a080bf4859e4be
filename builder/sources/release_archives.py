"""Archives cut into volumes, read as one stream: nothing is unpacked to disk, nothing but one image is in memory."""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

from s1_mmalign.builder.sources.errors import InputError
from s1_mmalign.builder.sources.release import File, Root

TAR_BLOCK_BYTES = 256 << 10
"""Taken from the volumes at a time."""

LARGEST_IMAGE_BYTES = 1 << 30
"""A member beyond this is no image; it is passed over unread."""


class Volumes(io.RawIOBase):
    """Files put together, forward only.

    `on_bytes` is told how many bytes each read brought; `digests` takes the sha256 of each file that was read whole.
    """

    def __init__(
        self,
        root: Root,
        files: Sequence[File],
        on_bytes: Callable[[int], None] = lambda count: None,
        digests: dict[str, str] | None = None,
    ) -> None:
        self._root, self._files, self._on_bytes = root, list(files), on_bytes
        self._digests = {} if digests is None else digests
        self._hash = hashlib.sha256()
        self._next = self._read = 0
        self._file: IO[bytes] | None = None

    @property
    def place(self) -> str:
        """Where reading has come to, for messages."""
        file = self._files[max(self._next - 1, 0)]
        return f"{self._root.name}/{file.path}, byte {self._read:,} of {file.bytes:,}"

    def readable(self) -> bool:
        """Yes: this is what it is for."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read on; 0 after the last volume.

        Raises:
            InputError: a volume is shorter than it was when it was listed.
        """
        while True:
            if self._file is None:
                if self._next == len(self._files):
                    return 0
                self._file = self._root.open(self._files[self._next].path)
                self._next += 1
                self._read = 0
                self._hash = hashlib.sha256()
            data = self._file.read(len(buffer))
            if data:
                buffer[: len(data)] = data
                self._read += len(data)
                self._hash.update(data)
                self._on_bytes(len(data))
                return len(data)
            if self._read != self._files[self._next - 1].bytes:
                raise InputError(f"{self.place}: ends early. Download it again.")
            self._digests[self._files[self._next - 1].path] = self._hash.hexdigest()
            self._file.close()
            self._file = None

    def close(self) -> None:
        """Close the volume that is open."""
        if self._file is not None:
            self._file.close()
            self._file = None
        super().close()


def iter_members(
    root: Root,
    volumes: Sequence[File],
    on_bytes: Callable[[int], None] = lambda count: None,
    digests: dict[str, str] | None = None,
) -> Iterator[tuple[str, Callable[[], bytes | None]]]:
    """Yield the files of one archive, packed or not: (name, function that reads it).

    The function counts until the next member is asked for; it gives None for a member that is too large.

    Raises:
        InputError: the archive is damaged or ends early; the message names the volume and the byte.
    """
    with Volumes(root, volumes, on_bytes, digests) as stream, _damage_named(stream):
        buffered = io.BufferedReader(stream, TAR_BLOCK_BYTES)
        packed = buffered.peek(2)[:2] == b"\x1f\x8b"
        # tarfile's own unpacking takes a cut archive for a whole one; this one wants to see the end.
        content: Any = gzip.GzipFile(fileobj=buffered) if packed else buffered
        with tarfile.open(fileobj=content, mode="r|", bufsize=TAR_BLOCK_BYTES) as archive:
            for member in archive:
                archive.members = []  # type: ignore[attr-defined]  # or a million headers would stay in memory
                if member.isreg():
                    yield member_path(member.name), functools.partial(_read, stream, archive, member)
        while content.read(TAR_BLOCK_BYTES):
            continue


@contextmanager
def _damage_named(stream: Volumes) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise InputError(
            f"{stream.place}: the archive is damaged or ends early here ({error}). Download the volume again, and "
            "look whether a later one is missing; what was read until here is kept."
        ) from error


def member_path(name: str) -> str:
    """Return the path that rows and members share: without `./`, and without the `images/` that rows begin with."""
    return name.removeprefix("./").removeprefix("images/")


def _read(stream: Volumes, archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes | None:
    if member.size > LARGEST_IMAGE_BYTES:
        return None
    with _damage_named(stream):
        file = archive.extractfile(member)
        data = b"" if file is None else file.read()
        if len(data) != member.size:
            raise EOFError(f"{member.name} has {len(data):,} of {member.size:,} bytes")
        return data

"""Xet storage of the loopback Hub: xorbs, shards, and the files that they make."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.hub.xet_format import (
    ELIGIBLE_MODULUS,
    Chunk,
    Term,
    XetError,
    chunk_content,
    file_hash,
    parse_shard,
    parse_xorb,
    shard_for_download,
    xorb_hash,
)


@dataclass(frozen=True)
class XetFile:
    """A file: what it is made of, its size in bytes, its sha256."""

    hash: str
    terms: tuple[Term, ...]
    size: int
    sha256: str


class XetStore:
    """Content in xorbs under `root`; only what has the hash that it is announced with is taken."""

    def __init__(self, root: Path) -> None:
        self._root = root
        (root / "xorbs").mkdir(parents=True, exist_ok=True)
        (root / "shards").mkdir(exist_ok=True)
        self._lock = threading.Lock()
        self._chunks: dict[str, list[Chunk]] = {}
        self._shard_of_chunk: dict[str, Path] = {}
        self.files: dict[str, XetFile] = {}
        self.file_of_sha256: dict[str, str] = {}
        self.stored_bytes = 0
        """Bytes of all xorbs and shards that were new: what pushes have cost."""

    def put_xorb(self, name: str, data: bytes) -> bool:
        """Keep a xorb; return whether it is new.

        Raises:
            XetError: it is damaged, or its chunks have another hash than `name`.
        """
        chunks = parse_xorb(data)
        if xorb_hash([(chunk.hash, chunk.size) for chunk in chunks]) != name:
            raise XetError(f"the xorb's chunks do not have the hash {name}")
        with self._lock:
            new = name not in self._chunks
            if new:
                self.xorb_path(name).write_bytes(data)
                self._chunks[name] = chunks
                self.stored_bytes += len(data)
        return new

    def put_shard(self, data: bytes) -> bool:
        """Keep a shard and register its files; return whether it is new.

        Raises:
            XetError: it names a xorb that is not there, or a file whose chunks have another hash or sha256.
        """
        shard = parse_shard(data)
        files = [self._checked(one.hash, one.terms, one.sha256) for one in shard.files]
        path = self._root / "shards" / hashlib.sha256(data).hexdigest()
        with self._lock:
            new = not path.exists()
            if new:
                path.write_bytes(data)
                self.stored_bytes += len(data)
            for file in files:
                self.files[file.hash] = file
                self.file_of_sha256[file.sha256] = file.hash
            first = {(file.terms[0].xorb, file.terms[0].start) for file in files if file.terms}
            for xorb in shard.xorbs:
                for index, (chunk, _, eligible) in enumerate(xorb.chunks):
                    if eligible or (xorb.hash, index) in first or int(chunk[48:], 16) % ELIGIBLE_MODULUS == 0:
                        self._shard_of_chunk[chunk] = path
        return new

    def shard_with(self, chunk: str) -> bytes | None:
        """Return a shard that tells where a chunk and its neighbours are; None where the chunk is not known."""
        path = self._shard_of_chunk.get(chunk)
        return shard_for_download(path.read_bytes(), int(time.time())) if path else None

    def xorb_path(self, name: str) -> Path:
        """Return where a xorb lies."""
        return self._root / "xorbs" / name

    def chunks_of(self, xorb: str) -> list[Chunk]:
        """Return the chunks of a xorb."""
        return self._chunks[xorb]

    def read(self, name: str, start: int, end: int) -> bytes:
        """Return bytes `start` to `end` (exclusive) of a file."""
        return b"".join(self._parts(self.files[name].terms, start, end))

    def _checked(self, name: str, terms: tuple[Term, ...], sha256: str | None) -> XetFile:
        chunks: list[tuple[str, int]] = []
        for term in terms:
            if term.xorb not in self._chunks:
                raise XetError(f"xorb {term.xorb} was never uploaded")
            own = self._chunks[term.xorb][term.start : term.end]
            if sum(chunk.size for chunk in own) != term.size:
                raise XetError(f"a part of file {name} has another size than its chunks")
            chunks += [(chunk.hash, chunk.size) for chunk in own]
        if chunks and file_hash(chunks) != name:
            raise XetError(f"the file's chunks do not have the hash {name}")
        size = sum(term.size for term in terms)
        digest = hashlib.sha256()
        for part in self._parts(terms, 0, size):
            digest.update(part)
        if sha256 is not None and digest.hexdigest() != sha256:
            raise XetError(f"file {name} does not have the sha256 {sha256}")
        return XetFile(name, terms, size, digest.hexdigest())

    def _parts(self, terms: tuple[Term, ...], start: int, end: int) -> Iterator[bytes]:
        position = 0
        for term in terms:
            if position < end and position + term.size > start:
                data = self.xorb_path(term.xorb).read_bytes()
                at = position
                for chunk in self._chunks[term.xorb][term.start : term.end]:
                    if at < end and at + chunk.size > start:
                        yield chunk_content(data, chunk)[max(0, start - at) : end - at]
                    at += chunk.size
            position += term.size

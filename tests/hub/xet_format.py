"""The binary formats and hashes of Xet storage: chunks in xorbs, the shards that describe them.

Written from the protocol's specification (https://huggingface.co/docs/xet). Hashes are BLAKE3 with a key for each
purpose; as text, a hash is its four little-endian words of 64 bits in hexadecimal.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from blake3 import blake3

CHUNK_KEY = bytes.fromhex("6697f5775b9550de3135cbaca597181c9de421109beb2b58b4d0b04b93adf229")
NODE_KEY = bytes.fromhex("017ec5c7a5472996fd946666b48a02e65ddd536f37c76dd2f86352e64a53713f")
FILE_KEY = bytes(32)
BRANCHING = 4
"""Mean number of children of a node of the hash tree."""

NONE, LZ4, GROUPED_LZ4 = 0, 1, 2
"""How a chunk is compressed; grouped: bytes 0, 4, 8, … first, then 1, 5, 9, … and so on."""

HAS_VERIFICATION, HAS_SHA256, IS_ELIGIBLE = 1 << 31, 1 << 30, 1 << 31
ELIGIBLE_MODULUS = 1024
"""A chunk is found by other clients if its hash's last word is a multiple of this (or it begins a file)."""

_SHARD_TAG = b"HFRepoMetaData"
_RECORD, _FOOTER = 48, 200
_END = b"\xff" * 32
_CODEC = pa.Codec("lz4")


class XetError(ValueError):
    """Bytes that are not what the protocol says."""


@dataclass(frozen=True)
class Chunk:
    """A chunk of a xorb: where its header is in the xorb's bytes, and its content's hash and size."""

    offset: int
    stored: int
    """Bytes in the xorb, header included."""
    scheme: int
    size: int
    hash: str = ""


@dataclass(frozen=True)
class Term:
    """A part of a file: chunks `start` to `end` (exclusive) of a xorb, `size` bytes."""

    xorb: str
    size: int
    start: int
    end: int


@dataclass(frozen=True)
class ShardFile:
    """A file as a shard describes it."""

    hash: str
    terms: tuple[Term, ...]
    sha256: str | None


@dataclass(frozen=True)
class ShardXorb:
    """A xorb as a shard describes it: the hashes of its chunks, their sizes and whether they may be asked for."""

    hash: str
    chunks: tuple[tuple[str, int, bool], ...]


@dataclass(frozen=True)
class MetadataShard:
    """What a client says it has uploaded; `xorb_section` is where the xorbs' records lie in the bytes."""

    files: tuple[ShardFile, ...]
    xorbs: tuple[ShardXorb, ...]
    xorb_section: slice


def as_text(digest: bytes) -> str:
    """Return a hash as text."""
    return b"".join(digest[start : start + 8][::-1] for start in range(0, 32, 8)).hex()


def chunk_hash(content: bytes) -> str:
    """Return the hash of a chunk's content."""
    return as_text(blake3(content, key=CHUNK_KEY).digest())


def xorb_hash(chunks: Sequence[tuple[str, int]]) -> str:
    """Return the root of the hash tree over chunks (hash, size): the name of the xorb that holds them."""
    level = list(chunks)
    while len(level) > 1:
        parents = []
        start = 0
        while start < len(level):
            end = start + _children(level[start:])
            parents.append(_parent(level[start:end]))
            start = end
        level = parents
    return level[0][0]


def file_hash(chunks: Sequence[tuple[str, int]]) -> str:
    """Return the hash that names a file of these chunks."""
    root = bytes.fromhex(as_text(bytes.fromhex(xorb_hash(chunks))))  # its own inverse: text back to the hash
    return as_text(blake3(root, key=FILE_KEY).digest())


def _children(level: Sequence[tuple[str, int]]) -> int:
    """How many nodes from the first on get the same parent: the content of the hashes decides."""
    if len(level) <= 2:
        return len(level)
    most = min(2 * BRANCHING + 1, len(level))
    for index in range(2, most):
        if int(level[index][0][48:], 16) % BRANCHING == 0:
            return index + 1
    return most


def _parent(children: Sequence[tuple[str, int]]) -> tuple[str, int]:
    text = "".join(f"{name} : {size}\n" for name, size in children)
    return as_text(blake3(text.encode(), key=NODE_KEY).digest()), sum(size for _, size in children)


def parse_xorb(data: bytes) -> list[Chunk]:
    """Return the chunks of a xorb, each decompressed and hashed.

    Raises:
        XetError: the bytes end within a chunk, or a chunk is not what its header says.
    """
    chunks = []
    for chunk in xorb_chunks(data):
        content = chunk_content(data, chunk)
        chunks.append(Chunk(chunk.offset, chunk.stored, chunk.scheme, chunk.size, chunk_hash(content)))
    if not chunks:
        raise XetError("a xorb without chunks")
    return chunks


def xorb_chunks(data: bytes) -> Iterator[Chunk]:
    """Yield where the chunks of a xorb are, without their hashes."""
    position = 0
    while position < len(data) and data[position : position + 7] != b"XETBLOB":
        header = data[position : position + 8]
        stored = 8 + int.from_bytes(header[1:4], "little")
        if len(header) < 8 or position + stored > len(data):
            raise XetError("a xorb that ends within a chunk")
        yield Chunk(position, stored, header[4], int.from_bytes(header[5:8], "little"))
        position += stored


def chunk_content(data: bytes, chunk: Chunk) -> bytes:
    """Return the content of one chunk of a xorb."""
    body = data[chunk.offset + 8 : chunk.offset + chunk.stored]
    if chunk.scheme == NONE:
        content = body
    elif chunk.scheme in (LZ4, GROUPED_LZ4):
        try:
            content = _CODEC.decompress(body, chunk.size, asbytes=True)
        except (OSError, pa.ArrowException) as error:
            raise XetError(f"a chunk that cannot be decompressed: {error}") from error
        content = _ungrouped(content) if chunk.scheme == GROUPED_LZ4 else content
    else:
        raise XetError(f"compression scheme {chunk.scheme}")
    if len(content) != chunk.size:
        raise XetError("a chunk of another size than its header says")
    return content


def _ungrouped(grouped: bytes) -> bytes:
    out = np.empty(len(grouped), np.uint8)
    position = 0
    for residue in range(4):
        count = len(range(residue, len(grouped), 4))
        out[residue::4] = np.frombuffer(grouped, np.uint8, count, position)
        position += count
    return out.tobytes()


def parse_shard(data: bytes) -> MetadataShard:
    """Read a shard as clients upload it (without the lookup tables at its end).

    Raises:
        XetError: these bytes are no shard.
    """
    if not data.startswith(_SHARD_TAG):
        raise XetError("not a shard")
    try:
        position, files = _parse_files(data, _RECORD)
        end, xorbs = _parse_xorbs(data, position)
    except struct.error as error:
        raise XetError(f"a shard that ends early: {error}") from error
    return MetadataShard(tuple(files), tuple(xorbs), slice(position, end))


def _parse_files(data: bytes, position: int) -> tuple[int, list[ShardFile]]:
    files = []
    while True:
        name, flags, count, _ = struct.unpack_from("<32sIIQ", data, position)
        position += _RECORD
        if name == _END:
            return position, files
        terms = []
        for _ in range(count):
            xorb, _, size, start, end = struct.unpack_from("<32sIIII", data, position)
            terms.append(Term(as_text(xorb), size, start, end))
            position += _RECORD
        position += _RECORD * count if flags & HAS_VERIFICATION else 0
        sha256 = None
        if flags & HAS_SHA256:
            sha256 = as_text(data[position : position + 32])
            position += _RECORD
        files.append(ShardFile(as_text(name), tuple(terms), sha256))


def _parse_xorbs(data: bytes, position: int) -> tuple[int, list[ShardXorb]]:
    xorbs = []
    while True:
        name, _, count, _, _ = struct.unpack_from("<32sIIII", data, position)
        position += _RECORD
        if name == _END:
            return position, xorbs
        chunks = []
        for _ in range(count):
            chunk, _, size, flags, _ = struct.unpack_from("<32sIIII", data, position)
            chunks.append((as_text(chunk), size, bool(flags & IS_ELIGIBLE)))
            position += _RECORD
        xorbs.append(ShardXorb(as_text(name), tuple(chunks)))


def shard_for_download(uploaded: bytes, now: int, seconds: int = 86_400) -> bytes:
    """Return an uploaded shard's xorbs with the lookup tables that a client wants to find chunks in them."""
    section = parse_shard(uploaded).xorb_section
    records = uploaded[section]
    xorb_table, chunk_table = [], []
    position = index = 0
    while records[position : position + 32] != _END:
        name, count = struct.unpack_from("<Q28xI", records, position)
        xorb_table.append((name, index))
        for number in range(count):
            start = position + _RECORD * (1 + number)
            chunk_table.append((struct.unpack_from("<Q", records, start)[0], index, number))
        position += _RECORD * (1 + count)
        index += 1 + count
    empty_files = _END + bytes(_RECORD - 32)
    body = uploaded[:40] + struct.pack("<Q", _FOOTER) + empty_files + records
    xorbs_at = _RECORD + len(empty_files)
    tables_at = len(body)
    body += b"".join(struct.pack("<QI", *entry) for entry in sorted(xorb_table))
    chunks_at = len(body)
    body += b"".join(struct.pack("<QII", *entry) for entry in sorted(chunk_table))
    footer = struct.pack(
        "<9Q", 1, _RECORD, xorbs_at, tables_at, 0, tables_at, len(xorb_table), chunks_at, len(chunk_table)
    )
    footer += bytes(32) + struct.pack("<QQ", now, now + seconds) + bytes(48) + struct.pack("<4Q", 0, 0, 0, len(body))
    return body + footer

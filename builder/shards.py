"""The dataset folder: Parquet shards and the manifest that says which of them count.

    <folder>/data/<source>/<licence_class>/<split>-NNNNN-of-NNNNN.parquet
    <folder>/manifest.json    shards with rows, bytes and sha256; papers in, with rows, dropped; drops by reason;
                              the sha256 of every other file that a stage writes; last, a checksum of itself
    <folder>/drops.jsonl      the drop ledger

A shard is written under a temporary name and renamed; the manifest is written last. What the manifest does
not name, or names with another size or sha256, is not done.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from s1_mmalign.builder.records import FEATURES
from s1_mmalign.builder.sealed_json import seal, unseal

MANIFEST_NAME = "manifest.json"
DROPS_NAME = "drops.jsonl"
WORK_FOLDER = ".s1-mmalign"
"""Inside the dataset folder: units, journals. Hidden, so `datasets` ignores it; never published."""

MANIFEST_VERSION = 2
"""2: with a checksum of itself and of the other files. 1, without, is read too."""
ROW_GROUP_BYTES = 64 << 20
"""Rows of about this many bytes of images make a row group: under the 100 MB at which the Hub's viewer gives up.

Recaptioning costs its text and, for each row group, 0.1 to 0.2 MB of what lies beside it: `tests/benchmarks/`.
"""

SCHEMA: pa.Schema = FEATURES.arrow_schema


class FolderError(Exception):
    """A folder that is not the dataset it should be; the text names the file and the way out."""


class ShardFile(NamedTuple):
    """What was written: rows, bytes, and the sha256 (hex) of the file."""

    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Shard:
    """One Parquet file of the dataset; `path` is relative to the folder, with `/`."""

    path: str
    rows: int
    bytes: int
    sha256: str
    source: str
    licence_class: str
    split: str


@dataclass(slots=True)
class Manifest:
    """What the dataset folder holds. `papers` has the keys `in`, `with_rows`, `dropped`; `drops` counts by reason."""

    shards: list[Shard] = field(default_factory=list)
    papers: dict[str, int] = field(default_factory=dict)
    drops: dict[str, int] = field(default_factory=dict)
    build: dict[str, Any] = field(default_factory=dict)
    """Fingerprint of the build that wrote the shards: see `builder.build`."""
    files: dict[str, list[str]] = field(default_factory=dict)
    """sha256 (hex) of each file beside the shards, by path; two while one is being replaced: see `listed_files`."""

    @property
    def rows(self) -> int:
        """Rows of all shards."""
        return sum(shard.rows for shard in self.shards)

    @classmethod
    def load(cls, folder: Path) -> Manifest:
        """Read the manifest of a dataset folder.

        Raises:
            FolderError: no such folder, no manifest in it, or one that cannot be read.
        """
        path = folder / MANIFEST_NAME
        if not folder.is_dir():
            raise FolderError(f"{folder}: no such folder. `s1-mmalign build PAPERS --out {folder}` makes one.")
        if not path.is_file():
            raise FolderError(
                f"{folder}: not a dataset folder ({MANIFEST_NAME} is missing). If a build was interrupted, "
                "run the same `s1-mmalign build` again: it goes on where it stopped."
            )
        try:
            data = path.read_bytes()
            content = json.loads(data)
            if content["version"] not in (1, MANIFEST_VERSION):
                raise FolderError(f"{path}: version {content['version']!r}; this program reads {MANIFEST_VERSION}.")
            if content["version"] != 1:
                content = unseal(data)
            shards = [Shard(**shard) for shard in content["shards"]]
            return cls(shards, content["papers"], content["drops"], content.get("build", {}), content.get("files", {}))
        except (ValueError, KeyError, TypeError) as error:
            raise FolderError(
                f"{path}: cannot be read ({error}). Remove it and run the same `s1-mmalign build` again: papers that "
                "were read are not read again, and `recaption` finds its captions in the journal."
            ) from error

    def save(self, folder: Path) -> None:
        """Write the manifest atomically."""
        write_atomically(folder / MANIFEST_NAME, self.to_json())

    def to_json(self) -> str:
        """Return the manifest's text; shards in order of path, so equal content is equal bytes."""
        content = {
            "version": MANIFEST_VERSION,
            "papers": self.papers,
            "drops": dict(sorted(self.drops.items())),
            "build": self.build,
            "files": dict(sorted(self.files.items())),
            "shards": [asdict(shard) for shard in sorted(self.shards, key=lambda shard: shard.path)],
        }
        return seal(content)


def iter_tables(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield a shard's row groups as tables, only `columns` where given; memory is that of one row group."""
    try:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, columns=list(columns) if columns is not None else None)
    except (pa.ArrowInvalid, OSError) as error:
        raise FolderError(
            f"{path}: not a readable Parquet file ({error}). `s1-mmalign verify` finds what else."
        ) from error


def write_shard(path: Path, tables: Iterable[pa.Table], schema: pa.Schema = SCHEMA) -> ShardFile:
    """Write rows to a Parquet file, atomically; each table becomes row groups of at most `ROW_GROUP_BYTES`.

    `schema` is the dataset's, or one with further caption columns (`caption_columns`).

    Images are stored plain and uncompressed (they are compressed already), text with zstd; pages are cut by
    content. The images come first and what `recaption` writes last, so that a row group's bytes change in one place
    when its captions do: a store which deduplicates chunks (Xet) takes the captions alone. The file's first bytes,
    by which a machine that never saw the file finds its chunks in the store, stay the same.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    text = _leaves(schema, [name for name in schema.names if name != "image"])
    try:
        rows = 0
        with pq.ParquetWriter(
            temporary,
            schema,
            compression={"image.bytes": "NONE", "image.path": "ZSTD"} | dict.fromkeys(text, "ZSTD"),
            use_dictionary=text,
            use_content_defined_chunking=True,
            write_page_index=True,
        ) as writer:
            for table in tables:
                table = table.select(schema.names).cast(schema)
                for group in split_by_bytes(table, ROW_GROUP_BYTES):
                    writer.write_table(group, row_group_size=max(group.num_rows, 1))
                rows += table.num_rows
        _sync(temporary)
        result = ShardFile(rows, temporary.stat().st_size, sha256_of(temporary))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return result


def full_row_groups(tables: Iterable[pa.Table], limit: int | None = None) -> Iterator[pa.Table]:
    """Yield the rows of `tables`, in order, as tables of nearly `limit` bytes of images (None: `ROW_GROUP_BYTES`).

    Many small tables (each paper batch gives one) would be as many row groups, each with the cost of one. Cutting
    again what was cut so gives the same tables.
    """
    limit = ROW_GROUP_BYTES if limit is None else limit
    waiting: list[pa.Table] = []
    size = 0
    for table in tables:
        waiting.append(table)
        size += sum(_image_sizes(table))
        if size > limit:
            *full, last = split_by_bytes(pa.concat_tables(waiting), limit)
            yield from full
            waiting, size = [last], sum(_image_sizes(last))
    if waiting:
        yield pa.concat_tables(waiting)


def _image_sizes(table: pa.Table) -> list[int]:
    """Bytes of each row's image."""
    return pc.fill_null(pc.binary_length(pc.struct_field(table["image"], "bytes")), 0).to_pylist()


def split_by_bytes(table: pa.Table, limit: int) -> Iterator[pa.Table]:
    """Cut a table into runs of rows whose images have at most `limit` bytes (one row at least)."""
    sizes = _image_sizes(table)
    start = total = 0
    for index, size in enumerate(sizes):
        if total + size > limit and index > start:
            yield table.slice(start, index - start)
            start, total = index, 0
        total += size
    if start < table.num_rows:
        yield table.slice(start)


def sha256_of(path: Path) -> str:
    """Return the sha256 (hex) of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomically(path: Path, text: str) -> None:
    """Write a small file so that a reader sees the old one or the new one, never a part."""
    write_bytes_atomically(path, text.encode("utf-8"))


def write_bytes_atomically(path: Path, data: bytes) -> None:
    """As `write_atomically`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        _sync(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Have the bytes on disk before the name that vouches for them."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _leaves(schema: pa.Schema, columns: Sequence[str]) -> list[str]:
    """Parquet's names of the columns' leaves: a list column's is `name.list.element`."""
    return [f"{name}.list.element" if pa.types.is_list(schema.field(name).type) else name for name in columns]

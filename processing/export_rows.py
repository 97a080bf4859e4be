"""What every export layout needs: rows with their labels spelt out, tars whose bytes content alone decides."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from datasets import ClassLabel

from s1_mmalign.builder.records import FEATURES, TEXT_COLUMNS
from s1_mmalign.builder.shards import FolderError, Manifest, Shard, iter_tables

Progress = Callable[[str, int, int], None]
"""Called as (what, done, total)."""

_BATCH_ROWS = 256
"""Rows that are Python objects at once."""
_LABELS = {name: feature.names for name, feature in FEATURES.items() if isinstance(feature, ClassLabel)}


class Image(NamedTuple):
    """A row's picture as it is stored; `extension` is `png` or `jpg`, told by the bytes."""

    data: bytes
    extension: str


def iter_texts(folder: Path, shard: Shard) -> Iterator[dict[str, Any]]:
    """Yield a shard's rows without their images, class labels as names."""
    for table in iter_tables(folder / shard.path, list(TEXT_COLUMNS)):
        for batch in table.to_batches(max_chunksize=_BATCH_ROWS):
            yield from map(_named, batch.to_pylist())


def iter_pairs(folder: Path, shard: Shard) -> Iterator[tuple[dict[str, Any], Image]]:
    """Yield a shard's rows with their images; memory is that of one row group.

    Raises:
        FolderError: a shard that cannot be read, or a row without an image.
    """
    for table in iter_tables(folder / shard.path):
        for batch in table.to_batches(max_chunksize=_BATCH_ROWS):
            for row in batch.to_pylist():
                image = row.pop("image") or {}
                if not image.get("bytes"):
                    raise FolderError(
                        f"{folder / shard.path}: {row['image_path']} has no image. `s1-mmalign verify {folder}` finds "
                        "what else is wrong."
                    )
                yield _named(row), Image(image["bytes"], _extension(image["bytes"]))


def sorted_shards(manifest: Manifest) -> list[Shard]:
    """Return the shards in the order in which every layout writes them."""
    return sorted(manifest.shards, key=lambda shard: shard.path)


def add_member(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    """Write a file into a tar, with nothing in its header that content does not decide."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    member.mode = 0o644
    archive.addfile(member, io.BytesIO(data))


def _named(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _name(name, value) for name, value in row.items()}


def _name(column: str, value: Any) -> Any:
    return _LABELS[column][value] if column in _LABELS and value is not None else value


def _extension(data: bytes) -> str:
    return "png" if data.startswith(b"\x89PNG") else "jpg"

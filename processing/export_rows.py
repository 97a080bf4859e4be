"""What every export layout needs: rows with their labels spelt out, tars whose bytes content alone decides."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import ClassLabel

from s1_mmalign.builder.records import FEATURES
from s1_mmalign.builder.shards import FolderError, Manifest, Shard

Progress = Callable[[str, int, int], None]
"""Called as (what, done, total)."""

Row = dict[str, Any]

_BATCH_ROWS = 256
"""Rows that are Python objects at once."""
_LABELS = {name: feature.names for name, feature in FEATURES.items() if isinstance(feature, ClassLabel)}


class Image(NamedTuple):
    """A row's picture as it is stored; `extension` is `png` or `jpg`, told by the bytes."""

    data: bytes
    extension: str


def iter_texts(folder: Path, shard: Shard, columns: list[str] | None = None) -> Iterator[Row]:
    """Yield a shard's rows without their images (only `columns` where given), class labels as names."""
    with _opened(folder / shard.path) as file:
        names = columns or [name for name in file.schema_arrow.names if name != "image"]
        for group in range(file.num_row_groups):
            yield from _rows(file.read_row_group(group, columns=names))


def iter_pairs(
    folder: Path, shard: Shard, first: int = 0, wanted: Callable[[Row], bool] = lambda row: True
) -> Iterator[tuple[Row, Image]]:
    """Yield a shard's rows with their images; memory is that of one row group.

    Args:
        folder: the dataset folder.
        shard: one of its shards.
        first: row to begin with; images of row groups before it are not read.
        wanted: tells by a row without its image whether it is yielded; likewise.

    Raises:
        FolderError: a shard that cannot be read, or a row without an image.
    """
    path = folder / shard.path
    with _opened(path) as file:
        names = [name for name in file.schema_arrow.names if name != "image"]
        start = 0
        for group in range(file.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            skipped, start = max(first - start, 0), start + count
            if skipped >= count:
                continue
            rows = list(_rows(file.read_row_group(group, columns=names)))[skipped:]
            if not any(map(wanted, rows)):
                continue
            images = file.read_row_group(group, columns=["image"])["image"].slice(skipped)
            for row, image in zip(rows, images, strict=True):
                if wanted(row):
                    yield row, _image(image.as_py(), row, folder, path)


def _image(image: dict[str, Any] | None, row: Row, folder: Path, path: Path) -> Image:
    data = (image or {}).get("bytes")
    if not data:
        raise FolderError(
            f"{path}: {row['image_path']} has no image. `s1-mmalign verify {folder}` finds what else is wrong."
        )
    return Image(data, "png" if data.startswith(b"\x89PNG") else "jpg")


class _opened:  # noqa: N801 - reads as a word in `with`
    """A shard's file, with its name in errors about it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> pq.ParquetFile:
        try:
            self._file = pq.ParquetFile(self._path)
        except (pa.ArrowException, OSError) as error:
            raise self._named(error) from error
        return self._file

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._file.close()
        if isinstance(error, (pa.ArrowException, OSError)):
            raise self._named(error) from error

    def _named(self, error: Exception) -> FolderError:
        return FolderError(f"{self._path}: not a readable Parquet file ({error}). `s1-mmalign verify` finds what else.")


def sorted_shards(manifest: Manifest) -> list[Shard]:
    """Return the shards in the order in which every layout writes them."""
    return sorted(manifest.shards, key=lambda shard: shard.path)


def add_member(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    """Write a file into a tar, with nothing in its header that content does not decide.

    Raises:
        FolderError: a name that leads out of the folder that the tar is unpacked in.
    """
    if name.startswith("/") or ".." in name.split("/"):
        raise FolderError(f"{name!r}: an image_path that leads out of its folder; such a row is not exported.")
    member = tarfile.TarInfo(name)
    member.size = len(data)
    member.mode = 0o644
    archive.addfile(member, io.BytesIO(data))
    archive.members.clear()  # type: ignore[attr-defined]  # a million headers would stay in memory


def _rows(table: pa.Table) -> Iterator[Row]:
    for batch in table.to_batches(max_chunksize=_BATCH_ROWS):
        for row in batch.to_pylist():
            yield {name: _name(name, value) for name, value in row.items()}


def _name(column: str, value: Any) -> Any:
    return _LABELS[column][value] if column in _LABELS and value is not None else value

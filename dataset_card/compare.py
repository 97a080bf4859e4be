"""Compare two dataset folders: equal bytes, equal rows in another encoding, or which rows differ in what.

Shards of equal sha256 are not read. Others are compared row by row, matched by `image_path`; of two images with
different bytes the decoded pixels are compared, so that a picture which another version of an encoder wrote
counts as the same. Rows are held shard by shard, so memory is that of the largest pair of shards without images.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from PIL import Image, ImageChops

from s1_mmalign.builder.shards import Manifest, iter_tables
from s1_mmalign.processing.row_images import RowImages

Verdict = Literal["identical", "equivalent", "different"]

ENCODING_COLUMNS = ("image_sha256", "phash")
"""What may differ between two encodings of one picture."""


@dataclass(slots=True)
class Comparison:
    """What two datasets differ in; `left` is the one that is asked for, `right` what came out."""

    missing: list[str] = field(default_factory=list)
    """Rows (`image_path`) that only `left` has."""
    extra: list[str] = field(default_factory=list)
    """Rows that only `right` has."""
    changed: dict[str, list[str]] = field(default_factory=dict)
    """Rows that both have: the columns in which they differ."""
    encoded: list[str] = field(default_factory=list)
    """Rows whose images have other bytes and the same pixels."""
    rows: int = 0
    """Rows of `left`."""
    same_bytes: bool = True
    """Whether every shard has the same name and bytes."""

    @property
    def verdict(self) -> Verdict:
        """Bytes, rows, or neither."""
        if self.missing or self.extra or self.changed:
            return "different"
        return "identical" if self.same_bytes else "equivalent"


def compare_datasets(
    left: Path,
    right: Path,
    columns: Sequence[str],
    progress: Callable[[str, int, int], None] = lambda *_: None,
    equal: Collection[str] | None = None,
) -> Comparison:
    """Compare the rows of two dataset folders in `columns` (of an image its `image_sha256` stands for its bytes).

    Args:
        left: the dataset that is asked for.
        right: what came out.
        columns: what is compared.
        progress: called with ("shards", done, of all).
        equal: paths of shards whose `columns` are known to be equal, all others are read; None: those to which the
            manifests give one sha256.

    Raises:
        FolderError: no dataset in one of the folders, or a shard that cannot be read.
    """
    ours, theirs = _shards(left), _shards(right)
    found = Comparison(rows=Manifest.load(left).rows)
    strays: tuple[dict[str, tuple[Any, ...]], dict[str, tuple[Any, ...]]] = ({}, {})
    names = [name for name in dict.fromkeys(columns) if name not in ("image", "image_path")]
    images = (RowImages(left), RowImages(right))
    paths = sorted(ours.keys() | theirs.keys())
    if equal is None:
        equal = {path for path in paths if ours.get(path) == theirs.get(path)}
    for done, path in enumerate(paths, 1):
        if path not in equal:
            found.same_bytes = False
            rows = _rows(left, path, names, path in ours), _rows(right, path, names, path in theirs)
            for key in rows[0].keys() & rows[1].keys():
                _compare_row(key, rows[0].pop(key), rows[1].pop(key), names, images, found)
            strays[0].update(rows[0])
            strays[1].update(rows[1])
        progress("shards", done, len(paths))
    for key in strays[0].keys() & strays[1].keys():  # a row that moved to another shard
        _compare_row(key, strays[0].pop(key), strays[1].pop(key), names, images, found)
    found.missing, found.extra = sorted(strays[0]), sorted(strays[1])
    found.changed = dict(sorted(found.changed.items()))
    for opened in images:
        opened.close()
    return found


def _shards(folder: Path) -> dict[str, str]:
    return {shard.path: shard.sha256 for shard in Manifest.load(folder).shards}


def _rows(folder: Path, path: str, names: Sequence[str], exists: bool) -> dict[str, tuple[Any, ...]]:
    """Each row's values in `names`, after the place of its image."""
    if not exists:
        return {}
    rows: dict[str, tuple[Any, ...]] = {}
    number = 0
    for table in _tables(folder / path, names):
        keys = table["image_path"].to_pylist()
        values = [table[name].to_pylist() if name in table.column_names else [None] * table.num_rows for name in names]
        for key, *row in zip(keys, *values, strict=True):
            rows[key] = ((path, number), *row)
            number += 1
    return rows


def _tables(path: Path, names: Sequence[str]) -> Iterator[pa.Table]:
    """Row groups without images; a column that the shard lacks is left out."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        present = set(file.schema_arrow.names)
    yield from iter_tables(path, ["image_path", *(name for name in names if name in present)])


def _compare_row(
    key: str,
    left: tuple[Any, ...],
    right: tuple[Any, ...],
    names: Sequence[str],
    images: tuple[RowImages, RowImages],
    found: Comparison,
) -> None:
    differing = [name for name, one, other in zip(names, left[1:], right[1:], strict=True) if one != other]
    if not differing:
        return
    if set(differing) <= set(ENCODING_COLUMNS) and _same_pixels(images[0].get(*left[0]), images[1].get(*right[0])):
        found.encoded.append(key)
    else:
        found.changed[key] = differing


def _same_pixels(one: bytes | None, other: bytes | None) -> bool:
    if one is None or other is None:
        return one is other
    try:
        with Image.open(io.BytesIO(one)) as first, Image.open(io.BytesIO(other)) as second:
            if first.size != second.size:
                return False
            return (
                ImageChops.difference(first.convert("RGBA"), second.convert("RGBA")).getbbox(alpha_only=False) is None
            )
    except (OSError, ValueError, SyntaxError):
        return False

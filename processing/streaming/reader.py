"""Rows out of row groups: first the columns that decide which rows count, then, if any does, the rest."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from s1_mmalign.processing.streaming.errors import StreamError
from s1_mmalign.processing.streaming.options import StreamOptions
from s1_mmalign.processing.streaming.order import POOL_SHARDS, Piece
from s1_mmalign.processing.streaming.store import Store
from s1_mmalign.processing.streaming.texts import FALLBACKS

OPEN_SHARDS = 2 * POOL_SHARDS
BATCH_ROWS = 64
"""Rows that are taken out of a row group at a time: the first come before the whole group is read."""
FOOTER_THREADS = 8

_IMAGE = "image.bytes"
_FLAGS = "recaption_flags"


class Block:
    """Some rows that lie together, in Arrow's memory; `taken[n]`: whether the n-th meets the conditions."""

    def __init__(self, batch: pa.RecordBatch, taken: np.ndarray, labels: dict[str, list[str]]) -> None:
        self.taken = taken
        self._images = batch.column("image").field("bytes") if "image" in batch.schema.names else None
        self._columns = {}
        for name in batch.schema.names:
            if name != "image":
                values = batch.column(name).to_pylist()
                names = labels.get(name)
                self._columns[name] = [None if one is None else names[one] for one in values] if names else values

    def __len__(self) -> int:
        return len(self.taken)

    def row(self, number: int) -> dict[str, Any]:
        """Return the columns of a row but the image."""
        return {name: values[number] for name, values in self._columns.items()}

    def image(self, number: int) -> bytes | None:
        """Return the stored image of a row, None where it has none."""
        return None if self._images is None else self._images[number].as_py()


class Blocks:
    """The rows of a window, looked up by number."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self._blocks = blocks
        self._starts = np.cumsum([0, *map(len, blocks)]).tolist()

    def find(self, number: int) -> tuple[Block, int]:
        """Return the block that holds a row, and the row's number in it."""
        index = bisect_right(self._starts, number) - 1
        return self._blocks[index], number - self._starts[index]


class ShardReader:
    """Reads pieces of shards; keeps the last shards open. For one thread."""

    def __init__(self, store: Store, options: StreamOptions) -> None:
        self._store = store
        self._filters = options.filters
        self._flags = options.drop_flags
        self._columns = list(dict.fromkeys(["image_path", *options.weights, *FALLBACKS, *options.columns]))
        self._deciding = list(dict.fromkeys(name for name, _, _ in options.filters)) + [_FLAGS] * bool(self._flags)
        self._with_image = options.image != "none"
        self._files: OrderedDict[int, pq.ParquetFile] = OrderedDict()
        self._labels: dict[str, list[str]] = {}

    def group_rows(self, shards: Sequence[int]) -> dict[int, list[int]]:
        """Return the rows of each row group of some shards.

        Raises:
            StreamError: a shard that cannot be opened, or has other rows than the manifest says.
        """
        missing = [shard for shard in dict.fromkeys(shards) if shard not in self._files]
        if self._store.folder is None and len(missing) > 1:
            with ThreadPoolExecutor(FOOTER_THREADS) as threads:
                opened = list(threads.map(self._open, missing))
        else:
            opened = [self._open(shard) for shard in missing]
        self._files.update(zip(missing, opened, strict=True))
        found = {}
        for shard in shards:
            metadata = self._file(shard).metadata
            rows = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
            entry = self._store.shards[shard]
            if sum(rows) != entry.rows:
                raise StreamError(
                    f"{self._store.name}/{entry.path}: has {sum(rows):,} rows where the manifest says {entry.rows:,}. "
                    "`s1-mmalign verify` finds what else is wrong."
                )
            found[shard] = rows
        return found

    def read(self, piece: Piece) -> Iterator[Block]:
        """Yield the rows of a piece, in order and without a gap.

        Raises:
            StreamError: a shard that cannot be read, or lacks a column.
        """
        file = self._file(piece.shard)
        taken = self._taken(file, piece)
        columns = self._columns + [_IMAGE] * self._with_image
        if not taken.any():
            columns = ["image_path"]
        passed = 0
        for batch in self._batches(file, piece, columns):
            yield Block(batch, taken[passed : passed + batch.num_rows], self._labels)
            passed += batch.num_rows

    def close(self) -> None:
        """Close the shards."""
        while self._files:
            self._files.popitem()[1].close()

    def _batches(self, file: pq.ParquetFile, piece: Piece, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        first = 0
        with self._reading(piece.shard):
            for batch in file.iter_batches(BATCH_ROWS, [piece.group], list(columns), use_threads=False):
                start, stop = max(piece.start - first, 0), min(piece.stop - first, batch.num_rows)
                first += batch.num_rows
                if start < stop:
                    yield batch.slice(start, stop - start)
                if first >= piece.stop:
                    return

    def _taken(self, file: pq.ParquetFile, piece: Piece) -> np.ndarray:
        """Which rows of a piece meet the conditions."""
        taken = np.ones(piece.rows, bool)
        if not self._deciding:
            return taken
        table = pa.Table.from_batches(list(self._batches(file, piece, self._deciding)))
        if self._filters:
            kept = table.append_column("row number", pa.array(range(table.num_rows))).filter(self._condition(table))
            taken[:] = False
            taken[kept["row number"].to_numpy()] = True
        if self._flags:
            taken[_flagged(table[_FLAGS].combine_chunks(), self._flags)] = False
        return taken

    def _condition(self, table: pa.Table) -> pc.Expression:
        """The filters as an expression, names of class labels as their numbers."""
        try:
            return pq.filters_to_expression([tuple(self._with_labels(*one)) for one in self._filters])
        except (ValueError, TypeError, pa.ArrowException) as error:
            raise StreamError(f"filters={list(self._filters)!r}: {error}") from error

    def _with_labels(self, column: str, operator: str, value: Any) -> tuple[str, str, Any]:
        names = self._labels.get(column)
        if names is None:
            return column, operator, value
        numbers = {name: number for number, name in enumerate(names)}
        wanted = [value] if isinstance(value, str) else value
        unknown = [one for one in wanted if one not in numbers]
        if unknown:
            raise ValueError(f"{column} has no {unknown[0]!r}; it has {', '.join(names)}")
        found = [numbers[one] for one in wanted]
        return column, operator, found[0] if isinstance(value, str) else found

    def _file(self, shard: int) -> pq.ParquetFile:
        file = self._files.get(shard) or self._open(shard)
        self._files[shard] = file
        self._files.move_to_end(shard)
        while len(self._files) > OPEN_SHARDS:
            self._files.popitem(last=False)[1].close()
        return file

    def _open(self, shard: int) -> pq.ParquetFile:
        path = self._store.shards[shard].path
        with self._reading(shard):
            file = self._store.open(path)
        names = file.schema_arrow.names
        for name in (*self._columns, *self._deciding, *["image"] * self._with_image):
            if name not in names:
                raise StreamError(
                    f"{self._store.name}/{path}: has no column {name!r}. It has {', '.join(names)}. If the shard was "
                    "written by an older version, `s1-mmalign build` writes it anew."
                )
        self._labels.update(_labels(file.schema_arrow))
        return file

    @contextmanager
    def _reading(self, shard: int) -> Iterator[None]:
        """Name the shard in errors about it."""
        try:
            yield
        except FileNotFoundError as error:
            path = self._store.shards[shard].path
            raise StreamError(f"{self._store.name}/{path}: is missing, but the manifest names it.") from error
        except (pa.ArrowException, OSError, EOFError) as error:
            path = self._store.shards[shard].path
            raise StreamError(
                f"{self._store.name}/{path}: cannot be read ({error}). `s1-mmalign verify` finds what else is wrong."
            ) from error


def _labels(schema: pa.Schema) -> dict[str, list[str]]:
    """The names of class labels, as `datasets` notes them in the file."""
    noted = (schema.metadata or {}).get(b"huggingface")
    features = json.loads(noted)["info"]["features"] if noted else {}
    return {name: one["names"] for name, one in features.items() if isinstance(one, dict) and "names" in one}


def _flagged(flags: pa.ListArray, dropped: Sequence[str] | str) -> np.ndarray:
    """The numbers of the rows that have one of some flags ("all": any flag)."""
    values, rows = pc.list_flatten(flags), pc.list_parent_indices(flags)
    if dropped != "all":
        rows = rows.filter(pc.is_in(values, pa.array(list(dropped), pa.string())))
    return np.unique(rows.to_numpy(zero_copy_only=False)).astype(int)

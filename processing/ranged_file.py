"""A remote Parquet file that is read by ranges which are fetched ahead, by the thread that reads.

Arrow can fetch ahead, too (`pre_buffer`), but by threads of its own, which call Python for a file that is a Python
object. Such a thread that is still at it when the interpreter ends takes the process down with SIGABRT, after all work
is done. So what a row group needs is fetched here, and Arrow's reads find it in memory.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

HOLE = 64 << 10
"""Bytes that are not wanted, but cheaper to fetch than to ask twice."""


class RangedFile(io.RawIOBase):
    """Reads a seekable file; `fetch` makes some ranges of it ready. For one thread at a time."""

    def __init__(self, remote: IO[bytes]) -> None:
        self._remote = remote
        self._size = remote.seek(0, io.SEEK_END)
        self._place = 0
        self._ready: list[tuple[int, bytes]] = []

    def fetch(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Have these (start, end) in memory, in place of those before."""
        self._ready = []
        self._ready = [(start, self._ask(start, end)) for start, end in joined(ranges)]

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Return the place of the next byte."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; nothing is fetched."""
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        return self._place

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, of what is in memory where it has them."""
        end = self._size if size < 0 else min(self._place + size, self._size)
        start, self._place = self._place, max(end, self._place)
        for first, data in self._ready:
            if first <= start and end <= first + len(data):
                return data[start - first : end - first]
        return self._ask(start, end) if start < end else b""

    def close(self) -> None:
        """Let go of all."""
        self._ready = []
        self._remote.close()
        super().close()

    def _ask(self, start: int, end: int) -> bytes:
        self._remote.seek(start)
        data = self._remote.read(end - start)
        if len(data) != end - start:
            raise EOFError(f"bytes {start:,} to {end:,} were asked for, {len(data):,} came")
        return data


class RangedParquetFile(pq.ParquetFile):
    """A Parquet file over a `RangedFile`: what a call needs of a row group is fetched in as few requests as can be."""

    def __init__(self, source: RangedFile) -> None:
        super().__init__(source, pre_buffer=False)
        self._ranged = source

    def read_row_group(self, i: int, columns: Sequence[str] | None = None, **options: Any) -> pa.Table:
        """See `pyarrow.parquet.ParquetFile`."""
        self._ranged.fetch(ranges_of(self.metadata, i, columns))
        return super().read_row_group(i, columns, **options)

    def iter_batches(
        self, batch_size: int, row_groups: Sequence[int], columns: Sequence[str] | None = None, **options: Any
    ) -> Iterator[pa.RecordBatch]:
        """See `pyarrow.parquet.ParquetFile`. Another call on the same file has this one fetch anew, range by range."""
        self._ranged.fetch(one for group in row_groups for one in ranges_of(self.metadata, group, columns))
        return super().iter_batches(batch_size, row_groups, columns, **options)

    def close(self, force: bool = True) -> None:
        """Close the file that is read, too."""
        super().close(force)
        self._ranged.close()


def joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ranges in order, those that touch or nearly do as one."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if found and start - found[-1][1] <= HOLE:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


def ranges_of(metadata: pq.FileMetaData, group: int, columns: Sequence[str] | None) -> list[tuple[int, int]]:
    """Return where columns of a row group lie (None: all); `image` names all of its leaves, `image.bytes` one."""
    found = []
    row_group = metadata.row_group(group)
    for index in range(row_group.num_columns):
        chunk = row_group.column(index)
        if columns is None or any(f"{chunk.path_in_schema}.".startswith(f"{name}.") for name in columns):
            start = min(place for place in (chunk.dictionary_page_offset, chunk.data_page_offset) if place)
            found.append((start, start + chunk.total_compressed_size))
    return found

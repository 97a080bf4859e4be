"""The images of a dataset folder's rows, fetched from the Parquet shards when they are wanted.

The images never pass through a cache of `datasets`: only the row group that holds a wanted image is read, and
one row group is kept. Rows that are asked for in order cost one read of each row group.
"""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


class RowImages:
    """Image bytes by shard and row. Not for several threads at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shard = ""
        self._file: pq.ParquetFile | None = None
        self._starts: list[int] = []
        self._group = -1
        self._images: pa.ChunkedArray | None = None

    def get(self, shard: str, row: int) -> bytes | None:
        """Return the bytes of one row's image, None where the row has none.

        Args:
            shard: path of the Parquet file, relative to the folder.
            row: 0-based row of that file.

        Raises:
            IndexError: the shard has no such row.
            OSError: the shard cannot be read (pyarrow's errors on damaged files are of this type or ValueError).
        """
        file = self._file
        if shard != self._shard or file is None:
            file = self._open(shard)
        group = self._find(row)
        if group != self._group or self._images is None:
            self._images = None  # let go of the old row group before the new one is read
            self._images = file.read_row_group(group, columns=["image"])["image"]
            self._group = group
        image = self._images[row - self._starts[group]].as_py()
        return image["bytes"] if image else None

    def close(self) -> None:
        """Close the shard that is open."""
        if self._file is not None:
            self._file.close()
        self._shard, self._file, self._group, self._images = "", None, -1, None

    def _open(self, shard: str) -> pq.ParquetFile:
        self.close()
        file = self._file = pq.ParquetFile(self._folder / shard)
        metadata = file.metadata
        self._starts = [0]
        for group in range(metadata.num_row_groups):
            self._starts.append(self._starts[-1] + metadata.row_group(group).num_rows)
        self._shard = shard
        return file

    def _find(self, row: int) -> int:
        if not 0 <= row < self._starts[-1]:
            raise IndexError(f"{self._folder / self._shard}: row {row} of {self._starts[-1]}")
        return bisect_right(self._starts, row) - 1

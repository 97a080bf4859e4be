"""Which rows a consumer (a worker of a node) reads, in which order: a function of seed, epoch and place alone.

    shards, permuted -> one sequence of rows -> cut evenly among nodes, then workers -> slices of shards
    -> pools of `POOL_SHARDS` slices -> their row groups, permuted -> windows of `shuffle` rows, permuted

As nothing is drawn while reading, the number of rows that a consumer has passed says all of where it is: to go on
there, the window that holds this row is read again. Without shuffling the same, with nothing permuted.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

POOL_SHARDS = 16
"""Shards that row groups are drawn from at a time; their footers are read together."""


class Slice(NamedTuple):
    """Rows `start` to `stop` (exclusive) of a shard."""

    shard: int
    start: int
    stop: int

    @property
    def rows(self) -> int:
        """How many."""
        return self.stop - self.start


class Piece(NamedTuple):
    """Rows `start` to `stop` (exclusive) of one row group."""

    shard: int
    group: int
    start: int
    stop: int

    @property
    def rows(self) -> int:
        """How many."""
        return self.stop - self.start


class Consumer(NamedTuple):
    """A worker of a node."""

    rank: int = 0
    world_size: int = 1
    worker: int = 0
    workers: int = 1

    def share(self, rows: int) -> tuple[int, int]:
        """Return the part of `rows` rows that is this consumer's; parts differ by one row at most among nodes."""
        first, last = (rows * rank // self.world_size for rank in (self.rank, self.rank + 1))
        start, stop = ((last - first) * worker // self.workers for worker in (self.worker, self.worker + 1))
        return first + start, first + stop


@dataclass(slots=True)
class Window:
    """Rows that are mixed with each other: `order[n]` is the n-th row to come, counted through the pieces.

    `position` is that of the first, in this epoch. `order` is None where rows come as they are.
    """

    position: int
    pieces: list[Piece]
    order: list[int] | None

    @property
    def rows(self) -> int:
        """How many."""
        return sum(piece.rows for piece in self.pieces)


class Order:
    """The order of one consumer's rows.

    Args:
        rows: rows of each shard.
        consumer: whose.
        shuffle: rows of a window; 0: nothing is permuted.
        seed: of all permutations.
        group_rows: tells the rows of each row group of some shards; asked only for what is read.
    """

    def __init__(
        self,
        rows: Sequence[int],
        consumer: Consumer,
        shuffle: int,
        seed: int,
        group_rows: Callable[[Sequence[int]], dict[int, list[int]]],
    ) -> None:
        self._shard_rows = rows
        self._start, self._stop = consumer.share(sum(rows))
        self._shuffle, self._seed = shuffle, seed
        self._group_rows = group_rows

    @property
    def rows(self) -> int:
        """Rows of an epoch."""
        return self._stop - self._start

    def windows(self, epoch: int, position: int = 0) -> Iterator[Window]:
        """Yield the windows of an epoch from the one that holds `position` on."""
        slices = self._slices(epoch)
        size = POOL_SHARDS if self._shuffle else 1
        passed = 0
        for first in range(0, len(slices), size):
            pool = slices[first : first + size]
            rows = sum(piece.rows for piece in pool)
            if passed + rows > position:
                for window in self._windows_of(pool, passed, epoch):
                    if window.position + window.rows > position:
                        yield window
            passed += rows

    def _slices(self, epoch: int) -> list[Slice]:
        """This consumer's part of the sequence of all rows."""
        shards = list(range(len(self._shard_rows)))
        if self._shuffle:
            random.Random(f"{self._seed}:{epoch}:shards").shuffle(shards)
        found = []
        first = 0
        for shard in shards:
            rows = self._shard_rows[shard]
            start, stop = max(self._start - first, 0), min(self._stop - first, rows)
            if start < stop:
                found.append(Slice(shard, start, stop))
            first += rows
        return found

    def _windows_of(self, pool: Sequence[Slice], position: int, epoch: int) -> Iterator[Window]:
        groups = self._group_rows([piece.shard for piece in pool])
        pieces = [piece for part in pool for piece in _pieces(part, groups[part.shard])]
        if not self._shuffle:
            for piece in pieces:
                yield Window(position, [piece], None)
                position += piece.rows
            return
        place = self._start + position  # differs among consumers
        random.Random(f"{self._seed}:{epoch}:{place}:groups").shuffle(pieces)
        while pieces:
            window = Window(position, [pieces.pop()], None)
            while pieces and window.rows < self._shuffle:
                window.pieces.append(pieces.pop())
            window.order = list(range(window.rows))
            random.Random(f"{self._seed}:{epoch}:{self._start + position}:rows").shuffle(window.order)
            yield window
            position += window.rows


def _pieces(part: Slice, group_rows: Sequence[int]) -> Iterator[Piece]:
    """The row groups, or parts of them, that a slice of a shard covers."""
    first = 0
    for group, rows in enumerate(group_rows):
        start, stop = max(part.start - first, 0), min(part.stop - first, rows)
        if start < stop:
            yield Piece(part.shard, group, start, stop)
        first += rows

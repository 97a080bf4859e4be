"""What the processes of a run have done so far, counted where another process can read it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

FIELDS = (
    "rows",  # answered: kept, from the journal, by the engine, or failed
    "captioned",  # rows that the engine answered
    "failed",
    "flagged",  # rows of the run with a flag
    "asked",  # answers of the engine: more than `captioned` where rows were asked again
    "prompt_tokens",
    "completion_tokens",
    "told_tokens",  # prompt tokens of answers that say how many of them were cached
    "cached_tokens",
)
_PLACES = {name: place for place, name in enumerate(FIELDS)}


class RunCounters:
    """A file of one row of whole numbers for each process; each writes only its own."""

    def __init__(self, path: Path, rank: int = 0) -> None:
        """Open a file that `create` made."""
        # a plain array over the mapped memory: a memmap's own item access is several times slower
        self._all = np.asarray(np.memmap(path, np.int64, "r+")).reshape(-1, len(FIELDS))
        self._own = self._all[rank]

    @classmethod
    def create(cls, path: Path, processes: int) -> RunCounters:
        """Make the file, all counts 0."""
        np.zeros((max(processes, 1), len(FIELDS)), np.int64).tofile(path)
        return cls(path)

    def add(self, **counts: int | None) -> None:
        """Add to this process's counts; None counts as 0."""
        for name, count in counts.items():
            self._own[_PLACES[name]] += count or 0

    def totals(self) -> dict[str, int]:
        """Return the sums over all processes."""
        return dict(zip(FIELDS, self._all.sum(0).tolist(), strict=True))

"""Rows of papers that were taken out for good, found in the units of a build."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from s1_mmalign.builder.deduplicate.rows import RowTable
from s1_mmalign.builder.records import Drop
from s1_mmalign.builder.tombstones import ID_COLUMNS, Tombstone, Tombstones
from s1_mmalign.builder.units import Unit


@dataclass(slots=True)
class RemovedRows:
    """Places in the units' files, and the papers that they are of."""

    places: dict[str, set[int]] = field(default_factory=dict)
    """By the unit's name."""
    papers: dict[str, Tombstone] = field(default_factory=dict)
    """By paper_id."""

    def mask(self, table: RowTable) -> NDArray[np.bool_]:
        """Say of each row of the table whether it is one of these."""
        rows = table.rows
        found = np.zeros(len(rows), bool)
        if self.places:
            for unit in np.unique(rows["unit"]).tolist():
                if places := self.places.get(table.unit(unit).name):
                    found |= (rows["unit"] == unit) & np.isin(rows["row"], sorted(places))
        return found

    def drops(self) -> Iterator[Drop]:
        """Yield a line of the ledger for each paper."""
        for paper_id, entry in sorted(self.papers.items()):
            yield Drop(paper_id, "", "removed", entry.reason)


def find_removed(units: Sequence[Unit], folder: Path, removed: Tombstones) -> RemovedRows:
    """Find the rows of the papers on a list; nothing is read where the list is empty.

    Args:
        units: of the build.
        folder: where their files lie.
        removed: the list.
    """
    found = RemovedRows()
    for unit in units if removed else ():
        if unit.slices:
            table = pq.read_table(folder / f"{unit.name}.parquet", columns=list(ID_COLUMNS))
            mask, papers = removed.find(table)
            found.papers |= papers
            if papers:
                found.places[unit.name] = set(np.flatnonzero(mask).tolist())
    return found

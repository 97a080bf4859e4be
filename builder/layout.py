"""Which rows go into which shard; what a finished dataset has stays as it is when papers are added."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pyarrow as pa

from s1_mmalign.builder.deduplicate.decisions import Decisions
from s1_mmalign.builder.sealed_json import seal, unseal
from s1_mmalign.builder.shards import WORK_FOLDER, Manifest, write_atomically
from s1_mmalign.builder.units import Slice, Unit, read_slice

LAYOUT_NAME = "layout.json"
Group = tuple[str, str, str]
"""Source, licence class, split: what a shard's path begins with."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows of a slice: all, or those at the places `keep` (counted within the slice), in the split where they go."""

    piece: Slice
    split: str
    rows: int
    bytes: int
    keep: tuple[int, ...] | None = None

    @property
    def group(self) -> Group:
        """Where the rows go."""
        return self.piece.source, self.piece.licence_class, self.split

    @property
    def fingerprint(self) -> str:
        """A hash of what is selected."""
        content = json.dumps([asdict(self.piece), self.split, self.keep])
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def read(self, folder: Path) -> Iterator[pa.Table]:
        """Yield the rows, a row group at a time; `folder` holds the units."""
        start = 0
        for table in read_slice(self.piece, folder):
            if self.keep is None:
                yield table
            else:
                places = [place - start for place in self.keep if start <= place < start + table.num_rows]
                if places:
                    yield table.take(places)
            start += table.num_rows


@dataclass(slots=True)
class ShardPlan:
    """A shard to be: where it goes, and what it is made of."""

    path: str
    group: Group
    selections: list[Selection] = field(default_factory=list)

    @property
    def fingerprint(self) -> str:
        """A hash of what the shard is made of, so a finished one is known without reading it."""
        return _fingerprint(selection.fingerprint for selection in self.selections)


Layout = dict[str, list[tuple[str, str]]]
"""By a shard's fingerprint: for each of its selections the unit and the selection's fingerprint."""


def select(units: Sequence[Unit], decisions: Decisions) -> Iterator[Selection]:
    """Yield what is left of each slice, and the rows of it that go to another split."""
    for unit in units:
        gone, moved = decisions.gone.get(unit.name, set()), decisions.moved.get(unit.name, {})
        start = 0
        for piece in unit.slices:
            places = range(start, start + piece.rows)
            start += piece.rows
            if not gone and not moved:
                yield Selection(piece, piece.split, piece.rows, piece.bytes)
                continue
            by_split: dict[str, list[int]] = defaultdict(list)
            for place in places:
                if place not in gone:
                    by_split[moved.get(place, piece.split)].append(place - places.start)
            for split, keep in by_split.items():
                whole = len(keep) == piece.rows
                size = piece.bytes * len(keep) // piece.rows
                yield Selection(piece, split, len(keep), size, None if whole else tuple(keep))


def plan_shards(selections: Iterable[Selection], shard_bytes: int, before: Layout | None = None) -> list[ShardPlan]:
    """Put selections, in their order, into shards of about `shard_bytes` bytes of images; none is cut.

    `before` holds the shards of the finished dataset in order: those whose selections are all here again come first and
    stay as they are, whatever their size.
    """
    left: dict[str, Selection] = {selection.fingerprint: selection for selection in selections}
    groups: dict[Group, list[list[Selection]]] = defaultdict(list)
    for pieces in (before or {}).values():
        kept = [left[name] for _, name in pieces if name in left]
        if kept and len(kept) == len(pieces) and len({selection.group for selection in kept}) == 1:
            groups[kept[0].group].append(kept)
            for selection in kept:
                del left[selection.fingerprint]
    sizes: dict[Group, int] = {}
    for selection in left.values():
        size = sizes.get(selection.group)
        if size is None or size + selection.bytes > shard_bytes:
            groups[selection.group].append([])
            size = 0
        groups[selection.group][-1].append(selection)
        sizes[selection.group] = size + selection.bytes
    return [
        ShardPlan(f"data/{group[0]}/{group[1]}/{group[2]}-{number:05d}-of-{len(shards):05d}.parquet", group, pieces)
        for group, shards in sorted(groups.items())
        for number, pieces in enumerate(shards)
    ]


def layout_of(plans: Iterable[ShardPlan]) -> Layout:
    """Return what a later build must know of these shards to leave them alone."""
    return {
        plan.fingerprint: [(selection.piece.unit, selection.fingerprint) for selection in plan.selections]
        for plan in plans
    }


def load_layout(out: Path, manifest: Manifest) -> Layout:
    """Return the layout of the shards that a manifest names, in order of path; empty where it is not known."""
    try:
        known = unseal((out / WORK_FOLDER / LAYOUT_NAME).read_bytes())["shards"]
    except (OSError, ValueError, KeyError):
        return {}
    shards: dict[str, str] = manifest.build.get("shards", {})
    return {
        name: [(unit, selection) for unit, selection in known[name]]
        for _, name in sorted(shards.items())
        if name in known
    }


def save_layout(out: Path, layouts: Sequence[Layout]) -> None:
    """Write layouts atomically: before the manifest that names their shards."""
    content = {name: pieces for layout in layouts for name, pieces in layout.items()}
    write_atomically(out / WORK_FOLDER / LAYOUT_NAME, seal({"shards": dict(sorted(content.items()))}, indent=None))


def _fingerprint(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]

"""Which rows of which unit go, and why; which move to another split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s1_mmalign.builder.deduplicate.evaluation_sets import EvaluationSets, read_evaluation_sets
from s1_mmalign.builder.deduplicate.near import near_leaders, near_pairs, pairs_within_groups
from s1_mmalign.builder.deduplicate.papers import choose_papers, splits_of_groups
from s1_mmalign.builder.deduplicate.removed import RemovedRows
from s1_mmalign.builder.deduplicate.rows import RowTable
from s1_mmalign.builder.options import BuildOptions
from s1_mmalign.builder.records import SPLITS, Drop, DropReason
from s1_mmalign.builder.units import Unit

KEEP, PAPER, LISTED, EXACT, NEAR, REMOVED = range(6)
REASONS: dict[int, DropReason] = {
    PAPER: "duplicate_paper",
    LISTED: "evaluation_set",
    EXACT: "duplicate_image",
    NEAR: "near_duplicate_image",
    REMOVED: "removed",
}


@dataclass(slots=True)
class Decisions:
    """By unit: the rows (places in its file) that go, and those that move, with their new split."""

    gone: dict[str, set[int]] = field(default_factory=dict)
    moved: dict[str, dict[int, str]] = field(default_factory=dict)
    papers_lost: int = 0
    """Papers with rows in a unit of which no row is left."""
    counts: Counter[str] = field(default_factory=Counter)
    """Rows that go, by reason."""
    drops: list[Drop] = field(default_factory=list)


def decide(
    units: Sequence[Unit],
    units_folder: Path,
    options: BuildOptions,
    done: set[str],
    scratch: Path,
    removed: RemovedRows | None = None,
) -> Decisions:
    """Compare the rows of all units.

    Args:
        units: in order; what an earlier one has stays rather than what a later one has.
        units_folder: where their files lie.
        options: `deduplicate` and `evaluation_sets`.
        done: names of the units in the finished dataset; these go before all others, so that it keeps its rows.
        scratch: where the tables are laid down for the while.
        removed: rows of papers that were taken out for good: they go before anything is compared with them.

    Raises:
        InputError: a list of evaluation sets that cannot be read.
    """
    listed = read_evaluation_sets(options.evaluation_sets)
    ordered = sorted(units, key=lambda unit: unit.name not in done)
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=scratch) as folder:
        table = RowTable(ordered, units_folder, options.extract.splits, Path(folder))
        try:
            return _decide(table, options, listed, removed or RemovedRows(), Path(folder))
        finally:
            table.close()


def _decide(
    table: RowTable, options: BuildOptions, listed: EvaluationSets, removed: RemovedRows, folder: Path
) -> Decisions:
    rows, papers = table.rows, table.papers
    fate = np.zeros(len(rows), np.uint8)
    other = np.arange(len(rows), dtype=np.int64)
    """Of rows of a double paper: the paper that stays. Of double images: the row that stays."""
    row_papers = rows["paper"].astype(np.int64)
    taken = removed.mask(table)
    chosen = _chosen_papers(papers, np.unique(row_papers[taken]), options.deduplicate.papers)
    double = chosen != np.arange(len(papers))
    fate[double[row_papers]] = PAPER
    _leave_out_listed(table, fate, options, listed, folder)
    fate[taken] = REMOVED
    if options.deduplicate.images != "none":
        _leave_out_images(rows, fate, other, options, folder)
    splits = splits_of_groups(papers) if options.deduplicate.papers == "all" else papers["split"]
    return _collected(table, fate, other, chosen, splits, removed)


def _chosen_papers(papers: NDArray[Any], removed: NDArray[np.int64], policy: str) -> NDArray[np.int64]:
    """Return for each paper the one that stays instead of it; a removed one neither goes nor stays for another."""
    if not len(removed):
        return choose_papers(papers, policy)
    left = np.setdiff1d(np.arange(len(papers), dtype=np.int64), removed)
    chosen = np.arange(len(papers), dtype=np.int64)
    chosen[left] = left[choose_papers(papers[left], policy)]
    return chosen


def _leave_out_listed(
    table: RowTable, fate: NDArray[np.uint8], options: BuildOptions, listed: EvaluationSets, folder: Path
) -> None:
    """Mark the papers and images of evaluation sets."""
    if not listed:
        return
    rows, papers = table.rows, table.papers
    paper = np.isin(papers["doi"], _array(listed.dois)) | np.isin(papers["arxiv"], _array(listed.arxiv_ids))
    hit = paper[rows["paper"].astype(np.int64)] | np.isin(rows["sha256"], _array(listed.sha256))
    if listed.phash:
        wanted = listed.hashes()
        pairs = near_pairs(np.concatenate([wanted, rows["phash"]]), options.deduplicate.near_bits, folder)
        near = pairs[(pairs[:, 0] < len(wanted)) & (pairs[:, 1] >= len(wanted)), 1] - len(wanted)
        hit[near] = True
    fate[hit] = LISTED


def _leave_out_images(
    rows: NDArray[Any], fate: NDArray[np.uint8], other: NDArray[np.int64], options: BuildOptions, folder: Path
) -> None:
    """Mark exact, then near copies among the rows that are left."""
    left = np.flatnonzero(fate == KEEP)
    leaders = _first_of(rows["sha256"][left])
    again = _first_of(_pair_keys(rows[left]))  # within one paper an image under another caption is another pair
    elsewhere = rows["paper"][left] != rows["paper"][left[leaders]]
    leaders = np.where(elsewhere, leaders, again)
    double = leaders != np.arange(len(left))
    fate[left[double]] = EXACT
    other[left[double]] = left[leaders[double]]
    if options.deduplicate.images != "near":
        return
    left = np.flatnonzero(fate == KEEP)
    hashes, shapes = rows["phash"][left], rows["shape"][left]
    if options.deduplicate.near_scope == "all":
        leaders = near_leaders(hashes, options.deduplicate.near_bits, shapes, folder)
    else:
        leaders = np.arange(len(left))
        pairs = pairs_within_groups(rows["paper"][left], hashes, options.deduplicate.near_bits)
        for i, j in pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))].tolist():
            if leaders[i] == i and leaders[j] == j and abs(int(shapes[i]) - int(shapes[j])) <= 1:
                leaders[j] = i
    double = leaders != np.arange(len(left))
    fate[left[double]] = NEAR
    other[left[double]] = left[leaders[double]]


def _first_of(keys: NDArray[Any]) -> NDArray[np.int64]:
    """Return for each key the place where it stands first."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return first[inverse]


def _pair_keys(rows: NDArray[Any]) -> NDArray[np.uint64]:
    """Return 64 bits for image, caption and paper together (odd factors keep their bits apart)."""
    papers = rows["paper"].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return rows["sha256"] ^ rows["caption"] * np.uint64(0xC2B2AE3D27D4EB4F) ^ papers


def _collected(
    table: RowTable,
    fate: NDArray[np.uint8],
    other: NDArray[np.int64],
    chosen: NDArray[np.int64],
    splits: NDArray[np.uint8],
    removed: RemovedRows,
) -> Decisions:
    rows, papers = table.rows, table.papers
    row_papers = rows["paper"].astype(np.int64)
    decisions = Decisions()
    gone = np.flatnonzero(fate != KEEP)
    for row in gone.tolist():
        decisions.gone.setdefault(table.unit(int(rows["unit"][row])).name, set()).add(int(rows["row"][row]))
    for row in np.flatnonzero((splits != papers["split"])[row_papers] & (fate == KEEP)).tolist():
        unit = table.unit(int(rows["unit"][row])).name
        decisions.moved.setdefault(unit, {})[int(rows["row"][row])] = SPLITS[splits[row_papers[row]]]
    decisions.counts.update({REASONS[kind]: int((fate == kind).sum()) for kind in REASONS if (fate == kind).any()})
    decisions.papers_lost = len(papers) - len(np.unique(row_papers[fate == KEEP]))
    decisions.drops = [*removed.drops(), *_ledger(table, gone[fate[gone] != REMOVED], fate, other, chosen)]
    return decisions


def _ledger(
    table: RowTable,
    gone: NDArray[np.int64],
    fate: NDArray[np.uint8],
    other: NDArray[np.int64],
    chosen: NDArray[np.int64],
) -> Iterator[Drop]:
    """A line for each image that goes, and one for each paper that goes as a whole."""
    rows = table.rows
    images = gone[np.isin(fate[gone], (EXACT, NEAR))]
    wanted = np.unique(np.concatenate([other[images], gone]))
    paths: dict[int, str] = {}
    where: dict[int, str] = {}
    going = set(gone.tolist())
    for unit in np.unique(rows["unit"][wanted]).tolist():
        texts = table.texts(unit, ["image_path", "figure_id", "image_source"]).to_pylist()
        for row in wanted[rows["unit"][wanted] == unit].tolist():
            text = texts[int(rows["row"][row])]
            paths[row] = text["image_path"]
            if row in going:
                where[row] = f"{text['figure_id']} {text['image_source']}"
    told: set[int] = set()
    for row in gone.tolist():
        paper, kind = int(rows["paper"][row]), int(fate[row])
        paper_id = table.paper_id(paper)
        if kind == PAPER:
            if paper not in told:
                told.add(paper)
                yield Drop(paper_id, "", REASONS[kind], f"the paper of {table.paper_id(int(chosen[paper]))}")
        else:
            detail = f"as {paths[int(other[row])]}" if kind in (EXACT, NEAR) else "listed as of an evaluation set"
            yield Drop(paper_id, where[row], REASONS[kind], detail)


def _array(keys: set[int]) -> NDArray[np.uint64]:
    return np.array(sorted(keys), np.uint64)

"""Which rows a run is about: `--where`, `--flagged`, then `--sample`, then `--limit`."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from s1_mmalign.builder.caption_columns import caption_columns, features_with
from s1_mmalign.builder.shards import Manifest, iter_tables
from s1_mmalign.dataset_card.judged_rows import JUDGED_FEATURES, JudgedRows
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.checks import ANY
from s1_mmalign.processing.row_filter import RowFilter, parse_filter

Chosen = list[np.ndarray]
"""For each shard of the manifest its chosen rows (0-based, ascending)."""


def select_rows(
    folder: Path,
    manifest: Manifest,
    options: RecaptionOptions,
    sets: Sequence[str] = (),
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Chosen:
    """Choose rows; only the columns that this needs are read.

    Args:
        folder: the dataset folder.
        manifest: of the folder.
        options: `where`, `flagged`, `column`, `sample`, `seed`, `limit`.
        sets: names of the caption columns beside the dataset's own that the shards have.
        progress: told how many rows were looked at.

    Raises:
        FilterError: `where` does not fit the dataset.
        FolderError: `where` asks for judgements, and there are none.
    """
    if options.where is None and not options.flagged:
        chosen = [np.arange(shard.rows) for shard in manifest.shards]
    else:
        chosen = _matching(folder, manifest, options, sets, progress)
    if options.sample is not None:
        chosen = _sampled(chosen, options.sample, options.seed)
    if options.limit is not None:
        left = options.limit
        for index, rows in enumerate(chosen):
            chosen[index] = rows[:left]
            left -= len(chosen[index])
    return chosen


def _matching(
    folder: Path,
    manifest: Manifest,
    options: RecaptionOptions,
    sets: Sequence[str],
    progress: Callable[[str, int, int], None],
) -> Chosen:
    rule = parse_filter(options.where, features_with(sets) | JUDGED_FEATURES) if options.where is not None else None
    judged = JudgedRows.load(folder) if rule and rule.columns & JUDGED_FEATURES.keys() else None
    flags = caption_columns(options.column)["recaption_flags"] if options.flagged else None
    if options.column and options.column not in sets:
        flags = None if not options.flagged else ""  # a new set of columns: no row has a flag in it
    columns = {*(rule.columns if rule else ()), *([flags] if flags else ())}
    columns = (columns - JUDGED_FEATURES.keys()) | (judged.columns & features_with(sets).keys() if judged else set())
    columns = columns or {"image_path"}
    chosen: Chosen = []
    looked = 0
    for shard in manifest.shards:
        masks = [np.zeros(0, bool)]
        for table in iter_tables(folder / shard.path, sorted(columns)):
            if judged:
                table = judged.joined(table, caption_columns(options.column)["recaption"])
            masks.append(_mask(table, rule, flags, options.flagged))
            looked += table.num_rows
            progress("selection", looked, manifest.rows)
        chosen.append(np.flatnonzero(np.concatenate(masks)))
    return chosen


def _mask(table: pa.Table, rule: RowFilter | None, flags: str | None, wanted: Sequence[str]) -> np.ndarray:
    mask = rule.mask(table) if rule else np.ones(table.num_rows, bool)
    if flags is None:
        return mask
    return mask & _flagged(table[flags], wanted) if flags else np.zeros(table.num_rows, bool)


def _flagged(flags: pa.ChunkedArray, wanted: Sequence[str]) -> np.ndarray:
    """Say of each row whether it has one of the wanted flags (or any at all)."""
    if ANY in wanted:
        return np.asarray(pc.fill_null(pc.greater(pc.list_value_length(flags), 0), False))
    found = np.zeros(len(flags), bool)
    start = 0
    for chunk in flags.chunks:
        hits = np.asarray(pc.is_in(pc.list_flatten(chunk), value_set=pa.array(list(wanted), pa.string())))
        found[start + np.asarray(pc.list_parent_indices(chunk))[hits]] = True
        start += len(chunk)
    return found


def _sampled(chosen: Chosen, size: int, seed: int) -> Chosen:
    """Draw rows, each with equal chance; the same seed draws the same."""
    ends = np.cumsum([len(rows) for rows in chosen], dtype=np.int64)
    total = int(ends[-1]) if len(ends) else 0
    drawn = np.array(sorted(random.Random(seed).sample(range(total), min(size, total))), np.int64)
    parts = np.split(drawn, np.searchsorted(drawn, ends[:-1])) if len(ends) else []
    starts = ends - [len(rows) for rows in chosen]
    return [rows[part - start] for rows, part, start in zip(chosen, parts, starts, strict=True)]

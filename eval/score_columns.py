"""The scores of all rows of a dataset folder, written into its shards as columns that rows can be filtered by."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from datasets import Dataset

from s1_mmalign.builder.disk_space import full_disk_explained
from s1_mmalign.builder.folder_lock import locked
from s1_mmalign.builder.records import SCORE_COLUMNS
from s1_mmalign.builder.run_folder import run_folder
from s1_mmalign.builder.shards import SCHEMA, WORK_FOLDER, FolderError, Manifest, iter_tables
from s1_mmalign.eval.measure_clip import READINGS, ClipScorer
from s1_mmalign.eval.measure_grounding import paper_texts
from s1_mmalign.eval.measure_perplexity import log10_perplexity
from s1_mmalign.eval.models import NotMeasuredError
from s1_mmalign.eval.sample import Progress
from s1_mmalign.eval.score_cache import ScoreCache, Task, Value
from s1_mmalign.eval.scorers import Scorers
from s1_mmalign.eval.workers import RowScorer, Workers, score_missing
from s1_mmalign.processing.shard_columns import finish_replacement, write_columns

READING = "window_mean"
"""The CLIPScore that a row gets: of the whole text. Where a text fits the model it is the plain one."""
ROWS_AT_ONCE = {"local": 1000, "ray": 50_000}
"""Rows whose words are in memory at a time; on Ray also how often actors are started."""

_READ = ("image_path", "image_sha256", "caption", "recaption", "subcaption", "title", "abstract", "citation_contexts")
_RESULT = pa.schema([*(SCHEMA.field(name) for name in SCORE_COLUMNS), pa.field("outcome", pa.string())])

Row = dict[str, Any]
Wanted = dict[str, tuple[RowScorer, Task]]
"""What one row needs, by column."""


def score_columns(
    folder: Path, scorers: Scorers, weight: float, cache: ScoreCache, workers: Workers, progress: Progress | None
) -> int:
    """Score every row and write `SCORE_COLUMNS`; return how many shards were written (by this process).

    A score that cannot be had (no model, no recaption, an image that cannot be read) is null.

    Raises:
        FolderError: another process works in the folder, or has changed it meanwhile.
    """
    manifest = Manifest.load(folder)
    for rows in _chunks(folder, manifest, ROWS_AT_ONCE[workers.engine]):
        by_scorer: dict[RowScorer, list[Task]] = {}
        for row in rows:
            for scorer, task in _wanted(row, scorers).values():
                by_scorer.setdefault(scorer, []).append(task)
        for scorer, tasks in by_scorer.items():
            score_missing(scorer, tasks, cache, workers, progress)
    workers.wait()
    cache.reload()
    if not workers.is_main:
        return 0
    with locked(folder), full_disk_explained(folder):
        if Manifest.load(folder).shards != manifest.shards:
            raise FolderError(f"{folder}: was changed while its rows were scored. Run the same command again.")
        finish_replacement(folder, manifest)
        with run_folder(folder / WORK_FOLDER, "scores") as scratch:
            path = scratch / "scores.arrow"
            _write_results(path, folder, manifest, scorers, weight, cache)
            return write_columns(folder, manifest, Dataset.from_file(str(path)), SCORE_COLUMNS)


def _chunks(folder: Path, manifest: Manifest, size: int) -> Iterator[list[Row]]:
    """Yield the words of all rows, in the order of the shards, and where each row is."""
    for shard in manifest.shards:
        position = 0
        for table in iter_tables(folder / shard.path, _READ):
            for start in range(0, table.num_rows, size):
                rows = table.slice(start, size).to_pylist()
                for row in rows:
                    row["shard"], row["shard_row"] = shard.path, position
                    position += 1
                yield rows


def _wanted(row: Row, scorers: Scorers) -> Wanted:
    wanted: Wanted = {}
    for column, text in (("caption", row["caption"]), ("recaption", row["recaption"])):
        if not (text or "").strip():
            continue
        if isinstance(scorers.clip, ClipScorer):
            wanted[f"{column}_clip_score"] = scorers.clip, scorers.clip.task(row, text)
        if not isinstance(scorers.perplexity, NotMeasuredError):
            first = scorers.perplexity[0]
            wanted[f"{column}_log10_pppl"] = first, first.task(row, text)
    if (row["recaption"] or "").strip():
        task = scorers.grounding.task(row, row["recaption"], paper_texts(row, True))
        wanted["recaption_support"] = scorers.grounding, task
    return wanted


def _write_results(
    path: Path, folder: Path, manifest: Manifest, scorers: Scorers, weight: float, cache: ScoreCache
) -> None:
    label = _label(scorers, weight)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, _RESULT) as writer:
        for rows in _chunks(folder, manifest, ROWS_AT_ONCE["local"]):
            wanted = [_wanted(row, scorers) for row in rows]
            values = cache.get([task.key for one in wanted for _, task in one.values()])
            found = [
                {column: _number(column, values[task.key], scorers, weight) for column, (_, task) in one.items()}
                | {"scored_by": label, "outcome": "done"}
                for one in wanted
            ]
            writer.write_table(pa.Table.from_pylist(found, schema=_RESULT))


def _number(column: str, value: Value, scorers: Scorers, weight: float) -> float | None:
    if column.endswith("log10_pppl"):
        return log10_perplexity(value)
    if column == "recaption_support":
        return value["support"]
    assert isinstance(scorers.clip, ClipScorer)
    if "scores" not in value:
        return None
    return weight * value["scores"][scorers.clip.image_modes[0]][READINGS.index(READING)]


def _label(scorers: Scorers, weight: float) -> str:
    """Say in one line what the scores were measured with."""
    parts = []
    if isinstance(scorers.clip, ClipScorer):
        how = f"{READING}, image {scorers.clip.image_modes[0]}, w={weight:g}"
        parts.append(f"clip_score: {scorers.clip.model.label} ({how})")
    if not isinstance(scorers.perplexity, NotMeasuredError):
        first = scorers.perplexity[0]
        parts.append(f"log10_pppl: {first.model.label} ({first.method}, stride {first.stride})")
    return "; ".join([*parts, "support: caption_grounding"])

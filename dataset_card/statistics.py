"""What the card counts: one pass over the light columns of every shard, and the drop ledger.

Images, abstracts and citing paragraphs are never read; how many rows have them stands in Parquet's footers.
Memory is that of one row group's light columns, the set of paper ids, and the distinct labels.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from s1_mmalign.builder.records import DISCIPLINES, TEXT_COLUMNS
from s1_mmalign.builder.shards import DROPS_NAME, FolderError, Manifest, Shard, iter_tables

LIGHT_COLUMNS: tuple[str, ...] = (
    "caption", "recaption", "paper_id", "discipline", "licence",
    "recaption_model", "recaption_prompt", "recaption_finish_reason", "recaption_flags",
)  # fmt: skip


class Lengths:
    """Exact distribution of text lengths, in characters (Unicode code points), in bounded memory."""

    def __init__(self) -> None:
        self._histogram = np.zeros(0, dtype=np.int64)

    def add(self, texts: pa.ChunkedArray) -> None:
        """Count the texts' lengths; nulls do not count."""
        self.add_counts(np.bincount(pc.utf8_length(texts).drop_null().to_numpy()))

    def add_counts(self, counts: np.ndarray) -> None:
        """Add how many texts have each length, from 0 on."""
        total = np.zeros(max(len(counts), len(self._histogram)), dtype=np.int64)
        total[: len(counts)] += counts
        total[: len(self._histogram)] += self._histogram
        self._histogram = total

    @property
    def counts(self) -> np.ndarray:
        """How many texts have each length, from 0 to the longest."""
        return self._histogram

    @property
    def n(self) -> int:
        """How many texts."""
        return int(self._histogram.sum())

    @property
    def mean(self) -> float:
        """Arithmetic mean; 0 without texts."""
        return float(self._histogram @ np.arange(len(self._histogram))) / self.n if self.n else 0.0

    @property
    def std(self) -> float:
        """Standard deviation of the texts at hand (divided by n)."""
        if not self.n:
            return 0.0
        squares = (np.arange(len(self._histogram)) - self.mean) ** 2
        return float(np.sqrt(self._histogram @ squares / self.n))

    @property
    def variation(self) -> float:
        """Coefficient of variation: std / mean; 0 where the mean is 0."""
        return self.std / self.mean if self.mean else 0.0

    def quantile(self, share: float) -> int:
        """The smallest length that at least `share` of the texts do not exceed."""
        if not self.n:
            return 0
        return int(np.searchsorted(np.cumsum(self._histogram), share * self.n - 1e-9))


@dataclass(slots=True)
class Statistics:
    """The card's numbers. Counters count rows, where nothing else is said; a None key means "not known"."""

    rows: int = 0
    bytes: int = 0
    """Of the Parquet files."""
    image_bytes: int = 0
    uncompressed: dict[str, int] = field(default_factory=dict)
    """Bytes of each shard's data before compression, by the shard's path."""
    papers: dict[str, int] = field(default_factory=dict)
    """Papers with rows, by source."""
    splits: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By (source, split)."""
    disciplines: Counter[str | None] = field(default_factory=Counter)
    licence_classes: Counter[str] = field(default_factory=Counter)
    licences: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    """By (licence class, licence)."""
    filled: Counter[str] = field(default_factory=Counter)
    """Rows with a value (of a list: with at least one), by column."""
    caption_lengths: Lengths = field(default_factory=Lengths)
    recaption_lengths: Lengths = field(default_factory=Lengths)
    captioners: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)
    """Rows with a recaption, by (model, prompt)."""
    finish_reasons: Counter[str | None] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)
    drops: Counter[tuple[str, bool]] = field(default_factory=Counter)
    """Lines of the ledger, by (reason, whether it is a whole paper)."""
    example: dict[str, Any] | None = None
    """The first row without its image."""

    @property
    def recaptioned(self) -> int:
        """Rows that have a recaption."""
        return self.recaption_lengths.n


def collect_statistics(folder: Path, manifest: Manifest) -> Statistics:
    """Read what the card counts.

    Raises:
        FolderError: a shard or the ledger cannot be read.
    """
    statistics = Statistics(rows=manifest.rows, bytes=sum(shard.bytes for shard in manifest.shards))
    papers: dict[str, set[str]] = defaultdict(set)
    for shard in sorted(manifest.shards, key=lambda shard: shard.path):
        statistics.splits[shard.source, shard.split] += shard.rows
        statistics.licence_classes[shard.licence_class] += shard.rows
        _count_footer(folder, shard, statistics)
        for table in iter_tables(folder / shard.path, LIGHT_COLUMNS):
            papers[shard.source].update(pc.unique(table["paper_id"]).to_pylist())
            _count_rows(table, shard, statistics)
    statistics.papers = {source: len(ids) for source, ids in papers.items()}
    statistics.drops = _count_drops(folder)
    statistics.example = _first_row(folder, manifest)
    return statistics


def _count_rows(table: pa.Table, shard: Shard, statistics: Statistics) -> None:
    for index, count in _counts(table["discipline"]):
        statistics.disciplines[None if index is None else DISCIPLINES[index]] += count
    for licence, count in _counts(table["licence"]):
        statistics.licences[shard.licence_class, licence] += count
    statistics.caption_lengths.add(table["caption"])
    statistics.recaption_lengths.add(table["recaption"])
    done = table.filter(pc.is_valid(table["recaption"]))
    groups = done.group_by(["recaption_model", "recaption_prompt"]).aggregate([([], "count_all")])
    for row in groups.to_pylist():
        statistics.captioners[row["recaption_model"], row["recaption_prompt"]] += row["count_all"]
    statistics.finish_reasons.update(dict(_counts(done["recaption_finish_reason"])))
    statistics.flags.update(dict(_counts(pc.list_flatten(table["recaption_flags"]))))


def _counts(column: pa.ChunkedArray) -> Iterable[tuple[Any, int]]:
    return ((item["values"], item["counts"]) for item in pc.value_counts(column).to_pylist())


def _count_footer(folder: Path, shard: Shard, statistics: Statistics) -> None:
    """Rows with a value, and sizes, from the Parquet footer.

    A list that is null or empty is one null of its leaf, so for lists, too, rows - nulls = rows with a value.
    """
    path = folder / shard.path
    try:
        metadata = pq.read_metadata(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise FolderError(f"{path}: not a readable Parquet file ({error}). Run `s1-mmalign verify`.") from error
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    statistics.uncompressed[shard.path] = sum(group.total_byte_size for group in groups)
    for group in groups:
        for index in range(metadata.num_columns):
            column = group.column(index)
            name, _, leaf = column.path_in_schema.partition(".")
            if name == "image" and leaf != "bytes":
                continue
            if name == "image":
                statistics.image_bytes += column.total_uncompressed_size
            statistics.filled[name] += group.num_rows - column.statistics.null_count


def _count_drops(folder: Path) -> Counter[tuple[str, bool]]:
    path = folder / DROPS_NAME
    drops: Counter[tuple[str, bool]] = Counter()
    if not path.is_file():
        return drops
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                drop = json.loads(line)
                drops[drop["reason"], not drop["where"]] += 1
            except (ValueError, KeyError, TypeError) as error:
                raise FolderError(f"{path}:{number}: not a line of the drop ledger ({error!r}).") from error
    return drops


def _first_row(folder: Path, manifest: Manifest) -> dict[str, Any] | None:
    """The first row of the first training shard (else of the first shard) without its image."""
    shards = sorted(manifest.shards, key=lambda shard: (shard.split != "train", shard.path))
    if not shards:
        return None
    with pq.ParquetFile(folder / shards[0].path) as file:
        return next(file.iter_batches(batch_size=1, columns=list(TEXT_COLUMNS))).to_pylist()[0]

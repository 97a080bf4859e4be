"""One pass over a dataset folder for lengths and counts, and a stratified sample of its rows for the rest."""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from s1_mmalign.builder.records import DISCIPLINES, SOURCES
from s1_mmalign.builder.shards import FolderError, Manifest, iter_tables
from s1_mmalign.eval.intervals import Moments

UNKNOWN = "unknown"
LENGTH_BIN = 50
"""Characters in a bar of the length histogram."""

Progress = Callable[[str, int, int], None]
"""Called with the stage, what is done, and all there is to do."""

_SCAN = ("image_path", "caption", "recaption", "source", "discipline", "recaption_model", "recaption_prompt")
_TEXT = ("image_path", "caption", "subcaption", "recaption", "title", "abstract", "citation_contexts", "source",
         "discipline", "paper_id", "image_sha256")  # fmt: skip

Stratum = tuple[str, str]
"""Source and discipline."""


@dataclass(slots=True)
class Lengths:
    """Lengths of raw captions and recaptions, of the rows that have both."""

    characters: dict[str, Moments] = field(default_factory=lambda: {"raw": Moments(), "recaption": Moments()})
    words: dict[str, Moments] = field(default_factory=lambda: {"raw": Moments(), "recaption": Moments()})
    histogram: dict[str, Counter[int]] = field(default_factory=lambda: {"raw": Counter(), "recaption": Counter()})

    def add(self, caption: str, recaption: str) -> None:
        """Take one row in; words are what white space separates."""
        for name, text in (("raw", caption), ("recaption", recaption)):
            self.characters[name].add(len(text))
            self.words[name].add(len(text.split()))
            self.histogram[name][len(text) // LENGTH_BIN] += 1


@dataclass(slots=True)
class Place:
    """Where a row stands: number of the shard in the manifest, and of the row in the shard."""

    shard: int
    row: int


@dataclass(slots=True)
class Scan:
    """What one pass over the text of the dataset gives."""

    rows: int = 0
    without_recaption: int = 0
    models: Counter[str] = field(default_factory=Counter)
    prompts: Counter[str] = field(default_factory=Counter)
    raw: Moments = field(default_factory=Moments)
    """Lengths of all raw captions in characters, recaption or not."""
    lengths: Lengths = field(default_factory=Lengths)
    by_source: dict[str, Lengths] = field(default_factory=lambda: defaultdict(Lengths))
    by_discipline: dict[str, Lengths] = field(default_factory=lambda: defaultdict(Lengths))
    strata: Counter[Stratum] = field(default_factory=Counter)
    candidates: dict[Stratum, list[tuple[int, int, int]]] = field(default_factory=lambda: defaultdict(list))
    """The rows with the lowest hashes: (negated hash, shard, row), a heap with the highest hash first."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows drawn from the dataset, in order of their hashes; `shard` and `shard_row` say where each stands."""

    rows: list[dict[str, Any]]
    places: list[Place]
    weights: np.ndarray
    """Rows of the dataset that each row stands for."""
    strata: list[dict[str, Any]]

    def first(self, count: int) -> Sample:
        """Return the sample of `count` rows that the same seed draws: a part of this one (0: all of it)."""
        if not count or count >= len(self.rows):
            return self
        sizes = {(stratum["source"], stratum["discipline"]): stratum["rows"] for stratum in self.strata}
        quotas = allocate(sizes, count)
        left = Counter(quotas)
        kept = []
        for index, row in enumerate(self.rows):
            stratum = row["source"], row["discipline"]
            if left[stratum] > 0:
                left[stratum] -= 1
                kept.append(index)
        rows = [self.rows[index] for index in kept]
        return Sample(
            rows, [self.places[index] for index in kept], _weights(rows, sizes, quotas), _strata(sizes, quotas)
        )


def scan(folder: Path, manifest: Manifest, sample_size: int, seed: int, progress: Progress | None) -> Scan:
    """Read the text columns of every shard once.

    A row's place in the sample comes from a hash of the seed and its `image_path`: the same rows are drawn in
    whatever order or number of shards the dataset is stored. `sample_size` 0 keeps every row with a recaption.
    """
    result = Scan()
    for number, shard in enumerate(manifest.shards):
        position = 0
        for table in iter_tables(folder / shard.path, _SCAN):
            for row in table.to_pylist():
                _take(result, row, number, position, sample_size, seed)
                position += 1
            if progress:
                progress("reading captions", result.rows, manifest.rows)
    return result


def _take(result: Scan, row: dict[str, Any], shard: int, position: int, sample_size: int, seed: int) -> None:
    result.rows += 1
    caption, recaption = row["caption"] or "", row["recaption"]
    result.raw.add(len(caption))
    if recaption is None or not recaption.strip():
        result.without_recaption += 1
        return
    result.models[row["recaption_model"] or UNKNOWN] += 1
    result.prompts[row["recaption_prompt"] or UNKNOWN] += 1
    stratum = source, discipline = _name(SOURCES, row["source"]), _name(DISCIPLINES, row["discipline"])
    for lengths in (result.lengths, result.by_source[source], result.by_discipline[discipline]):
        lengths.add(caption, recaption)
    result.strata[stratum] += 1
    digest = hashlib.blake2b(f"{seed}\n{row['image_path']}".encode(), digest_size=8).digest()
    item = (-int.from_bytes(digest), shard, position)
    heap = result.candidates[stratum]
    if not sample_size or len(heap) < sample_size:
        heapq.heappush(heap, item)
    elif item > heap[0]:
        heapq.heapreplace(heap, item)


def draw(folder: Path, manifest: Manifest, found: Scan, sample_size: int) -> Sample:
    """Draw the sample: each stratum in proportion to its rows, one at least."""
    quotas = allocate(found.strata, sample_size)
    picked = [
        item for stratum, quota in quotas.items() for item in sorted(found.candidates[stratum], reverse=True)[:quota]
    ]
    picked.sort(reverse=True)
    places = [Place(shard, row) for _, shard, row in picked]
    rows: list[dict[str, Any]] = [{}] * len(places)
    for index, row in read_rows(folder, manifest, places, _TEXT):
        row["source"], row["discipline"] = _name(SOURCES, row["source"]), _name(DISCIPLINES, row["discipline"])
        row["shard"], row["shard_row"] = manifest.shards[places[index].shard].path, places[index].row
        rows[index] = row
    return Sample(rows, places, _weights(rows, found.strata, quotas), _strata(found.strata, quotas))


def allocate(strata: dict[Stratum, int], sample_size: int) -> dict[Stratum, int]:
    """Share `sample_size` rows out over strata of the given sizes: in proportion, by largest remainder, one at least.

    With more strata than `sample_size` the sample is as large as there are strata.
    """
    total = sum(strata.values())
    if not sample_size or sample_size >= total:
        return dict(sorted(strata.items()))
    exact = {stratum: sample_size * size / total for stratum, size in sorted(strata.items())}
    quotas = {stratum: max(1, min(int(share), strata[stratum])) for stratum, share in exact.items()}
    rest = sorted(exact, key=lambda stratum: (int(exact[stratum]) - exact[stratum], stratum))
    for stratum in rest:
        if sum(quotas.values()) >= sample_size:
            break
        if quotas[stratum] < strata[stratum] and exact[stratum] >= 1:
            quotas[stratum] += 1
    return quotas


def read_rows(
    folder: Path, manifest: Manifest, places: Sequence[Place], columns: Sequence[str]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (index in `places`, row) shard by shard; only the row groups that hold a wanted row are read."""
    wanted: dict[int, dict[int, int]] = defaultdict(dict)
    for index, place in enumerate(places):
        wanted[place.shard][place.row] = index
    for shard, rows in sorted(wanted.items()):
        path = folder / manifest.shards[shard].path
        try:
            with pq.ParquetFile(path) as file:
                start = 0
                for group in range(file.num_row_groups):
                    end = start + file.metadata.row_group(group).num_rows
                    inside = sorted(row for row in rows if start <= row < end)
                    if inside:
                        table = file.read_row_group(group, columns=list(columns)).take([row - start for row in inside])
                        yield from zip((rows[row] for row in inside), table.to_pylist(), strict=True)
                    start = end
        except OSError as error:  # pyarrow's ArrowInvalid is a ValueError, its I/O errors are OSError
            raise FolderError(
                f"{path}: cannot be read ({error}). `s1-mmalign verify {folder}` says what else."
            ) from error


def _weights(rows: list[dict[str, Any]], sizes: dict[Stratum, int], drawn: dict[Stratum, int]) -> np.ndarray:
    strata = [(row["source"], row["discipline"]) for row in rows]
    return np.array([sizes[stratum] / drawn[stratum] for stratum in strata], dtype=float)


def _strata(sizes: dict[Stratum, int], drawn: dict[Stratum, int]) -> list[dict[str, Any]]:
    return [
        {"source": source, "discipline": discipline, "rows": size, "sampled": drawn.get((source, discipline), 0)}
        for (source, discipline), size in sorted(sizes.items())
    ]


def _name(names: Sequence[str], label: int | None) -> str:
    return names[label] if label is not None and 0 <= label < len(names) else UNKNOWN

"""Does the card say what the files beside it say? Everything is computed again and compared, line by line."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from s1_mmalign.builder.shards import DROPS_NAME, MANIFEST_NAME, FolderError, Manifest
from s1_mmalign.dataset_card.build_report import REPORT, load_build_report
from s1_mmalign.dataset_card.card import REPORT_NAME, render_files
from s1_mmalign.dataset_card.recipe import RECIPE_NAME, load_recipe
from s1_mmalign.dataset_card.statistics import Statistics, collect_statistics

SHOWN = 160
"""Characters of a line that are shown."""
_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A file, the line (0: none) that says something else than the others, and what it is."""

    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}" if self.line else f"{self.path}: {self.what}"


def check_card_numbers(folder: Path) -> list[Disagreement]:
    """Compute card and Croissant metadata again, and hold the files that they come from against each other.

    Returns:
        what does not agree, in order of file and line; nothing where all does.

    Raises:
        FolderError: no dataset folder, or a file of it cannot be read at all.
    """
    manifest = Manifest.load(folder)
    statistics = collect_statistics(folder, manifest)
    found = list(_sources(folder, manifest, statistics))
    for name, text in render_files(folder, statistics=statistics).items():
        path = folder / name
        if not path.is_file():
            found.append(Disagreement(name, 0, "is missing; `s1-mmalign card` writes it"))
        else:
            found += _lines(name, path.read_text(encoding="utf-8").splitlines(), text.splitlines())
    return found


def _lines(name: str, there: Sequence[str], computed: Sequence[str]) -> Iterator[Disagreement]:
    """Where two texts differ, by the line of the one that is there."""
    for kind, a, b, c, d in difflib.SequenceMatcher(None, there, computed, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        for offset in range(max(b - a, d - c)):
            old = there[a + offset] if a + offset < b else None
            new = computed[c + offset] if c + offset < d else None
            yield Disagreement(name, min(a + offset, b) + 1, _difference(old, new))


def _difference(old: str | None, new: str | None) -> str:
    if old is None:
        return f"a line is missing: {_short(str(new))}"
    if new is None:
        return f"this line is not what the files give: {_short(old)}"
    before, after = _NUMBER.findall(old), _NUMBER.findall(new)
    changed = [(one, other) for one, other in zip(before, after, strict=False) if one != other]
    if changed and len(before) == len(after) and _NUMBER.sub("", old) == _NUMBER.sub("", new):
        pairs = ", ".join(f"{one} where the files give {other}" for one, other in changed)
        return f"says {pairs}: {_short(old)}"
    return f"says {_short(old)!r} where the files give {_short(new)!r}"


def _short(line: str) -> str:
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"


def _sources(folder: Path, manifest: Manifest, statistics: Statistics) -> Iterator[Disagreement]:
    """Where the files that the card is made of contradict each other."""
    for shard in manifest.shards:
        rows = _rows(folder / shard.path)
        if rows != shard.rows:
            yield Disagreement(MANIFEST_NAME, 0, f"{shard.path}: {shard.rows:,} rows where the shard has {rows:,}")
    papers = manifest.papers
    with_rows = sum(statistics.papers.values())
    if papers.get("with_rows", 0) != with_rows:
        yield Disagreement(
            MANIFEST_NAME, 0, f"{papers.get('with_rows', 0):,} papers with rows where the rows have {with_rows:,}"
        )
    if papers.get("in", 0) != papers.get("with_rows", 0) + papers.get("dropped", 0):
        yield Disagreement(MANIFEST_NAME, 0, "papers in are not papers with rows + papers dropped")
    reasons = {reason for reason, _ in statistics.drops} | set(manifest.drops)
    for reason in sorted(reasons):
        lines = statistics.drops[reason, True] + statistics.drops[reason, False]
        if lines != manifest.drops.get(reason, 0):
            said = manifest.drops.get(reason, 0)
            yield Disagreement(DROPS_NAME, 0, f"{lines:,} lines {reason} where {MANIFEST_NAME} says {said:,}")
    yield from _reports(folder, manifest, statistics)


def _reports(folder: Path, manifest: Manifest, statistics: Statistics) -> Iterator[Disagreement]:
    """The reports of `evaluate` and `build` against the rows."""
    if (folder / REPORT_NAME).is_file():
        dataset = json.loads((folder / REPORT_NAME).read_text(encoding="utf-8"))["dataset"]
        for name, value in (("rows", manifest.rows), ("rows_with_recaption", statistics.recaptioned)):
            if dataset[name] != value:
                yield Disagreement(
                    REPORT_NAME,
                    0,
                    f"{name} {dataset[name]:,} where the shards have {value:,}: `s1-mmalign evaluate` again",
                )
    if content := load_build_report(folder):
        kept, gone = content["total"]["rows_kept"], manifest.drops.get("removed", 0)
        if kept != manifest.rows and not gone:
            yield Disagreement(REPORT, 0, f"rows_kept {kept:,} where the shards have {manifest.rows:,}")
    for stage in load_recipe(folder)["stages"]:
        rows = stage["results"].get("rows")
        if stage["stage"] == "build" and rows != manifest.rows and not manifest.drops.get("removed", 0):
            yield Disagreement(RECIPE_NAME, 0, f"build: rows {rows} where the shards have {manifest.rows:,}")


def _rows(path: Path) -> int:
    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowInvalid, OSError) as error:
        raise FolderError(f"{path}: not a readable Parquet file ({error}). Run `s1-mmalign verify`.") from error

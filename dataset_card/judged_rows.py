"""Judgements joined with the rows that they are of: what is left once replaced captions are taken out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from datasets import Value

from s1_mmalign.builder.shards import FolderError, Manifest, iter_tables
from s1_mmalign.dataset_card.judgements import (
    JUDGEMENTS_NAME,
    is_current,
    judgement_summary,
    load_judgements,
    text_mark,
)

JUDGED_FEATURES: dict[str, Value] = {
    "judgement": Value("string"), "judgement_prefers": Value("string"), "judgement_note": Value("string"),
}  # fmt: skip
"""What `recaption --where` can ask of a row beside its columns: what most judges said of its caption (`good`, `bad`,
`mixed` where as many said the one as the other), which of two captions most preferred, and the notes."""
MIXED = "mixed"


@dataclass(slots=True)
class JudgedRows:
    """Judgements by row, for columns of a dataset's rows."""

    by_row: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def load(cls, folder: Path) -> JudgedRows:
        """Read the judgements of a dataset folder.

        Raises:
            FolderError: there are none, or they cannot be read.
        """
        path = folder / JUDGEMENTS_NAME
        if not path.is_file():
            raise FolderError(f"{path}: no judgements yet. `s1-mmalign gallery {folder} --serve` takes them.")
        judged = cls()
        for item in load_judgements(path):
            judged.by_row[item["row"]].append(item)
        return judged

    @property
    def columns(self) -> set[str]:
        """The columns that must be read to join: a row's name, and the captions that were judged."""
        return {"image_path", *(name for items in self.by_row.values() for item in items for name in item["columns"])}

    def joined(self, table: pa.Table, column: str) -> pa.Table:
        """Return a table with `JUDGED_FEATURES`, null where nobody judged the row's caption as it is now.

        Args:
            table: rows with those of `columns` that the shards have.
            column: the caption column that `judgement` is of.
        """
        values: dict[str, list[str | None]] = {name: [None] * table.num_rows for name in JUDGED_FEATURES}
        for place, items in self._items(table):
            verdicts = [item["verdict"] for item in items if item["columns"] == [column] and item["verdict"]]
            prefers = [item["prefers"] for item in items if column in item["columns"] and item["prefers"]]
            notes = [item["note"] for item in items if item["note"]]
            values["judgement"][place] = _most(verdicts)
            values["judgement_prefers"][place] = _most(prefers)
            values["judgement_note"][place] = "\n".join(notes) or None
        for name, column_values in values.items():
            table = table.append_column(name, pa.array(column_values, pa.string()))
        return table

    def current(self, tables: Iterable[pa.Table]) -> Iterator[dict[str, Any]]:
        """Yield the judgements that are of captions which these rows have now."""
        for table in tables:
            for _, items in self._items(table):
                yield from items

    def _items(self, table: pa.Table) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """The judged rows of a table, with what of them is of the captions that they have now."""
        known = pa.array(list(self.by_row), pa.string())
        for place in pc.indices_nonzero(pc.is_in(table["image_path"], value_set=known)).to_pylist():
            row = table.slice(place, 1).to_pylist()[0]
            marks = {name: text_mark(text) for name, text in row.items() if isinstance(text, str)}
            yield place, [item for item in self.by_row[row["image_path"]] if is_current(item, marks)]


def summarise_judgements(folder: Path, manifest: Manifest) -> dict[str, Any] | None:
    """Return what the judgements of a dataset add up to (see `judgement_summary`), None where there are none.

    Raises:
        FolderError: the judgements, or a shard, cannot be read.
    """
    if not (folder / JUDGEMENTS_NAME).is_file():
        return None
    judged = JudgedRows.load(folder)
    found = list(judged.current(_tables(folder, manifest, judged.columns)))
    return judgement_summary(found, sum(map(len, judged.by_row.values())) - len(found))


def _tables(folder: Path, manifest: Manifest, columns: set[str]) -> Iterator[pa.Table]:
    for shard in manifest.shards:
        present = set(pq.read_schema(folder / shard.path).names)
        yield from iter_tables(folder / shard.path, sorted(columns & present))


def _most(words: list[str]) -> str | None:
    counts = Counter(words).most_common(2)
    if not counts:
        return None
    return MIXED if len(counts) > 1 and counts[0][1] == counts[1][1] else counts[0][0]

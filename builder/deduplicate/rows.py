"""The rows of all units as numbers in files: what de-duplication needs of each, 48 bytes a row."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from s1_mmalign.builder.records import SOURCES, SPLITS
from s1_mmalign.builder.sources.identify import arxiv_id_of, normalise_doi
from s1_mmalign.builder.splits import group_of, split_of
from s1_mmalign.builder.units import Unit

ROW = np.dtype([
    ("sha256", "<u8"), ("phash", "<u8"), ("caption", "<u8"), ("unit", "<u4"), ("row", "<u4"), ("paper", "<u4"),
    ("shape", "<i2"),
])  # fmt: skip
"""`sha256`: its first 64 bits. `caption`: a hash of its words and of the panel's. `row`: place in the unit's
file. `shape`: logarithm of width over height in steps."""
PAPER = np.dtype([
    ("doi", "<u8"), ("arxiv", "<u8"), ("title", "<u8"), ("long_title", "<u8"), ("published", "<u4"), ("source", "u1"),
    ("split", "u1"),
])  # fmt: skip
"""Hashes of the identifiers, 0 where there is none; `published` as the number YYYYMMDD; `split` by title or id."""
SHAPE_STEP = 0.05
"""A step of `shape`: pictures whose aspect ratios differ by more than 5 to 10 % are no copies."""
LONG_TITLE = 30
"""Letters that a title must have to say by itself that two papers are one."""

_COLUMNS = ("paper_id", "doi", "arxiv_id", "title", "published", "source", "image_sha256", "phash", "width", "height",
            "caption", "subcaption")  # fmt: skip


class RowTable:
    """`rows` and `papers` as memory maps of `ROW` and `PAPER`, in the order of the units given."""

    def __init__(
        self, units: Sequence[Unit], units_folder: Path, shares: tuple[float, float, float], folder: Path
    ) -> None:
        self._units = units
        self._units_folder = units_folder
        self._shares = shares
        self._names = sqlite3.connect(folder / "papers.sqlite")
        self._names.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE paper (number INTEGER PRIMARY KEY, id TEXT)"
        )
        self._papers = 0
        with (folder / "rows").open("wb") as rows, (folder / "papers").open("wb") as papers:
            for number, unit in enumerate(units):
                if unit.slices:
                    self._add(number, unit, rows, papers)
        self._names.commit()
        self.rows: NDArray[Any] = _mapped(folder / "rows", ROW)
        self.papers: NDArray[Any] = _mapped(folder / "papers", PAPER)

    def paper_id(self, number: int) -> str:
        """Return a paper's id by its place in `papers`."""
        return self._names.execute("SELECT id FROM paper WHERE number = ?", [number]).fetchone()[0]

    def unit(self, number: int) -> Unit:
        """Return the unit that `rows["unit"]` numbers."""
        return self._units[number]

    def texts(self, unit: int, columns: Sequence[str]) -> pa.Table:
        """Read text columns of a unit's rows."""
        return pq.read_table(self._units_folder / f"{self._units[unit].name}.parquet", columns=list(columns))

    def close(self) -> None:
        """Close what is open."""
        self._names.close()

    def _add(self, number: int, unit: Unit, rows: Any, papers: Any) -> None:
        table = self.texts(number, _COLUMNS).to_pydict()
        count = len(table["paper_id"])
        local: dict[str, int] = {}
        for index, paper_id in enumerate(table["paper_id"]):
            if paper_id not in local:
                local[paper_id] = self._papers
                self._names.execute("INSERT INTO paper VALUES (?, ?)", [self._papers, paper_id])
                papers.write(_paper({name: values[index] for name, values in table.items()}, self._shares).tobytes())
                self._papers += 1
        out = np.zeros(count, ROW)
        out["sha256"] = [int(text[:16], 16) for text in table["image_sha256"]]
        out["phash"] = [int(text, 16) for text in table["phash"]]
        captions = zip(table["caption"], table["subcaption"], strict=True)
        out["caption"] = [key_of(" ".join(f"{whole} {panel}".split())) for whole, panel in captions]
        out["unit"] = number
        out["row"] = np.arange(count)
        out["paper"] = [local[paper_id] for paper_id in table["paper_id"]]
        ratio = np.array(table["width"], float) / np.array(table["height"], float)
        out["shape"] = np.round(np.log(ratio) / SHAPE_STEP)
        rows.write(out.tobytes())


def key_of(text: str | None) -> int:
    """Return 63 bits that stand for an identifier, 0 for none."""
    if not text:
        return 0
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big") | 1


def _paper(row: dict[str, Any], shares: tuple[float, float, float]) -> NDArray[Any]:
    group = group_of(row["title"], row["paper_id"])
    title = key_of(group) if not group.startswith("id:") else 0
    day = re.sub(r"\D", "", row["published"] or "")[:8].ljust(8, "0")
    arxiv_id = row["arxiv_id"] or arxiv_id_of(row["paper_id"])
    return np.array([(
        key_of(normalise_doi(row["doi"])), key_of(arxiv_id), title, title if len(group) >= LONG_TITLE else 0, int(day),
        row["source"] if row["source"] is not None else SOURCES.index("other"), SPLITS.index(split_of(group, shares)),
    )], PAPER)  # fmt: skip


def _mapped(path: Path, kind: np.dtype[Any]) -> NDArray[Any]:
    return np.memmap(path, kind, "r") if path.stat().st_size else np.empty(0, kind)

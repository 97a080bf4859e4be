"""Papers that were taken out for good: `removed.jsonl` of a dataset folder, which every later stage honours.

    {"paper": "2301.00001", "reason": "asked for by the author", "date": "2026-11-21"}

`paper` is an arXiv id (of all versions), a DOI, or a `paper_id` as the rows have it; `date` may be null. The list is
published with the dataset, so a copy of it can be held against it. It names papers and holds nothing of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from s1_mmalign.builder.shards import Manifest, iter_tables, write_atomically
from s1_mmalign.builder.sources.errors import InputError
from s1_mmalign.builder.sources.identify import arxiv_id_of, normalise_doi

REMOVED_NAME = "removed.jsonl"
ID_COLUMNS = ("paper_id", "doi", "arxiv_id")
DEFAULT_REASON = "removed on request"
MAX_REASON = 500
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_ARXIV_PREFIX = re.compile(r"^(arxiv:|https?://arxiv\.org/(abs|pdf)/)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, order=True)
class Tombstone:
    """A paper that must not be in the dataset."""

    paper: str
    reason: str = DEFAULT_REASON
    date: str | None = None

    def __post_init__(self) -> None:
        """Reject what cannot be meant."""
        if not self.paper.strip():
            raise ValueError("a removed paper needs its arXiv id, DOI or paper_id")
        if len(self.reason) > MAX_REASON or "\n" in self.reason:
            raise ValueError(f"{self.paper}: a reason is one line of at most {MAX_REASON} characters")
        if self.date is not None and not _DATE.fullmatch(self.date):
            raise ValueError(f"{self.paper}: date {self.date!r}: YYYY-MM-DD is expected")

    @property
    def key(self) -> str:
        """What names the paper whatever it was written like: arXiv id without version, DOI in lower case, or as is."""
        return _key(self.paper)


@dataclass(slots=True)
class Tombstones:
    """The list, by key."""

    papers: dict[str, Tombstone] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether any paper is on the list."""
        return bool(self.papers)

    def with_more(self, more: Iterable[Tombstone]) -> Tombstones:
        """Return the list with further papers; of a paper that is on it already the first entry stays."""
        return Tombstones({one.key: one for one in [*more][::-1]} | self.papers)

    def of(self, paper_id: str, doi: str | None, arxiv_id: str | None) -> Tombstone | None:
        """Return the entry of a paper, None where it is not on the list."""
        keys = (_key(paper_id), paper_id, normalise_doi(doi), arxiv_id and _key(arxiv_id))
        return next((self.papers[key] for key in keys if key and key in self.papers), None)

    def to_text(self) -> str:
        """Return the file's content, in order of key; equal lists give equal bytes."""
        entries = (asdict(self.papers[key]) for key in sorted(self.papers))
        return "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)

    def save(self, folder: Path) -> None:
        """Write the list of a dataset folder; none where it is empty and there was none."""
        if self.papers or (folder / REMOVED_NAME).is_file():
            write_atomically(folder / REMOVED_NAME, self.to_text())

    def find(self, table: pa.Table) -> tuple[np.ndarray, dict[str, Tombstone]]:
        """Return which rows of a table (with `ID_COLUMNS`) are of papers on the list (bool), and those by paper_id."""
        none = np.zeros(table.num_rows, bool)
        if not self.papers or not table.num_rows:
            return none, {}
        papers = table.select(ID_COLUMNS).group_by(list(ID_COLUMNS)).aggregate([]).to_pylist()
        found = {
            paper["paper_id"]: entry
            for paper in papers
            if (entry := self.of(paper["paper_id"] or "", paper["doi"], paper["arxiv_id"]))
        }
        if not found:
            return none, {}
        return np.asarray(pc.is_in(table["paper_id"], value_set=pa.array(list(found), pa.string()))), found


def load_tombstones(folder: Path) -> Tombstones:
    """Return the list of a dataset folder; an empty one where it has none.

    Raises:
        InputError: the file is there and cannot be read.
    """
    path = folder / REMOVED_NAME
    return Tombstones().with_more(read_removed([path])) if path.is_file() else Tombstones()


def read_removed(files: Iterable[Path]) -> list[Tombstone]:
    """Read lists of removed papers: `removed.jsonl` of a dataset, or text with a paper and its reason on each line.

    In text the paper ends at the first white space; what follows is the reason. Empty lines and lines that begin
    with `#` are not read.

    Raises:
        InputError: a file that cannot be read, or a line that is neither.
    """
    found: list[Tombstone] = []
    for path in files:
        try:
            found += parse_removed(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read as a list of removed papers ({error}).") from error
    return found


def parse_removed(text: str, name: str) -> Iterator[Tombstone]:
    """Yield the entries of a list's text; `name` stands in errors.

    Raises:
        InputError: see `read_removed`.
    """
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            yield Tombstone(**_entry(line.strip()))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(f"{name}, line {number}: not a removed paper ({error}).") from error


def listed_papers(folder: Path, manifest: Manifest, removed: Tombstones) -> dict[str, Tombstone]:
    """Return the papers on a list that have rows in a dataset's shards, by paper_id."""
    found: dict[str, Tombstone] = {}
    if removed:
        for shard in manifest.shards:
            for table in iter_tables(folder / shard.path, ID_COLUMNS):
                found |= removed.find(table)[1]
    return found


def _entry(line: str) -> dict[str, Any]:
    if not line.startswith("{"):
        paper, _, reason = line.partition(" ") if " " in line else line.partition("\t")
        return {"paper": paper.strip(), "reason": reason.strip() or DEFAULT_REASON}
    content = json.loads(line)
    return {
        "paper": str(content["paper"]), "reason": content.get("reason") or DEFAULT_REASON, "date": content.get("date")
    }  # fmt: skip


def _key(paper: str) -> str:
    plain = _ARXIV_PREFIX.sub("", paper.strip())
    return arxiv_id_of(plain.removesuffix(".pdf")) or normalise_doi(plain) or plain

"""Which of the nine disciplines a paper belongs to, told by its categories."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from s1_mmalign.builder.records import DISCIPLINES, SOURCES

TABLE = Path(__file__).with_name("data") / "disciplines.json"
"""The table; the file says how it is read."""

_ARXIV_CODE = re.compile(r"([a-z]+(?:-[a-z]+)?)(?:\.[A-Za-z-]{2,})?")
_NONE = "none"


@dataclass(frozen=True, slots=True)
class _Table:
    """`disciplines.json` turned round: discipline by code or subject. None stands for a subject outside the nine."""

    arxiv: Mapping[str, str | None]
    subjects: Mapping[str, str | None]
    last_words: Mapping[str, str | None]
    sources: Mapping[str, Mapping[str, str | None]]


def discipline_of(source: str, categories: Sequence[str]) -> str | None:
    """Return the discipline (one of `records.DISCIPLINES`) of the first category that has one, None where none has.

    Categories are arXiv codes (`astro-ph.CO`, `hep-th`, the closed `chem-ph`) or subjects in words as bioRxiv,
    medRxiv, ChemRxiv and journals print them. What `source` itself means by a subject goes first.

    >>> discipline_of("arxiv", ["astro-ph.CO", "gr-qc"]), discipline_of("medrxiv", ["Cardiovascular Medicine"])
    ('Astronomy', 'Medicine')
    """
    table = _table()
    for category in categories:
        discipline = _of_code(category.strip(), table) or _of_subject(category, table, source)
        if discipline:
            return discipline
    return None


def _of_code(code: str, table: _Table) -> str | None:
    match = _ARXIV_CODE.fullmatch(code)
    if not match:
        return None
    return table.arxiv.get(code) if code in table.arxiv else table.arxiv.get(match.group(1))


def _of_subject(subject: str, table: _Table, source: str) -> str | None:
    key = _spoken(subject)
    for subjects in (table.sources.get(source, {}), table.subjects):
        if key in subjects:
            return subjects[key]
    return table.last_words.get(key.rpartition(" ")[2])


def _spoken(subject: str) -> str:
    """Lower case, `and` for `&`, punctuation as blanks, apostrophes dropped."""
    text = re.sub(r"['’]", "", subject.lower().replace("&", " and "))
    return " ".join(re.sub(r"[^\w]+|_", " ", text).split())


@cache
def _table() -> _Table:
    raw: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
    for source in raw["sources"]:
        if source not in SOURCES:
            raise ValueError(f"{TABLE}: {source!r} is no source")
    return _Table(
        arxiv=_turned(raw["arxiv"], plain=True),
        subjects=_turned(raw["subjects"]),
        last_words=_turned(raw["last_words"]),
        sources={source: _turned(lists) for source, lists in raw["sources"].items()},
    )


def _turned(lists: dict[str, list[str]], *, plain: bool = False) -> dict[str, str | None]:
    """Turn lists by discipline into a discipline for each entry; `plain` keeps the spelling (arXiv's codes)."""
    out: dict[str, str | None] = {}
    for discipline, entries in lists.items():
        if discipline != _NONE and discipline not in DISCIPLINES:
            raise ValueError(f"{TABLE}: {discipline!r} is no discipline")
        for entry in entries:
            out[entry if plain else _spoken(entry)] = None if discipline == _NONE else discipline
    return out

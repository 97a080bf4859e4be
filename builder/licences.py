"""What a licence lets a dataset do with a paper's figures, told by its address, its id or its wording."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from s1_mmalign.builder.records import LICENCE_CLASSES, LicenceClass

TABLE = Path(__file__).with_name("data") / "licences.json"
"""The rules; the file says how they are read."""

# The code in an address, or in a short form such as `CC-BY-NC 4.0` and `cc_by_nd`, after `_spread`.
_ADDRESS_CODE = re.compile(r"creativecommons\.org/(?:licen[sc]es|publicdomain)/([a-z0-9 ]+)")
_SHORT_CODE = re.compile(r"\bcc ?((?:by|sa|0|zero|pddc)(?: ?(?:nc|nd|sa|by)\b)*)(?![a-z])")


@dataclass(frozen=True, slots=True)
class _Table:
    """`licences.json` with its patterns compiled, in order."""

    open_codes: frozenset[str]
    rules: tuple[tuple[LicenceClass, re.Pattern[str]], ...]


def licence_class(licence: str | None) -> LicenceClass:
    """Return the class of a licence given as an address, SPDX id or the words of an article.

    `open` lets anyone pass on and change the work (attribution or share-alike at most), `noncommercial` not for
    profit, `restricted` neither or unchanged only (NoDerivatives, arXiv's own licence, all rights reserved);
    `unknown` where nothing or nothing recognised is said. A Creative Commons code decides before any wording; of
    several codes the strictest.

    >>> licence_class("http://creativecommons.org/licenses/by-nc/4.0/"), licence_class("CC-BY-4.0"), licence_class(None)
    ('noncommercial', 'open', 'unknown')
    """
    if not licence or not licence.strip():
        return "unknown"
    text = _spread(licence)
    table = _table()
    classes = {_class_of_code(code, table) for code in _ADDRESS_CODE.findall(text) + _SHORT_CODE.findall(text)}
    for strict in ("noncommercial", "restricted", "open"):
        if strict in classes:
            return strict
    return next((kind for kind, pattern in table.rules if pattern.search(text)), "unknown")


def _spread(text: str) -> str:
    """Lower case, and one blank for each run of blanks, dashes and underscores."""
    return " ".join(re.sub(r"[\s_\u2010-\u2015\u2212-]+", " ", text.lower().replace("’", "'")).split())


def _class_of_code(code: str, table: _Table) -> LicenceClass:
    parts = code.split()
    if "nc" in parts:
        return "noncommercial"
    if "nd" in parts:
        return "restricted"
    return "open" if code.strip() in table.open_codes else "unknown"


@cache
def _table() -> _Table:
    raw: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
    rules: list[tuple[LicenceClass, re.Pattern[str]]] = []
    for rule in raw["rules"]:
        if rule["class"] not in LICENCE_CLASSES:
            raise ValueError(f"{TABLE}: {rule['class']!r} is no licence class")
        rules.append((rule["class"], re.compile("|".join(f"(?:{pattern})" for pattern in rule["patterns"]))))
    return _Table(frozenset(raw["creative_commons"]["open"]), tuple(rules))

"""An answer against the paper: what it copies, which numbers nothing bears out, what it points to outside itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from s1_mmalign.eval.caption_grounding.claims import Sources, find_numbers
from s1_mmalign.processing.figure_text import FigureText

COPIED_SHARE = 0.5
COPIED_WORDS = 12
"""Runs under this many words are no copying: names, units and terms recur."""
COUNTED = 10
"""A whole number up to this, without a unit, may count what is seen: "three curves", "2 panels"."""
LONGEST_SOURCE = 50_000
"""Characters of a paper's words in which numbers are looked up; a figure's contexts have a tenth of that."""

_MARKS = re.compile(r"\w+", re.UNICODE)
_POINTS_OUTSIDE = re.compile(
    r"\b(?:fig(?:ure)?s?|tab(?:le)?s?|eq(?:uation|n)?s?|sect?(?:ion)?s?|refs?|references?|appendix|chapter|theorem|lemma"
    r"|algorithm)\b\.?[ ~]*(?:\(?[S A]?\.?\d+(?:\.\d+)*|[IVX]+\b)"
    r"|\b(?:extended data|supplementary|supporting)\s+(?:fig(?:ure)?|tab(?:le)?|note|information)\b"
    r"|\b[A-Z][\w'’-]+ (?:et al\.|and [A-Z][\w'’-]+|& [A-Z][\w'’-]+),? \(?(?:19|20)\d\d[a-z]?\b"
    r"|\b(?:as|see|shown|described|discussed|mentioned) (?:in|on) (?:the )?(?:previous|next|following|preceding|same)"
    r" (?:figure|section|table|page)\b",
    re.IGNORECASE,
)
_CITATION = re.compile(r"\[\s*([1-9]\d{0,2}(?:\s*[,;–-]\s*[1-9]\d{0,2})*)\s*\]")
_INTERVAL = re.compile(
    r"(?:range|ranges|ranging|interval|intervals|within|between|domain|over|from|in|on|to|axis|=|∈|window|limits|bounds)"
    r"\s*(?:of\s+|the\s+)?\$?\Z",
    re.IGNORECASE,
)
"""Before "[2, 5]": then it is an interval and no citation."""


def copied(text: str, sources: Sequence[str | None]) -> bool:
    """Say whether half of a text's words or more are one run of words of a source."""
    words = _words(text)
    least = max(COPIED_WORDS, int(len(words) * COPIED_SHARE))
    if len(words) < least:
        return False
    runs = _runs(words, least)
    return any(source and not runs.isdisjoint(_runs(_words(source), least)) for source in sources)


def longest_run(text: str, source: str) -> int:
    """Return the length, in words, of the longest run of words that a text shares with a source."""
    words, others = _words(text), _words(source)
    low, high = 0, min(len(words), len(others))
    while low < high:
        middle = (low + high + 1) // 2
        if _runs(words, middle).isdisjoint(_runs(others, middle)):
            high = middle - 1
        else:
            low = middle
    return low


def unsupported_numbers(text: str, figure: FigureText) -> list[tuple[float, str]]:
    """Return the numbers of a text, as (value, unit or ""), that no word of the figure or its paper bears out.

    What `caption_grounding` counts as a number, and how it looks one up; a small whole number without a unit may
    count what is seen and passes. Numbers that stand in the picture alone are among those that are returned.
    """
    numbers = [number for number in find_numbers(text) if number[1] or not _counts(number[0])]
    if not numbers:
        return []
    sources = _sources(figure)
    # "250, 290 and 320 K": the unit stands behind the last only
    return sorted(
        number for number in numbers if not sources.bear_out_number(number) and (number[0], "") not in sources.numbers
    )


def points_outside(text: str) -> str | None:
    """Return the first reference that means nothing without the paper ("Figure 3", "[12]", "Smith et al. 2019")."""
    match = _POINTS_OUTSIDE.search(text)
    if match:
        return match.group()
    for citation in _CITATION.finditer(text):
        interval = "," in citation[1] and _INTERVAL.search(text[max(citation.start() - 20, 0) : citation.start()])
        if not interval and citation.start() > 0:
            return citation.group()
    return None


def _counts(value: float) -> bool:
    return value <= COUNTED and value == int(value)


@lru_cache(64)
def _sources(figure: FigureText) -> Sources:
    """The numbers in the paper's words, as far as they are at hand."""
    texts = [figure.caption, figure.subcaption, figure.title, figure.abstract, *figure.contexts]
    numbers = find_numbers("\n".join(text for text in texts if text)[:LONGEST_SOURCE], indices=True)
    return Sources(numbers, frozenset(value for value, _ in numbers), frozenset(), frozenset())


def _words(text: str) -> list[str]:
    return [word.lower() for word in _MARKS.findall(text)]


def _runs(words: list[str], length: int) -> set[tuple[str, ...]]:
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}

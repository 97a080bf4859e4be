"""Which words of a text to mark: what the paper bears out, what it does not, what is new, what refers to the figure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from s1_mmalign.eval.caption_grounding.claims import Sources, find_claims, find_numbers, find_sources
from s1_mmalign.eval.caption_grounding.plain import words

Mark = tuple[int, int, str]
"""Start, end (characters of the text), kind: `borne`, `missing`, `new` or `reference`."""

_WORD = re.compile(r"\$[^$\n]{1,200}\$|[^\s$]+|\$")
_EDGES = "()[]{}“”\"'‘’,;:.!?"
_ITEM = r"\(?[A-Z]{0,2}\.?\d+(?:\.\d+)*(?:\s?\([a-z](?:[,–-]\s?[a-z])*\)|[a-z](?![a-z]))?"
_BETWEEN = r"(?:\s*(?:,|;|&|–|—|-|\bto\b|\band\b)\s*)+"
_MENTION = re.compile(
    rf"\b(?:fig(?:ure)?s?|schemes?|charts?|plates?)\b\.?[\s~]*(?P<list>{_ITEM}(?:{_BETWEEN}{_ITEM})*)", re.IGNORECASE
)
_NUMBER = re.compile(r"(?P<range>(?:–|—|-|\bto\b)\s*)?(?P<number>[A-Z]{0,2}\.?\d+(?:\.\d+)*)", re.IGNORECASE)
_STOP = {
    "a", "an", "the", "of", "in", "on", "at", "to", "by", "for", "from", "with", "and", "or", "as", "is", "are",
    "was", "were", "be", "been", "its", "it", "this", "that", "these", "those", "which", "where", "while", "than",
    "then", "near", "over", "under", "into", "each", "both", "all", "their", "there", "has", "have", "also", "only",
    "between", "within", "shown", "shows", "show",
}  # fmt: skip
"""Words too common to be news."""
_MAX_TEXT = 20_000


def mark_claims(text: str, paper: Sequence[str]) -> list[Mark]:
    """Mark a recaption's words by what `paper` (caption, citing paragraphs, title, abstract) says of them.

    `borne`: a number, name or symbol that the paper has; `missing`: one that it has not; `new`: a word that occurs
    nowhere in the paper's texts. Texts are looked at up to 20,000 characters.
    """
    text = text[:_MAX_TEXT]
    sources = find_sources([part[:_MAX_TEXT] for part in paper])
    known = {word for part in paper for word in words(part[:_MAX_TEXT])}
    entities = find_claims(text).entities
    found = list(_WORD.finditer(text))
    marks: list[Mark] = []
    for index, match in enumerate(found):
        after = found[index + 1][0] if index + 1 < len(found) else ""
        if kind := _kind(match[0], after, entities, sources, known):
            stripped = match[0].strip(_EDGES) or match[0]
            start = match.start() + match[0].index(stripped)
            marks.append((start, start + len(stripped), kind))
    return _joined(marks, text)


def mark_references(text: str, number: str | None) -> list[Mark]:
    """Mark where a paragraph names the figure of that printed number: "Fig. 3", "Figures 2–4", "Fig. 3(b)"."""
    if not number:
        return []
    wanted = number.casefold()
    return [
        (match.start(), match.end(), "reference")
        for match in _MENTION.finditer(text[:_MAX_TEXT])
        if wanted in _numbers_of(match["list"])
    ]


def _numbers_of(items: str) -> set[str]:
    """The figure numbers of "2–4, 6(b) and A1"; a range of whole numbers names those between, too."""
    found: set[str] = set()
    last = ""
    for match in _NUMBER.finditer(items):
        number = match["number"].casefold()
        if match["range"] and last.isdecimal() and number.isdecimal() and int(number) - int(last) < 100:
            found.update(map(str, range(int(last), int(number))))
        found.add(number)
        last = number
    return found


def _kind(word: str, after: str, entities: frozenset[str], sources: Sources, known: set[str]) -> str | None:
    unit = "" if re.search(r"\d", after) else after
    if numbers := find_numbers(f"{word} {unit}"):
        return "borne" if all(sources.bear_out_number(number) for number in numbers) else "missing"
    claims = find_claims(f"x {word.strip(_EDGES)}")
    if names := claims.entities & entities:
        return "borne" if all(sources.bear_out_entity(name) for name in names) else "missing"
    if claims.symbols:
        return "borne" if claims.symbols <= sources.symbols else "missing"
    own = words(word)
    return "new" if any(part not in known and part not in _STOP for part in own) else None


def _joined(marks: list[Mark], text: str) -> list[Mark]:
    """Join neighbours of one kind, so that a new phrase is one mark."""
    joined: list[Mark] = []
    for start, end, kind in marks:
        if joined and joined[-1][2] == kind and not text[joined[-1][1] : start].strip():
            joined[-1] = (joined[-1][0], end, kind)
        else:
            joined.append((start, end, kind))
    return joined

"""Sentences of scientific prose: where they end, how to cut a text between them, which of them cite a figure."""

from __future__ import annotations

import re

ABBREVIATIONS = frozenset({
    "fig", "figs", "eq", "eqs", "eqn", "eqns", "ref", "refs", "sec", "secs", "sect", "tab", "tabs", "no", "nos",
    "vs", "cf", "ca", "approx", "resp", "vol", "pp", "ch", "chap", "thm", "lem", "prop", "cor", "app", "suppl",
    "supp", "ext", "e.g", "i.e", "eg", "ie", "viz", "dr", "prof", "mr", "ms", "st", "sp", "spp", "var", "dept",
})  # fmt: skip
"""A full stop after these words ends no sentence ("al" and "etc" do where a capital follows)."""

_END = re.compile(r"(?:[.!?…]+[\"'”’)\]]*(?=\s+\S)|[。！？])")
_NEXT = re.compile(r"\s*([(\[\"'“‘]*)(\S)")
_MATHS = re.compile(r"\$[^$]*\$")


def split_sentences(text: str) -> list[str]:
    """Cut a text into its sentences, white space at their ends removed.

    A full stop ends one when a capital, a digit or a bracket follows and the word before it is neither an
    abbreviation nor an initial; nothing inside `$…$` ends one.
    """
    maths = [(match.start(), match.end()) for match in _MATHS.finditer(text)]
    sentences, start, span = [], 0, 0
    for match in _END.finditer(text):
        end = match.end()
        while span < len(maths) and maths[span][1] <= match.start():
            span += 1
        inside = span < len(maths) and maths[span][0] < match.start()
        if inside or not _ends_sentence(text, match):
            continue
        sentences.append(text[start:end].strip())
        start = end
    sentences.append(text[start:].strip())
    return [sentence for sentence in sentences if sentence]


def _ends_sentence(text: str, stop: re.Match[str]) -> bool:
    if stop.group()[0] in "。！？!?":
        return True
    following = _NEXT.match(text, stop.end())
    if following is None:
        return True
    first = following.group(2)
    if not (first.isupper() or first.isdigit() or first in "$\\" or not first.isascii()):
        return False
    before = text[max(0, stop.start() - 40) : stop.start()].split()
    word = before[-1].lstrip("([") if before else ""
    if word in ("al", "etc"):
        return first.isupper()
    if len(word) == 1 and word.isupper():
        return not first.isupper() and not first.isdigit()  # an initial: "J. Smith"
    return word.lower() not in ABBREVIATIONS


def cut_at_sentence(text: str, limit: int) -> str:
    """Return the whole sentences from the start of a text that fit into `limit` characters.

    Where not even the first fits, it is cut after a word and closed with "…".
    """
    text = text.strip()
    if len(text) <= limit:
        return text
    kept: list[str] = []
    length = 0
    for sentence in split_sentences(text[: limit + 400]):
        length += len(sentence) + bool(kept)
        if length > limit:
            break
        kept.append(sentence)
    return " ".join(kept) if kept else cut_at_word(text, limit)


def cut_at_word(text: str, limit: int) -> str:
    """Cut a text after a word, "…" included in the `limit`."""
    if len(text) <= limit:
        return text
    head = text[: max(limit - 1, 0)]
    space = head.rfind(" ")
    return (head[:space] if space > limit // 2 else head).rstrip(" ,;:") + "…"


def mentions(number: str | None) -> re.Pattern[str]:
    """Return a pattern that finds where prose refers to the figure of this printed number.

    It finds "Fig. 3", "Figures 2 and 3", "Figs. 1, 2, 3b", "Scheme 3(a)"; without a number, any figure. A range
    ("Figs. 2–4") counts for its two ends only.
    """
    kinds = r"\b(?:figs?|figures?|schemes?|charts?|plates?|extended data figs?)\b\.?\s*"
    if not number:
        return re.compile(kinds + r"\S", re.IGNORECASE)
    others = r"(?:[A-Z]{0,3}\.?\d+(?:\.\d+)?\s*\(?[a-z]?\)?(?:\s*[,–—-]\s*|\s*(?:,\s*)?(?:and|to|&)\s+))*"
    return re.compile(kinds + others + re.escape(number) + r"(?![\d])(?!\.\d)", re.IGNORECASE)

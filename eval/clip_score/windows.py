"""Cut a text that is longer than a CLIP-like model reads into windows of whole sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

_ABBREVIATION = re.compile(
    r"(?:\b(?:figs?|eqs?|eqns?|refs?|secs?|tabs?|no|nos|vol|vs|al|cf|ca|approx|resp|dr|prof|st|e\.g|i\.e|etc)|\b[a-z])\.$",
    re.IGNORECASE,
)
"""A full stop after one of these, or after an initial, ends no sentence ("Fig. 3", "et al. found", "J. Smith")."""

_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+|(?<=[。！？；])")

Count = Callable[[list[str]], list[int]]
"""Number of tokens of each text, special tokens left out."""


def sentences(text: str) -> list[str]:
    """Split a text into its sentences, in order; white space between them is dropped.

    Chinese and Japanese full stops end a sentence without a space after them.
    """
    parts: list[str] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        head = text[start : match.start()]
        if _ABBREVIATION.search(head):
            continue
        parts.append(text[start : match.end()].strip())
        start = match.end()
    parts.append(text[start:].strip())
    return [part for part in parts if part]


def pack(text: str, limit: int, count: Count) -> list[str]:
    """Return windows of `text`, each of at most `limit` tokens, that together hold all of it.

    Sentences stay whole where they fit; a longer one is cut between words, a longer word between characters.
    The windows are as few as filling them one after the other gives, and then about equally long, so that
    no window is a short remainder which would weigh as much as the others in a mean.
    """
    pieces, sizes = _pieces(sentences(text), limit, count)
    fewest = len(_fill(pieces, sizes, limit))
    even = max(-(-sum(sizes) // max(fewest, 1)), 1)
    while len(windows := _fill(pieces, sizes, even)) > fewest:
        even += 1
    return windows


def _pieces(parts: list[str], limit: int, count: Count) -> tuple[list[str], list[int]]:
    """Cut what is over the limit into smaller pieces: first words, then halves of a word."""
    pieces: list[str] = []
    sizes: list[int] = []
    for part, size in zip(parts, count(parts) if parts else [], strict=True):
        if size <= limit or len(part) == 1:
            pieces.append(part)
            sizes.append(size)
            continue
        smaller = part.split()
        if len(smaller) == 1:
            smaller = [part[: len(part) // 2], part[len(part) // 2 :]]
        deeper, deeper_sizes = _pieces(smaller, limit, count)
        pieces.extend(deeper)
        sizes.extend(deeper_sizes)
    return pieces, sizes


def _fill(pieces: Sequence[str], sizes: Sequence[int], limit: int) -> list[str]:
    """Fill windows one after the other; a piece over the limit gets a window of its own."""
    windows: list[list[str]] = []
    room = 0
    for piece, size in zip(pieces, sizes, strict=True):
        if not windows or size > room:
            windows.append([])
            room = limit
        windows[-1].append(piece)
        room -= size
    return [" ".join(window) for window in windows]

"""What a caption must pass. Each finding is a flag in the row; nothing is thrown away here.

An engine's answer always becomes the row's recaption: repaired where that is safe (preamble off, cut at the last
whole sentence), and flagged. Who trains decides which flags to leave out.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import Literal, get_args

from s1_mmalign.processing.prompt import FigureText
from s1_mmalign.processing.sentences import split_sentences

Flag = Literal[
    "cut_off",  # the engine stopped at its token limit; the text ends at the last whole sentence
    "repetition",  # the text goes round in a loop
    "refusal",  # the model declines
    "no_image",  # the model says that it sees no image
    "preamble",  # "Here is a caption:" stood before the caption and was taken off
    "too_short",  # under MIN_CHARS characters
    "copied_caption",  # half of it or more is a run of the raw caption
    "copied_context",  # half of it or more is a run of the abstract or of a citing paragraph
    "empty",  # the engine answered with nothing
    "image_missing",  # not asked: the row has no image bytes
    "image_unreadable",  # not asked: the image cannot be decoded
    "engine_error",  # asked, and the engine refused this one; recaption stays null
]
FLAGS: tuple[str, ...] = get_args(Flag)

MIN_CHARS = 250
"""Half of the 500 characters that the prompt asks for at least."""
COPIED_SHARE = 0.5
COPIED_WORDS = 12
"""Runs under this many words are no copying: names, units and terms recur."""
LOOP_RATIO = 0.22
"""zlib's size by the text's size. Dense captions of 500 to 1,000 characters lie above 0.45, loops below 0.15."""
LOOP_CHARS = 300
LOOP_PHRASE = 10
LOOP_TIMES = 5
"""A phrase of at most ten words that comes five times running."""

_PREAMBLE = re.compile(
    r"""^(?:(?:sure|certainly|of\ course|okay|ok)\b[^\n:.!]{0,60}[:.!,]\s*)?
    (?:(?:here(?:'s|\ is|\ are)|below\ is|this\ is)\b[^\n:.]{0,120}?(?:caption|description|paragraph)[^\n:.]{0,120}:\s*
    |(?:\*\*|\#+\s*)?(?:caption|description|figure\ (?:caption|description)|recaption)(?:\*\*)?\s*:\s*(?:\*\*)?\s*)?""",
    re.IGNORECASE | re.VERBOSE,
)
_REFUSAL = re.compile(
    r"\b(?:i(?:'m| am) (?:sorry|unable|not able)|i can(?:'t|not)\b|i (?:do not|don't) (?:feel comfortable|have access)"
    r"|as an ai\b|cannot (?:assist|help|comply|fulfil))",
    re.IGNORECASE,
)
_NO_IMAGE = re.compile(
    r"\b(?:no|without (?:an?|the)|(?:do not|don't|cannot|can't|unable to) (?:see|view|access|find) (?:an?|any|the))\s+"
    r"(?:actual |visible |attached )?(?:image|figure|picture)s?\b"
    r"(?:\s+(?:was|is|has been|were|can be|provided|attached)|[.,])"
    r"|\bimage (?:is|was) (?:not|missing)\b|\bplease (?:provide|upload|attach|share) (?:an?|the) (?:image|figure)",
    re.IGNORECASE,
)
_MARKS = re.compile(r"\w+", re.UNICODE)
_REFUSAL_AT_START = 300
"""Characters in which a refusal is looked for: further on, "cannot" is about the science."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A caption after the checks, and what they found (of `Flag`, in the order of the vocabulary)."""

    text: str
    flags: tuple[str, ...]


def check(text: str, finish_reason: str | None, figure: FigureText, *, copies: bool = False) -> Checked:
    """Check and repair one answer of an engine.

    Args:
        text: what the engine said.
        finish_reason: why it stopped; "length" means at its limit.
        figure: the words that it was given.
        copies: the captioner copies by design (`extractive`), so copying is no finding.
    """
    found = set()
    text = text.encode("utf-8", "replace").decode("utf-8").replace("\0", "").strip()
    if not text:
        return Checked("", ("empty",))
    bare = strip_preamble(text)
    if bare != text:
        found.add("preamble")
    if finish_reason == "length":
        found.add("cut_off")
        bare = up_to_last_sentence(bare)
    if loops(bare):
        found.add("repetition")
    head = bare[:_REFUSAL_AT_START].replace("’", "'")
    if _NO_IMAGE.search(head):
        found.add("no_image")
    elif _REFUSAL.search(head):
        found.add("refusal")
    if len(bare) < MIN_CHARS:
        found.add("too_short")
    if not copies:
        if copied(bare, [figure.caption, figure.subcaption]):
            found.add("copied_caption")
        if copied(bare, [figure.abstract, *figure.contexts]):
            found.add("copied_context")
    return Checked(bare, tuple(flag for flag in FLAGS if flag in found))


def strip_preamble(text: str) -> str:
    """Take an announcement ("Sure! Here is the caption:", "**Caption:**") and quotation marks round all of it off."""
    bare = _PREAMBLE.sub("", text, count=1).strip()
    if len(bare) > 1 and bare[0] + bare[-1] in ('""', "“”", "''") and bare[0] not in bare[1:-1]:
        bare = bare[1:-1].strip()
    return bare or text


def up_to_last_sentence(text: str) -> str:
    """Return a text without its last sentence where that one is unfinished; all of it where it is the only one."""
    if text[-1] in ".!?…。！？" or text[-2:] in ('."', ".)", ".”"):
        return text
    sentences = split_sentences(text)
    return text[: text.rindex(sentences[-1])].rstrip() if len(sentences) > 1 else text


def loops(text: str) -> bool:
    """Say whether a text goes round: a phrase five times running, a sentence three times, or all too compressible."""
    if _repeats(_words(text)):
        return True
    sentences = [sentence.lower() for sentence in split_sentences(text) if len(sentence) > 20]
    if any(sentences.count(sentence) > 2 for sentence in set(sentences)):
        return True
    data = text.encode("utf-8", "replace")
    return len(data) >= LOOP_CHARS and len(zlib.compress(data)) < LOOP_RATIO * len(data)


def _repeats(words: list[str]) -> bool:
    """Say whether a phrase comes several times running: then each word equals the one a phrase before it."""
    for phrase in range(1, min(LOOP_PHRASE, len(words) // LOOP_TIMES) + 1):
        equal = 0
        for earlier, word in zip(words, words[phrase:], strict=False):
            equal = equal + 1 if word == earlier else 0
            if equal >= phrase * (LOOP_TIMES - 1):
                return True
    return False


def copied(text: str, sources: list[str | None]) -> bool:
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


def _words(text: str) -> list[str]:
    return [word.lower() for word in _MARKS.findall(text)]


def _runs(words: list[str], length: int) -> set[tuple[str, ...]]:
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}

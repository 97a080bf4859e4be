"""What a caption must pass. Each finding is a flag in the row; nothing is thrown away here.

An answer is repaired where that is safe (what is said to the asker off, cut at the last whole sentence), and
flagged. Who trains decides which flags to leave out; `--retry` has flagged ones asked for again.

The checks need no model: `check_form` looks at the answer alone, `check_language` at its words, `check_source` at
what the paper bears out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from s1_mmalign.processing.check_form import loops, strip_preamble, up_to_last_sentence
from s1_mmalign.processing.check_language import is_english
from s1_mmalign.processing.check_source import copied, points_outside, unsupported_numbers
from s1_mmalign.processing.figure_text import FigureText

Flag = Literal[
    "cut_off",  # the engine stopped at its token limit; the text ends at the last whole sentence
    "repetition",  # the text goes round in a loop
    "refusal",  # the model declines
    "no_image",  # the model says that it sees no image
    "preamble",  # "Here is a caption:" or the like stood round the caption and was taken off
    "wrong_language",  # it is not English
    "too_short",  # under MIN_CHARS characters
    "copied_caption",  # half of it or more is a run of the raw caption
    "copied_context",  # half of it or more is a run of the abstract or of a citing paragraph
    "unsupported_number",  # a number (with its unit) that is not in the paper's words; it may stand in the picture
    "paper_reference",  # "Figure 3", "[12]": means nothing without the paper
    "empty",  # the engine answered with nothing
    "image_missing",  # not asked: the row has no image bytes
    "image_unreadable",  # not asked: the image cannot be decoded
    "quarantined",  # not asked any more: the engine dies on it
    "engine_error",  # asked, and the engine refused this one; recaption stays null
]
FLAGS: tuple[str, ...] = get_args(Flag)

UNANSWERED: tuple[str, ...] = ("image_missing", "image_unreadable", "quarantined", "engine_error")
"""Flags of rows that have no answer: asking again would not help, or is done by the next run anyway."""
MENDED: tuple[str, ...] = ("cut_off", "preamble")
"""Flags of texts that are sound as they stand: what was wrong is cut off."""
ANY = "any"
RETRIED_BY_ANY: tuple[str, ...] = tuple(
    flag for flag in FLAGS if flag not in (*UNANSWERED, "preamble", "unsupported_number")
)
"""What `--retry any` means: not a preamble, which is off, nor numbers, which the model may have read in the picture."""

MIN_CHARS = 250
"""Half of the 500 characters that the prompt asks for at least."""

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
        copies: the captioner copies by design (`extractive`): copying and the paper's own references are no finding.
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
        found |= _against_source(bare, figure)
    return Checked(bare, tuple(flag for flag in FLAGS if flag in found))


def parse_flags(text: str) -> tuple[str, ...]:
    """Read flags separated by commas, or `any`; "none" or nothing is none.

    Raises:
        ValueError: a name that is no flag.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    return () if names == ["none"] else check_flag_names(names)


def check_flag_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return names that are flags or `any`, each once.

    Raises:
        ValueError: a name that is neither.
    """
    for name in names:
        if name not in FLAGS and name != ANY:
            raise ValueError(f"{name!r} is no flag: {', '.join(FLAGS)}, or {ANY}, is expected")
    return tuple(dict.fromkeys(names))


def retried_flags(names: Iterable[str]) -> frozenset[str]:
    """Return the flags for which a row is asked again; of rows without an answer none is."""
    wanted = {flag for name in names for flag in (RETRIED_BY_ANY if name == ANY else (name,))}
    return frozenset(wanted - set(UNANSWERED))


def _against_source(text: str, figure: FigureText) -> set[str]:
    found = set()
    if not is_english(text):
        found.add("wrong_language")
    if copied(text, [figure.caption, figure.subcaption]):
        found.add("copied_caption")
    if copied(text, [figure.abstract, *figure.contexts]):
        found.add("copied_context")
    if unsupported_numbers(text, figure):
        found.add("unsupported_number")
    if points_outside(text):
        found.add("paper_reference")
    return found

"""Printed lines to running text."""

from __future__ import annotations

import re

CUT_WORD = re.compile(r"[a-zà-öø-ÿ]{2}[-‐]$")
COMPOUNDS = frozenset(
    [
        "non",
        "self",
        "well",
        "high",
        "low",
        "long",
        "short",
        "two",
        "three",
        "four",
        "five",
        "first",
        "second",
        "third",
        "time",
        "large",
        "small",
        "full",
        "half",
        "cross",
        "semi",
        "quasi",
        "near",
        "single",
        "double",
        "open",
        "closed",
        "free",
        "state",
        "real",
        "right",
        "left",
        "top",
        "bottom",
        "hand",
        "light",
        "dark",
    ]
)
"""Words whose hyphen at a line's end is more likely their own than a break's."""
ENDED = re.compile(r"[.!?:;][\"'”’)\]]*$")
"""The end of a sentence, with what may close behind it."""


def join_lines(texts: list[str]) -> str:
    """One paragraph out of printed lines: a word cut by a hyphen at the line's end becomes whole.

    A hyphen stays where the next line goes on with a capital or a digit, and after words that make compounds.

    >>> join_lines(["the simu-", "lation of X-", "Ray light at high-", "energy limits"])
    'the simulation of X-Ray light at high-energy limits'
    """
    result = ""
    for text in texts:
        if not result:
            result = text
        elif result.endswith("\u00ad") or (
            CUT_WORD.search(result) and text[:1].islower() and not _is_compound(result, text)
        ):
            result = result[:-1] + text
        elif re.search(r"\w[-‐–—/]$", result):
            result += text
        else:
            result += " " + text
    return result.replace("\u00ad", "").strip()


def _is_compound(before: str, after: str) -> bool:
    first = re.search(r"([A-Za-z]+)[-‐]$", before)
    return first is not None and first[1].lower() in COMPOUNDS and not re.match(r"(?:er|est|ly|ing|ed)\b", after)

"""Text of a paper made harmless: whatever it holds, it stays in its part of the prompt.

Three things could let it out, and each is broken where it occurs:

1. tokens of chat templates and of images (`<|im_start|>`, `<image>`, `[INST]`), also where characters that nobody
   sees hide them;
2. the marks by which a template tells its parts apart (`</paper>`, or those of a user's own template);
3. line ends, after which "### Instruction" or "User:" would look like a new part: all white space becomes one blank.
"""

from __future__ import annotations

import re
from functools import lru_cache

LONGEST_TEXT = 1 << 18
"""Characters of one text that are looked at: a paragraph beyond this is no paragraph."""
REMEMBERED_TEXTS = 1024
"""Texts whose cleaned form is kept: the figures of a paper share title and abstract, panels also the rest."""

_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""Controls, zero-width and direction marks, variation selectors, surrogates, tags: they could stand inside a token."""
_CHAT_TOKEN = re.compile(r"[<＜][|｜][^<>＜＞\s]{1,48}[|｜][>＞]")
_TAG = re.compile(r"[<＜﹤](?=[A-Za-z/|｜!?_])")
_BRACKET_TOKEN = re.compile(
    r"\[(?=/?(?:INST|IMG|SYS|TOOL|AVAILABLE|ARGS|CALL|THINK|PREFIX|SUFFIX|MIDDLE|CONTROL|AUDIO|BEGIN|END|USER"
    r"|ASSISTANT|CLS|SEP|PAD|UNK|MASK|BOS|EOS)[A-Z_]*\])"
)
"""Mistral's and BERT's tokens by name: "[OIII]" is a spectral line and stays whole."""
_MARK_LINE = re.compile(r"^(?:[^\w\s{]{2,}.*|[A-Z][A-Z _]{3,}:?)$", re.MULTILINE)
_JINJA = re.compile(r"\{[{%#].*?[}%#]\}", re.DOTALL)


@lru_cache(REMEMBERED_TEXTS)
def clean(text: str | None, delimiters: tuple[str, ...] = ()) -> str:
    """Return a paper's text as one line that cannot be taken for a part of the prompt's frame.

    Args:
        text: as the paper has it.
        delimiters: marks of the template beside tags, as `delimiters_of` finds them.
    """
    if not text:
        return ""
    text = _UNSEEN.sub("", text[:LONGEST_TEXT])
    if "<" in text or "＜" in text or "﹤" in text:
        text = _TAG.sub(r"\g<0> ", _CHAT_TOKEN.sub(" ", text))
    if "[" in text:
        text = _BRACKET_TOKEN.sub("[ ", text)
    text = " ".join(text.split())
    return _without(text, delimiters) if delimiters else text


def delimiters_of(*parts: str) -> tuple[str, ...]:
    """Return the marks in a template's own text: lines that begin with two signs or more, or that are all capitals.

    "### Paper", "=====", "```", "BEGIN CONTEXT"; tags need no mention, `clean` breaks them all.
    """
    lines = (match.group().strip() for part in parts for match in _MARK_LINE.finditer(_JINJA.sub("", part)))
    return tuple(sorted({line.casefold() for line in lines if not line.startswith("<")}, key=lambda line: -len(line)))


@lru_cache(64)
def _pattern(delimiters: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(" ".join(mark.split())) for mark in delimiters), re.IGNORECASE)


def _without(text: str, delimiters: tuple[str, ...]) -> str:
    """Put a blank behind the first character of each mark, until none is left (breaking "####" leaves "###")."""
    pattern = _pattern(delimiters)
    while pattern.search(text):
        text = pattern.sub(lambda match: f"{match[0][0]} {match[0][1:]}", text)
    return text

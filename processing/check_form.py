"""Form of an answer: what stands round the caption, where it stops, whether it goes round in circles."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from itertools import groupby

from s1_mmalign.processing.sentences import split_sentences

LOOP_RATIO = 0.22
"""zlib's size by the text's size. Dense captions of 500 to 1,000 characters lie above 0.45, loops below 0.15."""
LOOP_CHARS = 300
LOOP_PHRASE = 10
LOOP_TIMES = 5
"""A phrase of at most ten words that comes five times running."""
SENTENCE_TIMES = 3
SHORT_SENTENCE = 20
"""Characters; a sentence of no more may come again."""
_STOP = re.compile(r"[.!?…。！？]+")

_THOUGHTS = re.compile(r"\A\s*<think>.*?(?:</think>|\Z)", re.DOTALL | re.IGNORECASE)
_PREAMBLE = re.compile(
    r"""^(?:(?:sure|certainly|of\ course|okay|ok|absolutely)\b[^\n:.!]{0,60}[:.!,]\s*)?
    (?:(?:here(?:'s|\ is|\ are)|below\ is|this\ is)\b[^\n:.]{0,120}?(?:caption|description|paragraph)[^\n:.]{0,120}:\s*
    |(?:\*\*|\#+\s*)?(?:caption|description|figure\ (?:caption|description)|recaption)(?:\*\*)?\s*:\s*(?:\*\*)?\s*)?""",
    re.IGNORECASE | re.VERBOSE,
)
_OFFER = re.compile(
    r"(?:\A|(?<=\n)|(?<=[.!?…])\s)\s*"
    r"(?:(?:please )?let me know if|i hope (?:this|that) |feel free to|if you (?:need|want|would like)|would you like)"
    r"[^\n]{0,200}\Z",
    re.IGNORECASE,
)
"""What is said to the asker after the caption: a last sentence or line."""


def strip_preamble(text: str) -> str:
    """Return an answer without what is said to the asker: thoughts, "Sure! Here is the caption:", "Let me know if …".

    Quotation marks round all of it go, too. An answer that is nothing else stays as it is.
    """
    bare = _PREAMBLE.sub("", _THOUGHTS.sub("", text).strip(), count=1).strip()
    bare = _OFFER.sub("", bare).strip()
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
    if _repeats(re.findall(r"\w+", text.lower())) or _says_again(text):
        return True
    data = text.encode("utf-8", "replace")
    return len(data) >= LOOP_CHARS and len(zlib.compress(data)) < LOOP_RATIO * len(data)


def _says_again(text: str) -> bool:
    """Say whether a sentence comes three times."""
    pieces = Counter(piece.strip().lower() for piece in _STOP.split(text))
    if all(count < SENTENCE_TIMES for piece, count in pieces.items() if piece):
        return False  # what a sentence consists of comes as often as itself; the cut below is slow
    sentences = Counter(sentence.lower() for sentence in split_sentences(text) if len(sentence) > SHORT_SENTENCE)
    return any(count >= SENTENCE_TIMES for count in sentences.values())


def _repeats(words: list[str]) -> bool:
    """Say whether a phrase comes several times running.

    All its words are then among those that come so often, and in most texts no such words stand side by side for long.
    """
    often = {word for word, count in Counter(words).items() if count >= LOOP_TIMES}
    groups = (list(group) for frequent, group in groupby(words, often.__contains__) if frequent)
    return any(_goes_round(group) for group in groups if len(group) >= LOOP_TIMES)


def _goes_round(words: list[str]) -> bool:
    """Say so of words: each equals the one a phrase before it."""
    for phrase in range(1, min(LOOP_PHRASE, len(words) // LOOP_TIMES) + 1):
        equal = 0
        for earlier, word in zip(words, words[phrase:], strict=False):
            equal = equal + 1 if word == earlier else 0
            if equal >= phrase * (LOOP_TIMES - 1):
                return True
    return False

"""How many tokens a text or an image takes, without a tokenizer: equal on every machine, so prompts and keys are, too.

A text's tokens are counted by its letters, blanks, other ASCII characters (digits and signs are a token each in
Qwen's vocabulary) and bytes beyond ASCII. The weights were fitted to Qwen's tokenizer on the captions, abstracts and
citing paragraphs of 25 papers (456 texts) and rounded up: in all 7 % above it, and for 98 % of the texts between 12 %
under and 20 % over (a short title full of names may be a third under).
"""

from __future__ import annotations

import string
from functools import lru_cache

from s1_mmalign.processing.sentences import cut_at_word, split_sentences

PER_LETTER, PER_BLANK, PER_SIGN, PER_BYTE = 0.06, 0.9, 0.9, 0.5
LEAST_PER_CHARACTER = 1 / 6
"""No text has fewer: an endless word is cut by this."""
_LETTERS_AND_BLANK = (string.ascii_letters + " ").encode()
_ASCII = bytes(range(128))


@lru_cache(2048)
def count_tokens(text: str) -> int:
    """Estimate the tokens of a text (rounded up)."""
    data = text.encode("utf-8", "replace")
    other = data.translate(None, _LETTERS_AND_BLANK)
    beyond = len(other.translate(None, _ASCII)) if not text.isascii() else 0
    blanks = data.count(b" ")
    letters = len(data) - blanks - len(other)
    linear = PER_LETTER * letters + PER_BLANK * blanks + PER_SIGN * (len(other) - beyond) + PER_BYTE * beyond
    return int(max(linear, len(text) * LEAST_PER_CHARACTER)) + 1 if text else 0


def cut_to_tokens(text: str, limit: int) -> str:
    """Return the whole sentences from the start of a text that fit into `limit` tokens.

    Where not even the first fits, it is cut after a word and closed with "…"; "" where the limit is 0.
    """
    text = text.strip()
    if count_tokens(text) <= limit:
        return text
    kept: list[str] = []
    left = limit
    for sentence in split_sentences(text[: limit * 6 + 2000]):
        left -= count_tokens(f" {sentence}" if kept else sentence)
        if left < 0:
            break
        kept.append(sentence)
    return " ".join(kept) if kept else _cut_word(text, limit)


def _cut_word(text: str, limit: int) -> str:
    length = limit * 6
    while length > 0:
        head = cut_at_word(text, length)
        if count_tokens(head) <= limit:
            return head
        length = length * 3 // 4
    return ""

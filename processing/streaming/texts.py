"""Which words stand beside an image: drawn by row, seed and epoch alone, so the order of rows changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from s1_mmalign.processing.sentences import split_sentences

FALLBACKS = ("recaption", "caption", "subcaption", "title")


def draws(image_path: str, seed: int, epoch: int = 0) -> tuple[float, float]:
    """Return two numbers in [0, 1) that this row has in this epoch."""
    digest = hashlib.blake2b(f"{seed}:{epoch}:{image_path}".encode(), digest_size=16).digest()
    return int.from_bytes(digest[:8], "big") / 2**64, int.from_bytes(digest[8:], "big") / 2**64


def choose_text(row: Mapping[str, Any], weights: Mapping[str, float], draw: float) -> str:
    """Return one of the row's texts.

    Args:
        row: the columns that `weights` and `FALLBACKS` name, as far as they are at hand.
        weights: by column, not all 0. Columns that the row has no words in take no part.
        draw: a number in [0, 1).
    """
    present = [(row[name], weight) for name, weight in weights.items() if weight > 0 and row.get(name)]
    point = draw * sum(weight for _, weight in present)
    for words, weight in present:
        point -= weight
        if point < 0:
            return words
    if present:  # rounding
        return present[-1][0]
    return next((row[name] for name in FALLBACKS if row.get(name)), "")


def one_sentence(text: str, draw: float) -> str:
    """Return the sentence of a text that `draw` (in [0, 1)) points at."""
    sentences = split_sentences(text)
    return sentences[int(draw * len(sentences))] if sentences else text

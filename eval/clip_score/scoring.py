"""CLIPScore of image-text pairs: cosine of the two unit vectors, clamped per pair at 0, times a weight."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal, get_args

import numpy as np

from .encoder import Advance, ClipEncoder, Images
from .windows import pack

TextMode = Literal["truncate", "window"]
TEXT_MODES: tuple[str, ...] = get_args(TextMode)

WEIGHT = 2.5
"""w of Hessel et al. 2021, section 3; torchmetrics and the tables of text-to-image papers use 100."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Vectors of texts, one or more windows each: rows `starts[i]` to `starts[i + 1]` belong to text i."""

    vectors: np.ndarray
    starts: list[int]
    tokens: list[int]
    """Tokens of the whole text, special tokens included."""
    reasons: list[str | None]

    def truncated(self, max_tokens: int) -> list[bool]:
        """Which texts are longer than the model reads."""
        return [size > max_tokens for size in self.tokens]

    def take(self, order: Sequence[int | None]) -> Texts:
        """Return the texts in another order; None stands for no text (reason "text_none")."""
        spans = [
            range(self.starts[index], self.starts[index + 1]) if index is not None else range(0) for index in order
        ]
        rows = [row for span in spans for row in span]
        starts = [0, *accumulate(len(span) for span in spans)]
        tokens = [self.tokens[index] if index is not None else 0 for index in order]
        reasons = [self.reasons[index] if index is not None else "text_none" for index in order]
        return Texts(self.vectors[rows], starts, tokens, reasons)


@dataclass(frozen=True, slots=True)
class PairScores:
    """One entry a pair; a skipped pair has None in every list but `reasons`."""

    scores: list[float | None]
    """w * max(cos, 0); in window mode the mean over the windows of a text."""
    best: list[float | None]
    """The best window's score; equal to `scores` where there is one window."""
    windows: list[int | None]
    reasons: list[str | None]

    def skipped(self) -> dict[str, int]:
        """How many pairs gave no score, by reason (the part of the reason before the colon)."""
        counts = Counter(reason.split(":")[0] for reason in self.reasons if reason is not None)
        return dict(sorted(counts.items()))


def encode_texts(
    encoder: ClipEncoder,
    texts: Sequence[str | None],
    mode: TextMode = "truncate",
    prefix: str = "",
    batch_size: int = 32,
    advance: Advance | None = None,
) -> Texts:
    """Encode texts, whole (cut by the model's limit) or as windows; None, NaN and blank ones get a reason."""
    cleaned = [clean_text(text) for text in texts]
    reasons = [None if text else "text_empty" for text in cleaned]
    filled = [prefix + text for text in cleaned if text]
    sizes = iter(encoder.count_tokens(filled) if filled else [])
    limit = encoder.max_tokens - encoder.special_tokens
    pieces: list[str] = []
    starts, tokens = [0], []
    for text in cleaned:
        size = next(sizes) if text else 0
        if text and (mode == "truncate" or size <= limit):
            pieces.append(prefix + text)
        elif text:
            room = limit - (encoder.count_tokens([prefix])[0] if prefix else 0)
            pieces.extend(prefix + window for window in pack(text, max(room, 1), encoder.count_tokens))
        starts.append(len(pieces))
        tokens.append(size + encoder.special_tokens if text else 0)
    return Texts(encoder.encode_texts(pieces, batch_size, advance), starts, tokens, reasons)


def score_pairs(images: Images, texts: Texts, weight: float = WEIGHT) -> PairScores:
    """Score image i with text i.

    A pair is skipped when its image or its text is, or when a vector is not finite ("not_finite": float16
    overflows in some checkpoints).
    """
    if len(images.reasons) != len(texts.reasons):
        raise ValueError(f"{len(images.reasons)} images and {len(texts.reasons)} texts: as many are expected")
    result = PairScores([], [], [], [])
    for index, (image, reasons) in enumerate(
        zip(images.vectors, zip(images.reasons, texts.reasons, strict=True), strict=True)
    ):
        start, end = texts.starts[index], texts.starts[index + 1]
        reason = reasons[0] or reasons[1]
        scores = weight * np.maximum(texts.vectors[start:end] @ image, 0.0) if reason is None else np.empty(0)
        if reason is None and not np.isfinite(scores).all():
            reason = "not_finite"
        result.reasons.append(reason)
        result.scores.append(float(scores.mean()) if reason is None else None)
        result.best.append(float(scores.max()) if reason is None else None)
        result.windows.append(len(scores) if reason is None else None)
    return result


def clean_text(text: Any) -> str:
    """Return the text without outer white space; "" for None and NaN (what a missing caption is in pandas)."""
    if text is None or (isinstance(text, float) and math.isnan(text)):
        return ""
    return str(text).strip()

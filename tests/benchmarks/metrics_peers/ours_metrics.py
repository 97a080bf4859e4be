"""This project's metrics, as `evaluate` runs them."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version as installed
from typing import Any


def version() -> str:
    """What is measured."""
    return f"s1-mmalign {installed('s1-mmalign')}, transformers {installed('transformers')}, torch {installed('torch')}"


def load(models: str, variant: str) -> Callable[[list[Any]], list[Any]]:
    """Load a model; `variant` is the metric, its dtype and, after a comma each, what else."""
    metric, dtype, *more = variant.split(",")
    return _perplexity(models, dtype, int(more[0])) if metric == "perplexity" else _clip(models, dtype)


def _perplexity(models: str, dtype: str, stride: int) -> Callable[[list[str]], list[list[float]]]:
    from s1_mmalign.eval.pseudo_perplexity.scorer import load_scorer

    scorer = load_scorer(f"{models}/bert", None, "cpu", dtype)
    return lambda texts: [score.log_probs.tolist() for score in scorer.score(texts, stride=stride)]


def _clip(models: str, dtype: str) -> Callable[[list[list[str]]], list[float]]:
    from s1_mmalign.eval.clip_score.encoder import load_encoder
    from s1_mmalign.eval.clip_score.scoring import encode_texts, score_pairs

    encoder = load_encoder(f"{models}/clip", None, "cpu", dtype)

    def score(items: list[list[str]]) -> list[float]:
        images = encoder.encode_images([path for path, *_ in items])
        texts = encode_texts(encoder, [text for _, *both in items for text in both])
        owners = [index for index, (_, *both) in enumerate(items) for _ in both]
        return [float(value or 0.0) for value in score_pairs(images.take(owners), texts, 100.0).scores]

    return score

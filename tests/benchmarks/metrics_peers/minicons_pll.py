"""minicons: log P of each token of a text, each masked in turn."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version as installed
from typing import Any


def version() -> str:
    """What is measured."""
    return f"minicons {installed('minicons')}, transformers {installed('transformers')}, torch {installed('torch')}"


def load(models: str, variant: str) -> Callable[[list[str]], list[list[float]]]:
    """Load the model; `variant` is a dtype."""
    import torch
    from minicons.scorer import MaskedLMScorer

    scorer: Any = MaskedLMScorer(f"{models}/bert", "cpu", torch_dtype=getattr(torch, variant))

    def score(texts: list[str]) -> list[list[float]]:
        found = []
        for text in texts:  # one at a time: all copies of all texts of a call are in memory together
            with torch.inference_mode():
                (tokens,) = scorer.token_score([text], PLL_metric="original")
            found.append([float(value) for _, value in tokens])
        return found

    return score

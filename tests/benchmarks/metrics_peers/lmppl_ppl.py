"""lmppl: pseudo-perplexity of a text; its masked copies come one after the other."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version as installed
from typing import Any


def version() -> str:
    """What is measured."""
    return f"lmppl {installed('lmppl')}, transformers {installed('transformers')}, torch {installed('torch')}"


def load(models: str, variant: str) -> Callable[[list[str]], list[float]]:
    """Load the model; it has no choice of dtype."""
    import lmppl

    scorer: Any = lmppl.MaskedLM(f"{models}/bert")
    return lambda texts: [float(value) for value in scorer.get_perplexity(texts, batch_size=16)]

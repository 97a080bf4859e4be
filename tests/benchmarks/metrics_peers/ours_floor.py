"""The floor of exact pseudo-perplexity: the matrix products of the model that nobody can do without, and nothing else.

One masked copy a token; of the last layer, keys and values of all positions and the rest at the mask alone; of the
head, the mask alone. No attention, normalisation, activation or tokenizing. A copy reads the same weights as any
other, so copies are multiplied together.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version as installed
from typing import Any

COPIES_AT_ONCE = 47
"""Of about 175 tokens: as many rows of a matrix as this project multiplies at once."""


def version() -> str:
    """What is measured."""
    return f"bare products: torch {installed('torch')}"


def load(models: str, variant: str) -> Callable[[list[Any]], list[Any]]:
    """Load the model's shape; `variant` is the dtype."""
    import torch
    from transformers import AutoConfig, AutoTokenizer

    shape = AutoConfig.from_pretrained(f"{models}/bert")
    tokenizer = AutoTokenizer.from_pretrained(f"{models}/bert")
    inner, outer, words = shape.hidden_size, shape.intermediate_size, shape.vocab_size
    dtype = getattr(torch, variant)
    torch.manual_seed(0)
    square, wide, narrow, head = (
        torch.randn(rows, columns, dtype=dtype) / 100
        for rows, columns in ((inner, inner), (outer, inner), (inner, outer), (words, inner))
    )
    linear = torch.nn.functional.linear

    def layer(hidden: Any, attended: Any) -> None:
        linear(hidden, square), linear(hidden, square)  # keys, values
        linear(attended, square), linear(attended, square)  # queries, what attention gave
        linear(linear(attended, wide), narrow)

    def multiply(text: str) -> list[float]:
        copies = len(tokenizer(text, add_special_tokens=False)["input_ids"])
        for start in range(0, copies, COPIES_AT_ONCE):
            here = min(COPIES_AT_ONCE, copies - start)
            hidden, masks = torch.ones(here * (copies + 2), inner, dtype=dtype), torch.ones(here, inner, dtype=dtype)
            for _ in range(shape.num_hidden_layers - 1):
                layer(hidden, hidden)
            layer(hidden, masks)
            linear(linear(masks, square), head)
        return []

    def floor(texts: list[str]) -> list[list[float]]:
        with torch.inference_mode():
            return [multiply(text) for text in texts]

    return floor

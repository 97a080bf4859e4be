"""torchmetrics: CLIPScore of each pair; an image is decoded into a tensor, as its users do, and scored with a text."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version as installed
from typing import Any

BATCH = 32


def version() -> str:
    """What is measured."""
    return ", ".join(f"{name} {installed(name)}" for name in ("torchmetrics", "transformers", "torch"))


def load(models: str, variant: str) -> Callable[[list[list[str]]], list[float]]:
    """Load the model; `variant` is a dtype. An item is the path of an image and its texts."""
    import numpy as np
    import torch
    from PIL import Image
    from torchmetrics.functional.multimodal.clip_score import _clip_score_update
    from torchmetrics.multimodal import CLIPScore
    from transformers import CLIPModel, CLIPProcessor

    def parts() -> tuple[Any, Any]:  # it takes no folder, only names of the Hub and this
        return CLIPModel.from_pretrained(f"{models}/clip"), CLIPProcessor.from_pretrained(f"{models}/clip")

    metric: Any = CLIPScore(parts)
    metric.model.to(getattr(torch, variant)).eval()

    def score(items: list[list[str]]) -> list[float]:
        pairs = [(path, text) for path, *texts in items for text in texts]
        found: list[float] = []
        for start in range(0, len(pairs), BATCH):
            part = pairs[start : start + BATCH]
            images = [torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1) for path, _ in part]
            with torch.inference_mode():
                values, _ = _clip_score_update(images, [text for _, text in part], metric.model, metric.processor)
            found += [max(float(value), 0.0) for value in values]
        return found

    return score

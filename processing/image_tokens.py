"""How many tokens an image takes in a prompt: Qwen3-VL's rule, from the numbers of its processor's configuration.

The image is brought within this project's own limits first (`captioners.pictures`), then to the nearest size whose
sides are multiples of patch x merge (16 x 2 = 32 pixels) within the processor's limits; each such square is a token.
https://github.com/QwenLM/Qwen3-VL (qwen-vl-utils, smart_resize)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from s1_mmalign.processing.captioners.pictures import HIGHEST_RATIO, LONGEST_SIDE, SHORTEST_SIDE


@dataclass(frozen=True, slots=True)
class ImageRule:
    """Numbers of an image processor; those of Qwen3-VL unless said otherwise. Limits are in pixels of area."""

    patch: int = 16
    merge: int = 2
    least_pixels: int = 65_536
    most_pixels: int = 16_777_216

    @classmethod
    def of_config(cls, config: Mapping[str, Any]) -> ImageRule | None:
        """Take the numbers from a `preprocessor_config.json`; None where it is of another kind."""
        size = config.get("size") or {}
        if "patch_size" not in config or "merge_size" not in config or "longest_edge" not in size:
            return None
        return cls(config["patch_size"], config["merge_size"], size["shortest_edge"], size["longest_edge"])

    def tokens(self, width: int, height: int, max_pixels: int) -> int:
        """Return the tokens of an image of this size, in pixels, under `--max-pixels`."""
        side = self.patch * self.merge
        width, height = _within_limits(width, height, max_pixels)
        columns, rows = max(1, round(width / side)), max(1, round(height / side))
        most, least = min(self.most_pixels, max_pixels), min(self.least_pixels, max_pixels)
        area = columns * rows * side * side
        if area > most:
            scale = math.sqrt(width * height / most)
            columns, rows = (max(1, math.floor(length / scale / side)) for length in (width, height))
        elif area < least:
            scale = math.sqrt(least / (width * height))
            columns, rows = (math.ceil(length * scale / side) for length in (width, height))
        return columns * rows


def _within_limits(width: int, height: int, max_pixels: int) -> tuple[int, int]:
    """Return the size that `decode_image` gives."""
    width, height = max(width, 1), max(height, 1)
    scale = min(1.0, math.sqrt(max_pixels / (width * height)), LONGEST_SIDE / max(width, height))
    width, height = max(1, int(width * scale)), max(1, int(height * scale))
    least = max(SHORTEST_SIDE, math.ceil(max(width, height) / HIGHEST_RATIO))
    return max(width, least), max(height, least)

"""What the tests ask of a figure that was cut out of a page."""

from __future__ import annotations

import io

import pymupdf
import pytest
from PIL import Image

from s1_mmalign.builder.records import Figure


def size_in_points(figure: Figure) -> tuple[float, float]:
    """Width and height of the first picture on paper, from the resolution that is written into the file."""
    image = Image.open(io.BytesIO(figure.graphics[0].data or b""))
    dpi = image.info["dpi"][0]
    return image.width * 72 / dpi, image.height * 72 / dpi


def assert_cut(figure: Figure, rect: pymupdf.Rect, tolerance: float = 12.0) -> None:
    """The picture shows `rect` and no neighbour: same width and height up to the paper around it."""
    width, height = size_in_points(figure)
    assert width == pytest.approx(rect.width, abs=tolerance)
    assert height == pytest.approx(rect.height, abs=tolerance)

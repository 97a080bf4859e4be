"""The PNG writer: what it writes is what every reader of PNG shows."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from s1_mmalign.builder.png import write_png


@pytest.mark.parametrize("shape", [(40, 30), (40, 30, 3), (1, 1), (1, 7, 3), (9, 1)])
def test_pixels_come_back_as_they_were(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    image = Image.open(io.BytesIO(write_png(pixels)))
    image.load()
    assert (image.format, image.mode) == ("PNG", "RGB" if len(shape) == 3 else "L")
    assert np.array_equal(np.asarray(image), pixels)


def test_part_of_a_larger_picture_is_written_alone():
    pixels = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)[10:30, 20:41]
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(write_png(pixels)))), pixels)


def test_checksums_hold():
    data = bytearray(write_png(np.zeros((20, 20), np.uint8)))
    Image.open(io.BytesIO(bytes(data))).verify()
    data[-20] ^= 1  # in the pixels
    with pytest.raises((OSError, SyntaxError)):
        Image.open(io.BytesIO(bytes(data))).verify()


def test_resolution_is_noted_where_it_is_given():
    pixels = np.zeros((20, 20), np.uint8)
    assert Image.open(io.BytesIO(write_png(pixels, 300))).info["dpi"] == pytest.approx((300, 300), abs=0.1)
    assert "dpi" not in Image.open(io.BytesIO(write_png(pixels))).info


def test_drawn_figure_is_no_larger_than_pillow_writes_it():
    y, x = np.mgrid[0:600, 0:800]
    drawing = np.where(abs(y - 300 - 200 * np.sin(x / 60)) < 3, 0, 255).astype(np.uint8)
    pillow = io.BytesIO()
    Image.fromarray(drawing).save(pillow, "PNG", compress_level=3)
    assert len(write_png(drawing)) <= 1.2 * len(pillow.getvalue())

"""The perceptual hash: what it is, and what it stands."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image, ImageDraw

from s1_mmalign.builder.phash import hamming, perceptual_hash


def plot(size: tuple[int, int] = (800, 600), line: str = "blue") -> Image.Image:
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    width, height = size
    points = [(x, height / 2 + height / 3 * math.sin(9 * x / width)) for x in range(0, width, 2)]
    draw.line(points, fill=line, width=max(2, width // 80))
    draw.rectangle((width * 0.7, height * 0.1, width * 0.9, height * 0.3), fill="black")
    return image


def test_hash_is_the_median_cut_of_the_lowest_dct_coefficients() -> None:
    grey = Image.fromarray(np.random.default_rng(1).integers(0, 256, (32, 32), dtype=np.uint8))
    pixels = np.asarray(grey, dtype=float)

    def coefficient(u: int, v: int) -> float:
        wave = [[math.cos(math.pi * k * (2 * n + 1) / 64) for n in range(32)] for k in (u, v)]
        return 4 * float(np.asarray(wave[0]) @ pixels @ np.asarray(wave[1]))

    low = [coefficient(u, v) for u in range(8) for v in range(8)]
    bits = "".join("1" if value > np.median(low) else "0" for value in low)
    assert perceptual_hash(grey) == f"{int(bits, 2):016x}"


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1"])
def test_hash_is_sixteen_hexadecimal_digits_for_every_mode(mode: str) -> None:
    value = perceptual_hash(plot().convert(mode))
    assert len(value) == 16
    assert int(value, 16) >= 0


def test_hash_stands_scaling_and_jpeg_but_tells_other_pictures_apart(tmp_path) -> None:
    original = plot()
    path = tmp_path / "copy.jpg"
    original.resize((400, 300)).save(path, quality=60)
    with Image.open(path) as copy:
        assert hamming(perceptual_hash(original), perceptual_hash(copy)) <= 4
    other = original.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    assert hamming(perceptual_hash(original), perceptual_hash(other)) >= 10


def test_hash_of_a_symmetric_picture_has_no_bits_from_rounding_noise() -> None:
    flat = perceptual_hash(Image.new("L", (64, 64), 200))
    assert flat == "8000000000000000"
    half = Image.new("L", (64, 64), 0)
    half.paste(255, (0, 0, 64, 32))
    assert all(digit in "08" for digit in perceptual_hash(half)), "only the first column can be above a median of zero"


def test_hamming_counts_differing_bits() -> None:
    assert hamming("0000000000000000", "ffffffffffffffff") == 64
    assert hamming("00000000000000ff", "00000000000000fe") == 1
    assert hamming("abcdef0123456789", "abcdef0123456789") == 0

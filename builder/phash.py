"""The 64-bit perceptual hash by which near copies of a figure are found."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 32
"""The picture is shrunk to SIDE x SIDE grey pixels."""
LOW = 8
"""LOW x LOW coefficients of lowest frequency make the hash."""
_REDUCING_GAP = 4.0
_DECIMALS = 6
"""Coefficients are rounded so: those that are 0 in exact arithmetic would else give bits by rounding noise."""


def perceptual_hash(image: Image.Image) -> str:
    """Return the DCT hash of a picture as 16 hexadecimal digits (64 bits).

    Grey, shrunk to 32 x 32 (Lanczos), two-dimensional DCT-II; a bit is set where one of the 8 x 8 coefficients
    of lowest frequency (the mean among them) is above their median, row by row, most significant bit first.
    This is "pHash" (Zauner, *Implementation and Benchmarking of Perceptual Image Hash Functions*, 2010) in
    the form of the `imagehash` package, from which it differs by a few bits at most: a large picture is shrunk
    in two steps here, which takes a quarter of the time.
    """
    grey = image if image.mode == "L" else image.convert("L")
    small = grey.resize((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=_REDUCING_GAP)
    pixels = np.asarray(small, dtype=np.float64)
    basis = _dct_basis()
    low = np.round(basis @ pixels @ basis.T, _DECIMALS)
    bits = np.packbits(low > np.median(low))
    return bits.tobytes().hex()


def hamming(a: str, b: str) -> int:
    """Return the number of bits (0 to 64) in which two hashes differ."""
    return (int(a, 16) ^ int(b, 16)).bit_count()


@lru_cache(maxsize=1)
def _dct_basis() -> NDArray[np.float64]:
    """The first LOW rows of the unnormalised DCT-II of SIDE points: 2 cos(pi k (2n + 1) / 2 SIDE)."""
    k, n = np.arange(LOW)[:, None], np.arange(SIDE)[None, :]
    return 2 * np.cos(np.pi * k * (2 * n + 1) / (2 * SIDE))

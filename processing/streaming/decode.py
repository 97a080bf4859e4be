"""Stored image bytes -> an upright RGB picture of the size that training wants, as fast as the file allows.

JPEG goes through libjpeg-turbo's own interface where `simplejpeg` is installed, at a fraction of its size where that
is enough; Pillow reads all else.
"""

from __future__ import annotations

import io
import math
import warnings
from typing import Literal

import numpy as np
from PIL import Image, ImageOps

try:
    import simplejpeg  # type: ignore[import-untyped]
except ImportError:  # an extra: Pillow reads JPEG, too
    simplejpeg = None

MOST_PIXELS = 178_956_970
"""More are not decoded (Pillow's own guard)."""

FRACTIONS = (8, 4, 2)
"""libjpeg-turbo decodes to 1/8, 1/4 and 1/2 by vector instructions; to 3/8 or 5/8 it takes longer than to the whole."""

_HEAD = 1 << 16
"""An EXIF segment, if there is one, begins in so many bytes."""

BadImage = (OSError, ValueError, SyntaxError, EOFError, TypeError, MemoryError, Image.DecompressionBombError)
"""What decoders raise on bytes that are no picture."""


def decode_picture(data: bytes, size: int | None, fit: Literal["longer", "shorter"]) -> Image.Image:
    """Decode an image.

    Args:
        data: the file.
        size: pixels that the side named by `fit` is brought to where it is longer; None: as it is.
        fit: which side `size` is of.

    Returns:
        an RGB picture, transparent parts white, turned as EXIF says.

    Raises:
        BadImage: bytes that are no picture, or one of too many pixels.
    """
    image = None
    if simplejpeg is not None and data[:3] == b"\xff\xd8\xff" and b"Exif\0\0" not in data[:_HEAD]:
        image = _decode_jpeg(data, size, fit)
    if image is None:
        image = _decode_any(data, size, fit)
    if size is not None:
        wanted = _fitted(image.size, size, fit)
        if wanted != image.size:
            image = image.resize(wanted, Image.Resampling.BICUBIC, reducing_gap=2.0)
    return image


def decode_array(data: bytes, size: int | None, fit: Literal["longer", "shorter"]) -> np.ndarray:
    """`decode_picture` as uint8, height x width x 3."""
    if size is None and simplejpeg is not None and data[:3] == b"\xff\xd8\xff" and b"Exif\0\0" not in data[:_HEAD]:
        array = _jpeg_array(data, None, fit)
        if array is not None:
            return array
    return np.array(decode_picture(data, size, fit))


def _fitted(size: tuple[int, int], wanted: int, fit: str) -> tuple[int, int]:
    """The size with its longer (shorter) side at most `wanted`; the shape stays."""
    side = max(size) if fit == "longer" else min(size)
    if side <= wanted:
        return size
    return max(1, round(size[0] * wanted / side)), max(1, round(size[1] * wanted / side))


def _decode_jpeg(data: bytes, size: int | None, fit: str) -> Image.Image | None:
    array = _jpeg_array(data, size, fit)
    return None if array is None else Image.fromarray(array)


def _jpeg_array(data: bytes, size: int | None, fit: str) -> np.ndarray | None:
    """Decode by libjpeg-turbo; None for colour spaces that only Pillow turns into RGB."""
    height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
    if colours not in ("YCbCr", "Gray", "RGB"):
        return None
    if width * height > MOST_PIXELS:
        raise Image.DecompressionBombError(f"{width} x {height} pixels are too many")
    part = 1 if size is None else _fraction((width, height), _fitted((width, height), size, fit))
    least = {"min_width": math.ceil(width / part), "min_height": math.ceil(height / part)} if part > 1 else {}
    return simplejpeg.decode_jpeg(data, "RGB", **least)


def _fraction(size: tuple[int, int], wanted: tuple[int, int]) -> int:
    """The largest n of `FRACTIONS` so that 1/n of the size is not under the wanted one."""
    return next((n for n in FRACTIONS if all(math.ceil(a / n) >= b for a, b in zip(size, wanted, strict=True))), 1)


def _decode_any(data: bytes, size: int | None, fit: str) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        image: Image.Image = Image.open(io.BytesIO(data))
        if image.width * image.height > MOST_PIXELS:
            raise Image.DecompressionBombError(f"{image.width} x {image.height} pixels are too many")
        if size is not None:
            image.draft("RGB", _fitted(image.size, size, fit))
        image.load()
    return _rgb(ImageOps.exif_transpose(image))


def _rgb(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    if image.mode.startswith("I;16"):  # Pillow's own conversion cuts off at 255
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image.convert("RGB")

"""Images as engines can take them: decoded, upright, RGB on white, within limits of size and shape.

Extreme pictures kill engines (a side of one pixel, ratios of a thousand to one), so they are brought into limits
here, where a fault costs one row.
"""

from __future__ import annotations

import io
import math
import warnings

import numpy as np
from PIL import ExifTags, Image, ImageOps

from s1_mmalign.processing.captioners.base import RequestError

MOST_PIXELS = 300_000_000
"""Pictures beyond this are not decoded: three bytes a pixel would be a gigabyte."""
LONGEST_SIDE = 8192
SHORTEST_SIDE = 32
"""Pixels. Qwen3-VL's patches are 32 wide."""
HIGHEST_RATIO = 50
"""Long side by short side. Qwen's processors refuse more than 200."""


def decode_image(data: bytes, max_pixels: int) -> Image.Image:
    """Decode image bytes into an RGB picture of at most `max_pixels` pixels.

    It is made smaller where it has more; then white is added to sides under 32 pixels, and to shapes longer than
    50 to 1.

    Raises:
        RequestError: no bytes, or bytes that are no picture.
    """
    if not data:
        raise RequestError("the row has no image", "image_missing")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image: Image.Image = Image.open(io.BytesIO(data))
            if image.width * image.height > MOST_PIXELS:
                raise RequestError(f"{image.width} x {image.height} pixels are too many", "image_unreadable")
            size = _fitting(image.width, image.height, max_pixels)
            image.draft("RGB", size)
            image.load()
    except RequestError:
        raise
    except Exception as error:  # isolation: Pillow's readers raise almost anything on a damaged file
        raise RequestError(f"the image cannot be decoded ({error})", "image_unreadable") from error
    image = _on_white(ImageOps.exif_transpose(image))
    size = _fitting(image.width, image.height, max_pixels)
    if size != image.size:
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    return _padded(image)


def encode_image(data: bytes, max_pixels: int) -> tuple[bytes, str]:
    """Return image bytes within the limits, and their MIME type; unchanged where they are within already.

    Raises:
        RequestError: as `decode_image`.
    """
    image = decode_image(data, max_pixels)
    original = Image.open(io.BytesIO(data))
    upright = original.getexif().get(ExifTags.Base.Orientation, 1) == 1
    plain = original.format in ("PNG", "JPEG") and original.mode in ("RGB", "L") and "transparency" not in original.info
    if original.size == image.size and upright and plain:
        return data, f"image/{str(original.format).lower()}"
    output = io.BytesIO()
    image.save(output, "PNG", compress_level=1)
    return output.getvalue(), "image/png"


def _fitting(width: int, height: int, max_pixels: int) -> tuple[int, int]:
    """Return the size within the limits that keeps the shape."""
    scale = min(1.0, math.sqrt(max_pixels / (width * height)), LONGEST_SIDE / max(width, height))
    return max(1, int(width * scale)), max(1, int(height * scale))


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(ground, image).convert("RGB")
    if image.mode.startswith("I") or image.mode == "F":
        image = _eight_bits(image)
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale grey of 16 or 32 bits to 8; Pillow's own conversion cuts values off at 255."""
    values = np.asarray(image, np.float64)
    low, high = values.min(), values.max()
    return Image.fromarray(((values - low) * (255.0 / ((high - low) or 1.0))).astype(np.uint8))


def _padded(image: Image.Image) -> Image.Image:
    least = max(SHORTEST_SIDE, math.ceil(max(image.size) / HIGHEST_RATIO))
    size = (max(image.width, least), max(image.height, least))
    if size == image.size:
        return image
    padded = Image.new("RGB", size, "white")
    padded.paste(image, ((size[0] - image.width) // 2, (size[1] - image.height) // 2))
    return padded

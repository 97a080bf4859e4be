"""Open any image as RGB, as a reader of the paper would see it: on white, grey and CMYK converted."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

ImageMode = Literal["checkpoint", "crop", "pad"]
IMAGE_MODES: tuple[str, ...] = get_args(ImageMode)

MAX_ASPECT_RATIO = 50.0
"""A CLIP processor scales the short edge to 224 before it crops: a strip of 1 to 5000 would take gigabytes."""

_WHITE = (255, 255, 255)
_DEEP_GREY = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
_MAX_PAGE = 4096
"""Padding a long strip to a square squares its long edge; beyond this many pixels it is reduced first."""


class ImageError(ValueError):
    """An image that gives no score; the text is the reason."""


def open_image(item: Any, mode: ImageMode = "checkpoint") -> Image:
    """Return an image as RGB, in one of the shapes of `fit`; see `decode` for `item` and the errors."""
    return fit(decode(item), mode)


def decode(item: Any) -> Image:
    """Return an image as RGB.

    Args:
        item: a `PIL.Image`, encoded bytes, a path, or `datasets`' `{"bytes": …, "path": …}`.

    Raises:
        ImageError: none given, unreadable, too many pixels, or longer than `MAX_ASPECT_RATIO` times its width.
    """
    from PIL import Image, UnidentifiedImageError

    source = item if isinstance(item, Image.Image) else _source(item)
    try:
        image = _on_white(source if isinstance(source, Image.Image) else Image.open(source))
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise ImageError(f"image_missing: {error.strerror}: {error.filename}") from error
    except UnidentifiedImageError as error:
        raise ImageError("image_unreadable: no image format that PIL knows") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"image_too_large: {error}") from error
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, struct.error, zlib.error) as error:
        # PIL's readers raise all of these on corrupt files (PNG raises SyntaxError).
        raise ImageError(f"image_unreadable: {error}") from error
    width, height = image.size
    if not width or not height or max(width, height) > MAX_ASPECT_RATIO * min(width, height):
        raise ImageError(f"image_aspect_ratio: {width} x {height} pixels")
    return image


def _source(item: Any) -> io.BytesIO | Path:
    """Find the encoded image in what the caller gave."""
    if isinstance(item, dict):
        item = item.get("bytes") or item.get("path")
    if isinstance(item, (bytes, bytearray, memoryview)) and len(item):
        return io.BytesIO(item)
    if isinstance(item, (str, Path)) and str(item):
        return Path(item)
    raise ImageError("image_missing: no image given")


def _on_white(image: Image) -> Image:
    """Convert to RGB; transparent pixels become white (most figures are drawn for a white page)."""
    from PIL import Image

    if image.mode in _DEEP_GREY:
        image = Image.fromarray(_eight_bit(image), "L")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        page = Image.new("RGBA", image.size, (*_WHITE, 255))
        return Image.alpha_composite(page, image).convert("RGB")
    return image.convert("RGB")


def _eight_bit(image: Image) -> np.ndarray:
    """Scale 16-bit grey by its type's range, 32-bit integer and float grey by the picture's own."""
    import numpy as np

    pixels = np.asarray(image).astype(np.float64)
    if image.mode.startswith("I;16"):
        return (pixels / 257).round().astype(np.uint8)
    low, high = np.nanmin(pixels), np.nanmax(pixels)
    scaled = (pixels - low) * (255.0 / (high - low)) if high > low else np.zeros_like(pixels)
    return np.nan_to_num(scaled).round().astype(np.uint8)


def fit(image: Image, mode: ImageMode) -> Image:
    """Bring an RGB image into shape.

    "checkpoint" leaves the shape to the checkpoint's processor (CLIP crops the centre, SigLIP stretches, SigLIP 2
    NaFlex keeps it); "crop" cuts out the centre square first; "pad" adds white to make it square, so that nothing of
    a wide figure is lost.
    """
    from PIL import Image

    width, height = image.size
    if mode == "checkpoint" or width == height:
        return image
    if mode == "crop":
        edge = min(width, height)
        left, top = (width - edge) // 2, (height - edge) // 2
        return image.crop((left, top, left + edge, top + edge))
    if max(width, height) > _MAX_PAGE:
        image = image.reduce(-(-max(width, height) // _MAX_PAGE))
        width, height = image.size
    edge = max(width, height)
    left, top = (width - edge) // 2, (height - edge) // 2
    page = Image.new("RGB", (edge, edge), _WHITE)
    page.paste(image, (-left, -top))
    return page

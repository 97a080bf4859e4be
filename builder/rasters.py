"""Raster figure files -> 8-bit grey or RGB pixels on white, by Pillow."""

from __future__ import annotations

import io
import math
import struct
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms, ImageOps
from PIL.TiffImagePlugin import TiffImageFile

from s1_mmalign.builder.image_form import POINTS_PER_INCH, ImageDrop, shown_box
from s1_mmalign.builder.records import Graphic

FORMATS = ("PNG", "JPEG", "TIFF", "GIF", "BMP", "DIB", "JPEG2000", "WEBP", "AVIF", "ICO", "PPM")
"""What is opened. Pillow's other readers are left out: some run programs, few papers need them."""

_ORIENTATION = 0x0112
"""EXIF tag; 1 is upright."""
_PHOTOMETRIC = 262
"""TIFF tag; 0 is MinIsWhite, which Pillow heeds up to 8 bits."""
_DEEP_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
_PLAIN_MODES = {"PNG": ("L", "RGB", "P"), "JPEG": ("L", "RGB")}
"""Modes that every reader of the dataset shows alike; PNG also has 16-bit and alpha, JPEG also CMYK."""
_PNG_BIT_DEPTH = 24
"""Offset of the bit depth in a PNG (IHDR is the first chunk: PNG specification, 5.6 and 11.2.1)."""


@dataclass(slots=True)
class Raster:
    """A picture out of a raster file. `intact`: it is what the file's own bytes show, "PNG" or "JPEG", as they are."""

    image: Image.Image
    intact: str | None


def read_raster(data: bytes, max_pixels: int, min_side: int, max_side: int, graphic: Graphic | None = None) -> Raster:
    """Decode a raster file: the page, upright, cut and shrunk as asked.

    Args:
        data: the file.
        max_pixels: width times height that may be decoded, read from the header.
        min_side: pixels that the shorter side must have.
        max_side: pixels of the longer side beyond which the picture is shrunk.
        graphic: its page, and its trim or viewport where it has `clip`; lengths are turned into pixels by the
            file's own resolution (72 dpi where it has none), as TeX does. `angle` is left to the caller, but a
            picture with one is not `intact`.

    Raises:
        ImageDrop: `image_unreadable`, `image_too_large`, `image_too_small` or `image_blank` (deep pictures only).
        MemoryError: as Pillow raises it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # large pictures and odd metadata: judged here by size and by decoding
            image = _open(data)
            page = graphic.page if graphic else 1
            if page != 1:
                image.seek(page - 1)
            _check_size(image.size, max_pixels, min_side)
            return _decode(image, data, max_side, graphic)
    except (ImageDrop, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise ImageDrop("image_too_large", str(error)) from None
    except EOFError:
        raise ImageDrop("image_unreadable", "truncated, or no such page") from None
    except Exception as error:  # noqa: BLE001 - the isolation boundary: decoders fail on bad bytes in every way
        raise ImageDrop("image_unreadable", f"{type(error).__name__}: {error}"[:200]) from None


def _open(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.UnidentifiedImageError:
        raise ImageDrop("image_unreadable", f"no image format that is known here begins with {data[:16]!r}") from None


def _check_size(size: tuple[int, int], max_pixels: int, min_side: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise ImageDrop("image_too_large", f"{width} x {height} px, more than max_pixels={max_pixels}")
    if min(size) < min_side:
        raise ImageDrop("image_too_small", f"{width} x {height} px, a side under min_side={min_side}")


def _decode(image: Image.Image, data: bytes, max_side: int, graphic: Graphic | None) -> Raster:
    form = "JPEG" if image.format == "MPO" else str(image.format)
    upright = _orientation(image) == 1
    cut = _cut(image, graphic)
    whole = cut is None and (graphic is None or (graphic.page == 1 and graphic.angle % 360 == 0))
    plain = image.mode in _PLAIN_MODES.get(form, ()) and "transparency" not in image.info
    if form == "PNG":
        plain = plain and data[_PNG_BIT_DEPTH] <= 8 and not getattr(image, "is_animated", False)
    intact = plain and upright and whole and max(image.size) <= max_side
    if form == "JPEG" and cut is None:
        image.draft(image.mode, (max_side, max_side))  # decodes a huge one at a fraction of its size
    image.load()
    if not upright:
        image = ImageOps.exif_transpose(image)
    if cut is not None:
        image = image.crop(cut)
    if not intact or image.mode == "P":
        image = _to_8_bit(image)
    if max(image.size) > max_side:
        image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return Raster(image, form if intact else None)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation; 1 where the EXIF data is absent or broken, which says nothing about the pixels."""
    if image.format == "TIFF":  # Pillow turns it while loading
        return 1
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error):
        return 1


def _cut(image: Image.Image, graphic: Graphic | None) -> tuple[int, int, int, int] | None:
    """The shown part in pixels from the upper left corner; None for the whole."""
    if graphic is None or not graphic.clip or (graphic.trim is None and graphic.viewport is None):
        return None
    per_point = [_dpi(image, axis) / POINTS_PER_INCH for axis in (0, 1)]
    width, height = image.width / per_point[0], image.height / per_point[1]
    x0, y0, x1, y1 = shown_box(width, height, graphic.trim, graphic.viewport)
    left, right = (min(round(x * per_point[0]), image.width) for x in (x0, x1))
    top, bottom = (min(round((height - y) * per_point[1]), image.height) for y in (y1, y0))
    return None if (left, top, right, bottom) == (0, 0, *image.size) else (left, top, right, bottom)


def _dpi(image: Image.Image, axis: int) -> float:
    try:
        dpi = float(image.info["dpi"][axis])
    except (KeyError, IndexError, TypeError, ValueError, ZeroDivisionError):
        return POINTS_PER_INCH
    return dpi if math.isfinite(dpi) and dpi > 1 else POINTS_PER_INCH


def _to_8_bit(image: Image.Image) -> Image.Image:
    """Bring any mode of Pillow's to "L" or "RGB", transparent parts white."""
    if image.mode in _DEEP_MODES:
        grey = _scale_deep(image)
        min_is_white = isinstance(image, TiffImageFile) and image.tag_v2.get(_PHOTOMETRIC) == 0
        return ImageOps.invert(grey) if min_is_white else grey
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        profile = image.info.get("icc_profile")
        image = Image.alpha_composite(white, image).convert("RGB")
        image.info["icc_profile"] = profile
    if image.mode in ("1", "L"):
        return image.convert("L")
    if image.mode in ("RGB", "CMYK", "LAB"):
        return _to_srgb(image)
    return image.convert("RGB")


def _scale_deep(image: Image.Image) -> Image.Image:
    """Spread the range that a 12-, 16- or 32-bit or float picture really uses over 0..255."""
    values = np.asarray(image)
    finite = np.isfinite(values) if values.dtype.kind == "f" else None
    known = values if finite is None else values[finite]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    if high <= low:
        raise ImageDrop("image_blank", f"every pixel is {low:g}")
    scaled = (values.astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low))
    if finite is not None:
        scaled = np.where(finite, scaled, 0)
    return Image.fromarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))


def _to_srgb(image: Image.Image) -> Image.Image:
    """Convert by the file's ICC profile; without one, or where it is broken, as Pillow converts the bare numbers."""
    profile = image.info.get("icc_profile")
    try:
        if profile:
            source = ImageCms.getOpenProfile(io.BytesIO(profile))
            if image.mode == "RGB" and "sRGB" in ImageCms.getProfileDescription(source):
                return image
        elif image.mode == "LAB":
            source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        else:
            return image.convert("RGB")
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        if image.mode == "LAB":
            raise
        return image.convert("RGB")
    return converted if converted is not None else image

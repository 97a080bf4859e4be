"""Any figure file -> PNG or JPEG bytes: what one row of the dataset holds.

1. The form is told by the bytes (`image_form.py`).
2. Vector files are drawn straight at the target size, PDF and SVG by MuPDF (`rasterise.py`), PostScript by
   Ghostscript (`ghostscript.py`); raster files are decoded by Pillow (`rasters.py`).
3. What is blank or tiny is dropped; a good PNG or JPEG goes on as the very bytes that it is; all else is written
   as PNG or JPEG by its content.

The same bytes and options give the same result on the same versions of these libraries.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from s1_mmalign.builder.ghostscript import render_postscript
from s1_mmalign.builder.image_form import Form, ImageDrop, read_form
from s1_mmalign.builder.phash import perceptual_hash
from s1_mmalign.builder.png import write_png
from s1_mmalign.builder.rasterise import render_document
from s1_mmalign.builder.rasters import read_raster
from s1_mmalign.builder.records import Graphic

__all__ = ["EncodedImage", "ImageDrop", "ImageOptions", "encode_image", "write_picture"]

FEW_COLOURS = 256
"""A picture of at most so many colours is line art."""
FLAT_SHARE = 0.5
"""A picture is line art too if so large a share of its pixels equals the right neighbour exactly: in drawings the
ground and the fills do (0.53 to 0.99 on the figures this was set by), in photographs noise lets few (0.02 to 0.45)."""
_SAMPLED_ROWS = 256
"""About so many rows, evenly spread, are looked at for that."""

_BLANK_RANGE = 1
"""Levels (of 256) by which the pixels of a blank picture may differ: JPEG's rounding of one colour."""

_LIMITS: dict[str, tuple[float, float]] = {
    "longest_side": (64, 16_384),
    "max_side": (64, 65_500),  # the longest side that JPEG can write
    "min_bytes": (0, 1 << 40),
    "min_side": (1, 16_384),
    "max_pixels": (1, 178_956_970),  # Pillow's own guard stands there
    "jpeg_quality": (1, 100),
    "timeout_s": (0.001, 86_400),
}


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """How figure files become pictures.

    Raises:
        ValueError: a value is out of its range; the message names the field and the range.
    """

    longest_side: int = 1568
    """Pixels of the longer side of a picture drawn from a vector file. Raster files are never enlarged."""
    max_side: int = 4096
    """Pixels of the longer side beyond which a raster picture is shrunk."""
    min_bytes: int = 5 * 1024
    """A raster file of fewer bytes is dropped (the published pipeline's filter); 0 keeps all."""
    min_side: int = 32
    """Pixels under which a shorter side is dropped."""
    max_pixels: int = 178_956_970
    """Width times height that is decoded, judged by the header before."""
    jpeg_quality: int = 90
    timeout_s: float = 60.0
    """Seconds that drawing one vector file may take."""

    def __post_init__(self) -> None:
        """Reject what cannot be meant."""
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            kinds = (int, float) if name == "timeout_s" else (int,)
            if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
                kind = "a number" if name == "timeout_s" else "a whole number"
                raise ValueError(f"{name}={value!r}: {kind} from {low:g} to {high:.0f} is expected")
        if self.min_side > min(self.longest_side, self.max_side):
            raise ValueError(f"min_side={self.min_side!r}: at most longest_side and max_side is expected")


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """A picture as a row holds it."""

    data: bytes
    format: Literal["PNG", "JPEG"]
    width: int
    height: int
    sha256: str
    """SHA-256 of `data`, hexadecimal."""
    phash: str
    """Perceptual hash of `data` as it decodes (`phash.perceptual_hash`), 16 hexadecimal digits."""

    @property
    def extension(self) -> str:
        """The file name's extension: "png" or "jpg"."""
        return "png" if self.format == "PNG" else "jpg"


def encode_image(
    data: bytes,
    name: str,
    options: ImageOptions,
    graphic: Graphic | None = None,
    drawn: Image.Image | None = None,
) -> EncodedImage:
    """Turn one figure file into a PNG or JPEG.

    Args:
        data: the file's bytes. They alone decide what it is.
        name: the file's name, for messages.
        options: sizes, limits and quality.
        graphic: page, trim, viewport and angle to show; None: the first page as it is.
        drawn: the picture of a vector file, where it is drawn already (`ghostscript_batch`), not yet turned.

    Raises:
        ImageDrop: the file gives no picture; its `reason` says why. Nothing else is raised for bad data.
        MemoryError: the picture is larger than the memory of this process.
        RuntimeError: the process that draws PDF and SVG cannot be started on this machine.
    """
    try:
        return _encode(data, options, graphic, drawn)
    except ImageDrop as drop:
        raise ImageDrop(drop.reason, f"{name}: {drop.detail}") from None


def _encode(data: bytes, options: ImageOptions, graphic: Graphic | None, drawn: Image.Image | None) -> EncodedImage:
    form, content = read_form(data)
    intact = None
    if form == "raster":
        if len(content) < options.min_bytes:
            raise ImageDrop("image_too_small", f"{len(content)} bytes, under min_bytes={options.min_bytes}")
        raster = read_raster(content, options.max_pixels, options.min_side, options.max_side, graphic)
        image, intact = raster.image, raster.intact
    else:
        image = drawn or _draw(content, form, options, graphic)
    if graphic is not None and graphic.angle % 360:
        image = _turn(image, graphic.angle, options.longest_side if form != "raster" else options.max_side)
    _refuse_small_or_blank(image, options.min_side)
    if intact is None:
        intact, content = write_picture(image, options.jpeg_quality)
        if intact == "JPEG":  # lossy: the hash is that of what a reader of the row will see
            image = Image.open(io.BytesIO(content))
    return EncodedImage(
        data=content,
        format="PNG" if intact == "PNG" else "JPEG",
        width=image.width,
        height=image.height,
        sha256=hashlib.sha256(content).hexdigest(),
        phash=perceptual_hash(image),
    )


def _draw(content: bytes, form: Form, options: ImageOptions, graphic: Graphic | None) -> Image.Image:
    if form == "postscript":
        return render_postscript(content, options.longest_side, options.timeout_s, graphic)
    if form == "pdf" or form == "svg":
        return render_document(content, form, options.longest_side, options.timeout_s, graphic)
    raise ImageDrop("image_unreadable", "WMF and EMF are not drawn; convert the file to PDF or PNG")


_TURNS = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}


def _turn(image: Image.Image, angle: float, longest_side: int) -> Image.Image:
    """Turn counter-clockwise by degrees; the corners that come up are white."""
    quarter = _TURNS.get(int(angle % 360)) if angle == int(angle) else None
    if quarter is not None:
        return image.transpose(quarter)
    turned = image.convert("RGB").rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor="white")
    turned.thumbnail((longest_side, longest_side), Image.Resampling.LANCZOS)
    return turned


def _refuse_small_or_blank(image: Image.Image, min_side: int) -> None:
    if min(image.size) < min_side:
        raise ImageDrop("image_too_small", f"{image.width} x {image.height} px, a side under min_side={min_side}")
    extrema = image.getextrema()
    bands = extrema if isinstance(extrema[0], tuple) else (extrema,)
    if all(high - low <= _BLANK_RANGE for low, high in bands):
        raise ImageDrop("image_blank", f"every pixel is {tuple(round(low) for low, _ in bands)}")


def write_picture(image: Image.Image, jpeg_quality: int, dpi: float | None = None) -> tuple[str, bytes]:
    """Encode a picture ("L" or "RGB") by its content: line art as PNG, photographs as JPEG.

    Grey pictures get one channel; of the source's profiles and comments nothing is written, of `dpi` (pixels an
    inch) a note where it is given.
    """
    image = _without_metadata(image)
    if is_line_art(image):
        return "PNG", write_png(np.asarray(image), dpi)
    buffer = io.BytesIO()
    density = (round(dpi), round(dpi)) if dpi else (0, 0)
    # 4:4:4, or coloured letters lose their edges.
    image.save(buffer, "JPEG", quality=jpeg_quality, subsampling=0, dpi=density)
    return "JPEG", buffer.getvalue()


def _without_metadata(image: Image.Image) -> Image.Image:
    """The bare pixels, RGB only if there is colour: nothing of the source's profiles and comments is written."""
    if image.mode == "RGB":
        red, green, blue = image.split()
        if red.tobytes() == green.tobytes() == blue.tobytes():
            image = red
    image.info = {}
    return image


def is_line_art(image: Image.Image) -> bool:
    """Whether a picture ("L" or "RGB") is drawn rather than photographed: few colours, or flat areas."""
    pixels = np.asarray(image)
    rows = pixels[:: max(1, image.height // _SAMPLED_ROWS)]
    if rows.ndim == 2:
        return bool((rows[:, 1:] == rows[:, :-1]).mean() >= FLAT_SHARE)
    packed = rows[..., 0].astype(np.uint32) << 16 | rows[..., 1].astype(np.uint32) << 8 | rows[..., 2]
    if (packed[:, 1:] == packed[:, :-1]).mean() >= FLAT_SHARE:
        return True
    return image.getcolors(FEW_COLOURS) is not None

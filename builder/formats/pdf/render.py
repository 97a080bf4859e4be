"""A region of a page as a picture."""

from __future__ import annotations

import pymupdf
from PIL import Image

from s1_mmalign.builder.formats.pdf.geometry import Box
from s1_mmalign.builder.formats.pdf.options import PdfOptions
from s1_mmalign.builder.images import write_picture

RIM = 1.5
"""Points of paper around a cut picture, so that lines at its edge are whole."""


def cut(page: pymupdf.Page, display: pymupdf.DisplayList, box: Box, options: PdfOptions) -> bytes:
    """Render `box` of a page straight at its target size, on white paper: line art as PNG, photographs as JPEG.

    The longer side has at most `options.longest_side` pixels; a region that is one raster image is not
    enlarged beyond that image's own pixels, since nothing would be gained.
    """
    box = box.grown(RIM).clipped(Box(*display.rect))
    side = max(box.width, box.height, 1.0)
    scale = min((options.longest_side - 1) / side, options.max_dpi / 72)
    native = _native_scale(page, box)
    if native:
        scale = min(scale, max(native, 1.5))
    pixmap = display.get_pixmap(
        matrix=pymupdf.Matrix(scale, scale), colorspace=pymupdf.csRGB, alpha=False, clip=pymupdf.Rect(*box)
    )
    picture = Image.frombuffer("RGB", (pixmap.width, pixmap.height), pixmap.samples_mv, "raw", "RGB", pixmap.stride, 1)
    return write_picture(picture, options.jpeg_quality, round(72 * scale))[1]


def _native_scale(page: pymupdf.Page, box: Box) -> float | None:
    """Pixels a point of the raster image that fills at least nine tenths of `box`, if there is one."""
    turned = page.rotation_matrix
    for image in page.get_image_info():
        place = Box(*(pymupdf.Rect(image["bbox"]) * turned)).clipped(box)
        if place.area >= 0.9 * box.area:
            rect = pymupdf.Rect(image["bbox"])
            return max(image["width"], image["height"]) / max(rect.width, rect.height, 1.0)
    return None

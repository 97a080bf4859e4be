"""Pictures that the tests of images make, and what must hold of every encoded one."""

from __future__ import annotations

import hashlib
import io
import shutil

import numpy as np
import pytest
from PIL import Image, ImageDraw

from s1_mmalign.builder.images import EncodedImage, ImageDrop, ImageOptions, encode_image
from s1_mmalign.builder.records import DROP_REASONS, Graphic

OPTIONS = ImageOptions(min_bytes=0, timeout_s=30)
HAS_GHOSTSCRIPT = any(map(shutil.which, ("gs", "gswin64c", "gswin32c")))

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 200 100\n1 0 0 setrgbcolor 0 0 50 50 rectfill showpage\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100"><rect y="50" width="50" height="50" fill="red"/></svg>'  # noqa: E501


def drawing(mode: str = "RGB", size: tuple[int, int] = (300, 200)) -> Image.Image:
    """White, with a red square at the upper left and a black line."""
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, size[0] // 4, size[1] // 4), fill="red")
    draw.line((0, size[1], size[0], 0), fill="black", width=3)
    return image.convert(mode)


def photograph(mode: str = "RGB", size: tuple[int, int] = (300, 200)) -> Image.Image:
    """Smooth shades with noise."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    shades = np.stack([120 + 80 * np.sin(x / 40), 120 + 80 * np.cos(y / 50), 100 + x * 100 / width], axis=-1)
    noise = np.random.default_rng(0).normal(0, 6, shades.shape)
    return Image.fromarray(np.clip(shades + noise, 0, 255).astype(np.uint8)).convert(mode)


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def encode(
    data: bytes, graphic: Graphic | None = None, options: ImageOptions = OPTIONS
) -> tuple[EncodedImage, Image.Image]:
    """Encode, and check what must hold of every picture; also return it decoded."""
    encoded = encode_image(data, "figure", options, graphic)
    image = Image.open(io.BytesIO(encoded.data))
    image.load()
    assert image.format == encoded.format or (image.format, encoded.format) == ("MPO", "JPEG")
    assert image.size == (encoded.width, encoded.height)
    assert encoded.sha256 == hashlib.sha256(encoded.data).hexdigest()
    assert len(encoded.phash) == 16
    assert encoded.extension == {"PNG": "png", "JPEG": "jpg"}[encoded.format]
    return encoded, image


def reason(data: bytes, options: ImageOptions = OPTIONS, graphic: Graphic | None = None) -> str:
    with pytest.raises(ImageDrop) as drop:
        encode_image(data, "odd.name", options, graphic)
    assert drop.value.reason in DROP_REASONS
    assert drop.value.detail.startswith("odd.name: ")
    return drop.value.reason

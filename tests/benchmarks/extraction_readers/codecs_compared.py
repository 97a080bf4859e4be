"""Image codecs on figures as they are drawn: processor seconds and bytes of Pillow, libvips and MuPDF."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from functools import partial

os.environ["VIPS_CONCURRENCY"] = "1"

import numpy as np
import pymupdf
import pyvips
from cpu import cpu_seconds
from isal import isal_zlib
from PIL import Image, features
from zlib_ng import zlib_ng


def version() -> str:
    """The libraries and what they are built on."""
    vips = ".".join(str(pyvips.version(part)) for part in range(3))
    deflate = features.version("zlib_ng") or features.version("zlib")
    return f"Pillow {Image.__version__} (zlib {deflate}), libvips {vips}, PyMuPDF {pymupdf.__version__}"


def read(request: dict) -> dict:
    """Encode each PPM of `files` with each codec, best of `repeats`."""
    codecs: dict[str, dict[str, float]] = {}
    for path in request["files"]:
        image = Image.open(path).convert("RGB")
        for name, encode in _codecs(image).items():
            best, size = float("inf"), 0
            for _ in range(request["repeats"]):
                start = cpu_seconds()
                size = len(encode())
                best = min(best, cpu_seconds() - start)
            total = codecs.setdefault(name, {"seconds": 0.0, "bytes": 0, "pictures": 0})
            total["seconds"] += best
            total["bytes"] += size
            total["pictures"] += 1
    return {"figures": [], "codecs": codecs}


def _codecs(image: Image.Image) -> dict[str, Callable[[], bytes]]:
    pixels = image.tobytes()
    width, height = image.size

    def pillow(form: str, **options: object) -> Callable[[], bytes]:
        def encode() -> bytes:
            buffer = io.BytesIO()
            image.save(buffer, form, **options)
            return buffer.getvalue()

        return encode

    def vips(form: str, **options: object) -> Callable[[], bytes]:
        def encode() -> bytes:
            return pyvips.Image.new_from_memory(pixels, width, height, 3, "uchar").write_to_buffer(form, **options)

        return encode

    def mupdf() -> bytes:
        return pymupdf.Pixmap(pymupdf.csRGB, width, height, pixels, False).tobytes("png")

    png = {f"PNG, Pillow, level {level}": pillow("PNG", compress_level=level) for level in (1, 3, 6)}
    png |= {f"PNG, libvips, level {level}": vips(".png", compression=level) for level in (1, 3, 6)}
    png["PNG, libvips, level 3, all filters"] = vips(".png", compression=3, filter="all")
    png["PNG, MuPDF"] = mupdf
    for name, compress, levels in (("zlib", zlib.compress, (1, 3, 6)), ("zlib-ng", zlib_ng.compress, (1, 3, 6))):
        for level in levels:
            png[f"PNG, filter Up, {name}, level {level}"] = partial(_png, image, partial(compress, level=level))
    png["PNG, filter Up, ISA-L, level 2"] = partial(_png, image, partial(isal_zlib.compress, level=2))
    return png | {
        "JPEG 90 4:4:4, Pillow": pillow("JPEG", quality=90, subsampling=0),
        "JPEG 90 4:4:4, libvips": vips(".jpg", Q=90, subsample_mode="off"),
        "JPEG 90 4:4:4, Pillow, optimised": pillow("JPEG", quality=90, subsampling=0, optimize=True),
        "JPEG 90 4:4:4, libvips, optimised": vips(".jpg", Q=90, subsample_mode="off", optimize_coding=True),
    }


def _png(image: Image.Image, compress: Callable[[bytes], bytes]) -> bytes:
    """Write a PNG whose rows all have the filter Up (PNG specification, 9.2): no search for the best one."""
    rows = np.asarray(image).reshape(image.height, -1)
    filtered = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = 2
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    header = struct.pack(">IIBBBBB", image.width, image.height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", compress(filtered.tobytes())), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )

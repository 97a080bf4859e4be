"""Any figure file -> PNG or JPEG, or a drop with the right reason."""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import replace

import numpy as np
import pymupdf
import pytest
from PIL import Image

from s1_mmalign.builder.images import ImageOptions, encode_image
from s1_mmalign.builder.phash import perceptual_hash
from s1_mmalign.builder.records import Graphic
from tests.builder.pictures import EPS, HAS_GHOSTSCRIPT, OPTIONS, SVG, drawing, encode, photograph, reason, saved


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("longest_side", 0),
        ("longest_side", 1568.5),
        ("max_side", 70_000),
        ("min_bytes", -1),
        ("min_side", 0),
        ("max_pixels", 0),
        ("max_pixels", 1 << 40),
        ("jpeg_quality", 101),
        ("timeout_s", 0),
        ("timeout_s", float("nan")),
        ("timeout_s", "60"),
        ("min_side", True),
    ],
)
def test_option_out_of_range_is_refused_by_name_with_what_is_allowed(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"^{field}=.*number from .* to .* is expected"):
        ImageOptions(**{field: value})  # type: ignore[arg-type]


def test_smallest_side_above_the_drawn_side_is_refused() -> None:
    with pytest.raises(ValueError, match="min_side=2000: at most longest_side"):
        ImageOptions(min_side=2000)


@pytest.mark.parametrize("form", ["png", "pdf", "eps", "svg"])
def test_angle_turns_counter_clockwise(form: str) -> None:
    if form == "eps" and not HAS_GHOSTSCRIPT:
        pytest.skip("Ghostscript is not installed")
    page = Image.new("RGB", (200, 100), "white")
    page.paste("red", (0, 50, 50, 100))
    document = pymupdf.open()
    document.new_page(width=200, height=100).draw_rect((0, 50, 50, 100), color=None, fill=(1, 0, 0))
    data = {"png": saved(page, "PNG"), "pdf": document.tobytes(), "eps": EPS, "svg": SVG}[form]
    _, image = encode(data, Graphic("f", angle=90))
    assert image.width * 2 == image.height
    assert image.convert("RGB").getpixel((image.width - 5, image.height - 5)) == (255, 0, 0), (
        "lower left -> lower right"
    )
    _, image = encode(data, Graphic("f", angle=-270))
    assert image.convert("RGB").getpixel((image.width - 5, image.height - 5)) == (255, 0, 0)


def test_odd_angle_shows_the_whole_picture_on_white_within_the_size() -> None:
    _, image = encode(EPS if HAS_GHOSTSCRIPT else SVG, Graphic("f", angle=30))
    assert max(image.size) == OPTIONS.longest_side
    assert image.convert("RGB").getpixel((1, 1)) == (255, 255, 255)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF"])
def test_large_raster_is_shrunk_and_a_small_one_is_never_enlarged(form: str) -> None:
    options = replace(OPTIONS, max_side=256)
    assert encode(saved(photograph(size=(1000, 500)), form), options=options)[1].size == (256, 128)
    assert encode(saved(photograph(size=(100, 50)), form), options=options)[1].size == (100, 50)


def test_vector_file_is_drawn_at_the_asked_size_whatever_its_own() -> None:
    for factor in (1, 1000):
        svg = SVG.replace(b'"200"', b'"%d"' % (200 * factor)).replace(b'"100"', b'"%d"' % (100 * factor))
        assert encode(svg, options=replace(OPTIONS, longest_side=640))[1].size == (640, 320)


def test_small_files_and_small_pictures_are_dropped() -> None:
    assert reason(saved(drawing(size=(40, 40)), "PNG"), ImageOptions()) == "image_too_small"
    assert reason(saved(drawing(size=(300, 31)), "PNG")) == "image_too_small"
    assert reason(saved(drawing(size=(40_000, 40)), "PNG")) == "image_too_small", "too thin once it is shrunk"
    assert encode(SVG, options=ImageOptions())[1].size == (1568, 784), "the byte limit is not for vector files"


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")


def test_picture_of_too_many_pixels_is_dropped_by_its_header() -> None:
    assert reason(png_header(60_000, 60_000)) == "image_too_large"
    assert reason(png_header(2000, 1000), replace(OPTIONS, max_pixels=1_000_000)) == "image_too_large"
    assert reason(gzip.compress(b"%!PS" + bytes(257 << 20), 1)) == "image_too_large"


@pytest.mark.parametrize(
    "data",
    [
        saved(Image.new("RGB", (100, 100), "teal"), "PNG"),
        saved(Image.new("L", (100, 100), 200), "JPEG"),
        saved(Image.new("RGBA", (100, 100), (255, 0, 0, 0)), "PNG"),
        saved(Image.fromarray(np.full((100, 100), 777, dtype=np.uint16)), "TIFF"),
        b'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100"></svg>',
    ],
    ids=["png", "jpeg", "transparent", "deep", "svg"],
)
def test_picture_of_one_colour_is_dropped(data: bytes) -> None:
    assert reason(data) == "image_blank"


@pytest.mark.parametrize(
    "data",
    [
        SVG,
        b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- <svg> --><!DOCTYPE svg [<!ENTITY a "b>">]>\n' + SVG,
        gzip.compress(SVG, mtime=0),
        pytest.param(EPS, marks=pytest.mark.skipif(not HAS_GHOSTSCRIPT, reason="Ghostscript is not installed")),
        pytest.param(
            b"\xc5\xd0\xd3\xc6" + struct.pack("<IIIIIIH", 33, len(EPS), 0, 0, 0, 0, 0xFFFF) + b"-\r\n" + EPS + b"II*\0",
            marks=pytest.mark.skipif(not HAS_GHOSTSCRIPT, reason="Ghostscript is not installed"),
        ),
        pytest.param(
            b"\x1b%-12345X@PJL\n" + EPS,
            marks=pytest.mark.skipif(not HAS_GHOSTSCRIPT, reason="Ghostscript is not installed"),
        ),
    ],
    ids=["svg", "svg-prolog", "svgz", "eps", "dos-eps", "pjl-eps"],
)
def test_wrapped_vector_file_is_drawn(data: bytes) -> None:
    encoded, image = encode(data)
    assert encoded.format == "PNG"
    assert image.size == (1568, 784)
    assert image.convert("RGB").getpixel((5, 779)) == (255, 0, 0)


def test_comments_before_a_missing_svg_do_not_take_for_ever() -> None:
    assert reason(b"<!-- a -->" * 6000 + b"<html>") == "image_unreadable"


def test_line_art_becomes_png_and_photographs_become_jpeg() -> None:
    assert encode(saved(drawing(), "TIFF"))[0].format == "PNG"
    assert encode(saved(photograph(), "TIFF"))[0].format == "JPEG"
    assert encode(saved(photograph("L"), "TIFF"))[0].format == "JPEG"
    few = photograph().quantize(64).convert("RGB")
    assert encode(saved(few, "TIFF"))[0].format == "PNG", "few colours"
    framed = Image.new("RGB", (300, 200), "white")
    framed.paste(photograph(size=(60, 60)), (20, 20))
    assert encode(saved(framed, "TIFF"))[0].format == "PNG", "mostly flat"


def test_same_bytes_in_same_bytes_out() -> None:
    files = [saved(photograph(), "TIFF"), saved(drawing("RGBA"), "PNG"), SVG] + ([EPS] if HAS_GHOSTSCRIPT else [])
    for data in files:
        assert encode_image(data, "a", OPTIONS) == encode_image(data, "b", OPTIONS)


@pytest.mark.parametrize(
    "data",
    [
        saved(photograph(), "TIFF"),
        saved(photograph(), "JPEG"),
        saved(drawing("P"), "PNG"),
        saved(drawing("LA"), "PNG"),
        saved(photograph("CMYK"), "JPEG"),
        SVG,
    ],
)
def test_hash_can_be_computed_again_from_the_bytes_of_the_row(data: bytes) -> None:
    encoded, image = encode(data)
    assert encoded.phash == perceptual_hash(image)

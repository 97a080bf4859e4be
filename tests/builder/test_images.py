"""Any figure file -> PNG or JPEG, or a drop with the right reason."""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pymupdf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageDraw

from s1_mmalign.builder.images import EncodedImage, ImageDrop, ImageOptions, encode_image
from s1_mmalign.builder.phash import perceptual_hash
from s1_mmalign.builder.records import DROP_REASONS, Graphic

OPTIONS = ImageOptions(min_bytes=0, timeout_s=30)
CORPUS = Path(__file__).parents[2] / "../shared/corpus"
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


# -- options


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


# -- what passes through


@pytest.mark.parametrize(
    ("image", "form", "save"),
    [
        (drawing("RGB"), "PNG", {}),
        (drawing("L"), "PNG", {}),
        (drawing("P"), "PNG", {}),
        (photograph("RGB"), "PNG", {"dpi": (300, 300)}),
        (photograph("RGB"), "JPEG", {"quality": 60}),
        (photograph("L"), "JPEG", {"progressive": True}),
        (drawing("RGB"), "JPEG", {"exif": b"Exif\0\0broken"}),
    ],
)
def test_good_png_and_jpeg_keep_their_bytes(image: Image.Image, form: str, save: dict) -> None:
    data = saved(image, form, **save)
    encoded, _ = encode(data)
    assert encoded.data == data
    assert encoded.format == form


@pytest.mark.parametrize(
    "data",
    [
        saved(drawing("RGBA"), "PNG"),
        saved(drawing("LA"), "PNG"),
        saved(drawing("P"), "PNG", transparency=0),
        saved(drawing("RGB"), "PNG", transparency=(255, 0, 0)),
        saved(Image.fromarray(np.arange(60_000, dtype=np.uint16).reshape(200, 300)), "PNG"),
        saved(photograph("CMYK"), "JPEG"),
        saved(drawing(), "PNG", save_all=True, append_images=[photograph()]),
    ],
    ids=["rgba", "la", "palette-alpha", "rgb-alpha", "16-bit", "cmyk", "animated"],
)
def test_png_and_jpeg_that_not_every_reader_shows_alike_are_written_anew(data: bytes) -> None:
    encoded, image = encode(data)
    assert encoded.data != data
    assert image.mode in ("L", "RGB")
    assert "transparency" not in image.info


def test_a_second_pass_changes_nothing() -> None:
    first, _ = encode(saved(photograph(), "TIFF"))
    second, _ = encode(first.data)
    assert second == first


# -- raster forms and modes


@pytest.mark.parametrize(
    ("form", "save"),
    [
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("GIF", {}),
        ("BMP", {}),
        ("JPEG2000", {}),
        ("WEBP", {"lossless": True}),
        ("PPM", {}),
        ("ICO", {"sizes": [(128, 128)]}),
    ],
)
def test_every_raster_form_is_read_whatever_its_name(form: str, save: dict) -> None:
    source = drawing(size=(128, 128))
    encoded, image = encode(saved(source, form, **save))
    assert encoded.format == "PNG"
    assert image.size == (128, 128)
    difference = np.abs(np.asarray(image.convert("RGB"), dtype=int) - np.asarray(source, dtype=int))
    assert difference.max() <= 1


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_become_white(mode: str) -> None:
    image = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    ImageDraw.Draw(image).rectangle((10, 10, 60, 60), fill=(0, 0, 0, 255))
    _, shown = encode(saved(image.convert(mode), "PNG"))
    assert shown.convert("RGB").getpixel((90, 90)) == (255, 255, 255)
    assert shown.convert("RGB").getpixel((30, 30)) == (0, 0, 0)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_deep_picture_is_spread_over_the_range_that_it_uses(dtype: type) -> None:
    values = np.full((100, 100), 1000, dtype=dtype)
    values[:, 50:] = 4095  # twelve bits
    values[:50, :50] = 2547
    _, image = encode(saved(Image.fromarray(values), "TIFF"))
    assert [image.getpixel(point) for point in ((10, 90), (90, 10), (10, 10))] == [0, 255, 127]


def test_deep_picture_in_which_white_is_zero_is_turned_round() -> None:
    values = np.zeros((100, 100), dtype=np.uint16)
    values[:, 50:] = 40_000
    _, image = encode(saved(Image.fromarray(values), "TIFF", tiffinfo={262: 0}))
    assert (image.getpixel((10, 10)), image.getpixel((90, 10))) == (255, 0)


def test_float_picture_with_holes_is_read() -> None:
    values = np.linspace(0, 1, 10_000, dtype=np.float32).reshape(100, 100)
    values[0, 0], values[1, 1] = np.nan, np.inf
    _, image = encode(saved(Image.fromarray(values), "TIFF"))
    assert image.getextrema() == (0, 255)


def test_cmyk_and_lab_come_out_in_their_colours() -> None:
    cmyk = Image.new("CMYK", (100, 100), (0, 255, 255, 0))
    cmyk.paste((0, 0, 0, 0), (50, 0, 100, 100))
    _, red = encode(saved(cmyk, "TIFF"))
    assert red.getpixel((10, 10)) == (255, 0, 0)
    lab = ImageCms.profileToProfile(
        drawing(), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    _, image = encode(saved(lab, "TIFF"))
    assert np.abs(np.subtract(image.getpixel((10, 10)), (255, 0, 0))).max() < 12


def test_icc_profile_is_applied_when_the_picture_is_written_anew_and_a_broken_one_is_not() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()  # no profile for RGB: unusable here
    _, image = encode(saved(drawing(), "TIFF", icc_profile=profile))
    assert image.getpixel((10, 10)) == (255, 0, 0)
    assert "icc_profile" not in image.info


def test_picture_is_turned_as_its_exif_data_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it turned clockwise by 90 degrees
    _, image = encode(saved(drawing(), "JPEG", exif=exif, quality=95))
    assert image.size == (200, 300)
    assert image.convert("RGB").getpixel((190, 10))[1] < 60, "the red corner is at the upper right now"


def test_page_of_a_file_with_several_is_chosen_and_a_missing_one_is_a_drop() -> None:
    data = saved(drawing(), "TIFF", save_all=True, append_images=[drawing(size=(80, 60))])
    assert encode(data, Graphic("f.tif", page=2))[1].size == (80, 60)
    for page in (0, 3):
        assert reason(data, graphic=Graphic("f.tif", page=page)) == "image_unreadable"


def test_grey_pictures_are_written_with_one_channel() -> None:
    assert encode(saved(photograph("L").convert("RGB"), "BMP"))[1].mode == "L"
    assert encode(saved(drawing("1"), "BMP"))[1].mode == "L"


# -- what is shown


@pytest.mark.parametrize(
    "cut", [{"trim": (0.0, 100.0, 200.0, 0.0)}, {"viewport": (0.0, 100.0, 100.0, 200.0)}], ids=["trim", "viewport"]
)
@pytest.mark.parametrize("dpi", [None, 144])
def test_raster_is_cut_by_points_at_its_own_resolution(cut: dict, dpi: int | None) -> None:
    scale = (dpi or 72) // 72
    data = saved(drawing(size=(300 * scale, 200 * scale)), "PNG", **({"dpi": (dpi, dpi)} if dpi else {}))
    encoded, image = encode(data, Graphic("f.png", clip=True, **cut))
    assert image.size == (100 * scale, 100 * scale)
    assert image.convert("RGB").getpixel((5, 5)) == (255, 0, 0)
    assert encoded.data != data
    assert encode(data, Graphic("f.png", clip=False, **cut))[0].data == data


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


# -- sizes


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


# -- what cannot be read


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no picture at all",
        b"\x89PNG\r\n\x1a\n",
        saved(photograph(), "PNG")[:-3000],
        saved(photograph(), "JPEG")[:-3000],
        saved(photograph(), "TIFF")[:3000],
        saved(photograph(), "JPEG2000")[:300],
        gzip.compress(EPS)[:-9],
        b"\xc5\xd0\xd3\xc6",
        b"\xc5\xd0\xd3\xc6" + struct.pack("<II", 1 << 31, 99) + bytes(99),
        b"\xd7\xcd\xc6\x9a" + bytes(999),
        b"\1\0\0\0" + bytes(36) + b" EMF" + bytes(999),
        b"<html><body><svg></svg></body></html>",
    ],
)
def test_broken_and_unknown_files_are_unreadable(data: bytes) -> None:
    assert reason(data) == "image_unreadable"


# -- vector forms are told by their bytes


@pytest.mark.parametrize(
    "data",
    [
        SVG,
        b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- <svg> --><!DOCTYPE svg [<!ENTITY a "b>">]>\n' + SVG,
        gzip.compress(SVG),
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


# -- how it is written


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


# -- anything at all

SEEDS = [
    saved(drawing("RGBA", (64, 64)), "PNG"),
    saved(photograph(size=(64, 64)), "JPEG"),
    saved(drawing(size=(64, 64)), "TIFF", compression="tiff_lzw"),
    saved(drawing("P", (64, 64)), "GIF"),
    saved(drawing(size=(64, 64)), "ICO", sizes=[(64, 64)]),
    saved(drawing(size=(64, 64)), "BMP"),
    SVG,
]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.sampled_from(SEEDS),
    edits=st.lists(st.tuples(st.integers(4, 4000), st.binary(min_size=1, max_size=4)), min_size=1, max_size=5),
    keep=st.one_of(st.just(1.0), st.floats(0.02, 1)),
)
def test_damaged_file_ends_in_a_picture_or_a_drop(seed: bytes, edits: list, keep: float) -> None:
    data = bytearray(seed)
    for position, patch in edits:
        start = position % len(data)
        data[start : start + len(patch)] = patch
    try:
        encode(bytes(data[: int(keep * len(data))]), options=replace(OPTIONS, timeout_s=10, max_pixels=4_000_000))
    except ImageDrop as drop:
        assert drop.reason in DROP_REASONS


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_end_in_a_drop(data: bytes) -> None:
    reason(data)


# -- real files


def test_nasty_files_end_in_a_picture_or_a_drop() -> None:
    files = sorted((CORPUS / "nasty").glob("*"))
    if not files:
        pytest.skip("the corpus of nasty files is not beside this checkout")
    outcomes = {}
    for file in files:
        try:
            outcomes[file.name] = encode(file.read_bytes())[0].format
        except ImageDrop as drop:
            outcomes[file.name] = drop.reason
    pictures = {name for name, outcome in outcomes.items() if outcome in ("PNG", "JPEG")}
    expected = {"12bit.cropped.tif", "16bit.cropped.tif", "hopper.Lab.tif", "hopper_bigtiff.tif", "pil_sample_cmyk.jpg",
                "total-pages-zero.tif", "rgb_trns_ycbc.jp2", "junk_jpeg_header.jpg"}  # fmt: skip
    if HAS_GHOSTSCRIPT:
        expected |= {"eps_illu10_preview.eps", "eps_zero_bb.eps", "eps_1_boundingbox_after_imagedata.eps"}
    assert {f"pillow__{name}" for name in expected if f"pillow__{name}" in outcomes} <= pictures
    assert outcomes.get("pillow__decompression_bomb.ico", "image_too_large") == "image_too_large"
    assert outcomes.get("pillow__truncated_jpeg.jpg", "image_unreadable") == "image_unreadable"


def corpus_figures(folder: str, suffixes: set[str]) -> Iterator[tuple[str, bytes]]:
    for package in sorted((CORPUS / folder).glob("*")):
        if zipfile.is_zipfile(package):
            with zipfile.ZipFile(package) as archive:
                for name in archive.namelist():
                    if "/" in name and not name.endswith("/") and Path(name).suffix.lower() in suffixes:
                        yield f"{package.name}:{name}", archive.read(name)
        else:
            with tarfile.open(package) as archive:
                for member in archive:
                    if member.isfile() and Path(member.name).suffix.lower() in suffixes:
                        yield f"{package.name}:{member.name}", archive.extractfile(member).read()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("folder", "suffixes"),
    [
        ("latex", {".pdf", ".eps", ".ps", ".png", ".jpg", ".jpeg"}),
        ("jats", {"", ".tif", ".tiff", ".png", ".jpg", ".jpeg", ".gif"}),
    ],
)
def test_every_figure_file_of_real_papers_becomes_a_picture(folder: str, suffixes: set[str]) -> None:
    figures = list(corpus_figures(folder, suffixes))
    if not figures:
        pytest.skip("the corpus of real papers is not beside this checkout")
    for name, data in figures:
        try:
            encoded, _ = encode(data, options=ImageOptions())
        except ImageDrop as drop:
            assert drop.reason == "renderer_missing" and not HAS_GHOSTSCRIPT, f"{name}: {drop}"
            continue
        assert max(encoded.width, encoded.height) <= ImageOptions().max_side

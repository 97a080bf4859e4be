"""Raster files: every form and mode, and which keep their bytes."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageDraw

from s1_mmalign.builder.records import Graphic
from tests.builder.pictures import EPS, drawing, encode, photograph, reason, saved


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


def swapped_profile() -> bytes:
    """An sRGB profile whose red and green primaries are exchanged, under another name."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = profile.replace("sRGB".encode("utf-16-be"), "test".encode("utf-16-be"))
    return profile.replace(b"rXYZ", b"----").replace(b"gXYZ", b"rXYZ").replace(b"----", b"gXYZ")


def test_icc_profile_is_applied_and_left_out_of_what_is_written() -> None:
    _, image = encode(saved(drawing(), "TIFF", icc_profile=swapped_profile()))
    assert image.getpixel((10, 10)) == (0, 255, 0)
    assert "icc_profile" not in image.info


def test_unusable_icc_profile_is_passed_over() -> None:
    for profile in (b"no profile", ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()):
        assert encode(saved(drawing(), "TIFF", icc_profile=profile))[1].getpixel((10, 10)) == (255, 0, 0)


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
        gzip.compress(EPS, mtime=0)[:-9],
        b"\xc5\xd0\xd3\xc6",
        b"\xc5\xd0\xd3\xc6" + struct.pack("<II", 1 << 31, 99) + bytes(99),
        b"\xd7\xcd\xc6\x9a" + bytes(999),
        b"\1\0\0\0" + bytes(36) + b" EMF" + bytes(999),
        b"<html><body><svg></svg></body></html>",
    ],
)
def test_broken_and_unknown_files_are_unreadable(data: bytes) -> None:
    assert reason(data) == "image_unreadable"

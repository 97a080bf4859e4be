"""Images decode to what Pillow makes of them, upright, on white, in the size asked for, whichever decoder is used."""

import io

import numpy as np
import pytest
from PIL import Image

from s1_mmalign.processing.streaming import decode
from s1_mmalign.processing.streaming.decode import BadImage, decode_array, decode_picture


def smooth(width, height):
    """A picture without fine detail, of which every way of shrinking makes nearly the same."""
    noise = np.random.default_rng(3).integers(0, 256, (height // 40 + 2, width // 40 + 2, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def stored(image, kind="JPEG", **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.fixture(params=["simplejpeg", "pillow alone"])
def decoder(request, monkeypatch):
    if request.param == "pillow alone":
        monkeypatch.setattr(decode, "simplejpeg", None)
    else:
        pytest.importorskip("simplejpeg")


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_whole_jpegs_are_as_pillow_decodes_them(decoder, mode):
    data = stored(smooth(203, 117).convert(mode))
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), int)
    for found in (decode_array(data, None, "longer"), np.asarray(decode_picture(data, None, "longer"))):
        assert found.dtype == np.uint8
        assert np.abs(found.astype(int) - expected).max() <= 2


@pytest.mark.parametrize(("size", "fit", "expected"), [
    (256, "longer", (256, 171)), (100, "longer", (100, 67)), (256, "shorter", (384, 256)),
    (2000, "longer", (1200, 800)), (599, "longer", (599, 399)), (1, "longer", (1, 1)),
])  # fmt: skip
def test_resized_jpegs_are_as_if_resized_from_the_whole(decoder, size, fit, expected):
    image = smooth(1200, 800)
    data = stored(image, quality=95)
    found = decode_picture(data, size, fit)
    assert found.size == expected
    if size > 1:
        whole = np.asarray(image.resize(expected, Image.Resampling.BICUBIC), int)
        assert np.abs(np.asarray(found, int) - whole).mean() < 2
    assert decode_array(data, size, fit).shape == (expected[1], expected[0], 3)


def test_exif_says_how_to_turn(decoder):
    image = smooth(120, 80)
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode_picture(stored(image, exif=exif), None, "longer").size == (80, 120)


def test_cmyk_transparency_palettes_and_16_bits_become_rgb_on_white(decoder):
    image = smooth(64, 48)
    assert decode_picture(stored(image.convert("CMYK")), None, "longer").mode == "RGB"
    assert decode_picture(stored(image.quantize(16), "PNG"), 32, "longer").mode == "RGB"
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    assert decode_picture(stored(clear, "PNG"), None, "longer").getpixel((4, 4)) == (255, 255, 255)
    deep = Image.fromarray(np.full((8, 8), 0x8000, np.uint16))
    assert decode_picture(stored(deep, "PNG"), None, "longer").getpixel((4, 4)) == (128, 128, 128)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_what_is_no_picture_raises_what_streams_skip(decoder, kind, monkeypatch):
    data = stored(smooth(300, 200), kind)
    for broken in (data[: len(data) // 2], data[:30], b"\xff\xd8\xff\xe0nothing", b"", b"<html>"):
        for read in (decode_array, decode_picture):
            with pytest.raises(BadImage):
                read(broken, None, "longer")
    monkeypatch.setattr(decode, "MOST_PIXELS", 1000)
    with pytest.raises(BadImage, match="too many"):
        decode_picture(data, 10, "longer")

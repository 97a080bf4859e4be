import io

import numpy as np
import pytest
from PIL import Image

from s1_mmalign.processing.captioners.base import RequestError
from s1_mmalign.processing.captioners.pictures import decode_image, encode_image

LIMIT = 1_000_000


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    output = io.BytesIO()
    image.save(output, kind, **options)
    return output.getvalue()


@pytest.mark.parametrize("size", [(1, 1), (1, 100_000), (100_000, 1), (31, 5000), (2000, 2000), (640, 480)])
def test_every_shape_comes_within_the_limits(size):
    image = decode_image(encoded(Image.new("L", size)), LIMIT)
    assert image.mode == "RGB"
    assert min(image.size) >= 32 and max(image.size) <= 8192
    assert max(image.size) <= 51 * min(image.size)
    assert image.width * image.height <= max(LIMIT, 8192 * 165)


def test_a_picture_within_the_limits_is_passed_on_as_it_is():
    for kind, mime in (("PNG", "image/png"), ("JPEG", "image/jpeg")):
        data = encoded(Image.new("RGB", (300, 200), "red"), kind)
        assert encode_image(data, LIMIT) == (data, mime)


def test_a_large_picture_is_made_smaller_in_its_shape():
    data, mime = encode_image(encoded(Image.new("RGB", (3000, 1500))), LIMIT)
    image = Image.open(io.BytesIO(data))
    assert mime == "image/png" and image.width * image.height <= LIMIT
    assert image.width / image.height == pytest.approx(2, rel=0.01)


def test_transparency_becomes_white():
    image = decode_image(encoded(Image.new("RGBA", (64, 64), (0, 0, 0, 0))), LIMIT)
    assert image.getpixel((10, 10)) == (255, 255, 255)
    palette = Image.new("P", (64, 64), 0)
    palette.info["transparency"] = 0
    assert decode_image(encoded(palette, transparency=0), LIMIT).getpixel((5, 5)) == (255, 255, 255)


def test_sixteen_bit_grey_keeps_its_contrast():
    values = np.linspace(0, 60_000, 64 * 64).reshape(64, 64).astype(np.uint16)
    image = decode_image(encoded(Image.fromarray(values)), LIMIT)
    assert image.getpixel((0, 0)) == (0, 0, 0) and image.getpixel((63, 63)) == (255, 255, 255)
    assert 110 < image.getpixel((0, 32))[0] < 145


def test_cmyk_and_turned_pictures_come_upright_in_rgb():
    exif = Image.Exif()
    exif[274] = 6
    data = encoded(Image.new("CMYK", (100, 50)), "JPEG", exif=exif)
    assert decode_image(data, LIMIT).size == (50, 100)
    assert encode_image(data, LIMIT)[0] != data


@pytest.mark.parametrize(
    ("data", "flag"),
    [
        (b"", "image_missing"),
        (b"no picture", "image_unreadable"),
        (encoded(Image.effect_noise((200, 200), 90))[:5000], "image_unreadable"),
        (encoded(Image.new("1", (40_000, 40_000))), "image_unreadable"),
    ],
)
def test_what_cannot_be_decoded_is_told(data, flag):
    with pytest.raises(RequestError) as error:
        decode_image(data, LIMIT)
    assert error.value.flag == flag

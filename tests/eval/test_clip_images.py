from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from s1_mmalign.eval.clip_score.images import ImageError, open_image


def noise(width: int = 20, height: int = 12, mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def test_bytes_paths_pil_images_and_datasets_rows_are_one_image(tmp_path):
    data = encoded(noise())
    path = tmp_path / "figure.png"
    path.write_bytes(data)
    items = [noise(), data, path, str(path), {"bytes": data, "path": None}, {"bytes": None, "path": str(path)}]
    assert {open_image(item).tobytes() for item in items} == {noise().tobytes()}


@pytest.mark.parametrize("mode", ["L", "CMYK", "P", "1", "YCbCr", "I;16", "F", "RGBA", "LA"])
def test_every_mode_becomes_rgb(mode):
    image = Image.fromarray(np.full((8, 9), 30000, dtype=np.uint16)) if mode == "I;16" else noise(mode=mode)
    opened = open_image(image)
    assert (opened.mode, opened.size) == ("RGB", image.size)


def test_transparent_pixels_are_white_not_black():
    clear = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    assert open_image(encoded(clear)).getpixel((0, 0)) == (255, 255, 255)
    palette = clear.convert("P")
    palette.info["transparency"] = palette.getpixel((0, 0))
    assert open_image(palette).getpixel((0, 0)) == (255, 255, 255)


def test_sixteen_bit_grey_keeps_its_levels():
    deep = Image.fromarray(np.array([[0, 32896, 65535]], dtype=np.uint16))
    assert [open_image(deep).getpixel((x, 0))[0] for x in range(3)] == [0, 128, 255]


def test_a_float_image_with_nan_and_one_of_a_single_level_are_read():
    values = np.array([[0.0, np.nan, 2.0]], dtype=np.float32)
    assert [open_image(Image.fromarray(values)).getpixel((x, 0))[0] for x in range(3)] == [0, 0, 255]
    assert open_image(Image.new("F", (3, 3), 7.0)).getpixel((0, 0)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (b"no image", "image_unreadable"),
        (encoded(noise(200, 200))[:900], "image_unreadable"),
        (encoded(noise(200, 200), "JPEG")[:900], "image_unreadable"),
        (b"", "image_missing"),
        (None, "image_missing"),
        ({"bytes": None, "path": None}, "image_missing"),
        ("/no/such/figure.png", "image_missing"),
        (encoded(Image.new("L", (5, 400))), "image_aspect_ratio"),
    ],
)
def test_an_image_that_gives_no_score_says_why(item, reason):
    with pytest.raises(ImageError, match=rf"^{reason}: "):
        open_image(item)


def test_more_pixels_than_pil_decodes_is_a_reason_and_no_crash(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ImageError, match="image_too_large"):
        open_image(encoded(noise(100, 100)))


def test_padding_keeps_the_whole_picture_on_white_and_cropping_the_middle():
    image = Image.new("RGB", (30, 10), (200, 0, 0))
    padded, cropped = open_image(image, "pad"), open_image(image, "crop")
    assert padded.size == (30, 30)
    assert padded.getpixel((0, 0)) == (255, 255, 255)
    assert [padded.getpixel((x, 15)) for x in (0, 29)] == [(200, 0, 0)] * 2
    assert cropped.size == (10, 10)


def test_padding_a_long_strip_stays_small():
    assert max(open_image(Image.new("L", (12000, 300)), "pad").size) <= 4096

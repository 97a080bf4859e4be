"""PDF and SVG figures through the drawing process."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pymupdf
import pytest
from PIL import Image

from s1_mmalign.builder import rasterise
from s1_mmalign.builder.image_form import ImageDrop, shown_box
from s1_mmalign.builder.rasterise import render_document
from s1_mmalign.builder.records import Graphic

RED, BLUE, GREEN, WHITE = (255, 0, 0), (0, 0, 255), (0, 255, 0), (255, 255, 255)

SVG = b"""<?xml version="1.0"?><!-- made by hand -->
<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100">
<rect x="150" y="0" width="50" height="50" fill="blue"/><rect x="0" y="50" width="50" height="50" fill="red"/></svg>"""


def endless_svg() -> bytes:
    """Ten to the eleventh rectangles in a kilobyte."""
    levels = b"".join(b'<g id="a%d">%s</g>' % (i, b'<use xlink:href="#a%d"/>' % (i - 1) * 10) for i in range(1, 12))
    return (
        b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="20" height="10">'
        b'<defs><rect id="a0" width="10" height="10"/>' + levels + b'</defs><use xlink:href="#a11"/></svg>'
    )


def pdf(change: Callable[[pymupdf.Document], None] | None = None, **save: object) -> bytes:
    """A page of 200 x 100 points, red at the lower left, blue at the upper right; a green page after it."""
    document = pymupdf.open()
    page = document.new_page(width=200, height=100)
    page.draw_rect((0, 50, 50, 100), color=None, fill=(1, 0, 0))
    page.draw_rect((150, 0, 200, 50), color=None, fill=(0, 0, 1))
    second = document.new_page(width=100, height=100)
    second.draw_rect((0, 0, 100, 100), color=None, fill=(0, 1, 0))
    if change:
        change(document)
    return document.tobytes(**save)


def corners(image: Image.Image) -> list[tuple[int, int, int]]:
    """Colours at upper left, upper right, lower left, lower right."""
    right, bottom = image.width - 5, image.height - 5
    return [image.getpixel(point) for point in ((4, 4), (right, 4), (4, bottom), (right, bottom))]  # type: ignore[misc]


@pytest.mark.parametrize("form", ["pdf", "svg"])
def test_longer_side_lands_on_the_target_upright_and_on_white(form) -> None:
    image = render_document(pdf() if form == "pdf" else SVG, form, 1568, 60)
    assert image.mode == "RGB"
    assert image.size == (1568, 784)
    assert corners(image) == [WHITE, BLUE, RED, WHITE]


def test_page_is_chosen_and_a_missing_one_is_named() -> None:
    assert render_document(pdf(), "pdf", 100, 60, Graphic("f.pdf", page=2)).getpixel((50, 50)) == GREEN
    for page in (0, 3):
        with pytest.raises(ImageDrop, match=f"page {page}") as drop:
            render_document(pdf(), "pdf", 100, 60, Graphic("f.pdf", page=page))
        assert drop.value.reason == "image_unreadable"


@pytest.mark.parametrize("cut", [{"trim": (0.0, 0.0, 100.0, 0.0)}, {"viewport": (0.0, 0.0, 100.0, 100.0)}])
def test_trim_and_viewport_cut_only_with_clip(cut: dict) -> None:
    image = render_document(pdf(), "pdf", 400, 60, Graphic("f.pdf", clip=True, **cut))
    assert image.size == (400, 400)
    assert corners(image) == [WHITE, WHITE, RED, WHITE]
    assert render_document(pdf(), "pdf", 400, 60, Graphic("f.pdf", clip=False, **cut)).size == (400, 200)


def test_crop_box_and_rotation_of_the_page_are_heeded() -> None:
    def crop(document: pymupdf.Document) -> None:
        document[0].set_cropbox((100, 0, 200, 100))
        document[0].set_rotation(90)

    image = render_document(pdf(crop), "pdf", 300, 60)
    assert image.size == (300, 300)
    assert corners(image) == [WHITE, WHITE, WHITE, BLUE], "the upper right corner goes to the lower right"


def test_encrypted_file_is_unreadable_and_one_with_an_empty_password_is_not() -> None:
    locked = pdf(encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="secret", owner_pw="secret")
    with pytest.raises(ImageDrop, match="encrypted") as drop:
        render_document(locked, "pdf", 100, 60)
    assert drop.value.reason == "image_unreadable"
    open_to_all = pdf(encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="", owner_pw="secret")
    assert render_document(open_to_all, "pdf", 100, 60).size == (100, 50)


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7\n", pdf()[:300], b"%PDF-1.4\n" + bytes(5000)])
def test_broken_pdf_is_unreadable(data: bytes) -> None:
    with pytest.raises(ImageDrop) as drop:
        render_document(data, "pdf", 100, 60)
    assert drop.value.reason == "image_unreadable"


def test_picture_that_takes_for_ever_is_stopped_and_the_next_one_is_drawn() -> None:
    with pytest.raises(ImageDrop) as drop:
        render_document(endless_svg(), "svg", 400, 1)
    assert drop.value.reason == "image_timeout"
    assert render_document(SVG, "svg", 400, 60).size == (400, 200)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_drawing_process_that_dies_costs_one_picture() -> None:
    render_document(SVG, "svg", 400, 60)
    assert rasterise._drawer is not None
    drawer = rasterise._drawer

    def kill_when_busy() -> None:
        while not drawer._busy:
            time.sleep(0.01)
        time.sleep(0.3)
        drawer.process.kill()

    threading.Thread(target=kill_when_busy, daemon=True).start()
    with pytest.raises(ImageDrop, match="exit code") as drop:
        render_document(endless_svg(), "svg", 400, 60)
    assert drop.value.reason == "image_unreadable"
    assert render_document(SVG, "svg", 400, 60).size == (400, 200)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_drawing_process_that_died_between_two_pictures_is_replaced() -> None:
    render_document(SVG, "svg", 400, 60)
    assert rasterise._drawer is not None
    rasterise._drawer.process.kill()
    rasterise._drawer.process.wait()
    assert render_document(SVG, "svg", 400, 60).size == (400, 200)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timer here")
def test_interrupted_picture_is_not_given_out_for_the_next_one() -> None:
    class AlarmError(Exception):
        pass

    def interrupt(*_: object) -> None:
        raise AlarmError

    render_document(SVG, "svg", 400, 60)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(AlarmError):
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            render_document(endless_svg(), "svg", 400, 60)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert render_document(pdf(), "pdf", 100, 60, Graphic("f.pdf", page=2)).getpixel((50, 50)) == GREEN


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_forked_process_draws_by_a_process_of_its_own() -> None:
    render_document(SVG, "svg", 400, 60)
    assert rasterise._drawer is not None
    own = rasterise._drawer.process.pid
    with multiprocessing.get_context("fork").Pool(1) as pool:
        size, pid = pool.apply(_draw_elsewhere)
    assert size == (100, 50)
    assert pid != own
    assert render_document(SVG, "svg", 400, 60).size == (400, 200)
    assert rasterise._drawer.process.pid == own


def _draw_elsewhere() -> tuple[tuple[int, int], int]:
    image = render_document(pdf(), "pdf", 100, 60)
    assert rasterise._drawer is not None
    return image.size, rasterise._drawer.process.pid


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("work", ["SVG", "endless_svg()"], ids=["idle", "busy"])
def test_drawing_process_ends_soon_after_the_process_that_asked_was_killed(work: str, tmp_path: Path) -> None:
    script = tmp_path / "ask.py"
    data = SVG if work == "SVG" else endless_svg()
    script.write_text(f"""
import time
from s1_mmalign.builder import rasterise
rasterise.render_document({SVG!r}, "svg", 100, 60)
print(rasterise._drawer.process.pid, flush=True)
rasterise.render_document({data!r}, "svg", 100, 1)
time.sleep(60)
""")
    asker = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert asker.stdout is not None
    drawer = Path("/proc") / asker.stdout.readline().strip()
    time.sleep(0.3)  # busy: it draws by now
    asker.kill()
    asker.wait()
    asker.stdout.close()
    deadline = time.monotonic() + 60
    while drawer.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not drawer.exists()


@pytest.mark.parametrize(
    ("trim", "viewport", "expected"),
    [
        (None, None, (0, 0, 200, 100)),
        ((10, 20, 30, 40), None, (10, 20, 170, 60)),
        (None, (10, 20, 50, 60), (10, 20, 50, 60)),
        ((1, 1, 1, 1), (10, 20, 50, 60), (10, 20, 50, 60)),
        ((-10, -10, 500, 0), None, (0, 0, 200, 100)),
        ((-10, -10, 100, 0), None, (0, 0, 100, 100)),
        (None, (300, 300, 400, 400), (0, 0, 200, 100)),
        (None, (50, 50, 50.5, 90), (0, 0, 200, 100)),
        ((float("nan"), 0, 0, 0), None, (0, 0, 200, 100)),
    ],
)
def test_shown_box_stays_inside_and_nonsense_shows_the_whole(trim, viewport, expected) -> None:
    assert shown_box(200, 100, trim, viewport) == expected

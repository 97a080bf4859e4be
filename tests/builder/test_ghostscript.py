"""PostScript figures through Ghostscript."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from s1_mmalign.builder.ghostscript import EXECUTABLE_VARIABLE, bounding_box, render_postscript
from s1_mmalign.builder.image_form import ImageDrop
from s1_mmalign.builder.records import Graphic

needs_ghostscript = pytest.mark.skipif(
    not any(map(shutil.which, ("gs", "gswin64c", "gswin32c"))), reason="Ghostscript is not installed"
)

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 100 200 300 300\n%%EndComments\n"
CORNERS = b"1 0 0 setrgbcolor 100 200 50 50 rectfill 0 0 1 setrgbcolor 250 250 50 50 rectfill\n"  # red low left

RED, BLUE, WHITE, BLACK = (255, 0, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)


def corners(image: Image.Image) -> list[tuple[int, int, int]]:
    """Colours at upper left, upper right, lower left, lower right."""
    right, bottom = image.width - 5, image.height - 5
    return [image.getpixel(point) for point in ((4, 4), (right, 4), (4, bottom), (right, bottom))]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("comments", "expected"),
    [
        (b"%%BoundingBox: 0 0 460 352\n", (0, 0, 460, 352)),
        (b"%%BoundingBox:-1 -2.5 10 20\r%%EndComments\r", (-1, -2.5, 10, 20)),
        (b"%%BoundingBox: 13 17 566 381\n%%HiResBoundingBox: 13.4 17.2 565.5 380.5\n", (13.4, 17.2, 565.5, 380.5)),
        (b"%%BoundingBox: 13 17 566 381\n%%HiResBoundingBox: 0 0 9 9\n", (13, 17, 566, 381)),
        (b"%%BoundingBox: (atend)\n%%BoundingBox: 1 1 2 2\n%%Trailer\n%%BoundingBox: 5 6 70 80\n", (5, 6, 70, 80)),
        (b"%%BoundingBox: 5 6 70 80\n%%BeginDocument: x\n%%BoundingBox: 1 1 2 2\n", (5, 6, 70, 80)),
        (b"%%BoundingBox: 0 0 0 0\n", None),
        (b"%%BoundingBox: 10 10 5 5\n", None),
        (b"%%BoundingBox: 0 0 1e9 1e9\n", None),
        (b"%%BoundingBox: wide\n", None),
        (b"% no box\n", None),
    ],
)  # fmt: skip
def test_bounding_box_is_read_from_the_comments_that_can_be_believed(comments, expected) -> None:
    assert bounding_box(b"%!PS-Adobe-3.0 EPSF-3.0\n" + comments) == expected


@needs_ghostscript
def test_longer_side_lands_on_the_target_and_the_box_is_cut_out() -> None:
    image = render_postscript(EPS + CORNERS + b"showpage\n", 400, 30)
    assert image.mode == "RGB"
    assert image.size == (400, 200)
    assert corners(image) == [WHITE, BLUE, RED, WHITE]


@needs_ghostscript
def test_file_that_sets_up_its_own_page_is_cut_out_all_the_same() -> None:
    setup = b"<</PageSize [595 842]>> setpagedevice initgraphics\n"
    assert corners(render_postscript(EPS + setup + CORNERS + b"showpage\n", 400, 30)) == [WHITE, BLUE, RED, WHITE]


@needs_ghostscript
@pytest.mark.parametrize("head", [b"%!PS\n", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 0 0\n"])
def test_file_without_a_usable_box_is_cut_to_its_ink(head: bytes) -> None:
    image = render_postscript(head + CORNERS, 400, 30)
    assert image.size == (400, 200)
    assert corners(image) == [WHITE, BLUE, RED, WHITE]


@needs_ghostscript
def test_file_that_draws_nothing_is_blank() -> None:
    with pytest.raises(ImageDrop) as drop:
        render_postscript(b"%!PS\nshowpage\n", 400, 30)
    assert drop.value.reason == "image_blank"


@needs_ghostscript
@pytest.mark.parametrize(
    "cut",
    [{"trim": (0.0, 0.0, 100.0, 0.0)}, {"viewport": (0.0, 0.0, 100.0, 100.0)}],
)
def test_trim_and_viewport_count_from_the_box(cut: dict) -> None:
    image = render_postscript(EPS + CORNERS, 400, 30, Graphic("f.eps", clip=True, **cut))
    assert image.size == (400, 400)
    assert corners(image) == [WHITE, WHITE, RED, WHITE]
    whole = render_postscript(EPS + CORNERS, 400, 30, Graphic("f.eps", clip=False, **cut))
    assert whole.size == (400, 200), "without clip nothing is cut"


@needs_ghostscript
def test_page_is_chosen_and_pages_without_end_do_not_matter() -> None:
    colour = b"/n n 1 add def n 2 eq {1 0 0 setrgbcolor} {0 setgray} ifelse "
    pages = b"/n 0 def {" + colour + b"100 200 99 99 rectfill showpage} loop"
    image = render_postscript(EPS + pages, 200, 30, Graphic("f.ps", page=2))
    assert image.getpixel((50, 50)) == RED


@needs_ghostscript
def test_images_inside_are_averaged_when_they_are_shrunk() -> None:
    # 200 alternating black and white columns shown on 100 pixels: every pixel must come out grey.
    image = b"100 200 translate 200 100 scale 200 100 8 [200 0 0 100 0 0] {<" + b"00ff" * 100 + b">} image\n"
    low, high = render_postscript(EPS + image, 100, 30).convert("L").getextrema()
    assert 100 < low <= high < 160


@needs_ghostscript
@pytest.mark.parametrize(
    "program",
    [b"{} loop\n", b"{(xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx) print} loop\n"],
    ids=["loop", "messages"],
)
def test_endless_program_is_stopped_at_the_time_limit(program: bytes) -> None:
    with pytest.raises(ImageDrop) as drop:
        render_postscript(EPS + program, 400, 1)
    assert drop.value.reason == "image_timeout"


@needs_ghostscript
@pytest.mark.parametrize(
    "program",
    [
        b"foo bar\n",
        b"(/etc/hostname) (r) file pop showpage\n",
        b"(%pipe%id) (r) file pop showpage\n",
        b"(secret.txt) (w) file pop showpage\n",
    ],
)
def test_error_and_reach_for_files_or_programs_give_no_picture(program: bytes) -> None:
    with pytest.raises(ImageDrop) as drop:
        render_postscript(EPS + program, 400, 30)
    assert drop.value.reason == "image_unreadable"
    assert "Error" in drop.value.detail


@needs_ghostscript
def test_the_environment_of_this_process_is_not_handed_on(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("A_SECRET_TOKEN", "x")
    seen = tmp_path / "seen"
    fake = tmp_path / "gs"
    fake.write_text(f"#!/bin/sh\nenv > {seen}\n")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv(EXECUTABLE_VARIABLE, str(fake))
    with pytest.raises(ImageDrop):
        render_postscript(EPS, 400, 30)
    assert "PATH=" in seen.read_text()
    assert "A_SECRET_TOKEN" not in seen.read_text()


def test_without_ghostscript_the_drop_says_how_to_install_it(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(EXECUTABLE_VARIABLE, raising=False)
    with pytest.raises(ImageDrop) as drop:
        render_postscript(EPS, 400, 30)
    assert drop.value.reason == "renderer_missing"
    assert "apt-get install ghostscript" in drop.value.detail
    assert "brew install ghostscript" in drop.value.detail


def test_variable_that_names_no_executable_is_named_in_the_drop(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv(EXECUTABLE_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(ImageDrop) as drop:
        render_postscript(EPS, 400, 30)
    assert drop.value.reason == "renderer_missing"
    assert EXECUTABLE_VARIABLE in drop.value.detail


@needs_ghostscript
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc, and needs prlimit")
def test_ghostscript_ends_soon_after_the_process_that_asked_was_killed(tmp_path) -> None:
    script = tmp_path / "ask.py"
    endless = EPS + b"{} loop"
    script.write_text(
        f"from s1_mmalign.builder.ghostscript import render_postscript\nrender_postscript({endless!r}, 400, 5)\n"
    )
    asker = subprocess.Popen([sys.executable, str(script)], env={**os.environ, "TMPDIR": str(tmp_path)})
    while not (running := ghostscripts_in(tmp_path)):
        assert asker.poll() is None, "it was to be killed, not to end"
        time.sleep(0.01)
    asker.send_signal(signal.SIGKILL)
    asker.wait()
    deadline = time.monotonic() + 60
    while ghostscripts_in(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert running
    assert not ghostscripts_in(tmp_path)


def ghostscripts_in(folder: Path) -> list[int]:
    """Processes whose working directory is a scratch folder in `folder`."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").readlink().is_relative_to(folder):
                found.append(int(entry.name))
        except OSError:
            continue
    return found

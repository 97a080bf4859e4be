"""EPS figures of one paper by one Ghostscript: the same pictures, and nobody suffers from a neighbour."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from s1_mmalign.builder import ghostscript_batch
from s1_mmalign.builder.ghostscript import render_postscript
from s1_mmalign.builder.ghostscript_batch import PostScriptBatches
from s1_mmalign.builder.records import Graphic

pytestmark = pytest.mark.skipif(shutil.which("gs") is None, reason="Ghostscript is not installed")

SIDE = 200


def eps(shade: float, box: str = "0 0 100 50", end: str = "showpage", before: str = "") -> bytes:
    return (
        f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: {box}\n{before}\n"
        f"{shade} setgray 10 10 30 20 rectfill 0.5 0 0 setrgbcolor 60 25 moveto 90 40 lineto stroke {end}\n"
    ).encode()


def taken(files: dict[str, bytes]) -> dict[str, np.ndarray | None]:
    graphics = [Graphic(source=name) for name in files]
    batches = PostScriptBatches(graphics, lambda graphic: files[graphic.source], SIDE)
    pictures = {graphic.source: batches.take(graphic) for graphic in graphics}
    return {name: None if picture is None else np.asarray(picture) for name, picture in pictures.items()}


def alone(data: bytes) -> np.ndarray:
    return np.asarray(render_postscript(data, SIDE, 30))


GOOD = {
    "one.eps": eps(0.2),
    "moved.eps": eps(0.4, "5 5 95 45"),
    "tall.eps": eps(0.6, "0 0 50 100"),
    "four.ps": eps(0.8, "0 0 61 33"),
}


def test_files_of_a_batch_look_as_they_do_alone():
    for name, picture in taken(GOOD).items():
        assert picture is not None and np.array_equal(picture, alone(GOOD[name])), name


def test_many_files_are_drawn_in_several_batches():
    files = {f"{number}.eps": eps(number / 40) for number in range(2 * ghostscript_batch.FILES + 2)}
    pictures = taken(files)
    assert all(picture is not None for picture in pictures.values())
    assert len({picture.tobytes() for picture in pictures.values()}) == len(files), "each has its own"


@pytest.mark.parametrize(
    "bad",
    [
        eps(0.1, end="showpage showpage"),  # two
        eps(0.1, end="nonsense showpage"),  # an error
        eps(0.1, before="<</PageSize [300 300]>> setpagedevice"),  # a page of another size
        b"%!PS\n%%BoundingBox: 0 0 50 50\nquit",  # ends the whole program
        eps(0.1, end="{} loop"),  # never ends
    ],
    ids=["two pages", "error", "other size", "quit", "endless"],
)
def test_a_file_that_goes_wrong_takes_nothing_from_its_neighbours(bad: bytes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ghostscript_batch, "TIMEOUT_S", 2.0)
    assert set(map(type, taken(GOOD | {"bad.eps": bad}).values())) == {type(None)}, "all are drawn one by one"


def test_a_file_that_shows_no_page_is_shown():
    pictures = taken(GOOD | {"bare.eps": eps(0.1, end="")})
    assert np.array_equal(pictures["bare.eps"], alone(eps(0.1)))


def test_what_a_file_changes_is_undone_after_it():
    rude = eps(
        0.1, before="/rectfill {pop pop pop pop} def /stroke {newpath} def 45 rotate", end="showpage 1 2 3 dict begin"
    )
    pictures = taken({"rude.eps": rude} | GOOD)
    assert pictures["rude.eps"] is not None
    for name in GOOD:
        assert np.array_equal(pictures[name], alone(GOOD[name])), name


def test_what_needs_more_than_its_first_page_drawn_whole_is_left_to_others():
    files = GOOD | {"photo.png": b"\x89PNG\r\n\x1a\n", "nobox.eps": b"%!PS\n0 0 10 10 rectfill showpage"}
    pictures = taken(files)
    assert pictures["photo.png"] is None and pictures["nobox.eps"] is None and pictures["one.eps"] is not None
    assert taken({"single.eps": eps(0.3)}) == {"single.eps": None}, "one file is no batch"

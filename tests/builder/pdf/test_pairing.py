"""Captions and pictures that are not on one page, and pictures without a number."""

from __future__ import annotations

import pytest

from s1_mmalign.builder.formats.pdf import PdfOptions, read_pdf, witness


def manuscript(press, words, captions: list[str], labels: bool, order=None, heading: str = "Figure Legends") -> None:
    """A double-spaced manuscript with line numbers, its captions on a list at the end, its figures on pages after."""
    number = 1
    for page in range(3):
        press.text(90, 520, 90, words(260, page), size=12, leading=2, indent=20, numbers=number)
        press.line(300, 770, str(page + 1), 9)
        number = press.next_number
        press.page()
    press.text(90, 520, 90, heading, size=12, font="tibo", numbers=number)
    number = press.next_number
    y = 130.0
    for n, caption in enumerate(captions, 1):
        y = press.text(90, 520, y, caption, size=12, leading=2, lead=f"Figure {n}.", numbers=number)
        number = press.next_number
    for n in order or range(1, len(captions) + 1):
        press.page()
        press.photo((120, 100 + 10 * n, 420, 300 + 20 * n), seed=n)
        if labels:
            press.line(90, 60, f"Figure {n}", 12)


def test_list_of_captions_at_the_end_is_paired_with_the_pages_after_it_in_order(press, words):
    captions = [words(40, 3), words(25, 4), words(50, 5)]
    manuscript(press, words, captions, labels=False)
    paper = read_pdf(press.bytes())
    assert [f.caption for f in paper.figures] == captions
    assert [f.graphics[0].source for f in paper.figures] == ["page:5", "page:6", "page:7"]


def test_labels_on_the_figure_pages_decide_where_there_are_any(press, words):
    captions = [words(40, 3), words(25, 4), words(50, 5)]
    manuscript(press, words, captions, labels=True, order=(2, 1, 3))
    paper = read_pdf(press.bytes())
    assert [f.caption for f in paper.figures] == captions
    assert [f.graphics[0].source for f in paper.figures] == ["page:6", "page:5", "page:7"]


def test_fewer_pictures_than_captions_are_not_guessed(press, words):
    captions = [words(40, 3), words(25, 4), words(50, 5)]
    manuscript(press, words, captions, labels=False, order=(1, 3))
    paper = read_pdf(press.bytes(), PdfOptions(use_layout="never"))
    assert not paper.figures
    assert [drop.reason for drop in paper.drops] == ["no_region"] * 3


def test_caption_that_fell_onto_the_next_page_gets_the_picture_before_it(press, words):
    press.text(72, 540, 70, words(420, 1), indent=12)
    press.page()
    press.photo((90, 60, 520, 700))
    press.page()
    y = press.text(72, 540, 60, words(30, 3), size=9, lead="Figure 1.")
    press.text(72, 540, y + 14, words(300, 2), indent=12)
    paper = read_pdf(press.bytes())
    assert [(f.caption, f.graphics[0].source) for f in paper.figures] == [(words(30, 3), "page:2")]


def test_continued_figure_is_one_figure_with_two_pictures(press, words):
    press.text(72, 540, 60, words(60, 1), indent=12)
    press.plot((72, 130, 540, 400))
    y = press.text(72, 540, 420, words(20, 3), size=9, lead="Figure 1.")
    press.text(72, 540, y + 14, words(160, 2), indent=12)
    press.page()
    press.plot((72, 60, 540, 400))
    press.line(72, 420, "Figure 1. (continued)", 9)
    press.text(72, 540, 450, words(160, 4), indent=12)
    paper = read_pdf(press.bytes())
    assert [[g.source for g in f.graphics] for f in paper.figures] == [["page:1", "page:2"]]


def test_supplement_that_counts_from_one_again_keeps_its_own_figures(press, words):
    for n in range(2):
        press.text(72, 540, 60, words(60, n), indent=12)
        press.plot((72, 130, 540, 300))
        y = press.text(72, 540, 320, words(20, n + 3), size=9, lead="Figure 1.")
        press.text(72, 540, y + 14, words(160, n + 5), indent=12)
        if not n:
            press.page()
    paper = read_pdf(press.bytes())
    assert [(f.caption, f.graphics[0].source) for f in paper.figures] == [
        (words(20, 3), "page:1"),
        (words(20, 4), "page:2"),
    ]
    assert len({f.figure_id for f in paper.figures}) == 2


def test_unnumbered_illustration_takes_the_small_words_below_it(press, words):
    press.text(54, 297, 60, words(420, 1), indent=12)
    press.photo((315, 60, 558, 300))
    y = press.text(315, 558, 314, words(18, 3), size=8, font="helv", flush=False)
    press.text(315, 558, y + 20, words(200, 2), indent=12)
    paper = read_pdf(press.bytes())
    assert [(f.number, f.caption, f.graphics[0].source) for f in paper.figures] == [(None, words(18, 3), "page:1")]


@pytest.mark.parametrize(
    "notice",
    ["© 2020 The Authors. Published by the society under a licence.", "Correspondence: someone@example.org here"],
)
def test_notices_and_body_text_below_a_picture_are_no_caption(press, words, notice):
    press.text(54, 297, 60, words(420, 1), indent=12)
    press.photo((315, 60, 558, 300))
    y = press.text(315, 558, 314, notice, size=8, font="helv")
    press.text(315, 558, y + 20, words(200, 2), indent=12)
    press.page()
    press.photo((72, 80, 400, 300))
    press.text(72, 540, 320, words(200, 3))
    assert not read_pdf(press.bytes()).figures


def test_picture_with_a_bare_number_is_a_drop_without_caption(press, words):
    press.text(72, 540, 60, words(60, 1), indent=12)
    press.plot((72, 130, 540, 400))
    press.line(280, 420, "Figure 1", 9, "tibo")
    press.text(72, 540, 450, words(160, 2), indent=12)
    paper = read_pdf(press.bytes())
    assert not paper.figures
    assert [drop.reason for drop in paper.drops] == ["no_caption"]


def test_layout_model_is_asked_only_where_text_and_drawing_leave_a_caption_alone(press, words, monkeypatch):
    asked = []
    monkeypatch.setattr(witness, "pictures", lambda page, tables: asked.append(page.number + 1) or [])
    press.text(72, 540, 60, words(60, 1), indent=12)
    press.plot((72, 130, 540, 400))
    y = press.text(72, 540, 420, words(20, 3), size=9, lead="Figure 1.")
    press.text(72, 540, y + 14, words(160, 2), indent=12)
    press.page()
    y = press.text(72, 540, 60, words(300, 1), indent=12)
    y = press.text(72, 540, y + 14, words(20, 4), size=9, lead="Figure 2.")
    press.text(72, 540, y + 14, words(100, 2), indent=12)
    data = press.bytes()
    read_pdf(data)
    assert asked == [2]
    read_pdf(data, PdfOptions(use_layout="never"))
    assert asked == [2]


@pytest.mark.parametrize("rotation", [0, 180])
def test_layout_model_gives_boxes_in_the_coordinates_of_the_turned_page(press, words, rotation):
    press.text(54, 558, 60, words(90, 1), indent=12)
    rect = press.plot((120, 150, 480, 400), size=9)
    press.text(54, 558, 420, words(20, 3), size=9, lead="Figure 1.")
    press.text(54, 558, 470, words(260, 2), indent=12)
    press.sheet.set_rotation(rotation)
    expected = rect * press.sheet.rotation_matrix
    boxes = witness.pictures(press.sheet)
    assert any(abs(box.x0 - expected.x0) < 40 and abs(box.y1 - expected.y1) < 40 for box in boxes), boxes

"""Where captions begin and end, and what is taken for none."""

from __future__ import annotations

import pytest

from s1_mmalign.builder.formats.pdf import read_pdf
from s1_mmalign.builder.formats.pdf.contexts import mentions
from s1_mmalign.builder.formats.pdf.index import reference_key
from s1_mmalign.builder.formats.pdf.joining import join_lines


def one_figure(press, words, caption: str, lead: str = "Figure 1.", **how) -> None:
    press.text(72, 540, 70, words(60, 1), indent=12)
    press.plot((120, 140, 480, 300))
    y = press.text(72, 540, 320, caption, lead=lead, **{"size": 9, **how})
    press.text(72, 540, y + 14, words(160, 2), indent=12)


@pytest.mark.parametrize(
    ("lead", "number"),
    [("Figure 1.", "1"), ("Fig. 1", "1"), ("FIG. 1.", "1"), ("Scheme 1.", "1"), ("Chart 2:", "2"), ("Figure S3.", "S3"),
     ("Extended Data Fig. 1 |", "1"), ("Supplementary Figure 2.", "2"), ("Figure A1:", "A1"), ("Fig. SI.2.", "SI.2"),
     ("Figure 3.2.", "3.2"), ("FIGURE 7", "7"), ("Figure IV.", "IV")],
)  # fmt: skip
def test_index_is_cut_off_the_caption_and_becomes_the_number(press, words, lead, number):
    one_figure(press, words, words(30, 3), lead)
    figure = read_pdf(press.bytes()).figures[0]
    assert (figure.number, figure.caption) == (number, words(30, 3))


def test_long_caption_is_complete_and_stops_before_the_text(press, words):
    one_figure(press, words, words(150, 3))
    assert read_pdf(press.bytes()).figures[0].caption == words(150, 3)


def test_caption_in_the_face_of_the_body_stops_at_the_paragraph(press, words):
    one_figure(press, words, words(25, 3), size=10)
    assert read_pdf(press.bytes()).figures[0].caption == words(25, 3)


def test_plain_word_caption_without_any_mark_is_found_beside_its_picture(press, words):
    one_figure(press, words, "Figure 1 " + words(12, 3), lead="", size=10)
    assert [f.caption for f in read_pdf(press.bytes()).figures] == [words(12, 3)]


def test_sentences_that_begin_with_figure_are_no_captions(press, words):
    press.text(72, 540, 70, "Figure 1 shows that " + words(40, 1), indent=12)
    press.plot((120, 140, 480, 300))
    y = press.text(72, 540, 320, words(20, 3), size=9, lead="Figure 1.")
    y = press.text(72, 540, y + 14, "Figure 1 and the text. " + words(60, 2), indent=12)
    press.text(
        72,
        540,
        y,
        words(9, 5) + " as can be seen clearly in the upper part of the picture in Figure 1. " + words(60, 4),
    )
    paper = read_pdf(press.bytes())
    assert [f.caption for f in paper.figures] == [words(20, 3)]
    assert not paper.drops


def test_caption_whose_picture_is_missing_is_a_drop(press, words):
    y = press.text(72, 540, 70, words(160, 1), indent=12)
    y = press.text(72, 540, y + 14, words(20, 3), size=9, lead="Figure 1.")
    press.text(72, 540, y + 14, words(160, 2), indent=12)
    paper = read_pdf(press.bytes())
    assert not paper.figures
    assert [(drop.reason, drop.where) for drop in paper.drops] == [("no_region", "fig1")]
    assert "page 1" in paper.drops[0].detail


def test_list_of_figures_with_page_numbers_is_no_list_of_captions(press, words):
    for n in range(1, 5):
        press.line(72, 60 + 20 * n, f"Figure {n}. A plot of results . . . . . . . . . . . . . . . . . {n + 10}")
    press.page()
    one_figure(press, words, words(20, 3))
    paper = read_pdf(press.bytes())
    assert [f.caption for f in paper.figures] == [words(20, 3)]
    assert not paper.drops


def test_two_column_caption_under_a_wide_figure_is_read_to_its_end(press, words):
    press.plot((54, 60, 558, 300))
    text = words(120, 3).split()
    half = next(i for i in range(55, 80) if not text[i - 1].endswith("."))
    y = press.text(54, 297, 316, " ".join(text[:half]), size=8, font="helv", lead="Fig. 1 |")
    press.text(315, 558, 316, " ".join(text[half:]), size=8, font="helv")
    press.text(54, 297, y + 30, words(150, 1), indent=12)
    press.text(315, 558, y + 30, words(150, 2), indent=12)
    assert read_pdf(press.bytes()).figures[0].caption == " ".join(text)


def test_own_doi_under_a_caption_is_not_part_of_it(press, words):
    one_figure(press, words, words(24, 3) + " https://doi.org/10.1371/journal.pone.0123456.g001")
    assert read_pdf(press.bytes()).figures[0].caption == words(24, 3)


def test_words_cut_at_the_end_of_a_line_become_whole():
    assert (
        join_lines(["the simu-", "lation of an X-", "Ray tube in soft\u00ad", "ware"])
        == "the simulation of an X-Ray tube in software"
    )


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("see Fig. 3.", {"3"}),
        ("(Figures 2-4)", {"2", "3", "4"}),
        ("Figs. 1 and 2 show", {"1", "2"}),
        ("Fig. 5a, b and Fig. 6(c)", {"5", "6"}),
        ("FIG. 2(a)–(c)", {"2"}),
        ("Figures 1, 3, and 7", {"1", "3", "7"}),
        ("Figure 2A,B and 3C", {"2", "3"}),
        ("Figs 8–10", {"8", "9", "10"}),
        ("in 3 figures of 5 tables", set()),
        ("the configuration 4", set()),
    ],
)
def test_mentions_of_figures(text, numbers):
    assert {key[2] for key in mentions(text)} == numbers


def test_extended_data_and_supplement_are_not_the_figure_of_the_same_number():
    assert mentions("Extended Data Fig. 1") == {reference_key("Fig", "Extended Data ", "1")}
    assert mentions("Fig. 1") == {reference_key("Figure", None, "1")}
    assert mentions("Fig. S1") == mentions("Supplementary Fig. 1") == mentions("Supplementary Figure S1")
    assert not mentions("Fig. 1") & mentions("Extended Data Fig. 1")
    assert not mentions("Scheme 1") & mentions("Figure 1")


def test_parts_of_a_caption_about_panels_belong_to_it_though_set_as_paragraphs(press, words):
    press.text(72, 540, 70, words(60, 1), indent=12)
    press.plot((120, 140, 480, 300))
    y = press.text(72, 540, 320, "A title of the figure.", size=8, lead="Figure 1.")
    y = press.text(72, 540, y + 5, "(A) " + words(30, 3), size=8)
    y = press.text(72, 540, y + 5, "(B) " + words(30, 4), size=8)
    press.text(72, 540, y + 20, words(160, 2), indent=12)
    caption = read_pdf(press.bytes()).figures[0].caption
    assert caption == f"A title of the figure. (A) {words(30, 3)} (B) {words(30, 4)}"


def test_label_and_title_on_lines_of_their_own_above_the_figure(press, words):
    y = press.text(72, 540, 70, words(90, 1), size=12, leading=2, indent=36)
    press.line(72, y + 10, "Figure 1", 12, "tibo")
    press.line(72, y + 34, "Means of the Samples by Group and Time", 12, "tiit")
    press.plot((72, y + 50, 480, y + 230))
    press.text(72, 540, y + 270, words(110, 2), size=12, leading=2, indent=36)
    figures = read_pdf(press.bytes()).figures
    assert [(f.number, f.caption) for f in figures] == [("1", "Means of the Samples by Group and Time")]


def test_footnote_and_heading_after_a_caption_are_not_part_of_it(press, words):
    press.text(54, 297, 60, words(250, 1), indent=12)
    press.plot((54, 480, 297, 620))
    y = press.text(54, 297, 636, words(20, 3), size=8, lead="Fig. 1.")
    press.sheet.draw_line((54, y + 6), (120, y + 6))
    press.text(54, 297, y + 18, "1 " + words(20, 5), size=8)
    press.plot((315, 60, 558, 200))
    y = press.text(315, 558, 216, words(20, 4), size=8, lead="Fig. 2.")
    press.line(315, y + 12, "4. Results", 10, "tibo")
    press.text(315, 558, y + 26, words(200, 2), indent=12)
    assert [f.caption for f in read_pdf(press.bytes()).figures] == [words(20, 3), words(20, 4)]

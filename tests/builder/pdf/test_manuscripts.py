"""Manuscripts: double spacing, lists of captions, centred captions, footnotes, formulas, heads of one page alone."""

from __future__ import annotations

from s1_mmalign.builder.formats.pdf import PdfOptions, read_pdf
from tests.builder.pdf.cuts import assert_cut

NO_MODEL = PdfOptions(use_layout="never")


def test_caption_in_its_own_size_is_read_through_the_manuscripts_wide_leading(press, words):
    press.text(72, 540, 80, words(110, 1), size=12, leading=2, indent=24)
    press.plot((120, 320, 480, 470))
    y = press.text(72, 540, 495, words(45, 3), size=10.9, leading=1.98, lead="FIG. 1.")
    press.text(72, 540, y + 30, words(60, 2), size=12, leading=2, indent=24)
    assert [f.caption for f in read_pdf(press.bytes(), NO_MODEL).figures] == [words(45, 3)]


def test_reference_at_the_head_of_a_line_does_not_end_a_wide_set_caption(press, words):
    press.text(72, 540, 80, words(90, 1), size=12, leading=2, indent=24)
    press.plot((120, 320, 480, 470))
    head = "The cluster aligns with that of an earlier study, which is shown in red here and there (see"
    y = press.text(72, 540, 500, head, size=11, leading=1.9, lead="Figure 1.", flush=False)
    y = press.text(72, 540, y, "Figure 3d for details); a slice in the same plane is grey.", size=11, leading=1.9)
    press.text(72, 540, y + 30, words(40, 2), size=12, leading=2, indent=24)
    caption = read_pdf(press.bytes(), NO_MODEL).figures[0].caption
    assert caption == f"{head} Figure 3d for details); a slice in the same plane is grey."


def caption_list(press, words, captions: list[str]) -> float:
    for page in range(2):
        press.text(72, 540, 90, words(240, page), size=12, leading=2, indent=24)
        press.page()
    press.text(72, 540, 80, "Figure Legends", size=14, font="tibo")
    y = 110.0
    for n, caption in enumerate(captions, 1):
        y = press.text(72, 540, y, caption, size=12, leading=2, lead=f"Figure {n}.") + 10
    return y


def test_listed_caption_goes_on_behind_a_page_break_that_falls_between_two_sentences(press, words):
    y = caption_list(press, words, [words(36, 3), "(a) " + words(96, 4)])
    assert y < 760
    press.page()
    y = press.text(72, 540, 80, "(b) " + words(36, 6), size=12, leading=2)
    press.text(72, 540, y + 10, words(30, 5), size=12, leading=2, lead="Figure 3.")
    for n in (1, 2, 3):
        press.page()
        press.photo((120, 100, 420, 300 + 20 * n), seed=n)
    captions = [f.caption for f in read_pdf(press.bytes(), NO_MODEL).figures]
    assert captions == [words(36, 3), f"(a) {words(96, 4)} (b) {words(36, 6)}", words(30, 5)]


def test_words_of_a_figure_under_its_number_are_not_its_caption(press, words):
    captions = [words(30, 3), words(30, 4)]
    caption_list(press, words, captions)
    for n in (1, 2):
        press.page()
        press.line(280, 84, f"Figure {n}", 12)
        press.plot((90, 100, 520, 420), size=12, title="Nonstationary phase of the simulation")
    paper = read_pdf(press.bytes(), NO_MODEL)
    assert [(f.caption, f.graphics[0].source) for f in paper.figures] == [
        (captions[0], "page:4"),
        (captions[1], "page:5"),
    ]


def test_centred_caption_of_several_sentences_is_complete(press, words):
    press.text(72, 540, 70, words(60, 1), size=12, indent=24)
    press.plot((120, 150, 480, 320))
    rows = [
        "Following a night of rest the participants slept in the laboratory for",
        "another night with all sensors in place. The density of events was",
        "counted by hand (panel A).",
        "Analysis of their phase showed a preferred one in the second",
        "group but not in the first (panel B).",
    ]
    y = 340.0
    for index, row in enumerate(rows):
        text = f"Figure 1: {row}" if index == 0 else row
        press.line(306 - 2.6 * len(text), y, text, 12)
        y += 14.4
    press.text(72, 540, y + 30, words(160, 2), size=12, indent=24)
    assert read_pdf(press.bytes(), NO_MODEL).figures[0].caption == " ".join(rows)


def test_wide_spaces_of_a_narrow_column_do_not_end_a_caption(press, words):
    press.text(54, 297, 60, words(120, 1), indent=12)
    press.plot((54, 300, 297, 420))
    y = press.text(54, 200, 436, words(18, 3), lead="Figure 1:", flush=True)
    press.sheet.insert_text((54, y), "in S3-5).", fontsize=10, fontname="tiro")
    press.sheet.insert_text((110, y), "EC has two of them,", fontsize=10, fontname="tiro")
    press.text(54, 200, y + 12, "one in each half.")
    press.text(315, 558, 60, words(300, 2), indent=12)
    assert (
        read_pdf(press.bytes(), NO_MODEL).figures[0].caption.endswith("in S3-5). EC has two of them, one in each half.")
    )


def test_footnote_above_a_figure_at_the_foot_of_the_page_is_no_part_of_it(press, words):
    press.text(72, 540, 70, words(330, 1), indent=12)
    press.sheet.draw_line((72, 494), (259, 494), width=0.4)
    press.line(72, 504, "*This is a note at the foot of the page that says a little more.", 8)
    rect = press.plot((120, 512, 480, 690))
    press.text(72, 540, 712, words(20, 3), size=9, lead="Figure 1.")
    assert_cut(read_pdf(press.bytes(), NO_MODEL).figures[0], rect)


def test_formula_whose_number_stands_at_the_margin_is_no_part_of_the_figure_under_it(press, words):
    press.text(72, 540, 70, words(200, 1), indent=12)
    press.line(280, 255, "E = mc + f(x) dx", 10)
    press.line(528, 255, "(1)", 10)
    rect = press.plot((120, 268, 480, 440))
    y = press.text(72, 540, 456, words(20, 3), size=9, lead="Figure 1.")
    press.text(72, 540, y + 20, words(160, 2), indent=12)
    assert_cut(read_pdf(press.bytes(), NO_MODEL).figures[0], rect)


def test_head_that_one_page_has_alone_is_no_part_of_its_figure(press, words):
    for page in range(5):
        if page != 3:
            press.line(72, 40, "A. Author et al., Journal of Tests 7", 8)
        else:
            press.line(72, 40, "Risk factors that come with failing", 8)
        press.line(300, 770, str(page + 1), 9)
        if page == 3:
            rect = press.plot((120, 52, 480, 300))
            y = press.text(72, 540, 316, words(20, 3), size=9, lead="Figure 1.")
            press.text(72, 540, y + 20, words(160, 2), indent=12)
        else:
            press.text(72, 540, 70, words(400, page), indent=12)
            press.page()
        if page == 3:
            press.page()
    assert_cut(read_pdf(press.bytes(), NO_MODEL).figures[0], rect)


def test_caption_on_the_next_page_finds_its_picture_under_the_text_before(press, words):
    press.text(72, 540, 70, words(330, 1), indent=12)
    press.plot((120, 500, 480, 740))
    press.page()
    y = press.text(72, 540, 70, words(30, 3), lead="Figure 1.", size=9)
    press.text(72, 540, y + 20, words(330, 2), indent=12)
    paper = read_pdf(press.bytes(), NO_MODEL)
    assert [(f.caption, f.graphics[0].source) for f in paper.figures] == [(words(30, 3), "page:1")]

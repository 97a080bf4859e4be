"""The picture of each caption, in the layouts that journals print."""

from __future__ import annotations

import io

import numpy as np
import pymupdf
import pytest
from PIL import Image

from s1_mmalign.builder.formats.pdf import PdfOptions, read_pdf
from tests.builder.pdf.cuts import assert_cut

SPRINGER = "Fig. {n} "
ELSEVIER = "Fig. {n}. "
REVTEX = "FIG. {n}. "
LATEX = "Figure {n}: "
NATURE = "Fig. {n} | "
FRONTIERS = "FIGURE {n} | "


def two_columns(press, words) -> None:
    press.text(54, 297, 420, words(140, 1), indent=12)
    press.text(315, 558, 420, words(140, 2), indent=12)


@pytest.mark.parametrize("index", [SPRINGER, ELSEVIER, REVTEX, LATEX, NATURE, FRONTIERS])
def test_figure_over_two_columns_is_cut_whole_whatever_the_index_looks_like(press, words, index):
    rect = press.plot((80, 60, 530, 300))
    press.text(54, 558, 322, words(60, 3), size=8, lead=index.format(n=1).strip())
    two_columns(press, words)
    paper = read_pdf(press.bytes())
    assert [figure.number for figure in paper.figures] == ["1"]
    assert paper.figures[0].caption == words(60, 3)
    assert_cut(paper.figures[0], rect)


def test_two_columns_with_a_figure_each_keep_their_own_pictures_and_captions(press, words):
    left = press.plot((54, 60, 297, 200))
    right = press.photo((315, 60, 558, 320))
    press.text(54, 297, 216, words(20, 3), size=8, lead="Fig. 1.")
    press.text(315, 558, 336, words(20, 4), size=8, lead="Fig. 2.")
    press.text(54, 297, 270, words(200, 1), indent=12)
    press.text(315, 558, 390, words(140, 2), indent=12)
    paper = read_pdf(press.bytes())
    assert [(f.number, f.caption) for f in paper.figures] == [("1", words(20, 3)), ("2", words(20, 4))]
    assert [f.graphics[0].source for f in paper.figures] == ["page:1#1", "page:1#2"]
    assert_cut(paper.figures[0], left)
    assert_cut(paper.figures[1], right)


def test_two_figures_below_each_other_are_not_swapped(press, words):
    upper = press.plot((54, 60, 297, 160))
    y = press.text(54, 297, 176, words(15, 3), size=8, lead="Fig. 1.")
    lower = press.photo((54, y + 10, 297, y + 190))
    y = press.text(54, 297, y + 206, words(15, 4), size=8, lead="Fig. 2.")
    press.text(54, 297, y + 14, words(100, 1), indent=12)
    press.text(315, 558, 60, words(330, 2), indent=12)
    paper = read_pdf(press.bytes())
    assert [f.caption for f in paper.figures] == [words(15, 3), words(15, 4)]
    assert_cut(paper.figures[0], upper)
    assert_cut(paper.figures[1], lower)


def test_captions_above_their_figures_take_the_figure_below(press, words):
    y = press.text(72, 540, 60, words(40, 1), indent=12)
    rects = []
    for n in (1, 2):
        y = press.text(72, 540, y + 16, words(25, n), size=9, lead=f"Figure {n}.")
        rects.append(press.plot((72, y, 540, y + 120)))
        y = press.text(72, 540, y + 145, words(70, n + 4), indent=12)
    paper = read_pdf(press.bytes())
    assert [f.caption for f in paper.figures] == [words(25, 1), words(25, 2)]
    for figure, rect in zip(paper.figures, rects, strict=True):
        assert_cut(figure, rect)


def test_caption_beside_its_figure(press, words):
    press.text(72, 540, 60, words(90, 1), indent=12)
    rect = press.photo((72, 160, 370, 360))
    press.text(385, 540, 170, words(40, 3), size=8, lead="Figure 1.", flush=False)
    press.text(72, 540, 390, words(120, 2), indent=12)
    paper = read_pdf(press.bytes())
    assert [f.caption for f in paper.figures] == [words(40, 3)]
    assert_cut(paper.figures[0], rect)


def test_words_inside_a_flow_chart_are_part_of_the_picture(press, words):
    press.text(72, 540, 60, words(60, 1), indent=12)
    boxes = [pymupdf.Rect(150, 130 + 80 * i, 460, 180 + 80 * i) for i in range(3)]
    for i, box in enumerate(boxes):
        press.sheet.draw_rect(box)
        press.text(158, 452, box.y0 + 14, words(24, i), size=9, font="helv", flush=False)
        if i:
            press.sheet.draw_line((305, box.y0 - 30), (305, box.y0))
    press.text(72, 540, 362, words(15, 3), size=9, lead="Figure 1.")
    press.text(72, 540, 400, words(150, 2), indent=12)
    paper = read_pdf(press.bytes())
    assert [f.caption for f in paper.figures] == [words(15, 3)]
    assert_cut(paper.figures[0], boxes[0] | boxes[2])


def test_framed_text_as_wide_as_the_column_is_a_figure_where_a_caption_says_so(press, words):
    press.text(72, 540, 60, words(60, 1), indent=12)
    rect = pymupdf.Rect(74, 130, 538, 260)
    press.sheet.draw_rect(rect, fill=(0.9, 0.95, 1), width=0)
    press.text(84, 528, 150, words(50, 2))
    press.text(84, 528, 210, words(50, 4))
    press.text(72, 540, 280, words(15, 3), size=9, lead="Figure 1.")
    press.text(72, 540, 320, words(150, 2), indent=12)
    paper = read_pdf(press.bytes())
    assert [f.caption for f in paper.figures] == [words(15, 3)]
    assert_cut(paper.figures[0], rect)


def test_tables_are_no_figures_and_stay_out_of_the_figure_below_them(press, words):
    y = press.text(72, 540, 70, "Values of the parameters.", size=9, lead="Table 1.")
    y = press.table(72, 540, y, rows=7)
    rect = press.plot((72, y + 14, 540, y + 180))
    y = press.text(72, 540, y + 200, words(20, 3), size=9, lead="Figure 1.")
    press.text(72, 540, y + 20, words(160, 2), indent=12)
    paper = read_pdf(press.bytes())
    assert [f.caption for f in paper.figures] == [words(20, 3)]
    assert_cut(paper.figures[0], rect)


def test_several_panels_are_one_picture(press, words):
    rects = [
        press.plot((72 + 240 * (i % 2), 70 + 150 * (i // 2), 290 + 240 * (i % 2), 200 + 150 * (i // 2)))
        for i in range(4)
    ]
    for i, rect in enumerate(rects):
        press.line(rect.x0, rect.y0 + 6, f"({'abcd'[i]})", 8, "hebo")
    press.text(72, 540, 370, "(a) " + words(40, 3), size=9, lead="Figure 1.")
    press.text(72, 540, 440, words(160, 2), indent=12)
    paper = read_pdf(press.bytes())
    assert len(paper.figures) == 1
    assert_cut(paper.figures[0], rects[0] | rects[3])


def test_landscape_float_on_an_upright_page_comes_out_upright(press, words):
    for n in range(3):
        press.text(72, 540, 80, words(300, n), indent=12)
        press.page()
    image = np.full((60, 100, 3), 30, np.uint8)
    image[:, 50:] = (220, 30, 30)
    stream = io.BytesIO()
    Image.fromarray(image).rotate(90, expand=True).save(stream, "PNG")
    press.sheet.insert_image(pymupdf.Rect(100, 100, 340, 500), stream=stream.getvalue())
    press.line(
        370, 560, "Figure 1. A landscape float whose caption climbs up the page in one single line.", 10, rotate=90
    )
    paper = read_pdf(press.bytes())
    assert [f.caption for f in paper.figures] == [
        "A landscape float whose caption climbs up the page in one single line."
    ]
    picture = Image.open(io.BytesIO(paper.figures[0].graphics[0].data))
    assert picture.width > 1.4 * picture.height
    left, right = (
        picture.getpixel((picture.width // 4, picture.height // 2)),
        picture.getpixel((3 * picture.width // 4, picture.height // 2)),
    )
    assert left[0] < 100 < right[0], "the dark half is on the left when the picture is upright"


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_pages_with_a_rotate_entry_read_like_upright_ones(press, words, rotation):
    rect = press.plot((72, 80, 540, 300))
    press.text(72, 540, 320, words(20, 3), size=9, lead="Figure 1.")
    press.text(72, 540, 360, words(160, 2), indent=12)
    upright = read_pdf(press.bytes())
    press.sheet.set_rotation(rotation)
    turned = read_pdf(press.bytes())
    assert [f.caption for f in turned.figures] == [f.caption for f in upright.figures] == [words(20, 3)]
    assert_cut(turned.figures[0], rect)


def test_clipped_drawing_does_not_blow_up_the_picture(press, words):
    figure = pymupdf.open()
    sheet = figure.new_page(width=300, height=150)
    sheet.draw_line((-2000, -900), (2300, 1050))
    sheet.draw_rect(pymupdf.Rect(2, 2, 298, 148))
    press.text(72, 540, 80, words(60, 1), indent=12)
    rect = pymupdf.Rect(150, 180, 450, 330)
    press.sheet.show_pdf_page(rect, figure, 0)
    press.text(72, 540, 350, words(15, 3), size=9, lead="Figure 1.")
    press.text(72, 540, 390, words(160, 2), indent=12)
    paper = read_pdf(press.bytes())
    assert_cut(paper.figures[0], rect)


def test_scanned_page_with_a_text_layer_gives_its_figure(press, words):
    press.text(72, 540, 80, words(80, 1), indent=12)
    rect = press.photo((150, 180, 450, 380))
    press.text(72, 540, 400, words(20, 3), size=9, lead="Figure 1.")
    press.text(72, 540, 440, words(160, 2), indent=12)
    scan = pymupdf.open()
    sheet = scan.new_page(width=612, height=792)
    sheet.insert_image(sheet.rect, pixmap=press.sheet.get_pixmap(dpi=100))
    for word in press.sheet.get_text("words"):
        sheet.insert_text((word[0], word[3] - 2), word[4] + " ", fontsize=9, render_mode=3)
    paper = read_pdf(scan.tobytes())
    assert len(paper.figures) == 1
    assert_cut(paper.figures[0], rect, tolerance=16)


def test_longest_side_and_resolution_follow_the_options(press, words):
    press.plot((72, 80, 540, 300))
    press.text(72, 540, 320, words(20, 3), size=9, lead="Figure 1.")
    press.text(72, 540, 360, words(160, 2), indent=12)
    for options, expected in ((PdfOptions(), 1568), (PdfOptions(longest_side=400), 400), (PdfOptions(max_dpi=72), 471)):
        picture = Image.open(io.BytesIO(read_pdf(press.bytes(), options).figures[0].graphics[0].data))
        assert max(picture.size) == pytest.approx(expected, abs=4)
        assert max(picture.size) <= options.longest_side
        assert picture.mode == "RGB"


def test_raster_figure_is_not_enlarged_beyond_its_own_pixels(press, words):
    press.photo((72, 80, 540, 300))
    press.text(72, 540, 320, words(20, 3), size=9, lead="Figure 1.")
    press.text(72, 540, 360, words(160, 2), indent=12)
    picture = Image.open(io.BytesIO(read_pdf(press.bytes()).figures[0].graphics[0].data))
    assert max(picture.size) < 800


def test_titles_under_the_panels_belong_to_the_picture(press, words):
    press.text(54, 297, 420, words(140, 1), indent=12)
    press.text(315, 558, 60, words(330, 2), indent=12)
    rects = []
    for x0, x1, letter in ((54, 170, "a"), (180, 297, "b")):
        rects.append(press.plot((x0, 60, x1, 180), size=6))
        press.text(
            x0,
            x1,
            194,
            f"({letter}) The distribution of errors as a function of the size of the sample",
            size=8,
            flush=False,
        )
    press.text(54, 297, 240, words(30, 3), size=9, lead="Figure 1:")
    press.text(54, 297, 300, words(60, 5), indent=12)
    paper = read_pdf(press.bytes())
    assert [f.caption for f in paper.figures] == [words(30, 3)]
    assert_cut(paper.figures[0], pymupdf.Rect(54, 60, 297, 215))


def test_displayed_formulas_around_a_figure_are_not_in_the_picture(press, words):
    y = press.text(72, 540, 60, words(60, 1), indent=12)
    press.line(250, y + 14, "E = m c + n d", 10, "tiit")
    press.line(520, y + 14, "(12)", 10)
    rect = press.plot((72, y + 40, 540, y + 220))
    y = press.text(72, 540, y + 240, words(20, 3), size=9, lead="Figure 1:")
    press.line(250, y + 24, "F = m a + n d", 10, "tiit")
    press.line(520, y + 24, "(13)", 10)
    press.text(72, 540, y + 50, words(160, 2), indent=12)
    assert_cut(read_pdf(press.bytes()).figures[0], rect)


def test_figure_that_the_text_flows_around(press, words):
    y = press.text(72, 540, 60, words(60, 1), indent=12)
    rect = press.photo((330, y + 4, 540, y + 150))
    press.text(330, 540, y + 166, words(16, 3), size=9, lead="Figure 1:")
    y = press.text(72, 315, y, words(140, 2), indent=12)
    press.text(72, 540, y + 40, words(140, 4), indent=12)
    paper = read_pdf(press.bytes())
    assert [f.caption for f in paper.figures] == [words(16, 3)]
    assert_cut(paper.figures[0], rect)


def test_layout_with_a_wide_left_margin_and_figures_over_both(press, words):
    press.text(36, 158, 500, words(40, 7), size=7, flush=False)
    press.text(200, 576, 430, words(200, 1), indent=12)
    rect = press.plot((200, 60, 576, 330))
    press.text(200, 576, 350, words(40, 3), size=9, lead="Fig 1.")
    paper = read_pdf(press.bytes())
    assert [f.caption for f in paper.figures] == [words(40, 3)]
    assert_cut(paper.figures[0], rect)


def test_side_by_side_figures_with_a_caption_each_in_one_column(press, words):
    press.text(72, 540, 60, words(60, 1), indent=12)
    left = press.plot((72, 120, 296, 280))
    right = press.photo((320, 150, 540, 280))
    press.text(72, 296, 296, words(18, 3), size=9, lead="Figure 1:")
    press.text(320, 540, 296, words(26, 4), size=9, lead="Figure 2:")
    press.text(72, 540, 380, words(160, 2), indent=12)
    paper = read_pdf(press.bytes())
    assert [f.caption for f in paper.figures] == [words(18, 3), words(26, 4)]
    assert_cut(paper.figures[0], left)
    assert_cut(paper.figures[1], right)


def test_three_columns(press, words):
    for n, x0 in enumerate((40, 224, 408)):
        press.text(x0, x0 + 164, 60 if n != 1 else 260, words(200 if n != 1 else 120, n), size=9, indent=10)
    rect = press.photo((224, 60, 388, 180))
    press.text(224, 388, 194, words(18, 4), size=7, font="helv", lead="Fig. 1.")
    paper = read_pdf(press.bytes())
    assert [f.caption for f in paper.figures] == [words(18, 4)]
    assert_cut(paper.figures[0], rect)


def test_figures_stacked_with_their_captions_beside_them_are_cut_apart(press, words):
    press.text(72, 540, 60, words(60, 1), indent=12)
    upper, lower = press.photo((72, 140, 330, 300), 1), press.photo((72, 308, 330, 470), 2)
    press.text(345, 540, 210, words(25, 3), size=9, lead="Figure 1.", flush=False)
    press.text(345, 540, 380, words(25, 4), size=9, lead="Figure 2.", flush=False)
    press.text(72, 540, 500, words(160, 2), indent=12)
    paper = read_pdf(press.bytes())
    assert [f.caption for f in paper.figures] == [words(25, 3), words(25, 4)]
    assert_cut(paper.figures[0], upper)
    assert_cut(paper.figures[1], lower)


def test_figures_side_by_side_with_captions_off_level_are_cut_apart(press, words):
    left, right = press.photo((72, 160, 290, 250), 1), press.photo((320, 72, 540, 310), 2)
    press.text(72, 290, 266, words(8, 3), size=9, lead="Figure 1.")
    press.text(320, 540, 326, words(30, 4), size=9, lead="Figure 2.")
    press.text(72, 540, 420, words(220, 2), indent=12)
    paper = read_pdf(press.bytes())
    assert_cut(paper.figures[0], left)
    assert_cut(paper.figures[1], right)


def test_short_caption_at_the_left_edge_has_the_small_picture_in_the_middle_of_the_column(press, words):
    press.text(72, 540, 60, words(60, 1), indent=12)
    rect = press.photo((240, 130, 372, 250))
    press.line(72, 270, "Figure 1. A sample.", 9, "tibo")
    press.text(72, 540, 320, words(220, 2), indent=12)
    paper = read_pdf(press.bytes())
    assert [f.caption for f in paper.figures] == ["A sample."]
    assert_cut(paper.figures[0], rect)


def test_photographs_are_cut_as_jpeg_and_drawings_as_png(press, words):
    press.text(72, 540, 60, words(60, 1), indent=12)
    y, x = np.mgrid[0:300, 0:400]
    waves = 120 + 60 * np.sin(x / 30)[..., None] * np.cos(y / 40)[..., None] + np.array([0, 20, 40])
    noisy = waves + np.random.default_rng(0).normal(0, 6, waves.shape)
    stream = io.BytesIO()
    Image.fromarray(noisy.astype(np.uint8)).save(stream, "JPEG", quality=95)
    press.sheet.insert_image((120, 130, 480, 400), stream=stream.getvalue())
    press.text(72, 540, 416, words(10, 3), size=9, lead="Figure 1.")
    press.plot((120, 450, 480, 600))
    press.text(72, 540, 616, words(10, 4), size=9, lead="Figure 2.")
    formats = [Image.open(io.BytesIO(f.graphics[0].data)).format for f in read_pdf(press.bytes()).figures]
    assert formats == ["JPEG", "PNG"]


def test_the_axis_title_at_the_gutter_stays_with_its_own_plot(press, words):
    press.text(50, 290, 400, words(140, 1), indent=12)
    press.text(305, 545, 400, words(140, 2), indent=12)
    left, right = press.plot((50, 60, 290, 240)), press.plot((306, 60, 545, 256), size=11)
    press.text(50, 290, 256, words(30, 3), size=9, lead="Figure 1.")
    press.text(305, 545, 272, words(30, 4), size=9, lead="Figure 2.")
    paper = read_pdf(press.bytes())
    assert_cut(paper.figures[0], left, tolerance=8)
    assert_cut(paper.figures[1], right, tolerance=8)

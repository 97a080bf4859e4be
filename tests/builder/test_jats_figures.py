"""JATS figures: which elements are one, with which pictures, labels and captions."""

from __future__ import annotations

import pytest

from s1_mmalign.builder.formats.jats_figures import number_of
from tests.builder.jats_papers import article, fig, only, read, sources

# --- which elements are figures


def test_figures_of_body_boxes_appendices_and_floats_are_found_in_order() -> None:
    body = fig("f1") + f"<boxed-text><p>Box {fig('f2', 'Box 1 Figure 1', href='f2.tif')}</p></boxed-text>"
    rest = (
        f"<back><app-group><app><sec>{fig('f3', 'Figure A1', href='f3.tif')}</sec></app></app-group></back>"
        f"<floats-group>{fig('f4', 'Figure 4', href='f4.tif')}</floats-group>"
    )
    paper = read(article(body, rest=rest), "f1.tif", "f2.tif", "f3.tif", "f4.tif")
    assert [figure.figure_id for figure in paper.figures] == ["f1", "f2", "f3", "f4"]
    assert [figure.number for figure in paper.figures] == ["1", "Box 1 Figure 1", "A1", "4"]


def test_reviews_and_responses_after_the_article_are_left_out() -> None:
    review = f"<sub-article><body>{fig('r1', 'Author response image 1')}</body></sub-article>"
    rest = f"{review}<response>{fig('r2')}</response>"
    assert only(read(article(fig(), rest=rest), "f1.tif")).figure_id == "f1"


@pytest.mark.parametrize("inside", [False, True], ids=["in a fig-group", "inside the figure, as PMC has them"])
def test_figure_supplements_are_figures_of_their_own(inside: bool) -> None:
    first, supplement = fig(), fig("f1s1", "Figure 1—figure supplement 1.", "A dish.", "f1s1.tif")
    body = (
        first.replace("</fig>", f"<p>{supplement}</p></fig>")
        if inside
        else f"<fig-group>{first}{supplement}</fig-group>"
    )
    paper = read(article(body + '<p>See <xref rid="f1s1">it</xref>.</p>'), "f1.tif", "f1s1.tif")
    found = [(figure.figure_id, figure.number, figure.caption, sources(figure)) for figure in paper.figures]
    assert found == [
        ("f1", "1", "A cell.", ["f1.tif"]),
        ("f1s1", "1—figure supplement 1", "A dish.", ["f1s1.tif"]),
    ]
    assert [figure.contexts for figure in paper.figures] == [[], ["See it."]]


def test_a_group_under_one_caption_is_one_figure_with_panels() -> None:
    body = (
        '<fig-group id="g"><label>Figure 2</label><caption><title>Two views.</title></caption>'
        f"{fig('g1', '(A)', 'Front.', 'a.tif')}{fig('g2', 'B.', 'Back.', 'b.tif')}</fig-group>"
        '<p>As in <xref ref-type="fig" rid="g2">Figure 2B</xref>.</p>'
    )
    figure = only(read(article(body), "a.tif", "b.tif"))
    assert (figure.figure_id, figure.number, figure.caption) == ("g", "2", "Two views.")
    assert [(g.source, g.panel, g.subcaption) for g in figure.graphics] == [
        ("a.tif", "A", "Front."),
        ("b.tif", "B", "Back."),
    ]
    assert figure.contexts == ["As in Figure 2B."]


def test_several_graphics_in_one_figure_are_its_panels_in_order() -> None:
    body = fig().replace("</fig>", '<graphic xlink:href="f1a.tif"><label>b</label></graphic></fig>')
    figure = only(read(article(body), "f1.tif", "f1a.tif"))
    assert [(g.source, g.panel) for g in figure.graphics] == [("f1.tif", None), ("f1a.tif", "b")]


def test_ids_are_made_where_they_lack_and_kept_unique() -> None:
    body = fig("f1") + fig("f1", "Figure 2", href="f2.tif") + fig("", "Figure 3", href="f3.tif").replace(' id=""', "")
    paper = read(article(body), "f1.tif", "f2.tif", "f3.tif")
    assert [figure.figure_id for figure in paper.figures] == ["f1", "f1-2", "fig3"]


# --- pictures


def test_of_alternatives_the_best_that_is_there_is_taken() -> None:
    forms = "".join(f'<graphic xlink:href="f1.{form}"/>' for form in ("gif", "png", "svg"))
    body = fig(href="").replace("</fig>", f"<alternatives>{forms}</alternatives></fig>")
    assert sources(only(read(article(body), "f1.gif", "f1.png"))) == ["f1.png"]


def test_one_picture_in_two_sizes_is_one_graphic() -> None:
    body = fig(href="F1.medium.gif").replace("</fig>", '<graphic xlink:href="F1.large.jpg"/></fig>')
    assert sources(only(read(article(body), "F1.medium.gif", "F1.large.jpg"))) == ["F1.large.jpg"]


def test_pictures_of_formulas_in_a_figure_are_not_its_pictures() -> None:
    formula = '<inline-formula><inline-graphic xlink:href="eq1.gif"/></inline-formula>'
    caption = f'Here {formula} and <inline-graphic xlink:href="dot.gif"/>.'
    assert sources(only(read(article(fig(caption=caption)), "f1.tif", "eq1.gif", "dot.gif"))) == ["f1.tif"]


def test_inline_graphics_and_image_media_are_a_figure_where_it_has_nothing_else() -> None:
    one = fig("f1", href="").replace("</fig>", '<p><inline-graphic xlink:href="i.png"/></p></fig>')
    two = fig("f2", href="").replace("</fig>", '<media mimetype="image" xlink:href="m.png"/></fig>')
    three = fig("f3", href="").replace("</fig>", '<media mimetype="video" xlink:href="v.mp4"/></fig>')
    paper = read(article(one + two + three), "i.png", "m.png", "v.mp4")
    assert [sources(figure) for figure in paper.figures] == [["i.png"], ["m.png"]]
    assert [(drop.where, drop.reason) for drop in paper.drops] == [("f3", "image_missing")]


def test_a_missing_picture_is_a_drop_that_names_figure_and_file() -> None:
    paper = read(article(fig() + fig("f2", "Figure 2", href="gone.tif")), "f1.tif")
    assert only(paper).figure_id == "f1"
    assert [(drop.where, drop.reason) for drop in paper.drops] == [("f2 gone.tif", "image_missing")]


def test_a_table_set_as_a_picture_is_a_drop_and_the_picture_of_a_real_table_is_nothing() -> None:
    body = (
        '<table-wrap id="t1"><caption><p>Numbers.</p></caption><graphic xlink:href="t1.tif"/></table-wrap>'
        '<table-wrap id="t2"><alternatives><graphic xlink:href="t2.tif"/><table/></alternatives></table-wrap>'
        '<p><disp-formula><graphic xlink:href="eq.gif"/></disp-formula></p>'
    )
    paper = read(article(body), "t1.tif", "t2.tif", "eq.gif")
    assert paper.figures == []
    assert [(drop.where, drop.reason) for drop in paper.drops] == [("t1 t1.tif", "table_as_image")]


def test_a_picture_outside_of_figures_is_a_drop() -> None:
    file = '<supplementary-material><caption><p>S</p></caption><graphic xlink:href="s.tif"/></supplementary-material>'
    rest = f'<back><bio><graphic xlink:href="me.jpg"/></bio>{file}</back>'
    paper = read(article('<p><graphic xlink:href="x.tif"/></p>', rest=rest), "x.tif", "me.jpg", "s.tif")
    assert [(drop.where, drop.reason) for drop in paper.drops] == [
        ("graphic x.tif", "no_caption"),
        ("graphic me.jpg", "not_a_figure"),
        ("graphic s.tif", "not_a_figure"),
    ]


# --- labels and captions


@pytest.mark.parametrize(
    ("label", "number"),
    [
        ("Figure 3.", "3"),
        ("FIGURE 1 |", "1"),
        ("Fig 1", "1"),
        ("Fig. S1.", "S1"),
        ("S1 Fig", "S1"),
        ("Extended Data Fig. 3", "3"),
        ("Supplementary Figure S2:", "S2"),
        ("Figure 1—figure supplement 2.", "1—figure supplement 2"),
        ("Appendix 1—figure 2.", "Appendix 1—figure 2"),
        ("Figure A.1", "A.1"),
        ("Fig. IV", "IV"),
        ("Scheme 2", "2"),
        ("Figura 2", "2"),
        ("Figure 4 (continued)", "4"),
        ("Graphical abstract", None),
        ("Figure", None),
    ],
)
def test_the_number_is_what_the_label_prints(label: str, number: str | None) -> None:
    assert number_of(label) == number


def test_title_and_paragraphs_make_the_caption_and_credit_does_not() -> None:
    body = (
        '<fig id="f1"><label>Fig. 1</label><caption><title>The cell.</title><p>(<bold>A</bold>) Dry.</p>'
        '\n<p>(B) Wet.</p></caption><graphic xlink:href="f1.tif"/><attrib>Photo: me</attrib>'
        "<permissions><copyright-statement>©</copyright-statement></permissions></fig>"
    )
    assert only(read(article(body), "f1.tif")).caption == "The cell. (A) Dry. (B) Wet."


@pytest.mark.parametrize(
    ("label", "caption", "expected"),
    [
        ("Figure 1", "Figure 1. A cell.", "A cell."),
        ("Fig. 1", "<bold>Figure 1:</bold> A cell.", "A cell."),
        ("Figure 1", "Figure 1 A cell.", "A cell."),
        ("Figure 1", "Figure 1 (A) Dry.", "(A) Dry."),
        ("Figure 1", "Figure 1 shows a cell.", "Figure 1 shows a cell."),
        ("Figure 1", "Figure 10. A cell.", "Figure 10. A cell."),
    ],
)
def test_a_caption_does_not_begin_with_its_own_label(label: str, caption: str, expected: str) -> None:
    assert only(read(article(fig(label=label, caption=caption)), "f1.tif")).caption == expected


def test_a_label_that_stands_in_the_caption_only_is_the_label() -> None:
    figure = only(read(article(fig(label="", caption="<bold>Fig. S3.</bold> A cell.")), "f1.tif"))
    assert (figure.label, figure.number, figure.caption) == ("Fig. S3", "S3", "A cell.")


def test_of_captions_in_two_languages_the_articles_own_is_taken() -> None:
    spanish = '<caption xml:lang="es"><p>Una célula.</p></caption><caption xml:lang="en"><p>A cell.</p></caption>'
    body = fig().replace("<caption><p>A cell.</p></caption>", spanish)
    xml = article(body).replace(b"<article ", b'<article xml:lang="en" ')
    assert only(read(xml, "f1.tif")).caption == "A cell."

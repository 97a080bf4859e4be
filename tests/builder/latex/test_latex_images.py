"""Which file an image command means, and what its options do."""

from __future__ import annotations

import pytest

from s1_mmalign.builder.formats.latex.graphics import parse_lengths


def figure(command: str) -> str:
    return rf"\begin{{figure}}{command}\caption{{C}}\end{{figure}}"


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (r"\includegraphics{a.png}", "a.png"),
        (r"\includegraphics*[width=\linewidth]{a}", "a.pdf"),
        (r"\includegraphics [width=3cm] {a.jpeg}", "a.jpeg"),
        (r"\includegraphics<2->[width=3cm]{a}", "a.png"),
        (r"\includegraphics[0,0][10,10]{a.eps}", "a.eps"),
        ("\\includegraphics[width=3cm,\n  height=2cm]{%\n a.png}", "a.png"),
        (r"\includegraphics{./figs/a}", "figs/a.pdf"),
        (r"\includegraphics{fig.one}", "fig.one.pdf"),
        (r"\includegraphics{fig.one.pdf}", "fig.one.pdf"),
        (r"\includegraphics{{fig.one}.pdf}", "fig.one.pdf"),
        (r"\includegraphics{{{fig.one}}}", "fig.one.pdf"),
        (r'\includegraphics{"my fig"}', "my fig.png"),
        (r"\includegraphics{my fig.png}", "my fig.png"),
        (r"\includegraphics{my_fig-1}", "my_fig-1.png"),
        (r"\includegraphics{my\_fig-1}", "my_fig-1.png"),
        (r"\includegraphics{\detokenize{my_fig-1}}", "my_fig-1.png"),
        (r"\includegraphics{FIGS/A.PDF}", "figs/a.pdf"),
        (r"\includegraphics{a.PNG}", "a.png"),
        (r"\includegraphics{a.pdf}", "A.PDF"),
        (r"\includegraphics{a.eps}", "a.pdf"),
        (r"\includegraphics{a.eps}", "a-eps-converted-to.pdf"),
        (r"\includegraphics{a}", "a-eps-converted-to.pdf"),
        (r"\includegraphics{a.pdf}", "a.eps"),
        (r"\includegraphics{../images/a.png}", "images/a.png"),
        (r"\includegraphics{/home/me/paper/images/a.png}", "images/a.png"),
        (r"\includegraphics{images/a.png}", "a.png"),
        (r"\includegraphics{a.png}", "deep/folder/a.png"),
        (r"\includegraphics{C:\figs\a.png}", "a.png"),
        (r"\def\dir{plots}\includegraphics{\dir/a}", "plots/a.png"),
        (r"\includegraphics{a}", "a"),
        (r"\includegraphics{naïve}", "naïve.png"),
        (r"\includegraphics{naïve}", "nai\u0308ve.png"),
        (r"\includegraphics{\jobname-1}", "main-1.png"),
        (r"\includegraphics{figs\a.png}", "figs/a.png"),
        (r"\includegraphics{plot.3}", "plot.3"),
        (r"\includesvg[width=5cm]{a}", "a.svg"),
        (r"\includesvg{a}", "svg-inkscape/a_svg-tex.pdf"),
        (r"\includestandalone[mode=image]{a}", "a.pdf"),
        (r"\includepdf[pages=1]{a.pdf}", "a.pdf"),
        (r"\epsfig{file=a.eps,width=5cm}", "a.eps"),
        (r"\epsfig{width=5cm, figure = a.eps }", "a.eps"),
        (r"\psfig{figure=a.ps,height=3in,angle=-90}", "a.ps"),
        (r"\epsfxsize=5cm \epsfbox{a.eps}", "a.eps"),
        (r"\epsfbox[0 0 30 50]{a.ps}", "a.ps"),
        (r"\epsfysize 4cm\epsffile{a.eps}", "a.eps"),
        (r"\centerline{\epsffile{a.eps}}", "a.eps"),
        (r"\special{psfile=a.ps hoffset=-10 vscale=50}", "a.ps"),
        (r"\plotone{a.eps}", "a.eps"),
        (r"\plotfiddle{a.eps}{5cm}{0}{50}{50}{0}{0}", "a.eps"),
        (r"\adjustimage{max width=5cm}{a.png}", "a.png"),
        (r"\adjincludegraphics[width=5cm]{a.png}", "a.png"),
        (r"\resizebox{5cm}{!}{\includegraphics{a.png}}", "a.png"),
        (r"\fbox{\scalebox{0.5}[1]{\reflectbox{\includegraphics{a.png}}}}", "a.png"),
        (r"\makebox[\textwidth][c]{\includegraphics{a.png}}", "a.png"),
        (r"\begin{overpic}[grid]{a}\put(0,0){x}\end{overpic}", "a.png"),
        (r"\tikz\node{\includegraphics{a.png}};", "a.png"),
    ],
)
def test_the_image_is_found_in_the_package(read, sources, command: str, name: str) -> None:
    paper = read(figure(command), name)
    assert sources(paper) == [[name]]
    assert paper.drops == []


@pytest.mark.parametrize(
    ("preamble", "name"),
    [
        (r"\graphicspath{{figs/}}", "figs/a.png"),
        (r"\graphicspath{{plots/}{./figs/}}", "figs/a.png"),
        (r"\graphicspath{ {plots/} {../figs/} }", "figs/a.png"),
        (r"\graphicspath{figs/}", "figs/a.png"),
        (r"\newcommand{\figdir}{figs}\graphicspath{{\figdir/}}", "figs/a.png"),
        (r"\svgpath{{figs/}}", "figs/a.svg"),
    ],
)
def test_graphicspath_says_where_to_look(read, sources, preamble: str, name: str) -> None:
    assert sources(read(figure(r"\includegraphics{a}"), name, preamble=preamble)) == [[name]]


def test_the_papers_own_folder_comes_before_graphicspath(read, sources) -> None:
    paper = read(figure(r"\includegraphics{a.png}"), "figs/a.png", "a.png", preamble=r"\graphicspath{{figs/}}")
    assert sources(paper) == [["a.png"]]


def test_of_files_with_the_same_name_the_folder_asked_for_counts(read, sources) -> None:
    body = figure(r"\includegraphics{results/two/a.png}")
    assert sources(read(body, "x/one/a.png", "x/two/a.png")) == [["x/two/a.png"]]


def test_a_main_file_in_a_folder_finds_images_beside_it_and_at_the_top(sources) -> None:
    from s1_mmalign.builder.archives import MemoryArchive
    from s1_mmalign.builder.formats.latex import read_latex

    text = figure(r"\includegraphics{a}") + figure(r"\includegraphics{b}")
    source = "\\documentclass{article}\\begin{document}" + text + "\\end{document}"
    files = {"paper/main.tex": source.encode(), "paper/a.png": b"", "b.png": b""}
    assert sources(read_latex(MemoryArchive(files))) == [["paper/a.png"], ["b.png"]]


@pytest.mark.parametrize(
    ("preamble", "first"),
    [
        ("", "a.pdf"),
        (r"\DeclareGraphicsExtensions{.eps,.png,.pdf}", "a.eps"),
        (r"\DeclareGraphicsExtensions{.png}", "a.png"),
    ],
)
def test_of_several_formats_the_declared_order_counts(read, sources, preamble: str, first: str) -> None:
    paper = read(figure(r"\includegraphics{a}"), "a.png", "a.eps", "a.pdf", preamble=preamble)
    assert sources(paper) == [[first]]


def test_a_missing_image_is_a_drop_that_names_figure_and_file(read) -> None:
    paper = read(figure(r"\includegraphics{here}\includegraphics{plots/gone.pdf}"), "here.png")
    assert [(drop.where, drop.reason) for drop in paper.drops] == [("fig1 plots/gone.pdf", "image_missing")]
    assert [graphic.source for graphic in paper.figures[0].graphics] == ["here.png"]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (r"\includegraphics[trim=1 2 3 4,clip]{a}", {"trim": (1.0, 2.0, 3.0, 4.0), "clip": True}),
        (r"\includegraphics[trim={1in 0 0 2.54cm},clip=true]{a}", {"trim": (72.0, 0.0, 0.0, 72.0), "clip": True}),
        (r"\includegraphics[trim=1cm 1cm 1cm 1cm]{a}", {"clip": False}),
        (r"\includegraphics*[viewport=0 0 10 20]{a}", {"viewport": (0.0, 0.0, 10.0, 20.0), "clip": True}),
        (r"\includegraphics[bb=0 0 10 20,clip]{a}", {"viewport": (0.0, 0.0, 10.0, 20.0), "clip": True}),
        (r"\includegraphics*[5,6][10,20]{a}", {"viewport": (5.0, 6.0, 10.0, 20.0), "clip": True}),
        (r"\includegraphics[trim=0.1\textwidth{} 0 0 0,clip]{a}", {"trim": None}),
        (r"\includegraphics[angle=90]{a}", {"angle": 90.0}),
        (r"\includegraphics[angle=-90]{a}", {"angle": 270.0}),
        (r"\psfig{figure=a,angle=270,clip=}", {"angle": 270.0, "clip": True}),
        (r"\psfig{figure=a,bbllx=1,bblly=2,bburx=30,bbury=40,clip=}", {"viewport": (1.0, 2.0, 30.0, 40.0)}),
        (r"\rotatebox{90}{\includegraphics[angle=10]{a}}\relax", {"angle": 100.0}),
        (r"\includegraphics[page=3]{a}", {"page": 3}),
        (
            r"\newcommand{\cut}{trim=1 1 1 1,clip}\includegraphics[\cut]{a}",
            {"trim": (1.0, 1.0, 1.0, 1.0), "clip": True},
        ),
    ],
)
def test_options_that_change_the_picture_are_kept(read, command: str, expected: dict[str, object]) -> None:
    graphic = read(figure(command), "a.pdf").figures[0].graphics[0]
    assert {name: getattr(graphic, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("1pt 0 0 72.27pt", (72 / 72.27, 0.0, 0.0, 72.0)),
        ("10mm 1cm .5in -3", (28.3465, 28.3465, 36.0, -3.0)),
        ("1 2 3", None),
        ("1 2 3 x", None),
        ("", None),
    ],
)
def test_lengths_are_points_of_a_72nd_inch(text: str, points: tuple[float, ...] | None) -> None:
    assert parse_lengths(text) == (pytest.approx(points, abs=1e-3) if points else None)


def test_pages_of_one_file_are_separate_pictures(read) -> None:
    body = figure(r"\includegraphics[page=1]{a}\includegraphics[page=2]{a}")
    assert [graphic.page for graphic in read(body, "a.pdf").figures[0].graphics] == [1, 2]


def test_appended_pdf_pages_are_no_figure(read) -> None:
    paper = read(r"\includepdf[pages=-]{supplement.pdf}", "supplement.pdf")
    assert paper.figures == []
    assert paper.drops == []

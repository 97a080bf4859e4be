"""What classes and packages of journals, fields and decades have of their own."""

from __future__ import annotations

import pytest

F = r"\begin{figure}\includegraphics{a}\caption{Good.}\label{x}\end{figure}"


@pytest.mark.parametrize(
    ("cls", "body"),
    [
        (r"\documentstyle[12pt,epsf]{article}", r"\begin{figure}\epsfxsize=4in\centerline{\epsfbox{a}}\caption[]{Good.}\end{figure}"),
        (r"\documentstyle[aps,prl,psfig]{revtex}", r"\begin{figure}\hbox to\hsize{\hss\psfig{figure=a}\hss}\caption{Good.}\end{figure}"),
        (r"\documentclass{aa}", r"\begin{figure}\resizebox{12cm}{!}{\includegraphics{a}}\hfill\parbox[b]{55mm}{\caption{Good.}}\end{figure}"),
        (r"\documentclass{aa}", r"\onlfig{3}{\begin{figure}\includegraphics{a}\caption{Good.}\end{figure}}"),
        (r"\documentclass{aa}", r"\begin{figure*}\sidecaption\includegraphics[width=12cm]{a}\caption{Good.}\end{figure*}"),
        (r"\documentclass{aastex631}", r"\begin{figure}\begin{interactive}{js}{f.zip}\plotone{a}\end{interactive}\caption{Good.}\end{figure}"),
        (r"\documentclass{mnras}", r"\author[A. B.]{A. B.$^1$\\$^1$Here}" + F),
        (r"\documentclass{elsarticle}", r"\begin{frontmatter}\author[1]{A\corref{c}}\end{frontmatter}" + F),
        (r"\documentclass{IEEEtran}", F + r"\begin{IEEEbiography}[{\includegraphics{me}}]{Me} I saw Fig.~\ref{x}.\end{IEEEbiography}"),
        (r"\documentclass{cas-dc}", F + r"\bio{me.jpg}I\endbio"),
        (r"\documentclass{acmart}", r"\begin{teaserfigure}\includegraphics{a}\caption{Good.}\Description{x}\end{teaserfigure}\maketitle"),
        (r"\documentclass{pnas-new}", r"\significancestatement{x}\begin{SCfigure*}[\sidecaptionrelwidth][t]\includegraphics{a}\caption{Good.}\end{SCfigure*}"),
        (r"\documentclass{mdpi}", r"\begin{figure}\isPreprints{\centering}{}\begin{adjustwidth}{1cm}{0cm}\includegraphics{a}\end{adjustwidth}\caption{Good.}\end{figure}"),
        (r"\documentclass{achemso}", r"\begin{tocentry}\includegraphics{toc}\end{tocentry}\begin{scheme}\includegraphics{a}\caption{Good.}\end{scheme}"),
        (r"\documentclass{beamer}", r"\begin{frame}{T}\begin{figure}\includegraphics<2->{a}\caption{Good.}\end{figure}\end{frame}"),
        (r"\documentclass{JHEP3}", r"\FIGURE[t]{\epsfig{file=a}\caption{Good.}}"),
        (r"\documentclass{cvpr}", r"\twocolumn[{\maketitle" + "\n\n" + r"\begin{center}\captionsetup{type=figure}\includegraphics{a}\caption{Good.}\end{center}}]"),
        (r"\documentclass{article}", r"\author{A \begin{center}\includegraphics{a}\captionof{figure}{Good.}\end{center}}\maketitle"),
        (r"\documentclass{article}", r"\begin{figure}$\begin{array}{c}\includegraphics{a}\end{array}$\caption{Good.}\end{figure}"),
        (r"\documentclass{article}", r"\begin{figure}\psfragfig[width=3cm]{a}\caption{Good.}\end{figure}"),
        (r"\documentclass{article}", r"\begin{figure}\pstool[width=3cm]{a}{\psfrag{x}{y}}\caption{Good.}\end{figure}"),
        (r"\documentclass{article}", r"\begin{figure}\caption{Good.}\includegraphics{a}\caption*{Notes: none.}\end{figure}"),
        (r"\documentclass{article}", r"\begin{wrapstuff}[r]\includegraphics{a}\captionof{figure}{Good.}\end{wrapstuff}"),
    ],
)  # fmt: skip
def test_the_figure_of_a_class_is_found_with_its_caption(read, captions, sources, cls: str, body: str) -> None:
    paper = read(body, "a.png", "me.jpg", "toc.png", cls=cls)
    assert captions(paper) == ["Good."]
    assert sources(paper) == [["a.png"]]
    assert paper.figures[0].number == "1"
    assert {drop.reason for drop in paper.drops} <= {"no_caption"}
    assert paper.figures[0].contexts == []


def test_a_class_shipped_with_the_paper_gives_its_figure_command(read, captions) -> None:
    style = r"\ProvidesClass{ourthesis}\LoadClass{book}\newcommand{\fig}[2]{\begin{figure}\includegraphics{#1}\caption{#2}\end{figure}}"
    cls = r"\documentclass{ourthesis}"
    assert captions(read(r"\fig{a}{Good.}", "a.png", cls=cls, files={"ourthesis.cls": style})) == ["Good."]


def test_harvmacs_figures_have_their_number_and_are_cited_by_name(read) -> None:
    preamble = (
        r"\def\ifig#1#2#3{\xdef#1{fig.~\the\figno}\midinsert\centerline{#3}"
        r"\noindent{\bf Fig.~\the\figno:} #2\par\endinsert\global\advance\figno by1}"
    )
    body = r"\ifig\one{First.}{\epsfbox{a.eps}}\ifig\two{Second.}{\epsfbox{b.eps}} See \two."
    figures = read(body, "a.eps", "b.eps", preamble=preamble).figures
    assert [(figure.number, figure.caption, figure.contexts) for figure in figures] == [
        ("1", "First.", []),
        ("2", "Second.", ["See fig. 2."]),
    ]


def test_frontiers_letters_the_captions_in_its_subfigure_float(read) -> None:
    body = (
        r"\begin{subfigure}\begin{minipage}{3cm}\includegraphics{a}\caption{Left.}\label{l}\end{minipage}"
        r"\begin{minipage}{3cm}\includegraphics{b}\caption{Right.}\end{minipage}\caption{Both.}\end{subfigure} In \ref{l}."
    )
    [figure] = read(body, "a.png", "b.png").figures
    assert (figure.caption, [graphic.subcaption for graphic in figure.graphics]) == ("Both.", ["Left.", "Right."])
    assert len(figure.contexts) == 1


@pytest.mark.parametrize("boxes", [r"\begin{minipage}{3cm}%s\end{minipage}", r"\parbox{3cm}{%s}"])
def test_starred_captions_in_boxes_are_panels_of_the_numbered_one(read, boxes: str) -> None:
    body = boxes % r"\includegraphics{a}\caption*{(a) Left}" + boxes % r"\includegraphics{b}\caption*{(b) Right}"
    [figure] = read(rf"\begin{{figure}}{body}\caption{{Both.}}\end{{figure}}", "a.png", "b.png").figures
    assert figure.caption == "Both."
    assert [(g.source, g.panel, g.subcaption) for g in figure.graphics] == [
        ("a.png", "a", "Left"),
        ("b.png", "b", "Right"),
    ]


def test_boxes_of_floatrow_in_a_row_of_panels_are_panels(read) -> None:
    boxes = r"\ffigbox{\includegraphics{a}}{\caption{Left.}}\ffigbox{\includegraphics{b}}{\caption{Right.}}"
    [figure] = read(rf"\begin{{figure}}\begin{{subfloatrow}}[2]{boxes}\end{{subfloatrow}}\caption{{Both.}}\end{{figure}}",
                    "a.png", "b.png").figures  # fmt: skip
    assert [(g.panel, g.subcaption) for g in figure.graphics] == [("a", "Left."), ("b", "Right.")]


def test_a_table_beside_a_figure_set_by_captype_is_no_figure(read, captions, sources) -> None:
    preamble = (
        r"\makeatletter\newcommand\figcaption{\def\@captype{figure}\caption}"
        r"\newcommand\tabcaption{\def\@captype{table}\caption}\makeatother"
    )
    body = (
        r"\begin{figure}\begin{minipage}{3cm}\includegraphics{a}\figcaption{Good.}\end{minipage}"
        r"\begin{minipage}{3cm}\begin{tabular}{c}1\end{tabular}\tabcaption{Numbers.}\end{minipage}\end{figure}"
    )
    paper = read(body, "a.png", preamble=preamble)
    assert captions(paper) == ["Good."]
    assert sources(paper) == [["a.png"]]


def test_old_latex_and_dvips_take_eps_where_several_formats_are_shipped(read, sources) -> None:
    body = r"\begin{figure}\includegraphics{a}\caption{C}\end{figure}"
    shipped = ("a.eps", "a.pdf", "a.png")
    assert sources(read(body, *shipped, cls=r"\documentstyle{article}")) == [["a.eps"]]
    assert sources(read(body, *shipped, preamble=r"\usepackage[dvips]{graphicx}")) == [["a.eps"]]
    assert sources(read(body, *shipped, preamble=r"\usepackage{graphicx}")) == [["a.pdf"]]


def test_the_mark_of_a_line_drawn_in_a_caption_is_neither_words_nor_a_figure(read) -> None:
    mark = r"\protect\tikz{\draw[red] (0,0) -- (1,0);}"
    other = r"\begin{tikzpicture}[baseline]\draw (0,0) -- (1,0);\end{tikzpicture}"
    body = rf"\begin{{figure}}\includegraphics{{a}}\caption{{Model ({mark}) and data ({other}).}}\end{{figure}}"
    paper = read(body, "a.png")
    assert paper.figures[0].caption == "Model () and data ()."
    assert paper.drops == []

"""Captions that stand apart from their pictures, as manuscripts and old preprints have them."""

from __future__ import annotations

import pytest

LISTED = r"""
\section*{Figure captions}
\begin{itemize}
\item[Fig. 1] The first words.
\item[Fig. 2] The second words.
\end{itemize}
"""


@pytest.mark.parametrize(
    "body",
    [
        LISTED + r"\newpage\epsfbox{a.eps}\newpage\epsfbox{b.eps}",
        LISTED + r"\begin{figure}\includegraphics{a}\end{figure}\begin{figure}\includegraphics{b}\end{figure}",
        "\\section*{Legends}\\textbf{Figure 1.} The first words.\n\n\\textbf{Figure 2:} The second words.\n\n"
        r"\begin{figure}\includegraphics{a}\caption{}\end{figure}\begin{figure}\includegraphics{b}\caption{}\end{figure}",
        "\\begin{center}\\includegraphics{a}\\\\{\\bf Figure 1:} The first words.\\end{center}\n\nWords.\n\n"
        "\\includegraphics{b}\n\n\\noindent Fig.~2. The second words.\n\n",
        r"\begin{figure}\includegraphics{a}\\ Fig. 1 -- The first words.\end{figure}"
        r"\begin{figure}\includegraphics{b} \textbf{Figure 2}. The second words.\end{figure}",
        r"\begin{figure}\caption{The first words.}\end{figure}\begin{figure}\caption{The second words.}\end{figure}"
        r"\clearpage\includegraphics{a}\clearpage\includegraphics{b}",
        r"\figcaption{The first words.}\figcaption{The second words.}\clearpage\plotone{a}\clearpage\plotone{b}",
    ],
)  # fmt: skip
def test_captions_and_pictures_in_two_places_are_paired_in_order(read, captions, sources, body: str) -> None:
    paper = read(body, "a.eps", "b.eps")
    assert captions(paper) == ["The first words.", "The second words."]
    assert sources(paper) == [["a.eps"], ["b.eps"]]
    assert [figure.number for figure in paper.figures] == ["1", "2"]
    assert paper.drops == []


def test_a_plain_tex_paper_with_all_figures_at_its_end_is_read(read, captions, sources) -> None:
    source = r"""\magnification=1200 \input epsf
Energy is kept (see Fig. 1).
\vfill\eject
\centerline{\bf Figure Captions}
\item{Fig. 1.} The first words.
\item{Fig. 2.} The second words.
\vfill\eject
\epsfbox{f1.ps}
\vfill\eject
\epsfbox{f2.ps}
\bye"""
    from s1_mmalign.builder.archives import MemoryArchive
    from s1_mmalign.builder.formats.latex import read_latex

    paper = read_latex(MemoryArchive({"paper.tex": source.encode(), "f1.ps": b"", "f2.ps": b""}))
    assert captions(paper) == ["The first words.", "The second words."]
    assert sources(paper) == [["f1.ps"], ["f2.ps"]]
    assert paper.figures[0].contexts == ["Energy is kept (see Fig. 1)."]


def test_panels_at_the_end_are_told_by_the_numbers_in_their_names(read, sources) -> None:
    pictures = r"\epsfbox{fig1.ps}\newpage\epsfbox{fig2a.ps}\newpage\epsfbox{fig2b.ps}"
    assert sources(read(LISTED + r"\newpage" + pictures, "fig1.ps", "fig2a.ps", "fig2b.ps")) == [
        ["fig1.ps"],
        ["fig2a.ps", "fig2b.ps"],
    ]


def test_a_caption_without_any_picture_finds_the_file_of_its_number(read, sources) -> None:
    floats = "".join(rf"\begin{{figure}}\caption{{{word}}}\end{{figure}}" for word in ("One", "Two", "Three", "Four"))
    paper = read(floats, "Fig1.tif", "fig2a.eps", "fig2b.eps", "figs/figure_03.png", "logo.png")
    assert sources(paper) == [["Fig1.tif"], ["fig2a.eps", "fig2b.eps"], ["figs/figure_03.png"], []]
    assert [(drop.where, drop.reason) for drop in paper.drops] == [("fig4", "image_missing")]


def test_a_file_that_another_figure_shows_is_not_found_by_its_number(read, sources) -> None:
    shown = r"\begin{figure}\caption{One}\end{figure}\begin{figure}\includegraphics{fig1}\caption{Two}\end{figure}"
    assert sources(read(shown, "fig1.png")) == [[], ["fig1.png"]]


def test_a_file_named_in_a_command_that_nobody_explains_is_shown(read, sources) -> None:
    body = (
        r"\begin{figure}\ourplot[8cm]{plots/a.eps}{}\caption{A}\end{figure}\begin{figure}\our{b}\caption{B}\end{figure}"
    )
    assert sources(read(body, "plots/a.eps", "b.png")) == [["plots/a.eps"], ["b.png"]]


@pytest.mark.parametrize(
    "body",
    [
        "Figure 1 shows nothing.\n\n\\includegraphics{logo}\n\nFigure 2 neither.",
        "\\includegraphics{logo}\n\nSome words on it.\n\nFig. 3. Lonely words.",
        r"\begin{figure}\caption{Lost.}\end{figure}\includegraphics{logo}\includegraphics{logo}",
        r"\includegraphics{logo}\begin{figure}\includegraphics{gone}\caption{Lost.}\end{figure}",
    ],
)
def test_a_logo_is_not_taken_for_the_picture_of_a_caption(read, body: str) -> None:
    assert [figure for figure in read(body, "logo.png").figures if figure.graphics] == []


def test_a_paragraph_that_became_a_caption_is_no_context(read) -> None:
    body = "\\includegraphics{a}\n\nFigure 1: Energy.\n\nFigure 1 shows energy."
    [figure] = read(body, "a.png").figures
    assert figure.contexts == ["Figure 1 shows energy."]

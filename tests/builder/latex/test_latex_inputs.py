"""Files that a paper reads in."""

from __future__ import annotations

import pytest

FIGURE = r"\begin{figure}\includegraphics{a}\caption{Here.}\end{figure}"


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (r"\input{part}", "part.tex"),
        (r"\input{part.tex}", "part.tex"),
        (r"\input part" + "\n", "part.tex"),
        (r"\input sec_one.tex ", "sec_one.tex"),
        (r"\include{sections/part}", "sections/part.tex"),
        (r"\input{./sections/part}", "sections/part.tex"),
        (r"\input{../paper/part.tex}", "part.tex"),
        (r"\input{/home/me/paper/sections/part.tex}", "sections/part.tex"),
        (r"\input{Part}", "part.tex"),
        (r"\import{sections/}{part}", "sections/part.tex"),
        (r"\subimport{sections/}{part}", "sections/part.tex"),
        (r"\InputIfFileExists{part.tex}{}{}", "part.tex"),
        (r"\IfFileExists{part.tex}{\input{part}}{}", "part.tex"),
        (r"\newcommand{\dir}{sections}\input{\dir/part}", "sections/part.tex"),
    ],
)
def test_an_included_file_is_read(read, captions, command: str, name: str) -> None:
    assert captions(read(command, "a.png", files={name: FIGURE})) == ["Here."]


def test_a_subfile_is_read_without_its_preamble_and_the_paper_goes_on_after_it(read, captions) -> None:
    part = "\\documentclass[../main]{subfiles}\n\\begin{document}\n" + FIGURE + "\n\\end{document}\nrubbish"
    paper = read(r"\subfile{s/part} " + FIGURE.replace("Here", "There"), "a.png", files={"s/part.tex": part})
    assert captions(paper) == ["Here.", "There."]


def test_imported_files_find_their_images_in_their_own_folder(read, sources) -> None:
    files = {"one/part.tex": FIGURE, "two/part.tex": FIGURE}
    paper = read(r"\import{one/}{part}\import{two/}{part}", "one/a.png", "two/a.png", files=files)
    assert sources(paper) == [["one/a.png"], ["two/a.png"]]


def test_a_file_that_includes_itself_is_read_once(read, captions) -> None:
    files = {"a.tex": FIGURE + r"\input{b}", "b.tex": r"\input{a}\input{main}"}
    assert captions(read(r"\input{a}", "a.png", files=files)) == ["Here."]


def test_a_file_may_be_included_twice_in_a_row(read, captions) -> None:
    assert captions(read(r"\input{a}\input{a}", "a.png", files={"a.tex": FIGURE})) == ["Here.", "Here."]


def test_a_long_chain_of_inputs_ends(read) -> None:
    files = {f"f{n}.tex": rf"\input{{f{n + 1}}}" for n in range(200)}
    assert read(r"\input{f0}", files=files).figures == []


def test_what_follows_endinput_is_not_read(read, captions) -> None:
    files = {"a.tex": FIGURE + "\\endinput\n" + FIGURE}
    assert captions(read(r"\input{a} after", "a.png", files=files)) == ["Here."]


def test_an_include_inside_a_float_is_followed(read, sources) -> None:
    body = r"\begin{figure}\resizebox{\textwidth}{!}{\input{fig.pdf_t}}\caption{C}\end{figure}"
    drawing = r"\begin{picture}(0,0)\includegraphics{fig.pdf}\end{picture}\put(1,2){\makebox(0,0)[lb]{$x$}}"
    paper = read(body, "fig.pdf", files={"fig.pdf_t": drawing})
    assert sources(paper) == [["fig.pdf"]]
    assert paper.drops == []


def test_inkscape_layers_of_one_file_are_one_picture(read, sources) -> None:
    drawing = (
        r"\begingroup\begin{picture}(1,1)\put(0,0){\includegraphics[width=\unitlength,page=1]{d.pdf}}"
        r"\put(0,0){\includegraphics[width=\unitlength,page=2]{d.pdf}}\end{picture}\endgroup"
    )
    body = r"\begin{figure}\def\svgwidth{5cm}\input{d.pdf_tex}\caption{C}\end{figure}"
    assert sources(read(body, "d.pdf", files={"d.pdf_tex": drawing})) == [["d.pdf"]]


def test_a_plot_as_pgf_file_is_drawn_in_the_source(read) -> None:
    body = r"\begin{figure}\input{plot.pgf}\caption{C}\end{figure}"
    paper = read(body, files={"plot.pgf": r"\begin{pgfpicture}\end{pgfpicture}"})
    assert [drop.reason for drop in paper.drops] == ["drawn_in_source"]


def test_the_authors_own_style_file_gives_its_macros(read, captions) -> None:
    body = r"\begin{figure}\includegraphics{a}\caption{\model\ wins.}\end{figure}"
    style = r"\ProvidesPackage{mymacros}\newcommand{\model}{Net\textsubscript{2}}\newcommand{\caption}[1]{broken}"
    paper = read(body, "a.png", preamble=r"\usepackage{mymacros}", files={"mymacros.sty": style})
    assert captions(paper) == ["Net2 wins."]


def test_caption_text_may_come_from_generated_files(read, captions) -> None:
    body = r"\begin{figure}\includegraphics{a}\caption{Mean \input{stats/mean}\% of all.}\end{figure}"
    assert captions(read(body, "a.png", files={"stats/mean.tex": "12.5\\endinput x"})) == ["Mean 12.5% of all."]


def test_includeonly_leaves_the_other_files_out(read, captions) -> None:
    files = {"a.tex": FIGURE, "b.tex": FIGURE.replace("Here", "There")}
    assert captions(read(r"\include{a}\include{b}", "a.png", files=files, preamble=r"\includeonly{b}")) == ["There."]


@pytest.mark.parametrize("name", ["epsf.tex", "epsf.sty", "psfig.tex", "psfig.sty"])
def test_old_macro_files_shipped_with_a_paper_do_not_hide_its_images(read, sources, name: str) -> None:
    macros = r"\def\epsfbox#1{\message{#1}}\def\psfig#1{\message{#1}}\def\epsffile#1{}"
    body = rf"\input{{{name}}}\begin{{figure}}\epsfbox{{a.eps}}\psfig{{file=b.ps}}\caption{{C}}\end{{figure}}"
    assert sources(read(body, "a.eps", "b.ps", files={name: macros})) == [["a.eps", "b.ps"]]


def test_gnuplots_latex_terminal_gives_its_picture(read, sources) -> None:
    plot = r"""\begingroup
  \makeatletter
  \providecommand\color[2][]{\GenericError{(gnuplot) \space}{Package color not loaded}{}\renewcommand\color[2][]{}}%
  \@ifundefined{ifGPcolor}{\newif\ifGPcolor\GPcolortrue}{}%
  \let\gplgaddtomacro\g@addto@macro
  \gdef\gplbacktext{}\gdef\gplfronttext{}%
  \makeatother
  \ifGPcolor \def\colorrgb#1{\color[rgb]{#1}}\else \def\colorrgb#1{}\fi
  \setlength{\unitlength}{0.0500bp}%
  \begin{picture}(7200.00,5040.00)%
    \gplgaddtomacro\gplbacktext{\put(946,704){\makebox(0,0)[r]{\strut{} 0}}}%
    \gplbacktext
    \put(0,0){\includegraphics{plot}}%
    \gplfronttext
  \end{picture}%
\endgroup"""
    body = r"\begin{figure}\input{plot}\caption{C}\end{figure}\begin{figure}\includegraphics{a}\caption{D}\end{figure}"
    paper = read(body, "plot.pdf", "a.png", files={"plot.tex": plot})
    assert sources(paper) == [["plot.pdf"], ["a.png"]]
    assert paper.drops == []

"""Panels: their pictures, letters and captions."""

from __future__ import annotations

import pytest

MAIN = r"\caption{Main.}\label{m}"
TWO = [("a.png", "a", "First."), ("b.png", "b", "Second.")]


@pytest.mark.parametrize(
    "panels",
    [
        r"\begin{subfigure}[b]{0.5\textwidth}\includegraphics{a}\caption{First.}\label{p}\end{subfigure}~"
        r"\begin{subfigure}[b]{0.5\textwidth}\includegraphics{b}\caption{Second.}\end{subfigure}",
        r"\subfigure[First.\label{p}]{\includegraphics{a}}\hfill\subfigure[Second.]{\includegraphics{b}}",
        r"\subfigure[][First.\label{p}]{\includegraphics{a}}\subfigure[][Second.]{\includegraphics{b}}",
        r"\subfloat[First.]{\includegraphics{a}\label{p}}\quad\subfloat[Second.]{\includegraphics{b}}",
        r"\subfloat[List][First.\label{p}]{\includegraphics{a}}\\\subfloat[Second.]{\includegraphics{b}}",
        r"\subcaptionbox{First.\label{p}}[5cm]{\includegraphics{a}}\subcaptionbox[L]{Second.}{\includegraphics{b}}",
        r"\begin{subcaptionblock}{5cm}\includegraphics{a}\caption{First.}\label{p}\end{subcaptionblock}"
        r"\begin{subcaptionblock}{5cm}\includegraphics{b}\caption{Second.}\end{subcaptionblock}",
        r"\begin{minipage}{5cm}\includegraphics{a}\subcaption{First.}\label{p}\end{minipage}"
        r"\begin{minipage}{5cm}\includegraphics{b}\subcaption{Second.}\end{minipage}",
        r"\begin{tabular}{cc}\subfloat[First.\label{p}]{\includegraphics{a}}&\subfloat[Second.]{\includegraphics{b}}"
        r"\end{tabular}",
        r"\sidesubfloat[First.\label{p}]{\includegraphics{a}}\sidesubfloat[Second.]{\includegraphics{b}}",
        r"\subbottom[First.\label{p}]{\includegraphics{a}}\subbottom[Second.]{\includegraphics{b}}",
        r"\gridline{\fig{a}{0.3\textwidth}{(a) First.\label{p}}\fig{b}{0.3\textwidth}{(b) Second.}}",
        r"\gridline{\leftfig{a}{1cm}{(a) First.}\rightfig{b}{1cm}{(b) Second.}}\label{p}",
        r"\subfigure[(a) First.\label{p}]{\includegraphics{a}}\subfigure[(b) Second.]{\includegraphics{b}}",
    ],
)
def test_panels_have_letters_and_captions_and_their_labels_cite_the_figure(read, panels: str) -> None:
    body = rf"\begin{{figure}}\centering {panels}{MAIN}\end{{figure}} See \ref{{p}}."
    paper = read(body, "a.png", "b.png")
    [figure] = paper.figures
    assert [(graphic.source, graphic.panel, graphic.subcaption) for graphic in figure.graphics] == TWO
    assert figure.caption == "Main."
    assert len(figure.contexts) == 1


@pytest.mark.parametrize(
    "panels",
    [
        r"\begin{tabular}{cc}\includegraphics{a}&\includegraphics{b}\\(a)&(b)\end{tabular}",
        r"\includegraphics{a}(a)\includegraphics{b}(b)",
        r"\begin{subfigure}{5cm}\includegraphics{a}\caption{}\end{subfigure}"
        r"\begin{subfigure}{5cm}\includegraphics{b}\caption{}\end{subfigure}",
        r"\subfloat[]{\includegraphics{a}}\subfloat[]{\includegraphics{b}}",
        r"\gridline{\fig{a}{1cm}{(a)}\fig{b}{1cm}{(b)}}",
    ],
)
def test_panels_without_words_have_letters_only(read, panels: str) -> None:
    [figure] = read(rf"\begin{{figure}}{panels}{MAIN}\end{{figure}}", "a.png", "b.png").figures
    assert [(graphic.source, graphic.panel, graphic.subcaption) for graphic in figure.graphics] == [
        ("a.png", "a", None),
        ("b.png", "b", None),
    ]


@pytest.mark.parametrize(
    "pictures",
    [
        r"\includegraphics{a}\includegraphics{b}",
        r"\plottwo{a}{b}",
        r"\plotone{a}\plotone{b}",
        r"\begin{tabular}{cc}\includegraphics{a}&\includegraphics{b}\end{tabular}",
        r"\begin{minipage}{5cm}\includegraphics{a}\end{minipage}\begin{minipage}{5cm}\includegraphics{b}\end{minipage}",
        r"\hbox{\epsfxsize=5cm\epsfbox{a.png}\hss\epsffile{b.png}}",
        r"\centerline{\psfig{figure=a.png,width=5cm}\psfig{file=b.png}}",
        r"\begin{subfigure}{5cm}\includegraphics{a}\includegraphics{b}\end{subfigure}",
    ],
)
def test_several_pictures_under_one_caption_are_one_figure(read, sources, captions, pictures: str) -> None:
    paper = read(rf"\begin{{figure}}{pictures}{MAIN}\end{{figure}}", "a.png", "b.png")
    assert sources(paper) == [["a.png", "b.png"]]
    assert captions(paper) == ["Main."]


def test_a_reference_to_a_panel_prints_number_and_letter(read) -> None:
    body = (
        r"\begin{figure}\subfloat[A.\label{p}]{\includegraphics{a}}\subfloat[B.\label{q}]{\includegraphics{b}}"
        r"\caption{Main, see \subref{p}.}\label{m}\end{figure} In \ref{q} and \subref{q}, also \autoref{m}."
    )
    [figure] = read(body, "a.png", "b.png").figures
    assert figure.caption == "Main, see a."
    assert figure.contexts == ["In 1b and b, also Figure 1."]


def test_panels_without_a_main_caption_give_the_figure_theirs(read, captions) -> None:
    body = r"\begin{figure}\subfloat[One.]{\includegraphics{a}}\subfloat[Two.]{\includegraphics{b}}\end{figure}"
    assert captions(read(body, "a.png", "b.png")) == ["(a) One. (b) Two."]


def test_panels_without_a_main_caption_are_cited_by_the_number_that_it_would_have(read) -> None:
    body = r"\begin{figure}\subfloat[One.\label{p}]{\includegraphics{a}}\end{figure} In \ref{p}."
    assert read(body, "a.png").figures[0].contexts == ["In 1a."]


def test_letters_start_anew_in_each_figure(read) -> None:
    body = r"\begin{figure}\subfloat[One.]{\includegraphics{a}}\caption{C}\end{figure}"
    assert [figure.graphics[0].panel for figure in read(body * 2, "a.png").figures] == ["a", "a"]


def test_phantom_panels_are_counted_and_their_labels_cite_the_figure(read) -> None:
    body = (
        r"\begin{figure}\includegraphics{a}\begin{subfigure}{0cm}\phantomsubcaption\label{p}\end{subfigure}"
        r"\begin{subfigure}{0cm}\phantomsubcaption\label{q}\end{subfigure}\caption{C}\end{figure} See \ref{q}."
    )
    [figure] = read(body, "a.png").figures
    assert [(graphic.source, graphic.panel) for graphic in figure.graphics] == [("a.png", None)]
    assert figure.contexts == ["See 1b."]


def test_a_drawn_panel_beside_a_picture_is_a_drop(read) -> None:
    body = (
        r"\begin{figure}\subfloat[A]{\includegraphics{a}}\subfloat[B]{\begin{tikzpicture}\draw;\end{tikzpicture}}"
        r"\caption{C}\end{figure}"
    )
    paper = read(body, "a.png")
    assert [(drop.where, drop.reason) for drop in paper.drops] == [("fig1", "drawn_in_source")]


def test_subfigures_in_minipages_with_captions_stay_with_their_own_figure(read, sources) -> None:
    half = r"\begin{minipage}{5cm}\subfloat[x]{\includegraphics{%s}}\subfloat[y]{\includegraphics{%s}}\caption{%s}\end{minipage}"
    body = rf"\begin{{figure}}{half % ('a', 'b', 'One')}{half % ('c', 'd', 'Two')}\end{{figure}}"
    assert sources(read(body, "a.png", "b.png", "c.png", "d.png")) == [["a.png", "b.png"], ["c.png", "d.png"]]

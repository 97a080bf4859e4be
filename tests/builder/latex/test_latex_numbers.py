"""Numbers as TeX would print them."""

from __future__ import annotations

import pytest

F = r"\begin{figure}\includegraphics{a}\caption{C}\end{figure}"


def numbers(read, body: str, **options: str) -> list[str | None]:
    return [figure.number for figure in read(body, "a.png", **options).figures]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (F + F, ["1", "2"]),
        (F + r"\setcounter{figure}{4}" + F, ["1", "5"]),
        (F + r"\addtocounter{figure}{-1}" + F, ["1", "1"]),
        (F + r"\begin{figure}\ContinuedFloat\includegraphics{a}\caption{C}\end{figure}" + F, ["1", "1", "2"]),
        (F + r"\begin{figure}\includegraphics{a}\caption*{C}\end{figure}" + F, ["1", None, "2"]),
        (F + r"\begin{table}\caption{T}\end{table}" + F, ["1", "2"]),
        (F + r"\begin{scheme}\includegraphics{a}\caption{C}\end{scheme}" + F, ["1", "1", "2"]),
        (r"\renewcommand{\thefigure}{S\arabic{figure}}" + F + F, ["S1", "S2"]),
        (r"\def\thefigure{\Roman{figure}}" + F + F, ["I", "II"]),
        (r"\renewcommand\thefigure{\thesection.\arabic{figure}}\section{X}" + F + r"\section{Y}" + F, ["1.1", "2.2"]),
        (r"\numberwithin{figure}{section}\section{X}" + F + F + r"\section{Y}" + F, ["1.1", "1.2", "2.1"]),
        (r"\captionsetup{figurewithin=section}\section{X}" + F + r"\section{Y}" + F, ["1.1", "2.1"]),
        (r"\counterwithin{figure}{section}\section{X}" + F + r"\section{Y}" + F, ["1.1", "2.1"]),
        (r"\makeatletter\@addtoreset{figure}{section}\makeatother\section{X}" + F + r"\section{Y}" + F, ["1", "1"]),
        (F + r"\appendix\setcounter{figure}{0}\renewcommand{\thefigure}{A\arabic{figure}}\section{X}" + F, ["1", "A1"]),
        (F + r"\appendix\numberwithin{figure}{section}\section{X}" + F + r"\section{Y}" + F, ["1", "A.1", "B.1"]),
        (r"\begin{appendices}\renewcommand{\thefigure}{\thesection\arabic{figure}}\section{X}" + F + r"\end{appendices}", ["A1"]),
        (F + r"\begin{figure}\figurenum{7}\plotone{a}\caption{C}\end{figure}" + F, ["1", "7", "2"]),
        (r"\makeatletter\renewcommand{\thefigure}{S\@arabic\c@figure}\makeatother" + F, ["S1"]),
        (r"\stepcounter{figure}" + F, ["2"]),
        (r"\begin{figure}\includegraphics{a}\caption*{Figure S3: Typed.}\end{figure}", ["S3"]),
    ],
)  # fmt: skip
def test_figures_are_numbered_as_printed(read, body: str, expected: list[str | None]) -> None:
    assert numbers(read, body) == expected


def test_books_number_by_chapter_and_letter_their_appendix(read) -> None:
    body = r"\chapter{X}" + F + F + r"\chapter{Y}" + F + r"\appendix\chapter{Z}" + F
    assert numbers(read, body, cls=r"\documentclass{book}") == ["1.1", "1.2", "2.1", "A.1"]


@pytest.mark.parametrize(
    ("cls", "expected"),
    [
        ("article", ["1", "2"]),
        ("mnras", ["1", "A1"]),
        ("aa", ["1", "A.1"]),
        ("elsarticle", ["1", "A.2"]),
        ("aastex62", ["1", "2"]),
    ],
)
def test_classes_number_their_appendix_each_in_its_way(read, cls: str, expected: list[str]) -> None:
    body = r"\section{X}" + F + r"\appendix\section{Y}" + F
    assert numbers(read, body, cls=rf"\documentclass{{{cls}}}") == expected


@pytest.mark.parametrize(
    ("body", "printed"),
    [
        (r"\section{X}\section{Y}\label{l}", "2"),
        (r"\section{X}\subsection{Y}\label{l}", "1.1"),
        (r"\section{X\label{l}}", "1"),
        (r"\section*{Z}\section{X}\appendix\section{Y}\label{l}", "A"),
        (r"\begin{equation}x\end{equation}\begin{equation}y\label{l}\end{equation}", "2"),
        (r"\begin{align}x\label{k}\\y\label{l}\end{align}", "2"),
        (r"\begin{align}x\nonumber\\y\label{l}\end{align}", "1"),
        (r"\begin{eqnarray}\begin{array}{c}1\\2\end{array}\label{k}\\y\label{l}\end{eqnarray}", "2"),
        (r"\begin{eqnarray}\label{l}x\nonumber\\y\end{eqnarray}", "1"),
        (r"\begin{equation}\tag{7x}y\label{l}\end{equation}", "7x"),
        (r"\begin{subequations}\begin{align}x\\y\label{l}\end{align}\end{subequations}", "1b"),
        (r"\begin{table}\caption{T}\label{l}\end{table}", "1"),
        (r"\begin{deluxetable}{cc}\tablecaption{T\label{l}}\startdata\enddata\end{deluxetable}", "1"),
        (r"\begin{deluxetable}{cc}\tablenum{4}\tablecaption{T\label{l}}\end{deluxetable}", "4"),
        (r"\begin{enumerate}\item x\item\label{l} y\end{enumerate}", "2"),
        (r"\newtheorem{thm}{Theorem}[section]\section{X}\begin{thm}\label{l}y\end{thm}", "1.1"),
        (r"\newtheorem{thm}{T}\newtheorem{lem}[thm]{L}\begin{thm}x\end{thm}\begin{lem}\label{l}y\end{lem}", "2"),
        (r"\newcommand{\be}{\begin{equation}}\newcommand{\ee}{\end{equation}}\be x\ee\be y\label{l}\ee", "2"),
    ],
)
def test_references_in_captions_print_the_numbers_of_other_things(read, captions, body: str, printed: str) -> None:
    body += r"\begin{figure}\includegraphics{a}\caption{See \ref{l}.}\end{figure}"
    assert captions(read(body, "a.png")) == [f"See {printed}."]


def test_roman_sections_of_physics_classes(read, captions) -> None:
    body = r"\section{X}\section{Y}\label{l}\begin{figure}\includegraphics{a}\caption{Sec.~\ref{l}}\end{figure}"
    assert captions(read(body, "a.png", cls=r"\documentclass[prl]{revtex4-2}")) == ["Sec. II"]

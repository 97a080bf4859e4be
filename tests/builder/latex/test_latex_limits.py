"""Whatever a package holds, reading ends soon, with figures, drops or a PackageError."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s1_mmalign.builder.archives import MemoryArchive
from s1_mmalign.builder.formats.latex import read_latex
from s1_mmalign.builder.records import DROP_REASONS, PackageError, Paper

GOOD = r"\begin{figure}\includegraphics{a}\caption{Good.}\end{figure}"


@pytest.mark.parametrize(
    "bomb",
    [
        r"\def\a{\a}\a",
        r"\def\a{\a\a}\a",
        r"\def\a{x\b}\def\b{y\a}\a",
        r"\def\a#1{\a{#1#1}}\a{x}",
        r"\def\a#1{#1#1#1#1#1#1#1#1#1#1}\a{\a{\a{\a{\a{\a{\a{\a{\a{\a{\a{\a{x}}}}}}}}}}}}",
        "".join(rf"\def\{chr(98 + n)}{{\{chr(97 + n)}\{chr(97 + n)}}}" for n in range(24)) + r"\y",
        "".join(rf"\edef\{chr(98 + n)}{{\{chr(97 + n)}\{chr(97 + n)}}}" for n in range(24)) + r"\y",
        r"\edef\a{\a\a}\edef\a{\a\a}\a",
        r"\newcommand{\a}{\begin{figure}\a\end{figure}}\a",
        r"\newenvironment{e}{\begin{e}}{\end{e}}\begin{e}\end{e}",
        r"\def\a{\caption{\a}}\begin{figure}\a\end{figure}",
        r"\def\a{\input{main}\a}\a",
        r"\def\a{\section{\a}}\a",
        r"\let\x\expandafter\def\a{\x\a\a}\a",
        r"\def\a{\csname a\endcsname}\a",
        r"\renewcommand{\thefigure}{\thefigure\thefigure}" + GOOD,
        r"\setcounter{figure}{99999999999999999999}",
        r"\numberwithin{figure}{section}\numberwithin{section}{figure}\section{x}",
        r"\newcounter{a}[b]\newcounter{b}[a]\stepcounter{a}",
    ],
)
def test_a_bomb_of_macros_ends(read, bomb: str) -> None:
    paper = read(GOOD + bomb, "a.png")
    assert paper.figures[0].caption == "Good."


@pytest.mark.parametrize(
    "text",
    [
        "{" * 100_000,
        "}" * 100_000,
        "$" * 99_999,
        "\\[" * 30_000,
        "[" * 100_000,
        "\\section[" * 10_000,
        "\\label{" * 20_000,
        "\\caption{" * 20_000,
        "\\newcommand{\\a}{" * 10_000,
        "\\begin{figure}" * 10_000,
        "\\end{figure}" * 10_000,
        "\\begin{minipage}" * 5_000 + GOOD,
        "\\begin{tikzpicture}" * 10_000,
        "\\begin{equation}" * 5_000,
        "\\begin{tabular}" * 5_000,
        "\\subfloat[" * 10_000,
        "\\subfloat[a]{" * 3_000 + "}" * 3_000,
        "\\iffalse " * 20_000,
        "\\iftrue " * 20_000,
        "\\ifx" * 20_000,
        "\\verb|" * 20_000,
        "\\begin{verbatim}" * 20_000,
        "\\textbf{" * 20_000 + "x" + "}" * 20_000,
        "\\caption{" * 3_000 + "}" * 3_000,
        "\\footnote{" * 3_000 + "\\ref{x}" + "}" * 3_000,
        "^" * 100_000,
        "#" * 100_000,
        "\\'" * 50_000,
        "\\def\\a#1." * 10_000,
        "\\def\\a#1\\b{}" + "\\a " * 20_000,
        "\\begin{" * 30_000,
        "\\begin {a" * 30_000,
        "\n\n" * 100_000,
        "% " * 100_000,
        "Fig. 1, " * 20_000,
        "Fig. 1 " + "1 " * 50_000,
        "\\ref{x" * 20_000,
        "\\cref{" + "a," * 50_000 + "}",
        "\\expandafter" * 50_000,
        "\\csname " * 30_000,
        "\\if" * 30_000,
        "\\rotatebox{1}{" * 3_000 + "}" * 3_000,
        "\\includegraphics[" + "a=b," * 50_000 + "]{x}",
        "\\SI{1e" * 10_000,
        "\\cite[" * 20_000,
        "\\input{x}" * 20_000,
        "\\foreach \\i in {1,...,9}{" * 3_000,
        "\\sbox{\\a}{\\usebox{\\a}}\\usebox{\\a}" * 3_000,
    ],
)
def test_a_source_of_one_thing_repeated_ends(read, text: str) -> None:
    caption = (
        rf"\begin{{figure}}\includegraphics{{a}}\caption{{{text[:5000]}}}\label{{q}}\end{{figure}} \ref{{q}} {text}"
    )
    for body in (text, GOOD + text, caption):
        assert isinstance(read(body, "a.png"), Paper)


def test_a_source_too_large_to_be_text_is_read_up_to_the_limit() -> None:
    source = b"\\documentclass{article}\\begin{document}" + GOOD.encode() + b"x y z\n" * 3_000_000
    paper = read_latex(
        MemoryArchive({"m.tex": b"\\documentclass{article}\\begin{document}\\input{big}", "big.tex": source})
    )
    assert paper.figures == []


WORDS = r"""
\begin{figure} \end{figure} \caption{ \includegraphics{a} \label{x} \ref{x} { } [ ] $ $$ # ## #1 & ^ _ ~ % \ \\
\[ \] \def \newcommand \renewcommand \let \a \b \c \fi \else \iffalse \iftrue \ifx \if \newif \expandafter
\csname \endcsname \begin{subfigure} \end{subfigure} \subfloat[ \input{ \input{main} \begin{ \end{
\begin{equation} \end{equation} \begin{verbatim} \verb| | \item \section{ \par \begin{tikzpicture}
\end{tikzpicture} \begin{minipage} \end{minipage} \captionof{figure}{ \end{document} \begin{document}
\usepackage{ \newenvironment{ \NewDocumentCommand \cite{ \footnote{ \' \c \SI{ \cref{ \thefigure
\setcounter{figure}{ \arabic{ \appendix \gridline{ \fig{ \plottwo \epsfbox \rotatebox{9}{ \graphicspath{{
\begin{align} \\* \tag{ \begin{tabular} \end{tabular} \ContinuedFloat \figcaption[ \sbox \usebox \string
\ensuremath{ \title{ \abstract{ \begin{abstract} \end{abstract} text Fig.~3 1 a,b = é ß \x01 \newfloat{
\numberwithin{figure}{section} \foreach in \sbox{\a}{ \usebox{\a} \figcaption{ \maketitle \teaser{
\newboolean{b} \begin{lrbox}{\a} \end{lrbox} \begin{eqnarray} \bicaption{ \includeonly{ \begin{overpic}{a}
\tablecaption{ \begin{table} \end{table} \caption*{ \captionsetup{type=figure} \twocolumn[ \author{ \ifcase \or
\newcount\n \advance\n \the\n \tikz \draw ; \tikzset{ \gls{ \newacronym{a}{ \begin{subfloatrow} \end{subfloatrow}
\ffigbox{ \onlfig{ \begin{IEEEbiography}[ \end{IEEEbiography} Figure~1: Fig.~2. \newpage \item[ $\begin{array}{c}
\end{array}$ \begin{center} \end{center}
"""
PIECES = st.sampled_from([*WORDS.split(), "\n", "\n\n", " ", "\x01", "\x02", "\x03", "\ue05c", "\0"])


def read_or_refuse(files: dict[str, bytes]) -> None:
    try:
        paper = read_latex(MemoryArchive(files))
    except PackageError as error:
        assert error.reason in DROP_REASONS
        return
    assert all(drop.reason in DROP_REASONS for drop in paper.drops)
    assert len({figure.figure_id for figure in paper.figures}) == len(paper.figures)
    assert all(graphic.source in files for figure in paper.figures for graphic in figure.graphics)
    assert all(figure.caption for figure in paper.figures)


relaxed = settings(max_examples=300, deadline=10_000, suppress_health_check=[HealthCheck.too_slow])


@relaxed
@given(st.binary(max_size=2000))
def test_any_bytes_give_a_paper_or_a_package_error(data: bytes) -> None:
    read_or_refuse({"main.tex": data})
    read_or_refuse({"main.tex": b"\\documentclass{article}\\begin{document}" + data, "a.png": b""})


@relaxed
@given(st.lists(PIECES, max_size=120), st.lists(PIECES, max_size=40))
def test_any_mixture_of_commands_gives_a_paper_or_a_package_error(body: list[str], preamble: list[str]) -> None:
    source = "\\documentclass{article}" + "".join(preamble) + "\\begin{document}" + "".join(body)
    read_or_refuse({"main.tex": source.encode(), "a.png": b"", "b.tex": "".join(preamble).encode()})


SOURCE = r"""\documentclass{article}\usepackage{graphicx}\newcommand{\fig}[2][a]{\begin{figure}[t]\includegraphics{#1}
\caption{#2 $x_{#1}$}\end{figure}}\newif\ifx\newenvironment{pair}{\begin{figure}\centering}{\end{figure}}
\begin{document}\title{On $x$}\begin{abstract}We fuzz.\end{abstract}% note
See Fig.~\ref{one} and \cref{one,two}.

\begin{figure*}\subfloat[L\label{l}]{\includegraphics[trim=1 2 3 4,clip]{a}}\begin{tabular}{c}x\\y\end{tabular}
\caption[Short]{Words \cite{a} and \textbf{more} \'e.\label{one}}\end{figure*}
\begin{pair}\begin{tikzpicture}\draw (0,0);\end{tikzpicture}\caption{Two}\label{two}\end{pair}
\ifx\fig{No}\else\fig[a]{Yes \verb|$|}\fi \input{b} \includegraphics{a} Figure 4: Typed.
\end{document}"""
EDITS = st.tuples(
    st.integers(0, len(SOURCE)), st.integers(0, 60), st.one_of(PIECES, st.text(max_size=5), st.just(SOURCE[300:500]))
)


@relaxed
@given(st.lists(EDITS, min_size=1, max_size=12))
def test_a_damaged_paper_gives_a_paper_or_a_package_error(edits: list[tuple[int, int, str]]) -> None:
    source = SOURCE
    for start, length, text in edits:
        source = source[:start] + text + source[start + length :]
    read_or_refuse(
        {"main.tex": source.encode("utf-8", "replace"), "a.png": b"", "b.tex": source[:300].encode("utf-8", "replace")}
    )

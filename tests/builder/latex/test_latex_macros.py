"""The author's macros, used for figures, captions, references and words."""

from __future__ import annotations

import pytest

FIGURE = r"\begin{figure}\includegraphics{a}\caption{%s}\label{fig:a}\end{figure}"


@pytest.mark.parametrize(
    ("preamble", "use"),
    [
        (r"\newcommand{\onefig}[2]{\begin{figure}\includegraphics{#1}\caption{#2}\end{figure}}", r"\onefig{a}{Good.}"),
        (r"\newcommand*\onefig[2][a]{\begin{figure}\includegraphics{#1}\caption{#2}\end{figure}}", r"\onefig{Good.}"),
        (r"\newcommand\onefig[2][b]{\begin{figure}\includegraphics{#1}\caption{#2}\end{figure}}", r"\onefig[a]{Good.}"),
        (r"\def\onefig#1#2{\begin{figure}\includegraphics{#1}\caption{#2}\end{figure}}", r"\onefig{a}{Good.}"),
        (r"\def\onefig#1:#2.{\begin{figure}\includegraphics{#1}\caption{#2.}\end{figure}}", r"\onefig a:Good. "),
        (r"\def\onefig[#1]#2{\begin{figure}\includegraphics{#1}\caption{#2}\end{figure}}", r"\onefig[a]{Good.}"),
        (r"\long\gdef\onefig#1{\begin{figure}\includegraphics{a}\caption{#1}\end{figure}}", r"\onefig{Good.}"),
        (r"\def\bfi{\begin{figure}}\def\efi{\end{figure}}", r"\bfi\includegraphics{a}\caption{Good.}\efi"),
        (r"\newcommand{\pic}{\includegraphics[width=5cm]}", r"\begin{figure}\pic{a}\caption{Good.}\end{figure}"),
        (r"\let\pic\includegraphics", r"\begin{figure}\pic{a}\caption{Good.}\end{figure}"),
        (r"\let\oldcap=\caption\renewcommand{\caption}[1]{\oldcap{\small #1}}", FIGURE % "Good."),
        (r"\newenvironment{fig}[1]{\begin{figure}[#1]\centering}{\end{figure}}",
         r"\begin{fig}{t}\includegraphics{a}\caption{Good.}\end{fig}"),
        (r"\newenvironment{myfig}{\figure}{\endfigure}", r"\begin{myfig}\includegraphics{a}\caption{Good.}\end{myfig}"),
        (r"\newenvironment{Fig*}[2][a]{\begin{figure*}\includegraphics{#1}\caption{#2}}{\end{figure*}}",
         r"\begin{Fig*}{Good.}\end{Fig*}"),
        (r"\NewDocumentCommand{\onefig}{s O{a} m}{\begin{figure}\includegraphics{#2}\caption{#3}\end{figure}}",
         r"\onefig*{Good.}"),
        (r"\NewDocumentCommand\onefig{o m}{\begin{figure}\includegraphics{\IfNoValueTF{#1}{a}{#1}}\caption{#2}\end{figure}}",
         r"\onefig{Good.}"),
        (r"\NewDocumentCommand\onefig{s m}{\begin{figure}\includegraphics{\IfBooleanTF{#1}{a}{b}}\caption{#2}\end{figure}}",
         r"\onefig*{Good.}"),
        (r"\NewDocumentCommand\onefig{d() m}{\begin{figure}\includegraphics{#1}\caption{#2}\end{figure}}",
         r"\onefig(a){Good.}"),
        (r"\NewDocumentEnvironment{nf}{m m}{\begin{figure}\includegraphics{#1}}{\caption{#2}\end{figure}}",
         r"\begin{nf}{a}{Good.}\end{nf}"),
        (r"\expandafter\def\csname one fig\endcsname{\begin{figure}\includegraphics{a}\caption{Good.}\end{figure}}",
         r"\csname one fig\endcsname"),
        (r"\makeatletter\def\onefig{\@ifstar{\onefig@s}{\onefig@n}}\def\onefig@s#1{x}"
         r"\def\onefig@n#1{\begin{figure}\includegraphics{a}\caption{#1}\end{figure}}\makeatother", r"\onefig{Good.}"),
        (r"\makeatletter\def\onefig{\@ifnextchar[{\onefig@o}{\onefig@o[a]}}"
         r"\def\onefig@o[#1]#2{\begin{figure}\includegraphics{#1}\caption{#2}\end{figure}}\makeatother", r"\onefig{Good.}"),
        (r"\newcommand{\twice}[1]{\newcommand{\inner}[1]{\begin{figure}\includegraphics{a}\caption{##1#1}\end{figure}}}",
         r"\twice{d.}\inner{Goo}"),
        (r"\newsavebox{\mybox}\sbox{\mybox}{\includegraphics{a}}",
         r"\begin{figure}\usebox{\mybox}\caption{Good.}\end{figure}"),
    ],
)  # fmt: skip
def test_figures_made_by_macros_are_found(read, captions, sources, preamble: str, use: str) -> None:
    paper = read(use, "a.png", "b.png", preamble=preamble)
    assert captions(paper) == ["Good."]
    assert sources(paper) == [["a.png"]]


@pytest.mark.parametrize(
    ("preamble", "written", "printed"),
    [
        (r"\newcommand{\eg}{e.g.,\xspace}", r"\eg this", "e.g., this"),
        (r"\newcommand{\model}{\textsc{Net}}", r"The \model{} wins", "The Net wins"),
        (r"\newcommand{\Ne}{\ensuremath{N_\mathrm{e}}}", r"of \Ne.", r"of $N_\mathrm{e}$."),
        (r"\newcommand{\vx}{\mathbf{x}}", r"of $\vx_i$", r"of $\mathbf{x}_i$"),
        (
            r"\newcommand{\bx}{\ensuremath{\mathbf{x}}}\newcommand{\px}{\ensuremath{p(\bx)}}",
            r"\px",
            r"$p({\mathbf{x}})$",
        ),
        (r"\newcommand{\w}{{\ensuremath{w}}}", r"$\w_1 \le 1$", r"${w}_1 \le 1$"),
        (r"\newcommand{\abs}[1]{\left|#1\right|}", r"of $\abs{x}$", r"of $\left|x\right|$"),
        (r"\DeclareMathOperator*{\argmin}{arg\,min}", r"$\argmin f$", r"$\operatorname{arg\,min}f$"),
        (r"\DeclarePairedDelimiter{\norm}{\lVert}{\rVert}", r"$\norm*{x}$", r"$\lVert x\rVert$"),
        (r"\def\half{\ifmmode\frac12\else one half\fi}", r"\half{} of $\half$", r"one half of $\frac 12$"),
        (r"\let\eps\varepsilon", r"$\eps$", r"$\varepsilon$"),
        (r"\newcommand{\red}[1]{\textcolor{red}{#1}}", r"\red{new} text", "new text"),
        (r"\newcommand{\todo}[1]{}", r"kept\todo{gone}", "kept"),
        (r"\providecommand{\model}{First}\providecommand{\model}{Second}", r"\model", "First"),
        (r"\newcommand{\model}{A}\renewcommand{\model}{B}", r"\model", "B"),
        (r"\def\two#1#2{#2#1}", r"\two ab", "ba"),
        (r"\edef\x{1}\edef\x{\x2}", r"\x", "12"),
    ],
)
def test_words_and_formulas_in_captions_are_expanded(read, captions, preamble: str, written: str, printed: str) -> None:
    assert captions(read(FIGURE % written, "a.png", preamble=preamble)) == [printed]


@pytest.mark.parametrize(
    ("preamble", "reference"),
    [
        (r"\newcommand{\fref}[1]{Fig.~\ref{fig:#1}}", r"\fref{a}"),
        (r"\newcommand{\figs}[2]{Figures~\ref{fig:#1} and~\ref{fig:#2}}", r"\figs{a}{b}"),
        (r"\def\rf#1{\ref{#1}}", r"Fig.~\rf{fig:a}"),
        (r"\let\r\ref", r"Fig.~\r{fig:a}"),
        (r"\providecommand{\figref}[1]{Fig.~\ref{fig:#1}}", r"\figref{a}"),
        (r"\newcommand{\figref}[2][]{Fig.~\ref{#2}#1}", r"\figref[a]{fig:a}"),
    ],
)
def test_references_made_by_macros_count(read, preamble: str, reference: str) -> None:
    paper = read(FIGURE % "C" + f"\n\nSee {reference}.\n\nNothing.", "a.png", preamble=preamble)
    assert len(paper.figures[0].contexts) == 1


def test_labels_made_by_macros_count(read) -> None:
    preamble = r"\newcommand{\figlabel}[1]{\label{fig:#1}}\newcommand{\prefix}{fig}"
    body = r"\begin{figure}\includegraphics{a}\caption{C}\figlabel{x}\label{\prefix:y}\end{figure}"
    paper = read(body + r" See \ref{fig:x}." + "\n\n" + r"And \ref{fig:y}.", "a.png", preamble=preamble)
    assert paper.figures[0].contexts == ["See 1.", "And 1."]


def test_a_macro_defined_inside_a_figure_ends_with_it(read, captions) -> None:
    body = r"\begin{figure}\def\w{inside}\includegraphics{a}\caption{\w}\end{figure}"
    assert captions(read(body + FIGURE % r"\w", "a.png", preamble=r"\def\w{outside}")) == ["inside", "outside"]


def test_redefined_commands_of_latex_whose_new_meaning_is_internal_keep_working(read, captions) -> None:
    preamble = r"\makeatletter\renewcommand{\caption}[1]{\@xxinternal{#1}\@dblarg{\@caption\@captype}}\makeatother"
    assert captions(read(FIGURE % "Kept.", "a.png", preamble=preamble)) == ["Kept."]

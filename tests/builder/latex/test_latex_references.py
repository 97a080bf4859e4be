"""The paragraphs that speak of a figure."""

from __future__ import annotations

import pytest

from s1_mmalign.builder.formats.latex.references import typed_numbers

A = r"\begin{figure}\includegraphics{a}\caption{A}\label{fig:a}\end{figure}"
B = r"\begin{figure}\includegraphics{a}\caption{B}\label{fig:b}\end{figure}"
BOTH = f"{A}\n\n{B}\n\n"


def contexts(read, body: str, **options: object) -> list[list[str]]:
    return [figure.contexts for figure in read(BOTH + body, "a.png", **options).figures]


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        (r"See Fig.~\ref{fig:a}.", "See Fig. 1."),
        (r"See \ref*{fig:a}b.", "See 1b."),
        (r"See \autoref{fig:a}.", "See Figure 1."),
        (r"See \cref{fig:a}.", "See figure 1."),
        (r"\Cref{fig:a} shows.", "Figure 1 shows."),
        (r"See \figref{fig:a}.", "See figure 1."),
        (r"See \fref{fig:a}.", "See figure 1."),
        (r"See \vref{fig:a}.", "See figure 1."),
        (r"See \hyperref[fig:a]{the first figure}.", "See the first figure."),
        (r"See the \nameref{fig:a}.", "See the."),
        (r"See \myownref{fig:a}.", "See 1."),
        (r"See \ref{ fig:a }.", "See 1."),
        (r"Text\footnote{As in Fig.~\ref{fig:a}.} goes on.", "Text (As in Fig. 1.) goes on."),
        (r"{\bf See \textit{Fig.~\ref{fig:a}}}.", "See Fig. 1."),
        ("Word " + r"\begin{equation}x=y,\label{e}\end{equation}" + r" as in \ref{fig:a} and \eqref{e}.",
         r"Word $x=y,$ as in 1 and (1)."),
        (r"Work \citep[see][p.~2]{x,y} on \ref{fig:a} by \citeauthor{z}.", "Work [] on 1 by []."),
    ],
)  # fmt: skip
def test_a_reference_makes_its_paragraph_a_context(read, written: str, printed: str) -> None:
    assert contexts(read, written + "\n\nAnother paragraph.") == [[printed], []]


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        (r"See \cref{fig:a,fig:b}.", "See figures 1 and 2."),
        (r"\Cref{fig:a, fig:b} show.", "Figures 1 and 2 show."),
        (r"See \crefrange{fig:a}{fig:b}.", "See figures 1 to 2."),
        (r"See Figs.~\ref{fig:a}--\ref{fig:b}.", "See Figs. 1–2."),
    ],
)
def test_a_reference_to_several_figures_is_a_context_of_each(read, written: str, printed: str) -> None:
    assert contexts(read, written) == [[printed], [printed]]


def test_labels_with_blanks_and_commas_are_one_label(read) -> None:
    body = r"\begin{figure}\includegraphics{a}\caption{C}\label{Figure 2, extra}\end{figure} In \ref{Figure 2, extra}."
    assert read(body, "a.png").figures[0].contexts == ["In 1."]


@pytest.mark.parametrize(
    ("body", "paragraphs"),
    [
        ("One \\ref{fig:a}.\n\nTwo \\ref{fig:a}.", ["One 1.", "Two 1."]),
        ("One \\ref{fig:a}.\nStill \\ref{fig:a}.", ["One 1. Still 1."]),
        ("One \\ref{fig:a}.%\n\nTwo \\ref{fig:a}.", ["One 1.", "Two 1."]),
        ("One \\ref{fig:a}.\n%\nStill \\ref{fig:a}.", ["One 1. Still 1."]),
        ("One \\ref{fig:a}.\\par Two \\ref{fig:a}.", ["One 1.", "Two 1."]),
        ("One \\ref{fig:a}.\\section{S}Two \\ref{fig:a}.", ["One 1.", "Two 1."]),
        ("\\paragraph{P} One \\ref{fig:a}.\\subsection*{S}Two \\ref{fig:a}.", ["One 1.", "Two 1."]),
        ("One \\ref{fig:a}\\[x\\]goes on \\ref{fig:a}.", ["One 1$x$goes on 1."]),
        (
            "One \\ref{fig:a}\\begin{align}x&=1\\\\y&=2\\end{align}goes on \\ref{fig:a}.",
            ["One 1$x&=1\\\\y&=2$goes on 1."],
        ),
        ("One \\ref{fig:a}\n$$x$$\ngoes on \\ref{fig:a}.", ["One 1 $x$ goes on 1."]),
        ("\\begin{itemize}\\item One \\ref{fig:a}.\\item Two \\ref{fig:a}.\\end{itemize}", ["One 1.", "Two 1."]),
        ("\\begin{quote}One \\ref{fig:a}.\\end{quote}Two \\ref{fig:a}.", ["One 1.", "Two 1."]),
        ("One \\ref{fig:a} " + B.replace("fig:b", "x") + " goes on \\ref{fig:a}.", ["One 1 goes on 1."]),
        ("One \\ref{fig:a}. One \\ref{fig:b} and \\ref{fig:a}.", ["One 1. One 2 and 1."]),
    ],
)
def test_paragraphs_begin_and_end_where_they_are_printed_to(read, body: str, paragraphs: list[str]) -> None:
    assert contexts(read, body)[0] == paragraphs


def test_captions_titles_and_tables_are_no_contexts(read) -> None:
    body = (
        r"\section{On \ref{fig:a}}\begin{figure}\includegraphics{a}\caption{As \ref{fig:a}.}\end{figure}"
        r"\begin{table}\caption{From \ref{fig:a}}\begin{tabular}{c}\ref{fig:a}\end{tabular}\end{table}"
        r"\begin{thebibliography}{9}\bibitem{x} See \ref{fig:a}.\end{thebibliography}"
    )
    assert contexts(read, body)[0] == []


def test_names_of_authors_and_text_across_the_page_are_no_part_of_a_paragraph(read) -> None:
    body = (
        r"\author[A. B.]{A. B.\thanks{x}}\affiliation{Here}\twocolumn[{\maketitle Wide."
        + "\n\n"
        + r"}]See \ref{fig:a}."
    )
    assert contexts(read, body)[0] == ["See 1."]


def test_a_label_before_the_caption_still_means_the_figure(read) -> None:
    body = r"\begin{figure}\label{early}\includegraphics{a}\caption{C}\end{figure} See \ref{early}."
    assert read(body, "a.png").figures[0].contexts == ["See 1."]


def test_all_labels_of_a_figure_count_in_reading_order(read) -> None:
    body = (
        r"\begin{figure}\includegraphics{a}\caption{C\label{one}}\label{two}\end{figure}"
        "\n\nFirst \\ref{two}.\n\nSecond \\ref{one}.\n\nThird \\ref{two}."
    )
    assert read(body, "a.png").figures[0].contexts == ["First 1.", "Second 1.", "Third 1."]


def test_typed_mentions_count_for_figures_that_nothing_refers_to(read) -> None:
    body = "As Fig. 2(b) shows.\n\nSee Figs.~1--2 too.\n\nNothing here.\n\n"
    assert contexts(read, body) == [["See Figs. 1–2 too."], ["As Fig. 2(b) shows.", "See Figs. 1–2 too."]]
    assert contexts(read, body + r"By label \ref{fig:b}.") == [["See Figs. 1–2 too."], ["By label 2."]]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Fig. 3", {"3"}),
        ("Figure 3(b)", {"3"}),
        ("Fig 3b.", {"3"}),
        ("FIG. 3", {"3"}),
        ("Figs. 2-4", {"2", "3", "4"}),
        ("figures 2, 3 and 5", {"2", "3", "5"}),
        ("Figs. 1a,b and 2c", {"1", "2"}),
        ("Figs. 2 to 4", {"2", "3", "4"}),
        ("Figure S1", {"S1"}),
        ("Fig. A.2", {"A.2"}),
        ("Figure 3 and 12 samples", {"3", "12"}),
        ("Figure 2 shows 3 of", {"2"}),
        ("the figures show 3 things", set()),
        ("configuration 3", set()),
        ("Supplementary Figure 3 and Extended Data Fig. 4, but Fig. 5", {"5"}),
    ],
)
def test_numbers_of_typed_mentions(text: str, numbers: set[str]) -> None:
    assert typed_numbers(text) == numbers


def test_an_unknown_label_prints_as_latex_prints_it(read) -> None:
    assert contexts(read, r"See \ref{fig:a} and \ref{nowhere}.")[0] == ["See 1 and ??."]

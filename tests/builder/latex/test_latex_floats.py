"""Every way in which papers set a figure and its caption."""

from __future__ import annotations

import pytest

INNER = r"\includegraphics{a}\caption{Good.}\label{x}"


@pytest.mark.parametrize(
    "body",
    [
        rf"\begin{{figure}}[htb!]{INNER}\end{{figure}}",
        rf"\begin{{figure*}}{INNER}\end{{figure*}}",
        rf"\begin {{figure}} {INNER} \end {{figure}}",
        rf"\begin{{wrapfigure}}[12]{{r}}[2pt]{{0.5\textwidth}}{INNER}\end{{wrapfigure}}",
        rf"\begin{{wrapfloat}}{{figure}}{{r}}{{5cm}}{INNER}\end{{wrapfloat}}",
        rf"\begin{{SCfigure}}[1.5][t]{INNER}\end{{SCfigure}}",
        rf"\begin{{sidewaysfigure*}}{INNER}\end{{sidewaysfigure*}}",
        rf"\begin{{teaserfigure}}{INNER}\end{{teaserfigure}}",
        rf"\begin{{floatingfigure}}[r]{{5cm}}{INNER}\end{{floatingfigure}}",
        rf"\begin{{marginfigure}}{INNER}\end{{marginfigure}}",
        rf"\begin{{extfigure}}{INNER}\end{{extfigure}}",
        r"\begin{figure}\caption{Good.}\includegraphics{a}\end{figure}",
        r"\begin{figure}\caption[Short]{Good.}\includegraphics{a}\end{figure}",
        r"\begin{figure}\centering\begin{minipage}{5cm}\includegraphics{a}\end{minipage}\caption{Good.}\end{figure}",
        r"\begin{figure}\includegraphics{a}\caption{" + "\n\nGood.\n\n" + r"}\end{figure}",
        r"\begin{figure}\includegraphics{a}\captionsetup{width=5cm}\caption{Good.}\end{figure}",
        r"\begin{figure}\includegraphics{a}\captionof{figure}{Good.}\end{figure}",
        r"\begin{figure}\captionbox{Good.}[5cm]{\includegraphics{a}}\end{figure}",
        r"\begin{figure}\ffigbox[\FBwidth]{\caption{Good.}}{\includegraphics{a}}\end{figure}",
        r"\begin{figure}\fcapside{\caption{Good.}}{\includegraphics{a}}\end{figure}",
        r"\begin{figure}\floatbox[\capbeside]{figure}[5cm]{\caption{Good.}}{\includegraphics{a}}\end{figure}",
        r"\begin{figure}\begin{tabular}{c}\includegraphics{a}\end{tabular}\caption{Good.}\end{figure}",
        r"\begin{figure}\parbox{5cm}{\includegraphics{a}}\parbox{5cm}{\caption{Good.}}\end{figure}",
        r"\begin{figure}\begin{mdframed}\includegraphics{a}\caption{Good.}\end{mdframed}\end{figure}",
        r"\begin{figure}\begin{adjustbox}{width=5cm}\includegraphics{a}\end{adjustbox}\caption{Good.}\end{figure}",
        r"\begin{center}\includegraphics{a}\captionof{figure}[S]{Good.}\end{center}",
        r"\begin{strip}\includegraphics{a}\captionof{figure}{Good.}\end{strip}",
        r"\begin{minipage}{5cm}\includegraphics{a}\captionof{figure}{Good.}\end{minipage}",
        r"\twocolumn[{\maketitle\begin{center}\includegraphics{a}\captionof{figure}{Good.}\end{center}}]",
        r"{\centering\includegraphics{a}\captionof{figure}{Good.}\par}",
        r"\makeatletter\def\@captype{figure}\makeatother\begin{center}\includegraphics{a}\caption{Good.}\end{center}",
        r"\begin{figure}\plotone{a}\caption{Good.}\end{figure}",
        r"\begin{figure}\figurenum{7}\epsscale{.8}\plotone{a}\caption{Good.}\end{figure}",
        r"\begin{figure}\gridline{\fig{a}{0.3\textwidth}{}}\caption{Good.}\end{figure}",
        r"\begin{figure}\plotone{a}\figcaption{Good.}\end{figure}",
        r"\figcaption[a.png]{Good.}",
        r"\plotone{a} \figcaption{Good.}",
        r"\FIGURE[t]{\epsfig{file=a}\caption{Good.}}",
        r"\EPSFIGURE[t]{a}{Good.}",
        r"\begin{interactive}{animation}{m.mp4}\begin{figure}\plotone{a}\caption{Good.}\end{figure}\end{interactive}",
        r"\begin{SCfigure}\centering\caption{Good.}\includegraphics{a}\end{SCfigure}",
        r"\begin{figure}\includegraphics{a}\caption*{Good.}\end{figure}",
        r"\begin{figure}\begin{overpic}[width=5cm]{a}\put(1,2){(a)}\end{overpic}\caption{Good.}\end{figure}",
        r"\begin{figure}\rotatebox{90}{\includegraphics{a}}\caption{Good.}\end{figure}",
        r"\begin{figure}\begin{tikzpicture}\node{\includegraphics[width=2cm]{a}};\draw(0,0);\end{tikzpicture}"
        r"\caption{Good.}\end{figure}",
        r"\begin{figure}{\includegraphics{a}}" + "\n\n" + r"{\caption{Good.}}\end{figure}",
        r"\begin{landscape}\begin{figure}\includegraphics{a}\caption{Good.}\end{figure}\end{landscape}",
        r"\begin{scheme}\includegraphics{a}\caption{Good.}\end{scheme}",
        r"\newfloat{chartx}{htb}{lox}\begin{chartx}\includegraphics{a}\caption{Good.}\end{chartx}",
        r"\begin{figure}\includegraphics{a}\caption{Good.}\footnotetext{A note.}\end{figure}",
        r"\begin{figure}\includegraphics{a}\caption{Good.\label{y}}\end{figure}",
        r"\begin{figure}\includegraphics{a}\caption{Figure 3: Good.}\end{figure}",
        r"\begin{figure}\includegraphics{a}\bicaption{Good.}{Bon.}\end{figure}",
        r"\teaser{\includegraphics{a}\caption{Good.}\label{x}}",
        r"\begin{figure}\includegraphics{a}\contcaption{Good.}\end{figure}",
        r"\begin{figure}\foreach \i in {a}{\includegraphics{\i}}\caption{Good.}\end{figure}",
        r"\begin{figure}\animategraphics[loop]{12}{a}{}{}\caption{Good.}\end{figure}",
        r"\newsavebox{\b}\begin{lrbox}{\b}\includegraphics{a}\end{lrbox}"
        r"\begin{figure}\usebox{\b}\caption{Good.}\end{figure}",
        r"\newenvironment{Figure}{\par\medskip\noindent\minipage{\linewidth}}{\endminipage\par\medskip}"
        r"\begin{Figure}\includegraphics{a}\captionof{figure}{Good.}\end{Figure}",
        r"\makeatletter\let\@old\@maketitle\renewcommand{\@maketitle}{\@old\begin{center}\includegraphics{a}"
        r"\captionof{figure}{Good.}\end{center}}\makeatother\maketitle",
        r"\twocolumn[{\renewcommand\twocolumn[1][]{#1}\maketitle\begin{center}\includegraphics{a}"
        r"\captionof{figure}{Good.}\end{center}}]",
        r"\begin{figure}\includegraphics{a}\caption{Good. \includegraphics[height=1em]{icon}}\end{figure}",
        r"\begin{figure}\includegraphics{a}\caption{Good.}\Description{A long text for the blind.}\end{figure}",
        r"\begin{figure}\includegraphics{a}\vskip 2mm \refstepcounter{figure}Figure \thefigure. Good.\end{figure}",
        r"\begin{figure}\includegraphics{a}\caption*{\textbf{Figure 3.} Good.}\end{figure}",
    ],
)  # fmt: skip
def test_one_figure_with_its_image_and_caption(read, captions, sources, body: str) -> None:
    paper = read("Before. " + body + " After.", "a.png")
    assert captions(paper) == ["Good."]
    assert sources(paper) == [["a.png"]]
    assert paper.drops == []


@pytest.mark.parametrize(
    "body",
    [
        r"\begin{figure}\begin{minipage}{5cm}\includegraphics{a}\caption{One.}\label{1}\end{minipage}\hfill"
        r"\begin{minipage}{5cm}\includegraphics{b}\caption{Two.}\label{2}\end{minipage}\end{figure}",
        r"\begin{figure}\parbox{5cm}{\includegraphics{a}\caption{One.}\label{1}}"
        r"\parbox{5cm}{\includegraphics{b}\caption{Two.}\label{2}}\end{figure}",
        r"\begin{figure}\includegraphics{a}\caption{One.}\label{1}\includegraphics{b}\caption{Two.}\label{2}\end{figure}",
        r"\begin{figure}\caption{One.}\label{1}\includegraphics{a}\caption{Two.}\label{2}\includegraphics{b}\end{figure}",
        r"\begin{figure}\begin{minipage}{4cm}\includegraphics{a}\end{minipage}\begin{minipage}{4cm}\includegraphics{b}"
        r"\end{minipage}\begin{minipage}{4cm}\caption{One.}\label{1}\end{minipage}"
        r"\begin{minipage}{4cm}\caption{Two.}\label{2}\end{minipage}\end{figure}",
        r"\begin{figure}\begin{floatrow}\ffigbox{\caption{One.}\label{1}}{\includegraphics{a}}"
        r"\ffigbox{\caption{Two.}\label{2}}{\includegraphics{b}}\end{floatrow}\end{figure}",
        r"\begin{figure}\captionbox{One.\label{1}}{\includegraphics{a}}\captionbox{Two.\label{2}}{\includegraphics{b}}"
        r"\end{figure}",
        r"\DOUBLEFIGURE[t]{a}{b}{One.\label{1}}{Two.\label{2}}",
        r"\includegraphics{a}\captionof{figure}{One.}\label{1}" + "\n\n"
        + r"\includegraphics{b}\captionof{figure}{Two.}\label{2}",
    ],
)  # fmt: skip
def test_two_captions_in_one_float_are_two_figures(read, captions, sources, body: str) -> None:
    paper = read(body + r" See \ref{2}.", "a.png", "b.png")
    assert captions(paper) == ["One.", "Two."]
    assert sources(paper) == [["a.png"], ["b.png"]]
    assert [figure.number for figure in paper.figures] == ["1", "2"]
    assert [figure.contexts for figure in paper.figures] == [[], ["See 2."]]


def test_a_float_with_a_missing_end_does_not_swallow_the_next(read, captions) -> None:
    body = (
        r"\begin{figure}\includegraphics{a}\caption{One.}"
        + "\n\n"
        + r"\begin{figure}\includegraphics{a}\caption{Two.}\end{figure}"
    )
    assert captions(read(body, "a.png")) == ["One.", "Two."]


@pytest.mark.parametrize(
    "name", ["table", "table*", "algorithm", "longtable", "sidewaystable", "deluxetable", "listing"]
)
def test_images_in_floats_of_other_things_are_no_figures(read, name: str) -> None:
    body = rf"\begin{{{name}}}{{cc}}\includegraphics{{a}}\caption{{A table.}}\end{{{name}}}"
    paper = read(body, "a.png")
    assert paper.figures == []
    assert [(drop.where, drop.reason) for drop in paper.drops] == [("a.png", "table_as_image")]


def test_a_figure_beside_a_table_in_one_float_has_its_own_caption(read, captions, sources) -> None:
    body = (
        r"\begin{figure}\begin{minipage}{4cm}\includegraphics{a}\caption{Good.}\end{minipage}"
        r"\begin{minipage}{4cm}\captionof{table}{Numbers.}\begin{tabular}{c}1\end{tabular}\end{minipage}\end{figure}"
    )
    paper = read(body, "a.png")
    assert captions(paper) == ["Good."]
    assert sources(paper) == [["a.png"]]


@pytest.mark.parametrize(
    "drawing",
    [
        r"\begin{tikzpicture}\draw (0,0) -- (1,1);\end{tikzpicture}",
        r"\begin{tikzpicture}\begin{axis}\addplot {x};\end{axis}\end{tikzpicture}",
        r"\begin{picture}(10,10)\put(0,0){x}\end{picture}",
        r"\begin{pspicture}(1,1)\psline(0,0)(1,1)\end{pspicture}",
        r"\includestandalone{drawing}",
        r"\input{drawing.tikz}",
        r"\begin{tabular}{c}a\end{tabular}",
        r"\fbox{Just text}",
        "\\begin{lstlisting}\ncode\n\\end{lstlisting}",
        r"\begin{circuitikz}\draw;\end{circuitikz}",
    ],
)
def test_what_the_source_draws_is_a_drop_and_counts(read, drawing: str) -> None:
    body = rf"\begin{{figure}}{drawing}\caption{{Drawn.}}\end{{figure}}"
    after = r"\begin{figure}\includegraphics{a}\caption{B.}\end{figure}"
    paper = read(body + after, "a.png", files={"drawing.tikz": r"\begin{tikzpicture}\end{tikzpicture}"})
    assert [(drop.where, drop.reason) for drop in paper.drops] == [("fig1", "drawn_in_source")]
    assert [(figure.number, len(figure.graphics)) for figure in paper.figures] == [("1", 0), ("2", 1)]


def test_pictures_without_a_caption_are_drops(read) -> None:
    body = r"\includegraphics{logo}\begin{figure}\includegraphics{a}\end{figure}\begin{center}\includegraphics{b}\end{center}"
    paper = read(body, "logo.png", "a.png", "b.png")
    assert paper.figures == []
    assert sorted((drop.where, drop.reason) for drop in paper.drops) == [
        ("a.png", "no_caption"),
        ("b.png", "no_caption"),
        ("logo.png", "no_caption"),
    ]


def test_a_picture_far_before_a_caption_is_not_taken_for_its_own(read, sources) -> None:
    body = r"\includegraphics{logo}\section{One}\includegraphics{a}\captionof{figure}{Good.}"
    assert sources(read(body, "logo.png", "a.png")) == [["a.png"]]


def test_a_figure_set_gives_the_one_figure_that_is_printed(read, captions, sources) -> None:
    body = (
        r"\figsetstart\figsetnum{4}\figsettitle{T}\figsetgrpstart\figsetgrpnum{4.1}\figsetplot{b}\figsetgrpnote{N}"
        r"\figsetgrpend\figsetend\begin{figure}\plotone{a}\caption{Good.}\end{figure}"
    )
    paper = read(body, "a.png", "b.png")
    assert captions(paper) == ["Good."]
    assert sources(paper) == [["a.png"]]


def test_what_a_class_draws_verbatim_in_the_text_is_no_figure(read) -> None:
    assert read(r"Use \verb|\begin{figure}| and \texttt{\string\gridline\{\string\fig\{\}\}}.").figures == []


def test_captions_apart_from_their_pictures_are_paired_in_order(read, captions, sources) -> None:
    listed = r"\figcaption{One.\label{1}}\figcaption{Two.\label{2}}"
    floats = r"\begin{figure}\plotone{a}\end{figure}\begin{figure}\plottwo{b}{c}\end{figure}"
    paper = read(listed + r"\clearpage" + floats + r" See \ref{2}.", "a.png", "b.png", "c.png")
    assert captions(paper) == ["One.", "Two."]
    assert sources(paper) == [["a.png"], ["b.png", "c.png"]]
    assert [figure.contexts for figure in paper.figures] == [[], ["See 2."]]
    assert sources(read(listed + r"\section{Plots}\plotone{a}\plotone{b}", "a.png", "b.png")) == [["a.png"], ["b.png"]]


def test_a_picture_shown_again_without_caption_is_no_drop(read, sources) -> None:
    paper = read(r"\figcaption[a.png]{One.}\begin{figure}\plotone{a}\end{figure}", "a.png")
    assert sources(paper) == [["a.png"]]
    assert paper.drops == []


def test_a_figure_that_shows_nothing_is_a_drop(read) -> None:
    paper = read(r"\begin{figure}\caption{Sent by post.}\end{figure}")
    assert [(drop.where, drop.reason) for drop in paper.drops] == [("fig1", "image_missing")]


def test_panels_laid_out_by_a_loop_are_all_found(read, sources) -> None:
    body = (
        r"\begin{figure}\foreach \n/\c in {1/x,2/y} {\subfloat[\c]{\includegraphics{p\n}}}"
        r"\foreach \n in {3,...,5} {\includegraphics{p\n}}\caption{C}\end{figure}"
    )
    paper = read(body, *(f"p{n}.png" for n in range(1, 6)))
    assert sources(paper) == [[f"p{n}.png" for n in range(1, 6)]]
    assert [graphic.subcaption for graphic in paper.figures[0].graphics] == ["x", "y", None, None, None]

"""Captions, titles and abstracts as plain Unicode."""

from __future__ import annotations

import pytest

from s1_mmalign.builder.archives import MemoryArchive
from s1_mmalign.builder.formats.latex import read_latex


def caption(read, written: str, **options: object) -> str:
    body = rf"\begin{{figure}}\includegraphics{{a}}\caption{{{written}}}\end{{figure}}"
    return read(body, "a.png", **options).figures[0].caption


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        (r"\'e \`a \^o \"u \~n \c{c} \v{s} \H{o} \u{g} \k{a} \r{a} \=o \.z \d{t} \b{b}", "é à ô ü ñ ç š ő ğ ą å ō ż ṭ ḇ"),
        (r"Erd\H{o}s, Mat\'{e}rn, na\"{\i}ve, M\"obius, \'{\i}, G\"{o}del", "Erdős, Matérn, naïve, Möbius, í, Gödel"),
        (r"\O rsted, sm\o rrebr\o d, \AA ngstr\"om, \ss, \L\'od\'z, \ae on, \oe uvre", "Ørsted, smørrebrød, Ångström, ß, Łódź, æon, œuvre"),
        ("``quoted'' and `single' -- en --- em", "“quoted” and ‘single’ – en — em"),
        (r"50\% \& \$5 \#1 a\_b \{x\} \textbackslash", "50% & $5 #1 a_b {x} \\"),
        (r"\textdegree C, 5\,nm, a~b, \S 2, \dag, \copyright, \pounds", "°C, 5 nm, a b, §2, †, ©, £"),
        (r"\textbf{bold} {\it italic} \emph{\textsc{both}} {\large big}", "bold italic both big"),
        (r"x\textsuperscript{2} H\textsubscript{2}O", "x2 H2O"),
        (r"\textcolor{red}{red} \color{blue}blue \colorbox{red}{box} {\color[rgb]{1,0,0}rgb}", "red blue box rgb"),
        (r"see \cite{a,b}, \citep[e.g.][p.~3]{c} and \citet{d}; \onlinecite{e}\nocite{f}", "see [], [] and []; []"),
        (r"\url{http://x.org/a_b#c%20~d} \href{http://y.org/a_b}{text}", "http://x.org/a_b#c%20~d text"),
        (r"one\footnote{gone} two\footnotemark[1] three\thanks{gone}", "one two three"),
        (r"\vspace{-1cm}kept\hspace*{2mm} also\vskip 3pt plus 1pt minus 2pt here", "kept also here"),
        (r"\label{x}Text\label{y} here\index{z}.", "Text here."),
        (r"line\\break \newline here\linebreak[3] too", "line break here too"),
        (r"\ldots{} \dots\ and \LaTeX{}", "… … and LaTeX"),
        (r"\enquote{inner} \mbox{boxed text} \underline{under}", "“inner” boxed text under"),
        (r"\nicefrac{1}{2} and \texorpdfstring{good}{bad}", "1/2 and good"),
        (r"\verb|a_b%$| and \texttt{code}", "a_b%$ and code"),
        (r"\raisebox{2pt}[0pt][0pt]{raised} \rotatebox{90}{turned} \rule{1cm}{2pt}", "raised turned"),
        (r"\multicolumn{2}{c}{both} \hl{marked} \uline{lined} \unknowncommand{kept}", "both marked lined kept"),
        (r"\SI{10}{\nano\metre}, \SI{3.2e-4}{\m\per\s\squared}, \num{1e5}", "10 nm, 3.2 × 10^-4 m s^-2, 1 × 10^5"),
        (r"\qty{5}{\percent}, \ang{45}, \SIrange{1}{2}{kg}, \si{\kilo\hertz}", "5%, 45°, 1 to 2 kg, kHz"),
        (r"\numlist{1;2;3}, \SIlist{4;5}{\celsius}", "1, 2 and 3, 4 and 5 °C"),
        (r"\ce{H2O} and \ce{CO2}", "H2O and CO2"),
        (r"\uppercase{abc} \MakeUppercase{def}", "ABC DEF"),
        (r"\gls{cnn} and \acp{rnn}", "cnn and rnn"),
        (r"\acro{DNA} here", "DNA here"),
        (r"\magnification=1200 \advance\hsize by -1truein and so on", "and so on"),
        (r"60\arcsec\ or 3\degr, $5\,\mu$m", r"60″ or 3°, $5\,\mu$m"),
        (r"\today\xspace", ""),
    ],
)  # fmt: skip
def test_text_commands_print_as_unicode(read, written: str, printed: str) -> None:
    assert caption(read, f"A: {written}") == f"A: {printed}".strip()


@pytest.mark.parametrize(
    ("preamble", "written", "printed"),
    [
        (r"\newacronym{cnn}{CNN}{convolutional net}", r"\gls{cnn}, \Glspl{cnn}, \acrlong{cnn}", "CNN, CNNs, convolutional net"),
        (r"\newacro{rnn}[RNN]{recurrent net}", r"\ac{rnn}, \acp{rnn}, \acf{rnn}", "RNN, RNNs, recurrent net (RNN)"),
        (r"\acrodef{ML}{machine learning}", r"\acs{ML} or \acl{ML}", "ML or machine learning"),
        (r"\DeclareAcronym{gan}{short = GAN, long = {adversarial, generative}}", r"\ac{gan}", "GAN"),
        (r"\newglossaryentry{x}{name={$x$-ray}, description={A ray}}", r"\Gls{x}", "$x$-ray"),
    ],
)  # fmt: skip
def test_abbreviations_print_in_their_short_form(read, preamble: str, written: str, printed: str) -> None:
    assert caption(read, written, preamble=preamble) == printed


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        (r"$x_i^2$", "$x_i^2$"),
        (r"\(x\) and \[y\]", "$x$ and $y$"),
        (r"$$z$$", "$z$"),
        (r"\ensuremath{\alpha}", r"$\alpha$"),
        ("$a\n  b$", "$a b$"),
        (r"$\alpha$$\beta$", r"$\alpha \beta$"),
        (r"$a$ $b$", "$a$ $b$"),
        (r"$\mbox{\boldmath$x$}$", r"$\mbox{x}$"),
        (r"$\text{if } x$", r"$\text{if } x$"),
        (r"$10^{-3}\,\mathrm{m}$", r"$10^{-3}\,\mathrm{m}$"),
        (r"$\begin{pmatrix}1\\2\end{pmatrix}$", r"$\begin{pmatrix}1\\2\end{pmatrix}$"),
        (r"costs \$5, not $5$", "costs $5, not $5$"),
        (r"16$^{\text{th}}$", r"16$^{\text{th}}$"),
        (r"$\{a\}$ and $\left[0,1\right)$", r"$\{a\}$ and $\left[0,1\right)$"),
    ],
)
def test_formulas_stay_between_dollars(read, written: str, printed: str) -> None:
    assert caption(read, written) == printed


SOURCE = (
    "\\documentclass{article}%s\n\\begin{document}\n\\begin{figure}\\includegraphics{a}\n"
    "\\caption{Ångström, naïve — 5 µm}\\end{figure}\n\\end{document}\n"
)


@pytest.mark.parametrize(
    ("codec", "declared"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-8", "\\usepackage[latin1]{inputenc}"),
        ("latin-1", "\\usepackage[latin1]{inputenc}"),
        ("latin-1", ""),
        ("cp1252", "\\usepackage[ansinew]{inputenc}"),
        ("cp1252", ""),
        ("mac-roman", "\\usepackage[applemac]{inputenc}"),
        ("iso8859-15", "\\usepackage[latin9]{inputenc}"),
        ("cp850", "% \\usepackage[latin1]{inputenc}\n\\usepackage[cp850]{inputenc}"),
        ("utf-16", ""),
        ("utf-16-le", ""),
        ("utf-16-be", ""),
    ],
)
def test_encodings_are_declared_or_detected(codec: str, declared: str) -> None:
    text = SOURCE % declared
    if codec in ("latin-1", "iso8859-15", "cp850"):
        text = text.replace("—", "--")
    paper = read_latex(MemoryArchive({"m.tex": text.encode(codec), "a.png": b""}))
    assert paper.figures[0].caption.replace("–", "—") == "Ångström, naïve — 5 µm"


def test_old_macintosh_files_without_declaration_are_macroman() -> None:
    data = (SOURCE % "").replace("\n", "\r").encode("mac-roman")
    assert read_latex(MemoryArchive({"m.tex": data, "a.png": b""})).figures[0].caption == "Ångström, naïve — 5 µm"


def test_stray_windows_letters_in_a_utf8_file_keep_the_rest_right() -> None:
    data = (SOURCE % "").encode().replace("Å".encode(), "ÅÅÅ".encode()).replace(b"naif", b"") + b"% caf\xe9"
    data = data.replace(b"5 ", b"\x965 ")
    caption = read_latex(MemoryArchive({"m.tex": data, "a.png": b""})).figures[0].caption
    assert caption == "ÅÅÅngström, naïve — –5 µm"


@pytest.mark.parametrize("ends", ["\r\n", "\r"])
def test_line_ends_of_other_systems_are_read(ends: str) -> None:
    source = "\\documentclass{article}\n\\begin{document}\nOne \\ref{f}. % note\nStill.\n\nTwo.\n\\begin{figure}\n" \
        "\\includegraphics{a}\\caption{C}\\label{f}\\end{figure}\n\\end{document}"  # fmt: skip
    paper = read_latex(MemoryArchive({"m.tex": source.replace("\n", ends).encode(), "a.png": b""}))
    assert paper.figures[0].contexts == ["One 1. Still."]


@pytest.mark.parametrize(
    ("body", "title", "abstract"),
    [
        (
            r"\title{On \emph{things}\thanks{Money}}\maketitle\begin{abstract}We \textbf{do}.\end{abstract}",
            "On things",
            "We do.",
        ),
        (r"\title[Short]{Long\\title}\abstract{We do $x$.}", "Long title", "We do $x$."),
        (r"\title{T}\begin{abstract}One." + "\n\n" + r"Two \cite{x}.\end{abstract}", "T", "One. Two []."),
        (r"\title{T}\section*{Abstract}We do." + "\n\n" + r"More.\section{Introduction}Not this.", "T", "We do. More."),
        (r"\newcommand{\mytitle}{Deep}\title{\mytitle}", "Deep", None),
        ("No title.", None, None),
    ],
)
def test_title_and_abstract_come_from_the_source(read, body: str, title: str | None, abstract: str | None) -> None:
    metadata = read(body).metadata
    assert (metadata.title, metadata.abstract) == (title, abstract)


def test_an_abstract_in_the_preamble_is_found(read) -> None:
    assert read("x", preamble=r"\title{T}\begin{abstract}Early.\end{abstract}").metadata.abstract == "Early."


def test_the_five_parts_of_an_astronomers_abstract_are_one(read) -> None:
    body = r"\abstract{Context.}{Aims.}{Methods.}{Results.}{}"
    assert read(body, cls=r"\documentclass{aa}").metadata.abstract == "Context. Aims. Methods. Results."

"""What a source holds but does not print."""

from __future__ import annotations

import pytest

WRONG = r"\begin{figure}\includegraphics{b}\caption{Wrong.}\end{figure}"
RIGHT = r"\begin{figure}\includegraphics{a}\caption{Right.}\end{figure}"


@pytest.mark.parametrize(
    "hidden",
    [
        "%" + WRONG,
        "text % " + WRONG,
        "\\\\% " + WRONG,
        "\\iffalse " + WRONG + "\\fi",
        "\\iffalse \\ifmyclass x\\fi $a\\iff b$" + WRONG + "\\fi",
        "\\ifmyclass x\\else" + WRONG + "\\fi",
        "\\newboolean{b}\\setboolean{b}{false}\\ifthenelse{\\boolean{b}}{" + WRONG + "}{}",
        "\\newtoggle{b}\\toggletrue{b}\\iftoggle{b}{}{" + WRONG + "}",
        "\\iffalse \\iftrue x\\fi\\ifx a b c\\else d\\fi" + WRONG + "\\fi",
        "\\iftrue fine\\else " + WRONG + "\\fi",
        "\\if0 " + WRONG + "\\fi",
        "\\ifnum 1<0 " + WRONG + "\\fi",
        "\\newif\\ifdraft\\drafttrue\\draftfalse\\ifdraft " + WRONG + "\\fi",
        "\\newif\\ifdraft\\drafttrue\\ifdraft good\\else " + WRONG + "\\fi",
        "\\ifx\\undefined\\textbf x\\fi\\ifdefined\\nosuchthing " + WRONG + "\\fi",
        "\\ifthenelse{\\equal{a}{b}}{" + WRONG + "}{}",
        "\\ifcase 1 " + WRONG + "\\or fine\\or " + WRONG + "\\else " + WRONG + "\\fi",
        "\\newcommand{\\v}{long}\\ifdefstring{\\v}{short}{" + WRONG + "}{}",
        "\\newcount\\n \\n=2 \\advance\\n by 1 \\ifnum\\n<3 " + WRONG + "\\fi",
        "\\ifthenelse{\\value{page}>3}{" + WRONG + "}{}",
        "\\newcommand{\\hide}[1]{}\\hide{" + WRONG + "}",
        "\\long\\def\\comment#1\\endcomment{}\\comment " + WRONG + "\\endcomment",
        "\\newcommand{\\unused}{" + WRONG + "}",
        "\\begin{comment}\n" + WRONG + "\n\\end{comment}",
        "\\begin{verbatim}\n" + WRONG + "\n\\end{verbatim}",
        "\\begin{lstlisting}[language=TeX]\n" + WRONG + "$ { %\n\\end{lstlisting}",
        "\\verb|" + WRONG + "|",
        "\\verb+\\begin{figure}+",
        "\\verb!%! and \\verb*|$|",
        "\\begin{filecontents}{x.tex}\n" + WRONG + "\n\\end{filecontents}",
        "\\string\\begin{quote}\\string\\figure\\end{quote}",
    ],
)
def test_what_is_not_printed_gives_no_figure(read, captions, hidden: str) -> None:
    assert captions(read(hidden + "\n" + RIGHT, "a.png", "b.png")) == ["Right."]


def test_text_after_the_end_of_the_document_is_not_read(read, captions) -> None:
    assert captions(read(RIGHT + "\n\\end{document}\n" + WRONG, "a.png", "b.png")) == ["Right."]


@pytest.mark.parametrize(
    "shown",
    [
        "100\\% " + RIGHT,
        "\\\\\\% " + RIGHT,
        "\\iftrue " + RIGHT + "\\fi",
        "\\iffalse wrong\\else " + RIGHT + "\\fi",
        "\\ifpdf " + RIGHT + "\\else " + WRONG + "\\fi",
        "\\newif\\iffinal\\finaltrue\\iffinal " + RIGHT + "\\else " + WRONG + "\\fi",
        "\\ifcase 2 " + WRONG + "\\or " + WRONG + "\\or " + RIGHT + "\\else " + WRONG + "\\fi",
        "\\ifdim\\textwidth>0pt " + RIGHT + "\\else " + WRONG + "\\fi",
        "\\def\\a{x}\\def\\b{x}\\ifx\\a\\b " + RIGHT + "\\fi",
        "$a \\iff b$ " + RIGHT,
        "\\verb|\\iffalse| " + RIGHT,
        "\\iffalse without end " + RIGHT,
        "an odd $ sign\n\n" + RIGHT,
        "a { brace\n\n" + RIGHT,
        "\\url{http://x.org/a%20b} " + RIGHT,
    ],
)
def test_what_is_printed_is_read(read, captions, shown: str) -> None:
    assert captions(read(shown, "a.png", "b.png")) == ["Right."]


def test_a_comment_inside_a_caption_does_not_break_words(read, captions) -> None:
    body = "\\begin{figure}\\includegraphics{a}%\n\\caption{One % two\n   three%\nfour.}\\end{figure}"
    assert captions(read(body, "a.png")) == ["One threefour."]


def test_a_comment_that_the_author_defines_is_left_out(read, captions) -> None:
    body = "\\begin{old}" + WRONG + "\\end{old}" + RIGHT
    assert captions(read(body, "a.png", "b.png", preamble="\\excludecomment{old}")) == ["Right."]


def test_old_images_in_a_caption_comment_are_not_missing(read) -> None:
    body = "\\begin{figure}\n%\\includegraphics{old}\n\\includegraphics{a}\n\\caption{C}\\end{figure}"
    paper = read(body, "a.png")
    assert len(paper.figures[0].graphics) == 1
    assert paper.drops == []

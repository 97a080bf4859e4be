"""LaTeX documents that draw a paper's TikZ pictures, one a page, each page as large as its picture."""

from __future__ import annotations

import re
from collections.abc import Sequence

from s1_mmalign.builder.formats.latex.tokens import TokenStack, lex, prepare, show, spell

_BODY = re.compile(r"\\begin\s*\{document\}")
_ENCODING = re.compile(r"(\\usepackage\s*\[)[^\]\n]*(\]\s*\{\s*inputenc\s*\})")
_PACKAGES = frozenset(
    [
        "tikz",
        "pgf",
        "pgfplots",
        "pgfplotstable",
        "xcolor",
        "color",
        "amsmath",
        "amssymb",
        "amsfonts",
        "bm",
        "mathtools",
        "mathrsfs",
        "tikz-cd",
        "circuitikz",
        "forest",
        "tikz-3dplot",
        "siunitx",
        "xspace",
        "graphicx",
    ]
)
"""Packages that a drawing may need and that leave a page as it is."""
_KEPT = {
    "usepackage": "om", "usetikzlibrary": "m", "usepgfplotslibrary": "m", "pgfplotsset": "m", "tikzset": "m",
    "definecolor": "mmm", "colorlet": "mm", "newcommand": "smoom", "renewcommand": "smoom", "providecommand": "smoom",
    "DeclareMathOperator": "smm", "newlength": "m", "setlength": "mm", "pgfmathsetmacro": "mm", "pgfdeclarelayer": "m",
    "pgfsetlayers": "m", "graphicspath": "m", "NewDocumentCommand": "mmm",
}  # fmt: skip
"""Commands of a preamble that drawings may rest on, and what they take."""
_PAGE = r"""\setbox0=\hbox{\kern1bp %s\kern1bp}%%
\pdfpagewidth=\wd0 \pdfpageheight=\dimexpr\ht0+\dp0+2bp\relax
\hoffset=-1in \voffset=-1in
\shipout\vbox{\kern1bp\box0}
"""
_END = "\\makeatletter\\@@end\n"  # what LaTeX would do at the end of a document makes pages of its own


def authors_preamble(source: str) -> str:
    """Return what stands before the body of a main file, with TikZ loaded at its end."""
    source = _ENCODING.sub(r"\1utf8\2", source)  # the document is written in UTF-8
    match = _BODY.search(source)
    return (source[: match.start()] if match else "\\documentclass{article}\n") + "\n\\usepackage{tikz}\n"


def reduced_preamble(source: str) -> str:
    """Return a preamble on the class `article` with what the author's own holds for drawings, and nothing else."""
    stack = TokenStack(budget=200_000)
    match = _BODY.search(source)
    stack.push(lex(prepare(source[: match.start()] if match else "")))
    kept = ["\\documentclass{article}", "\\usepackage{amsmath,amssymb,tikz}"]
    while stack.items and stack.budget > 0:
        token = stack.items.pop()
        if not isinstance(token, str) or token[0] != "\\":
            continue
        if token == "\\def":
            kept.append(_definition(stack))
        elif token[1:] in _KEPT:
            kept.append(_statement(token, stack))
    return "\n".join(filter(None, kept)) + "\n"


def _statement(token: str, stack: TokenStack) -> str:
    """Take a command's arguments and write all out again; packages that no drawing needs are left out."""
    written = token
    argument = ""
    for kind in _KEPT[token[1:]]:
        if kind == "s":
            written += "*" if stack.star() else ""
        elif kind == "o":
            option = stack.optional()
            written += f"[{spell(option)}]" if option is not None else ""
        else:
            argument = spell(stack.argument())
            written += f"{{{argument}}}"
    if token == "\\usepackage":
        names = [name for name in map(str.strip, argument.split(",")) if name in _PACKAGES]
        return f"{written.rpartition('{')[0]}{{{','.join(names)}}}" if names else ""
    return show(written)


def _definition(stack: TokenStack) -> str:
    head = []
    while stack.items and stack.items[-1] not in ("{", "}", "\\par"):
        head.append(stack.items.pop())
    if not stack.items or stack.items[-1] != "{":
        return ""
    return show(f"\\def{spell(head)}{{{spell(stack.argument())}}}")


def drawing_document(preamble: str, drawings: Sequence[str]) -> str:
    """Return a document with a page for each drawing, cut to its size."""
    pages = "".join(_PAGE % drawing for drawing in drawings)
    return f"{preamble}\\begin{{document}}\n{pages}{_END}"

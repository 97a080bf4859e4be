"""Environments that are no floats: lists, boxes, tables, and those left out."""

from __future__ import annotations

from functools import partial

from s1_mmalign.builder.formats.latex.arguments import commands, named, skip_environment, take
from s1_mmalign.builder.formats.latex.events import Close, Drawn, Open
from s1_mmalign.builder.formats.latex.interpreter import Handler, Interpreter


def breaking(tex: Interpreter, name: str, arguments: str = "o") -> None:
    """An environment whose begin and end are paragraph breaks: lists, quotations, theorems."""
    take(tex, arguments)
    tex.end_paragraph()
    if name == "enumerate":
        tex.counters.set("enumi", 0)
    tex.begin(name, "text", on_close=tex.end_paragraph)


def box(tex: Interpreter, name: str, arguments: str = "", *, breaks: bool = False) -> None:
    """An environment that can hold a picture and its caption without being a float."""
    take(tex, arguments)
    if breaks:
        tex.end_paragraph()
    tex.note(Open("box", name))

    def close() -> None:
        tex.note(Close())
        if breaks:
            tex.end_paragraph()

    tex.begin(name, "box", on_close=close)


def aside(tex: Interpreter, name: str, arguments: str = "om") -> None:
    """A table: its text is no part of the paragraph around it, but in a figure it may letter the pictures."""
    take(tex, arguments)
    in_float = tex.innermost("figure")
    if in_float:
        tex.note(Drawn(name))
    tex.begin(name, "aside", own_text=not in_float)


def biography(tex: Interpreter, name: str) -> None:
    """`\\begin{IEEEbiography}[{photograph}]{name}`: an author's life is no part of the paper."""
    photograph = tex.optional(long=True)
    tex.argument()
    tex.begin(name, "aside", own_text=True)
    tex.push(photograph or [])


def passed_on(tex: Interpreter, name: str) -> None:
    """An environment inside a formula: its two ends are kept for printing."""
    tex.emit(f"\\begin{{{name}}}")


def exclude_comment(tex: Interpreter, token: str) -> None:
    """`\\excludecomment{name}`: an environment of the author's that is not printed."""
    name = tex.words(tex.argument())
    tex.define(f"\\begin{{{name}}}", lambda tex, _: skip_environment(tex, name), globally=True)


def new_theorem(tex: Interpreter, token: str) -> None:
    """`\\newtheorem*{name}[like]{Title}[within]`: an environment with a number of its own."""
    starred = tex.star()
    name = tex.words(tex.argument())
    like = tex.optional()
    tex.argument()
    within = tex.optional()
    counter = tex.words(like) if like else name
    if not name or name in tex.environments:
        return
    if within:
        tex.counters.count_within(counter, tex.words(within))

    def begin(tex: Interpreter, token: str) -> None:
        breaking(tex, name)
        if not starred:
            tex.step(counter)

    tex.define(f"\\begin{{{name}}}", begin, globally=True)


_BOXES = {
    "center": "", "flushleft": "", "flushright": "", "strip": "o", "minipage": "ooom", "mdframed": "o", "framed": "",
    "tcolorbox": "o", "widetext": "", "multicols": "mo", "columns": "o", "column": "om", "frame": "aoom",
    "adjustwidth": "ommo", "landscape": "", "titlepage": "", "graphicalabstract": "", "figwindow": "o",
}  # fmt: skip
_INLINE_BOXES = {"adjustbox": "m", "threeparttable": "o", "turn": "m"}
_TABLES = {"tabular": "om", "tabular*": "mom", "tabularx": "mom", "tabulary": "mom", "tabbing": "", "tblr": "om",
           "algorithmic": "o"}  # fmt: skip

COMMANDS: dict[str, Handler] = {
    **commands("newtheorem spnewtheorem declaretheorem", new_theorem),
    **commands("excludecomment excludeversion", exclude_comment),
    **commands("minipage center", lambda tex, token: tex.environment(f"\\begin{{{token[1:]}}}")),
    **commands("endminipage endcenter", lambda tex, token: tex.end(token[4:])),
}
ENVIRONMENTS: dict[str, Handler] = {
    **named(
        "itemize enumerate description quote quotation verse proof compactitem compactenum list trivlist inparaenum "
        "asparaenum frontmatter",
        breaking,
    ),
    **{name: partial(aside, arguments=arguments) for name, arguments in _TABLES.items()},
    **named(
        "comment filecontents filecontents* CCSXML thebibliography references reference bibdiv biblist keywords "
        "keyword IEEEkeywords acknowledgment*",
        skip_environment,
    ),
    **named("IEEEbiography IEEEbiographynophoto biography biographynophoto", biography),
    **named(
        "array matrix pmatrix bmatrix Bmatrix vmatrix Vmatrix smallmatrix psmallmatrix bsmallmatrix cases dcases "
        "rcases aligned alignedat gathered split multlined",
        passed_on,
    ),
    **{name: partial(box, arguments=arguments, breaks=True) for name, arguments in _BOXES.items()},
    **{name: partial(box, arguments=arguments) for name, arguments in _INLINE_BOXES.items()},
}

"""Floats, in the words of LaTeX and of the packages and classes that papers use."""

from __future__ import annotations

import re
from functools import partial

from s1_mmalign.builder.formats.latex.arguments import commands, take
from s1_mmalign.builder.formats.latex.environments import box
from s1_mmalign.builder.formats.latex.events import Close, Open
from s1_mmalign.builder.formats.latex.interpreter import Handler, Interpreter
from s1_mmalign.builder.formats.latex.tokens import Token, lex

_FIGURES = {
    "figure": "o", "wrapfigure": "omom", "wrapfloat": "momom", "SCfigure": "oo", "sidewaysfigure": "o",
    "floatingfigure": "om", "teaserfigure": "o", "marginfigure": "o", "figurehere": "", "rotatefigure": "",
    "rotfigure": "", "pfigure": "", "extendedfigure": "o", "window": "o", "fpfigure": "", "sifigure": "o",
    "suppfigure": "o", "biofigure": "", "figureplain": "", "fullpagefigure": "", "narrowfigure": "",
}  # fmt: skip
_OTHERS = {
    "table": "o", "sidewaystable": "o", "wraptable": "omom", "SCtable": "oo", "longtable": "om", "deluxetable": "om",
    "supertabular": "m", "algorithm": "o", "algorithm2e": "o", "listing": "o", "lstlisting": "o", "margintable": "o",
    "longtblr": "om", "longrotatetable": "", "talltblr": "om", "xltabular": "omm", "program": "o", "codelisting": "",
    "rotatetable": "",
    "splitdeluxetable": "m", "tablehere": "", "suptable": "o", "procedure": "o", "boxtext": "", "protocol": "o",
}  # fmt: skip
_COUNTED = {
    "scheme": "scheme",
    "chart": "chart",
    "graph": "graph",
    "plate": "plate",
    "scheme*": "scheme",
    "Scheme": "scheme",
}
"""Floats of pictures with a number of their own (achemso, rsc)."""
_LIKE_FIGURE = re.compile(r"(?!sub)[a-z]*fig(?:ure)?s?[a-z]{0,2}$", re.IGNORECASE)


def figure(tex: Interpreter, name: str, *, arguments: str = "o", counter: str = "figure") -> None:
    """A float of pictures begins. One that is still open lacks its end, as floats hold no floats."""
    if tex.innermost("figure", "other") and not tex.depth:
        while tex.innermost("figure", "other"):
            tex.close_frame()
    if name.startswith("wrapfloat"):
        kind = tex.words(tex.argument())
        take(tex, arguments[1:])
        _float(tex, name, "figure" if kind == "figure" else "other", kind)
        return
    take(tex, arguments)
    _float(tex, name, "figure", counter)


def other_float(tex: Interpreter, name: str, *, arguments: str = "o") -> None:
    """A float of something else begins: what it holds is read, but its pictures are no figures."""
    take(tex, arguments)
    base = name.rstrip("*")
    _float(tex, name, "other", "algorithm" if base.startswith("algo") else "table")


_PICTURE_IN_FORMULA = re.compile(r"\\(?:includegraphics|epsf|epsfig|psfig|plot|subfig|subfloat|begin\s*\{array)")
_LONGEST_FLOAT = 2000
"""Tokens after the beginning of a float among which formulas are looked through."""


def _open_formulas(tex: Interpreter, end: str) -> None:
    """Take apart the formulas of this float that lay out pictures: `$\\begin{array}{cc}\\includegraphics{a} &…$`."""
    items = tex.items
    top, looked = len(items) - 1, 0
    for index in range(top, max(top - _LONGEST_FLOAT, -1), -1):
        token, looked = items[index], top - index
        if token == end or not isinstance(token, str) or token.startswith("\\begin{fig"):
            break
        if token[0] == "$" and len(token) > 2 and _PICTURE_IN_FORMULA.search(token):
            items[index : index + 1] = lex(token[1:-1])[::-1]
    tex.spend(looked // 8)


def _float(tex: Interpreter, name: str, scope: str, counter: str) -> None:
    _open_formulas(tex, f"\\end{{{name}}}")
    tex.note(Open("figure" if scope == "figure" else "other", name, counter))
    frame = tex.begin(name, scope, own_text=True)
    tex.counters.set("subfigure", 0)
    tex.forced_number = None
    frame.counter = counter
    frame.on_close = lambda: tex.note(Close(tex.out))


def unknown_environment(tex: Interpreter, name: str) -> None:
    """An environment that neither this reader nor the author defines: a float if its name says so, else a box."""
    if _LIKE_FIGURE.fullmatch(name.rstrip("*")):
        figure(tex, name)
    else:
        box(tex, name)


def float_box(tex: Interpreter, token: str) -> None:
    """floatrow's `\\ffigbox[w]{caption}{content}`, `\\ttabbox`, `\\floatbox[…]{type}[w]{caption}{content}`."""
    if token == "\\floatbox":
        tex.optional()
        kind = tex.words(tex.argument())
    else:
        kind = "table" if token == "\\ttabbox" else "figure"
    for _ in range(3):
        tex.optional()
    content = [*tex.argument(), " ", *tex.argument()]
    if tex.innermost("panels"):
        tex.push(["\\begin{subcaptionblock}", "{", "}", *content, "\\end{subcaptionblock}"])
        return
    tex.note(Open("other" if kind == "table" else "box", token))
    frame = tex.begin(token, "box", on_close=lambda: tex.note(Close()))
    frame.counter = kind
    tex.after(content, lambda: tex.end(token))


def panel_row(tex: Interpreter, name: str) -> None:
    """`\\begin{subfloatrow}[2]`: the boxes of floatrow in it are panels."""
    tex.optional()
    tex.begin(name, "panels")


def new_float(tex: Interpreter, token: str) -> None:
    """`\\newfloat{scheme}{htbp}{los}[within]`, `\\DeclareFloatingEnvironment[options]{scheme}`."""
    tex.optional()
    name = tex.words(tex.argument())
    if token == "\\newfloat":
        take(tex, "mmo")
    if not name or name in tex.environments:
        return
    scope = "other" if re.search(r"tab|alg|list|code|box|prog|proto", name, re.IGNORECASE) else "figure"

    def begin(tex: Interpreter, token: str) -> None:
        take(tex, "o")
        _float(tex, name + ("*" if token.endswith("*}") else ""), scope, name)

    for star in ("", "*"):
        tex.define(f"\\begin{{{name}{star}}}", begin, globally=True)


def float_command(tex: Interpreter, token: str) -> None:
    """`\\teaser{content}`, JHEP's `\\FIGURE[h]{content}` and, with files and captions as arguments, `\\EPSFIGURE`…"""
    tex.optional()
    tokens: list[Token]
    if token in ("\\FIGURE", "\\teaser"):
        tokens = tex.argument()
    elif token == "\\EPSFIGURE":
        file, text = tex.argument(), tex.argument()
        tokens = ["\\epsfig", "{", "file=", *file, "}", "\\caption", "{", *text, "}"]
    else:
        first, second, left, right = (tex.argument() for _ in range(4))
        tokens = []
        for file, text in ((first, left), (second, right)):
            tokens += ["\\begin{minipage}", "{", "}", "\\epsfig", "{", "file=", *file, "}"]
            tokens += ["\\caption", "{", *text, "}", "\\end{minipage}"]
    tex.push(["\\begin{figure}", *tokens, "\\end{figure}"])


def online_float(tex: Interpreter, token: str) -> None:
    """`\\onlfig{content}` of the class `aa`, formerly `\\onlfig{number}{content}`."""
    content = tex.argument()
    tex.push(tex.argument() if tex.peek() == "{" else content)


def insert(tex: Interpreter, token: str) -> None:
    """Plain TeX's `\\midinsert` … `\\endinsert`."""
    figure(tex, "insert", arguments="")


def low_level_float(tex: Interpreter, token: str) -> None:
    """`\\@float{figure}[h]` and `\\figure`, as environments of authors use them."""
    name = tex.words(tex.argument()) if "@" in token else token[1:]
    tex.push([f"\\begin{{{name}}}"])


def end_low_level_float(tex: Interpreter, token: str) -> None:
    """`\\end@float`, `\\endfigure`."""
    frame = tex.innermost("figure", "other")
    if frame is not None:
        tex.end(frame.name)


COMMANDS: dict[str, Handler] = {
    **commands("ffigbox fcapside ttabbox floatbox", float_box),
    **commands("newfloat DeclareFloatingEnvironment", new_float),
    **commands("FIGURE EPSFIGURE DOUBLEFIGURE teaser", float_command),
    **commands("onlfig onltab", online_float),
    **commands("midinsert topinsert pageinsert", insert),
    "\\endinsert": lambda tex, token: tex.end("insert"),
    **commands("@float @dblfloat figure table", low_level_float),
    **commands("end@float end@dblfloat endfigure endtable", end_low_level_float),
}
ENVIRONMENTS: dict[str, Handler] = {
    "subfloatrow": panel_row,
    **{name: partial(other_float, arguments=arguments) for name, arguments in _OTHERS.items()},
    **{name: partial(figure, arguments=arguments) for name, arguments in _FIGURES.items()},
    **{name: partial(figure, counter=counter) for name, counter in _COUNTED.items()},
}

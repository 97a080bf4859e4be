"""Floats, their captions and panels, in LaTeX's words and those of the packages and classes that papers use."""

from __future__ import annotations

import re
from functools import partial

from s1_mmalign.builder.formats.latex.events import Caption, Close, Drawn, Open
from s1_mmalign.builder.formats.latex.interpreter import Handler, Interpreter
from s1_mmalign.builder.formats.latex.numbering import letter
from s1_mmalign.builder.formats.latex.pictures import picture
from s1_mmalign.builder.formats.latex.structure import box, find_end, take
from s1_mmalign.builder.formats.latex.tokens import Token

_FIGURES = {
    "figure": "o", "wrapfigure": "omom", "wrapfloat": "momom", "SCfigure": "oo", "sidewaysfigure": "o",
    "floatingfigure": "om", "teaserfigure": "o", "marginfigure": "o", "figurehere": "", "rotatefigure": "",
    "rotfigure": "", "pfigure": "", "extendedfigure": "o", "window": "o", "fpfigure": "", "sifigure": "o",
    "suppfigure": "o", "biofigure": "", "figureplain": "", "fullpagefigure": "", "narrowfigure": "",
}  # fmt: skip
_OTHERS = {
    "table": "o", "sidewaystable": "o", "wraptable": "omom", "SCtable": "oo", "longtable": "om", "deluxetable": "om",
    "supertabular": "m", "algorithm": "o", "algorithm2e": "o", "listing": "o", "lstlisting": "o", "margintable": "o",
    "longtblr": "om", "talltblr": "om", "xltabular": "omm", "program": "o", "codelisting": "", "rotatetable": "",
    "splitdeluxetable": "m", "tablehere": "", "suptable": "o", "procedure": "o", "boxtext": "", "protocol": "o",
}  # fmt: skip
_COUNTED = {"scheme": "scheme", "chart": "chart", "graph": "graph", "plate": "plate", "scheme*": "scheme", "Scheme": "scheme"}
"""Floats of pictures with a number of their own (achemso, rsc)."""
_LIKE_FIGURE = re.compile(r"(?!sub)[a-z]*fig(?:ure)?s?[a-z]{0,2}$", re.IGNORECASE)
_PANELS = {"subfigure": "ooom", "subcaptionblock": "om", "subfloat": "o", "subfigs": "", "panel": "", "subsubfigure": "om"}


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


def _float(tex: Interpreter, name: str, scope: str, counter: str) -> None:
    tex.note(Open("figure" if scope == "figure" else "other", name, counter))
    frame = tex.begin(name, scope, own_text=True)
    tex.counters.set("subfigure", 0)
    frame.counter = counter
    frame.on_close = lambda: tex.note(Close(tex.out))


def unknown_environment(tex: Interpreter, name: str) -> None:
    """An environment that neither this reader nor the author defines: a float if its name says so, else a box."""
    if _LIKE_FIGURE.fullmatch(name.rstrip("*")):
        figure(tex, name)
    else:
        box(tex, name)


def panel(tex: Interpreter, name: str, *, arguments: str = "ooom") -> None:
    """`\\begin{subfigure}[b]{width}`."""
    take(tex, arguments)
    opened = Open("panel", name, letter=_next_letter(tex))
    tex.note(opened)
    tex.begin(name, "panel", on_close=lambda: tex.note(Close()))


def _next_letter(tex: Interpreter) -> str:
    tex.counters.step("subfigure")
    number = tex.printed("subfigure").strip("()")
    tex.current = ("subfigure", tex.printed("figure") + number)
    return number if re.fullmatch(r"\w{1,4}", number) else letter(tex.counters.values["subfigure"])


def panel_command(tex: Interpreter, token: str) -> None:
    """`\\subfigure[caption]{content}`, `\\subfloat[list][caption]{content}` and their kin."""
    tex.star()
    first, second = tex.optional(), tex.optional()
    if tex.peek() != "{":
        return
    caption = second if second is not None else first
    content = tex.argument()
    opened = Open("panel", token, letter=_next_letter(tex))
    tex.note(opened)
    if caption is not None:
        opened.caption = tex.run(caption)
    tex.begin(token, "panel", on_close=lambda: tex.note(Close()))
    tex.after(content, lambda: tex.end(token))


def caption_box(tex: Interpreter, token: str) -> None:
    """`\\subcaptionbox[list]{caption}[width][align]{content}`, and `\\captionbox` with the figure's own caption."""
    starred = tex.star()
    tex.optional()
    caption = tex.argument()
    tex.optional()
    tex.optional()
    content = tex.argument()
    if token.startswith("\\sub"):
        opened = Open("panel", token, letter=_next_letter(tex))
        tex.note(opened)
        opened.caption = tex.run(caption)
    else:
        tex.note(Open("box", token))
        _caption(tex, caption, _counter(tex), starred=starred)
    tex.after(content, lambda: tex.note(Close()))


def float_box(tex: Interpreter, token: str) -> None:
    """floatrow's `\\ffigbox[w]{caption}{content}`, `\\fcapside`, `\\ttabbox`, `\\floatbox[…]{type}[w]{caption}{content}`."""
    if token == "\\floatbox":
        tex.optional()
        kind = tex.words(tex.argument())
    else:
        kind = "table" if token == "\\ttabbox" else "figure"
    for _ in range(3):
        tex.optional()
    content = [*tex.argument(), " ", *tex.argument()]
    tex.note(Open("other" if kind == "table" else "box", token))
    frame = tex.begin(token, "box", on_close=lambda: tex.note(Close()))
    frame.counter = kind
    tex.after(content, lambda: tex.end(token))


def _counter(tex: Interpreter) -> str:
    """Return what a `\\caption` here counts as: by the float around it, or by `\\@captype` where there is none."""
    frame = next((f for f in reversed(tex.frames) if f.counter), None)
    if frame:
        return frame.counter
    if tex.is_defined("\\@captype"):
        return tex.words(["\\@captype"])
    return ""


def caption(tex: Interpreter, token: str) -> None:
    """`\\caption*[short]{text}`; in a panel the panel's."""
    starred = tex.star() or token == "\\legend"
    tex.optional()
    _caption(tex, tex.argument(), _counter(tex), starred=starred)


def _caption(tex: Interpreter, text: list[Token], counter: str, *, starred: bool) -> None:
    frame = tex.innermost("panel", "figure", "other")
    if frame is not None and frame.kind == "panel":
        tex.note(Caption(tex.run(text), "subfigure", None))
        return
    number = None
    continued = tex.continued
    tex.continued = False
    if not starred and counter:
        if continued:
            number = tex.printed(counter)
            tex.current = (counter, number)
        elif tex.forced_number is not None:
            number, tex.forced_number = tex.forced_number, None
            tex.current = (counter, number)
        else:
            number = tex.step(counter)
    event = Caption([], counter, number, continued)
    tex.note(event)
    event.nodes = tex.run(text)


def caption_of(tex: Interpreter, token: str) -> None:
    """`\\captionof{figure}[short]{text}`."""
    starred = tex.star()
    counter = tex.words(tex.argument())
    tex.optional()
    _caption(tex, tex.argument(), counter, starred=starred)


def figure_caption(tex: Interpreter, token: str) -> None:
    """AASTeX's `\\figcaption[file]{text}`, with or without a float around it; the file is used if no other is."""
    file = tex.optional()
    _caption(tex, tex.argument(), "figure", starred=False)
    if file:
        picture(tex, tex.words(file), spare=True)


def continued_float(tex: Interpreter, token: str) -> None:
    """`\\ContinuedFloat`: the next caption keeps the number of the last."""
    tex.star()
    tex.continued = True


def figure_number(tex: Interpreter, token: str) -> None:
    """AASTeX's `\\figurenum{5}`: the number of the next caption."""
    tex.forced_number = tex.words(tex.argument())


def phantom_panel(tex: Interpreter, token: str) -> None:
    """`\\phantomsubcaption`: counts a panel without printing it."""
    if not tex.innermost("panel"):
        _next_letter(tex)


def panel_caption(tex: Interpreter, token: str) -> None:
    """`\\subcaption{text}` below a picture: the caption of a panel that nothing encloses."""
    tex.star()
    tex.optional()
    text = tex.argument()
    if not tex.innermost("panel"):
        tex.note(Open("panel", token, letter=_next_letter(tex), caption=tex.run(text)))
        tex.note(Close())
    else:
        tex.note(Caption(tex.run(text), "subfigure", None))


def drawing(tex: Interpreter, name: str) -> None:
    """TikZ and its like: skipped but for pictures that it places."""
    inside = find_end(tex, name, remove=True)
    if inside is None:
        tex.note(Drawn(name))
        return
    pictures: list[Token] = []
    for index, token in enumerate(inside):
        if token in ("\\includegraphics", "\\pgfimage", "\\epsfig", "\\psfig", "\\includegraphics*", "\\epsfbox"):
            pictures += _with_arguments(inside, index)
    if pictures:
        tex.push(pictures)
    else:
        tex.note(Drawn(name))


def _with_arguments(tokens: list[Token], index: int) -> list[Token]:
    """Return the command at `index` and its arguments up to the end of the first braces."""
    depth = 0
    for end in range(index + 1, min(index + 200, len(tokens))):
        token = tokens[end]
        depth += (token == "{") - (token == "}")
        if token == "}" and depth <= 0:
            return tokens[index : end + 1]
        if not depth and isinstance(token, str) and token[0] == "\\":
            break
    return []


def picture_environment(tex: Interpreter, name: str) -> None:
    """`\\begin{picture}(w,h)`: drawn by the source, unless a picture is placed in it."""
    if tex.innermost("figure"):
        tex.note(Drawn(name))
    tex.begin(name, "aside", own_text=True)


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
    """JHEP's `\\FIGURE[h]{content}` and, for `\\EPSFIGURE`, `\\DOUBLEFIGURE`, files and captions as arguments."""
    tex.optional()
    tokens: list[Token]
    if token == "\\FIGURE":
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


def environments() -> dict[str, Handler]:
    """Return the environments of this module by name."""
    drawings = ("tikzpicture", "pgfpicture", "pspicture", "axis", "circuitikz", "tikzcd", "feynman", "fmffile", "fmfgraph",
                "fmfgraph*", "asy", "psgraph", "pspicture*", "forest", "gnuplot", "xy", "dot2tex", "quantikz", "Qcircuit",
                "chronology", "prooftree", "feynmandiagram", "mfpic", "tikz", "luacode", "axopicture")  # fmt: skip
    return {
        **{name: partial(other_float, arguments=arguments) for name, arguments in _OTHERS.items()},
        **{name: partial(figure, arguments=arguments) for name, arguments in _FIGURES.items()},
        **{name: partial(figure, counter=counter) for name, counter in _COUNTED.items()},
        **{name: partial(panel, arguments=arguments) for name, arguments in _PANELS.items()},
        **dict.fromkeys(drawings, drawing),
        **dict.fromkeys(("picture", "picture*"), picture_environment),
    }


COMMANDS: dict[str, Handler] = {
    **dict.fromkeys(("\\caption", "\\legend", "\\topcaption", "\\bottomcaption", "\\fcaption"), caption),
    **dict.fromkeys(("\\captionof", "\\captionsetof"), caption_of),
    "\\figcaption": figure_caption,
    "\\captionbox": caption_box,
    "\\subcaptionbox": caption_box,
    **dict.fromkeys(("\\ffigbox", "\\fcapside", "\\ttabbox", "\\floatbox"), float_box),
    **dict.fromkeys(
        ("\\subfigure", "\\subfloat", "\\sidesubfloat", "\\subfig", "\\subbottom", "\\subtop", "\\topsubfloat", "\\bottomsubfloat"),
        panel_command,
    ),
    **dict.fromkeys(("\\subcaption",), panel_caption),
    **dict.fromkeys(("\\phantomsubcaption", "\\phantomcaption", "\\subcaptionlistentry"), phantom_panel),
    "\\ContinuedFloat": continued_float,
    "\\figurenum": figure_number,
    **dict.fromkeys(("\\newfloat", "\\DeclareFloatingEnvironment"), new_float),
    **dict.fromkeys(("\\FIGURE", "\\EPSFIGURE", "\\DOUBLEFIGURE"), float_command),
    **dict.fromkeys(("\\midinsert", "\\topinsert", "\\pageinsert"), insert),
    "\\endinsert": lambda tex, token: tex.end("insert"),
    **dict.fromkeys(("\\@float", "\\@dblfloat", "\\figure", "\\table"), low_level_float),
    **dict.fromkeys(("\\end@float", "\\end@dblfloat", "\\endfigure", "\\endtable"), end_low_level_float),
}  # fmt: skip

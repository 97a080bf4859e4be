"""Captions, and the panels of a figure."""

from __future__ import annotations

import re
from functools import partial

from s1_mmalign.builder.formats.latex.arguments import commands, take
from s1_mmalign.builder.formats.latex.events import Caption, Close, Open
from s1_mmalign.builder.formats.latex.floats import figure
from s1_mmalign.builder.formats.latex.graphics import parse_options
from s1_mmalign.builder.formats.latex.interpreter import Handler, Interpreter
from s1_mmalign.builder.formats.latex.macros import Macro
from s1_mmalign.builder.formats.latex.numbering import letter
from s1_mmalign.builder.formats.latex.pictures import picture
from s1_mmalign.builder.formats.latex.tokens import Token


def counter_here(tex: Interpreter) -> str:
    """Return what a `\\caption` here counts as: by `\\@captype` where it is set, else by the float around it."""
    for frame in reversed(tex.frames):
        if "\\@captype" in frame.definitions:
            break
        if frame.counter:
            return frame.counter
    return tex.words(["\\@captype"]) if tex.is_defined("\\@captype") else ""


def caption(tex: Interpreter, token: str) -> None:
    """`\\caption*[short]{text}`; in a panel the panel's."""
    starred = tex.star() or token == "\\legend"
    tex.optional()
    _caption(tex, tex.argument(), counter_here(tex), starred=starred)


def _caption(tex: Interpreter, text: list[Token], counter: str, *, starred: bool) -> None:
    frame = tex.innermost("panel", "figure", "other")
    if frame is not None and frame.kind == "panel":
        tex.note(Caption(tex.run(text), "subfigure", None))
        return
    if frame is not None:
        frame.captioned = True
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
    event = Caption([], counter, number, starred)
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


def table_caption(tex: Interpreter, token: str) -> None:
    """`\\tablecaption{text}`, and `\\tabcaption`, which authors define for a table beside a figure."""
    tex.star()
    tex.optional()
    _caption(tex, tex.argument(), "table", starred=False)


def caption_setup(tex: Interpreter, token: str) -> None:
    """`\\captionsetup[float]{type=figure, figurewithin=section}`: what a `\\caption` counts as, and how."""
    scoped = tex.optional() is not None
    options = parse_options(tex.words(tex.argument()))
    if "type" in options and not scoped:
        tex.define("\\@captype", Macro((), (options["type"].rstrip("*"),)))
    for counter in ("figure", "table"):
        if f"{counter}within" in options:
            tex.counters.count_within(counter, options[f"{counter}within"])


def continued_float(tex: Interpreter, token: str) -> None:
    """`\\ContinuedFloat`: the next caption keeps the number of the last."""
    tex.star()
    tex.continued = True


def two_captions(tex: Interpreter, token: str) -> None:
    """`\\bicaption{text}{text in another language}`: the first counts."""
    caption(tex, token)
    tex.optional()
    if tex.peek() == "{":
        tex.argument()


def continued_caption(tex: Interpreter, token: str) -> None:
    """`\\contcaption{text}` of MNRAS: the caption of a figure that goes on."""
    tex.continued = True
    caption(tex, token)


def figure_number(tex: Interpreter, token: str) -> None:
    """AASTeX's `\\figurenum{5}`, `\\tablenum`: the number of the float's caption."""
    if tex.innermost("figure", "other"):
        tex.forced_number = tex.words(tex.argument())


def panel(tex: Interpreter, name: str, *, arguments: str = "ooom") -> None:
    """`\\begin{subfigure}[b]{width}`; with no float around it, as Frontiers' class has it, a float itself."""
    if name == "subfigure" and tex.peek() != "{" and not tex.innermost("figure", "other", "box"):
        figure(tex, name, arguments="")
        return
    take(tex, arguments)
    opened = Open("panel", name, letter=_next_letter(tex))
    tex.note(opened)
    tex.begin(name, "panel", on_close=lambda: tex.note(Close()))


def _next_letter(tex: Interpreter) -> str:
    tex.counters.step("subfigure")
    number = tex.printed("subfigure").strip("()")
    frame = tex.innermost("figure")
    ahead = frame is not None and not frame.captioned and not tex.continued  # a caption below is counted already
    tex.counters.values["figure"] += ahead
    tex.current = ("subfigure", tex.printed("figure") + number)
    tex.counters.values["figure"] -= ahead
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


def phantom_panel(tex: Interpreter, token: str) -> None:
    """`\\phantomsubcaption`: counts a panel without printing it."""
    if not tex.innermost("panel"):
        _next_letter(tex)


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
        _caption(tex, caption, counter_here(tex), starred=starred)
    tex.after(content, lambda: tex.note(Close()))


_PANELS = {
    "subfigure": "ooom",
    "subcaptionblock": "om",
    "subfloat": "o",
    "subfigs": "",
    "panel": "",
    "subsubfigure": "om",
}

COMMANDS: dict[str, Handler] = {
    **commands("caption legend topcaption bottomcaption fcaption", caption),
    **commands("tablecaption tabcaption", table_caption),
    "\\captionsetup": caption_setup,
    "\\contcaption": continued_caption,
    "\\bicaption": two_captions,
    "\\captionof": caption_of,
    "\\figcaption": figure_caption,
    **commands("captionbox subcaptionbox", caption_box),
    **commands("subfigure subfloat sidesubfloat subfig subbottom subtop topsubfloat bottomsubfloat", panel_command),
    "\\subcaption": panel_caption,
    **commands("phantomsubcaption phantomcaption subcaptionlistentry", phantom_panel),
    "\\ContinuedFloat": continued_float,
    **commands("figurenum tablenum", figure_number),
}
ENVIRONMENTS: dict[str, Handler] = {name: partial(panel, arguments=arguments) for name, arguments in _PANELS.items()}

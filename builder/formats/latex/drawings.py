"""What the source draws itself."""

from __future__ import annotations

from s1_mmalign.builder.formats.latex.arguments import find_end, named
from s1_mmalign.builder.formats.latex.events import Drawn
from s1_mmalign.builder.formats.latex.interpreter import Handler, Interpreter
from s1_mmalign.builder.formats.latex.tokens import Token, show, spell


def drawing(tex: Interpreter, name: str) -> None:
    """TikZ and its like: skipped but for pictures that it places."""
    inside = find_end(tex, name, remove=True) or []
    source = f"\\begin{{{name}}}{spell(inside)}\\end{{{name}}}" if name in _DRAWN_BY_TIKZ else ""
    _draw(tex, name, inside, source)


_DRAWN_BY_TIKZ = frozenset(("tikzpicture", "pgfpicture", "circuitikz", "tikzcd", "forest", "quantikz"))


def setting(tex: Interpreter, token: str) -> None:
    """`\\tikzset{…}`, `\\definecolor{…}{…}{…}` and their kin: what later drawings rest on."""
    arguments = [tex.argument() for _ in range(_SETTINGS[token[1:]])]
    if tex.in_body and len(tex.drawing_settings) < _MOST_SETTINGS:
        tex.drawing_settings.append(token + "".join(f"{{{spell(argument)}}}" for argument in arguments))


_SETTINGS = {"tikzset": 1, "pgfplotsset": 1, "usetikzlibrary": 1, "definecolor": 3, "colorlet": 2, "pgfmathsetmacro": 2}
_MOST_SETTINGS = 200


def drawing_command(tex: Interpreter, token: str) -> None:
    """`\\tikz[options]{…}` and `\\tikz[options] \\draw …;`."""
    options = spell(tex.optional() or [])
    braced = tex.peek() == "{"
    inside = tex.argument() if braced else _to_semicolon(tex)
    _draw(tex, token[1:], inside, f"\\tikz[{options}]{{{spell(inside)}{'' if braced else ';'}}}" if inside else "")


def _to_semicolon(tex: Interpreter) -> list[Token]:
    """Take what stands before the `;` that ends a path of TikZ; nothing where none comes."""
    depth = 0
    items = tex.items
    for index in range(len(items) - 1, max(len(items) - _LONGEST_PATH, -1), -1):
        token = items[index]
        depth += (token == "{") - (token == "}")
        if depth < 0 or token == "\\par" or not isinstance(token, str):
            break
        if not depth and ";" in token and token[0] != "\\":
            inside = items[index + 1 :][::-1]
            del items[index:]
            if rest := token.partition(";")[2]:
                items.append(rest)
            return inside
    tex.spend(_LONGEST_PATH)
    return []


_LONGEST_PATH = 500
"""Tokens that a path outside of any environment may have."""


def _draw(tex: Interpreter, name: str, inside: list[Token], source: str) -> None:
    pictures: list[Token] = []
    for index, token in enumerate(inside):
        if token in ("\\includegraphics", "\\pgfimage", "\\epsfig", "\\psfig", "\\includegraphics*", "\\epsfbox"):
            pictures += _with_arguments(inside, index)
    if pictures:
        tex.push(pictures)
    elif not tex.depth:  # the mark of a line in a caption is no drawing
        source = show("\n".join([*tex.drawing_settings, source])) if source else ""
        tex.note(Drawn(name, source, tex.files.open_files[-1]))


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


def verbatim(tex: Interpreter, token: str) -> None:
    """What the tokenizer leaves of a listing: in a figure, the thing shown."""
    if tex.innermost("figure"):
        tex.note(Drawn("verbatim"))


def picture_environment(tex: Interpreter, name: str) -> None:
    """`\\begin{picture}(w,h)`: drawn by the source, unless a picture is placed in it."""
    if tex.innermost("figure"):
        tex.note(Drawn(name))
    tex.begin(name, "aside", own_text=True)


ENVIRONMENTS: dict[str, Handler] = {
    **named(
        "tikzpicture pgfpicture pspicture pspicture* psgraph axis circuitikz tikzcd feynman feynmandiagram "
        "fmffile fmfgraph fmfgraph* asy forest gnuplot xy dot2tex quantikz chronology prooftree mfpic axopicture",
        drawing,
    ),
    **named("picture picture*", picture_environment),
}
COMMANDS: dict[str, Handler] = {
    **dict.fromkeys((f"\\{name}" for name in _SETTINGS), setting),
    "\\tikz": drawing_command,
    "\\verbatimtext": verbatim,
}

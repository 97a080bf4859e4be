"""What the source draws itself."""

from __future__ import annotations

from s1_mmalign.builder.formats.latex.arguments import find_end, named
from s1_mmalign.builder.formats.latex.events import Drawn
from s1_mmalign.builder.formats.latex.interpreter import Handler, Interpreter
from s1_mmalign.builder.formats.latex.tokens import Token


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
COMMANDS: dict[str, Handler] = {"\\verbatimtext": verbatim}

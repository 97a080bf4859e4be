"""Displayed formulas: they belong to the paragraph around them, and their rows are numbered."""

from __future__ import annotations

from functools import partial

from s1_mmalign.builder.formats.latex.arguments import take
from s1_mmalign.builder.formats.latex.events import Label, Target
from s1_mmalign.builder.formats.latex.interpreter import Frame, Handler, Interpreter
from s1_mmalign.builder.formats.latex.tokens import Token, spell

_ONE_NUMBER = ("equation", "displaymath", "math", "multline", "dmath", "empheq")
_NUMBER_PER_ROW = ("align", "eqnarray", "gather", "alignat", "flalign", "IEEEeqnarray", "darray", "dgroup")
_WITH_ARGUMENT = ("alignat", "IEEEeqnarray", "empheq")
_UNNUMBERED = ("displaymath", "math")


def formula(tex: Interpreter, name: str, *, rows: bool) -> None:
    """`\\begin{equation}` and its kin: what stands between is passed on between `\\[` and `\\]`."""
    if tex.frames and tex.frames[-1].kind == "formula":
        tex.close_frame()  # its end is missing, as formulas hold no formulas
    base = name.rstrip("*")
    if base in _WITH_ARGUMENT:
        take(tex, "om")
    tex.emit("\\[")
    frame = tex.begin(name, "formula")
    frame.on_close = partial(_close, tex, frame, rows, base == name and base not in _UNNUMBERED)


def _close(tex: Interpreter, frame: Frame, rows: bool, numbered: bool) -> None:
    """Number the rows and give the labels in them their numbers."""
    nodes = tex.out[frame.start :]
    labels = [node for node in nodes if isinstance(node, Label)]
    if labels or numbered:
        waiting: list[str] = []
        for row in _rows(nodes) if rows and "\\\\" in nodes else [nodes]:
            # A label in a row without number means the next number, as `eqnarray` has it.
            waiting = _number_row(tex, row, numbered, waiting)
    if labels:
        tex.out[frame.start :] = [node for node in nodes if not isinstance(node, Label)]
    tex.emit("\\]")


def _rows(nodes: list[Token]) -> list[list[Token]]:
    """Split a formula at each `\\\\` that stands neither in braces nor in an array."""
    rows: list[list[Token]] = [[]]
    depth = 0
    for node in nodes:
        rows[-1].append(node)
        if not isinstance(node, str):
            continue
        if node == "{" or node.startswith("\\begin{"):
            depth += 1
        elif node == "}" or node.startswith("\\end{"):
            depth -= 1
        elif node == "\\\\" and depth <= 0:
            rows.append([])
    return rows


def _number_row(tex: Interpreter, row: list[Token], numbered: bool, waiting: list[str]) -> list[str]:
    """Number a row and give the labels that wait for a number theirs; return those that still wait."""
    waiting = waiting + [node.name for node in row if isinstance(node, Label)]
    if not any(isinstance(node, str) and not node.isspace() and node != "\\\\" for node in row):
        return waiting
    if "\\tag" in row:
        after = row[row.index("\\tag") + 1 :]
        closing = after.index("}") if "}" in after else 0
        number = spell(token for token in after[:closing] if token not in ("{", "*")).strip()
    elif numbered and "\\nonumber" not in row and "\\notag" not in row:
        number = _step(tex)
    else:
        return waiting
    for name in waiting:
        tex.document.labels.setdefault(name, Target("equation", number))
    return []


def _step(tex: Interpreter) -> str:
    if tex.innermost("subequations"):
        tex.counters.step("subequation")
        return tex.printed("equation") + chr(96 + min(tex.counters.values["subequation"], 26))
    tex.counters.step("equation")
    return tex.printed("equation")


def subequations(tex: Interpreter, name: str) -> None:
    """`\\begin{subequations}`: 3a, 3b…, and a label before the first formula means all of them."""
    tex.step("equation")
    tex.counters.set("subequation", 0)
    tex.begin(name, "subequations")


ENVIRONMENTS: dict[str, Handler] = {
    **dict.fromkeys(_ONE_NUMBER, partial(formula, rows=False)),
    **dict.fromkeys(_NUMBER_PER_ROW, partial(formula, rows=True)),
    "subequations": subequations,
}

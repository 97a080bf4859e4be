"""Commands of TeX's inside that authors' definitions are made of."""

from __future__ import annotations

from s1_mmalign.builder.formats.latex.arguments import commands, do_nothing, find_end, named, skip
from s1_mmalign.builder.formats.latex.interpreter import Handler, Interpreter
from s1_mmalign.builder.formats.latex.macros import FALSE, NO_VALUE, TRUE, Macro
from s1_mmalign.builder.formats.latex.tokens import Token, hide, spell


def control_sequence_name(tex: Interpreter, token: str) -> None:
    """`\\csname fig\\endcsname`."""
    name = until_endcsname(tex)
    tex.push([f"\\{name}" if name else "\\relax"])


def until_endcsname(tex: Interpreter) -> str:
    """Take what stands before `\\endcsname`, expanded, and that mark; empty where it does not come."""
    taken: list[Token] = []
    while tex.items and len(taken) < 200:
        token = tex.items.pop()
        if token == "\\endcsname":
            return tex.words(taken)
        taken.append(token)
    tex.push(taken)
    return ""


def expand_after(tex: Interpreter, token: str) -> None:
    """`\\expandafter a b`: expand b once, then read a."""
    waiting: list[Token] = []
    second: Token = token
    while second == "\\expandafter" and len(waiting) < 20:
        waiting.append(tex.character())
        second = tex.character()
    if not second or not tex.spend(len(waiting)):
        return
    handler = tex.commands.get(second) if isinstance(second, str) else None
    if handler is not None and (isinstance(handler, Macro) or second == "\\csname"):
        handler(tex, second)
    else:
        tex.push([second])
    tex.push([first for first in waiting if first])


def spell_out(tex: Interpreter, token: str) -> None:
    """`\\string\\name`, `\\detokenize{a_b}`: printed as written."""
    tokens = [tex.character()] if token == "\\string" else tex.argument()
    tex.emit(hide(spell(tokens)))


def if_star(tex: Interpreter, token: str) -> None:
    """`\\@ifstar{starred}{plain}`."""
    starred, plain = tex.argument(), tex.argument()
    tex.push(starred if tex.star() else plain)


def if_next_character(tex: Interpreter, token: str) -> None:
    """`\\@ifnextchar x{yes}{no}`."""
    character, yes, no = tex.character(), tex.argument(), tex.argument()
    following = tex.peek()
    same = following == character or (isinstance(following, str) and following.lstrip()[:1] == character)
    tex.push(yes if same else no)


def if_value(tex: Interpreter, token: str) -> None:
    """`\\IfNoValueTF{#1}{yes}{no}`, `\\IfValueTF`, `\\IfBooleanTF` and their one-sided forms."""
    value = tex.argument()
    holds = value == [TRUE] if "Boolean" in token else (value == [NO_VALUE]) == ("NoValue" in token)
    if "Blank" in token:
        holds = not spell(value).strip(" " + NO_VALUE)
    yes = tex.argument() if "T" in token[-2:] else []
    no = tex.argument() if token.endswith("F") else []
    tex.push(yes if holds else no)


def save_box(tex: Interpreter, token: str) -> None:
    """`\\sbox{\\name}{content}`, `\\savebox{\\name}[w][p]{content}`: the content is read where the box is used."""
    name = spell(tex.argument()).strip()
    tex.optional()
    tex.optional()
    tex.define(f"box{name}", Macro((), tuple(tex.argument())), globally=True)


def use_box(tex: Interpreter, token: str) -> None:
    """`\\usebox{\\name}`."""
    content = tex.commands.get(f"box{spell(tex.argument()).strip()}")
    if content:
        content(tex, token)


def save_box_environment(tex: Interpreter, name: str) -> None:
    """`\\begin{lrbox}{\\name}content\\end{lrbox}`."""
    box = spell(tex.argument()).strip()
    content = find_end(tex, name, remove=True)
    tex.define(f"box{box}", Macro((), tuple(content or ())), globally=True)


_MOST_REPEATS = 100


def for_each(tex: Interpreter, token: str) -> None:
    """pgffor's `\\foreach \\i in {1,...,4}{body}`, which authors lay out panels by."""
    variables: list[Token] = []
    while tex.items and not (isinstance(tex.items[-1], str) and tex.items[-1].split()[:1] == ["in"]):
        if tex.items[-1] in ("{", "\\par") or len(variables) > 10:
            return
        variables.append(tex.items.pop())
    if not tex.items:
        return
    names = [name for name in variables if isinstance(name, str) and name[0] == "\\"]
    rest = str(tex.items.pop()).lstrip()[2:]
    if rest.strip():
        tex.items.append(rest)
    values = _listed(tex.words(tex.argument()))
    body = tex.argument()
    tokens: list[Token] = []
    for value in values[:_MOST_REPEATS]:
        parts = value.split("/")
        for index, name in enumerate(names):
            tokens += ["\\def", name, "{", parts[min(index, len(parts) - 1)].strip() or " ", "}"]
        tokens += body
    if tex.spend(len(tokens)):
        tex.push(tokens)


def _listed(text: str) -> list[str]:
    """Return the values of a list in which `a, ..., b` stands for all numbers between."""
    values = [value.strip() for value in text.split(",")]
    if "..." in values[1:-1]:
        at = values.index("...", 1)
        first, last = values[at - 1], values[at + 1]
        if first.isdecimal() and last.isdecimal() and len(first + last) < 8:
            step = int(first) - int(values[at - 2]) if at > 1 and values[at - 2].isdecimal() else 1
            between = range(int(first) + step, int(last), step) if step > 0 else ()
            values[at : at + 1] = [str(value) for value in between][:_MOST_REPEATS]
    return values


COMMANDS: dict[str, Handler] = {
    "\\csname": control_sequence_name,
    **commands("string detokenize", spell_out),
    "\\expandafter": expand_after,
    "\\@ifstar": if_star,
    **commands("@ifnextchar ifnextchar", if_next_character),
    **{
        f"\\If{test}{branches}": if_value
        for test in ("NoValue", "Value", "Boolean", "Blank")
        for branches in ("TF", "T", "F")
    },
    **commands("sbox savebox", save_box),
    "\\usebox": use_box,
    "\\foreach": for_each,
    **commands(
        "global long outer protected makeatletter makeatother relax protect ignorespaces ignorespacesafterend unskip "
        "noexpand begingroup endgroup bgroup egroup leavevmode unexpanded immediate nofiles empty @empty",
        do_nothing,
    ),
    **named(f"{NO_VALUE} {TRUE} {FALSE}", do_nothing),
    **commands("newlength newsavebox newdimen newskip newbox", skip("m")),
    **commands("setlength addtolength settowidth setkeys", skip("mm")),
    **commands("hypersetup lstset sisetup", skip("m")),
    "\\newcolumntype": skip("mom"),
}
ENVIRONMENTS: dict[str, Handler] = {"lrbox": save_box_environment}

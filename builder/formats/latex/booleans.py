"""Tests of the packages ifthen and etoolbox, and the booleans that they read."""

from __future__ import annotations

import re

from s1_mmalign.builder.formats.latex.arguments import commands
from s1_mmalign.builder.formats.latex.conditionals import Switch, meaning
from s1_mmalign.builder.formats.latex.interpreter import Handler, Interpreter
from s1_mmalign.builder.formats.latex.tokens import Token, spell


def if_then_else(tex: Interpreter, token: str) -> None:
    """`\\ifthenelse{test}{yes}{no}`."""
    test, yes, no = tex.argument(), tex.argument(), tex.argument()
    tex.push(yes if _holds(tex, test) else no)


def _holds(tex: Interpreter, test: list[Token]) -> bool:
    spelled = spell(test).strip()
    if spelled.startswith(("\\not", "\\NOT")):
        return not _holds(tex, test[1:]) if len(test) > 1 else False
    if match := re.match(r"\\equal\s*\{([^{}]*)\}\s*\{([^{}]*)\}", spelled):
        return tex.words([match[1]] if match[1][:1] != "\\" else [match[1].strip()]) == match[2].strip()
    if match := re.match(r"\\boolean\s*\{([^{}]*)\}", spelled):
        switch = tex.commands.get(f"\\if{match[1].strip()}")
        return isinstance(switch, Switch) and switch.value
    if match := re.match(r"\\isundefined\s*\{?\s*(\\\w+)", spelled):
        return not tex.is_defined(match[1])
    if match := re.match(r"(?:\\value\s*\{(\w+)\}|(\d{1,9}))\s*([<>=])\s*(\d{1,9})", spelled):
        left = tex.counters.values.get(match[1], 0) if match[1] else int(match[2])
        return {"<": left < int(match[4]), ">": left > int(match[4])}.get(match[3], left == int(match[4]))
    return False


def if_string(tex: Interpreter, token: str) -> None:
    """etoolbox: `\\ifstrequal{a}{b}{yes}{no}`, `\\ifstrempty`, `\\ifblank`, `\\ifbool`, `\\iftoggle`…"""
    first = tex.argument()
    if token == "\\ifstrequal":
        holds = spell(first) == spell(tex.argument())
    elif token in ("\\ifstrempty", "\\ifblank", "\\ifempty"):
        holds = not spell(first).strip()
    elif token == "\\ifdefstring":
        holds = tex.words(first) == spell(tex.argument()).strip()
    elif token == "\\ifdefequal":
        holds = meaning(tex, spell(first).strip()) == meaning(tex, spell(tex.argument()).strip())
    elif token == "\\ifdefempty":
        holds = not tex.words(first)
    elif token in ("\\ifdef", "\\ifundef", "\\ifcsdef", "\\ifcsundef", "\\@ifundefined"):
        name = spell(first).strip()
        holds = tex.is_defined(name if name.startswith("\\") else f"\\{name}") != ("undef" in token)
    elif token == "\\@ifpackageloaded":
        holds = spell(first).strip() in tex.package_names
    else:
        switch = tex.commands.get(f"\\if{spell(first).strip()}")
        holds = isinstance(switch, Switch) and switch.value
    yes, no = tex.argument(), tex.argument()
    tex.push(yes if holds else no)


def new_boolean(tex: Interpreter, token: str) -> None:
    """`\\newboolean{name}`, `\\newbool`, `\\newtoggle`."""
    name = tex.words(tex.argument())
    tex.define(f"\\if{name}", Switch(), globally=True)


def set_boolean(tex: Interpreter, token: str) -> None:
    """`\\setboolean{name}{true}`, `\\setbool`, `\\settoggle`; `\\booltrue{name}`, `\\togglefalse`…"""
    switch = tex.commands.get(f"\\if{tex.words(tex.argument())}")
    value = token.endswith("true") if token.endswith(("true", "false")) else tex.words(tex.argument()) == "true"
    if isinstance(switch, Switch):
        switch.value = value


COMMANDS: dict[str, Handler] = {
    "\\ifthenelse": if_then_else,
    **commands(
        "ifstrequal ifstrempty ifblank ifempty ifdefempty ifdefstring ifdefequal ifbool iftoggle ifdef ifundef ifcsdef "
        "ifcsundef @ifundefined @ifpackageloaded",
        if_string,
    ),
    **commands("newboolean newbool newtoggle", new_boolean),
    **commands("setboolean setbool settoggle booltrue boolfalse toggletrue togglefalse", set_boolean),
}

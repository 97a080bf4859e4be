"""TeX's conditionals, as far as papers use them to leave text or figures out."""

from __future__ import annotations

import re

from s1_mmalign.builder.formats.latex.arguments import commands, do_nothing
from s1_mmalign.builder.formats.latex.interpreter import Handler, Interpreter
from s1_mmalign.builder.formats.latex.macros import Macro
from s1_mmalign.builder.formats.latex.tokens import FILE_END, Token, spell

_PRIMITIVE = commands(
    "if ifx ifnum ifdim ifodd ifcat ifvmode ifhmode ifmmode ifinner ifvoid ifhbox ifvbox iftrue iffalse ifcase "
    "ifdefined ifcsname ifeof ifpdf ifxetex ifluatex ifPDFTeX ifpdftex ifXeTeX ifLuaTeX",
    do_nothing,
)
_TRUE = frozenset(("\\iftrue", "\\ifpdf", "\\ifPDFTeX", "\\ifpdftex", "\\ifhmode"))


def skip_branch(tex: Interpreter, *, to_else: bool) -> None:
    """Drop tokens up to the `\\fi` that ends this conditional, or to its `\\else` if there is one and it is wanted.

    Where no `\\fi` comes, the conditional was none, and nothing is dropped.
    """
    items = tex.items
    depth = 0
    for index in range(len(items) - 1, -1, -1):
        token = items[index]
        if not isinstance(token, str) or token[0] != "\\":
            continue
        if token == "\\fi":
            if not depth:
                tex.drop(index)
                return
            depth -= 1
        elif token == "\\else":
            if to_else and not depth:
                tex.drop(index)
                return
        elif token.startswith("\\if") and _opens(tex, token):
            depth += 1
    tex.spend(len(items))


def _opens(tex: Interpreter, token: str) -> bool:
    """Whether a command named like a conditional is one; `\\iff` and `\\ifthenelse` are none."""
    if token in _PRIMITIVE:
        return True
    meaning = tex.commands.get(token)
    return isinstance(meaning, _Switch) if meaning else token != "\\iff"


class _Switch:
    """The `\\ifname` that `\\newif\\ifname` makes."""

    def __init__(self) -> None:
        self.value = False

    def __call__(self, tex: Interpreter, token: str) -> None:
        _branch(tex, self.value)


def _branch(tex: Interpreter, holds: bool) -> None:
    """Go on with the true branch, its `\\else` part dropped later, or with the other one."""
    if not holds and tex.budget > 0:
        skip_branch(tex, to_else=True)


def new_if(tex: Interpreter, token: str) -> None:
    """`\\newif\\ifdraft` makes `\\ifdraft`, `\\drafttrue` and `\\draftfalse`."""
    name = tex.character()
    if not isinstance(name, str) or not name.startswith("\\if") or name in _PRIMITIVE:
        return
    switch = _Switch()

    def assign(value: bool) -> Handler:
        def set_value(tex: Interpreter, token: str) -> None:
            switch.value = value

        return set_value

    tex.define(name, switch, globally=True)
    tex.define(f"\\{name[3:]}true", assign(True), globally=True)
    tex.define(f"\\{name[3:]}false", assign(False), globally=True)


def if_known(tex: Interpreter, token: str) -> None:
    """A test whose outcome is the same for every paper."""
    _branch(tex, token in _TRUE)


def if_same_meaning(tex: Interpreter, token: str) -> None:
    """`\\ifx a b`."""
    first, second = tex.character(), tex.character()
    _branch(tex, first == second or _meaning(tex, first) == _meaning(tex, second))


_UNDEFINED = "undefined"
_PRIMITIVES_OF_ENGINES = frozenset(("\\pdfoutput", "\\pdfversion", "\\pdftexversion"))


def _meaning(tex: Interpreter, token: Token) -> object:
    handler = tex.commands.get(token) if isinstance(token, str) else None
    if handler is not None:
        return () if isinstance(handler, Macro) and not handler.body else handler
    if token in ("\\@empty", "\\empty"):
        return ()
    if isinstance(token, str) and token.startswith("\\") and token not in _PRIMITIVES_OF_ENGINES:
        return _UNDEFINED
    return token


def if_same_character(tex: Interpreter, token: str) -> None:
    """`\\if a b`, macros expanded: `\\if0`…, `\\if\\draft1`."""
    _branch(tex, _expanded_character(tex) == _expanded_character(tex))


def _expanded_character(tex: Interpreter) -> Token:
    for _ in range(20):
        token = tex.character()
        handler = tex.commands.get(token) if isinstance(token, str) else None
        if not isinstance(handler, Macro):
            return token
        handler(tex, token)
    return ""


_NUMBER = re.compile(r"\s*([-+]?\d+)")
_RELATION = re.compile(r"\s*([<>=])")


def if_number(tex: Interpreter, token: str) -> None:
    """`\\ifnum 1<\\value{figure}`, `\\ifodd`, `\\ifdim` on plain numbers; what is no number counts as 0."""
    first = _number(tex)
    if token == "\\ifodd":
        _branch(tex, first % 2 == 1)
        return
    relation = _take(tex, _RELATION)
    second = _number(tex)
    _branch(tex, {"<": first < second, ">": first > second}.get(relation, first == second))


def _take(tex: Interpreter, pattern: re.Pattern[str]) -> str:
    token = tex.peek()
    match = pattern.match(token) if isinstance(token, str) else None
    if not match:
        return ""
    tex.items.pop()
    if rest := str(token)[match.end() :]:
        tex.items.append(rest)
    return match[1]


def _number(tex: Interpreter) -> int:
    for _ in range(10):
        if digits := _take(tex, _NUMBER):
            return int(digits[:9])
        token = tex.peek()
        if token == "\\value" or (isinstance(token, str) and token.startswith("\\c@")):
            tex.items.pop()
            name = tex.words(tex.argument()) if token == "\\value" else token[3:]
            return tex.counters.values.get(name, 0)
        handler = tex.commands.get(token) if isinstance(token, str) else None
        if isinstance(handler, Macro):
            tex.items.pop()
            handler(tex, token)
        elif isinstance(token, str) and token[:1] == "\\" and not token.startswith(("\\if", "\\fi", "\\else")):
            tex.items.pop()
            if token in ("\\the", "\\number"):
                continue
            return 0
        else:
            return 0
    return 0


def if_case(tex: Interpreter, token: str) -> None:
    """`\\ifcase n` zero `\\or` one… `\\fi`: only case zero is taken apart, any other drops the whole."""
    if _number(tex) and tex.budget > 0:
        skip_branch(tex, to_else=True)


def if_math(tex: Interpreter, token: str) -> None:
    """`\\ifmmode`."""
    _branch(tex, tex.in_math)


def if_defined(tex: Interpreter, token: str) -> None:
    """`\\ifdefined\\name`, `\\ifcsname name\\endcsname`."""
    if token == "\\ifdefined":
        _branch(tex, tex.is_defined(str(tex.character())))
        return
    taken: list[Token] = []
    while tex.items and len(taken) < 100 and tex.items[-1] != FILE_END:
        following = tex.items.pop()
        if following == "\\endcsname":
            break
        taken.append(following)
    _branch(tex, tex.is_defined("\\" + tex.words(taken)))


def otherwise(tex: Interpreter, token: str) -> None:
    """`\\else` or `\\or` reached in a branch that was taken: the rest up to `\\fi` goes."""
    if tex.budget > 0:
        skip_branch(tex, to_else=False)


def end_if(tex: Interpreter, token: str) -> None:
    """`\\fi` of a branch that was taken."""


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
        return isinstance(switch, _Switch) and switch.value
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
    elif token == "\\ifdefempty":
        holds = not tex.words(first)
    elif token in ("\\ifdef", "\\ifundef", "\\ifcsdef", "\\ifcsundef", "\\@ifundefined"):
        name = spell(first).strip()
        holds = tex.is_defined(name if name.startswith("\\") else f"\\{name}") != ("undef" in token)
    elif token == "\\@ifpackageloaded":
        holds = spell(first).strip() in tex.package_names
    else:
        switch = tex.commands.get(f"\\if{spell(first).strip()}")
        holds = isinstance(switch, _Switch) and switch.value
    yes, no = tex.argument(), tex.argument()
    tex.push(yes if holds else no)


def if_file_exists(tex: Interpreter, token: str) -> None:
    """`\\IfFileExists{name}{yes}{no}`."""
    name, yes, no = tex.words(tex.argument()), tex.argument(), tex.argument()
    tex.push(yes if tex.files.find(name, ("", ".tex")) else no)


def new_boolean(tex: Interpreter, token: str) -> None:
    """`\\newboolean{name}`, `\\newbool`, `\\newtoggle`."""
    name = tex.words(tex.argument())
    tex.define(f"\\if{name}", _Switch(), globally=True)


def set_boolean(tex: Interpreter, token: str) -> None:
    """`\\setboolean{name}{true}`, `\\setbool`, `\\settoggle`; `\\booltrue{name}`, `\\togglefalse`…"""
    switch = tex.commands.get(f"\\if{tex.words(tex.argument())}")
    value = token.endswith("true") if token.endswith(("true", "false")) else tex.words(tex.argument()) == "true"
    if isinstance(switch, _Switch):
        switch.value = value


COMMANDS: dict[str, Handler] = {
    "\\newif": new_if,
    "\\ifx": if_same_meaning,
    **commands("if ifcat", if_same_character),
    **commands("ifnum ifdim ifodd", if_number),
    "\\ifcase": if_case,
    "\\ifmmode": if_math,
    **commands("ifdefined ifcsname", if_defined),
    **commands(
        "iftrue iffalse ifpdf ifPDFTeX ifpdftex ifxetex ifluatex ifXeTeX ifLuaTeX ifvmode ifhmode ifinner", if_known
    ),
    **commands("else or", otherwise),
    "\\fi": end_if,
    "\\ifthenelse": if_then_else,
    **commands(
        "ifstrequal ifstrempty ifblank ifempty ifdefempty ifbool iftoggle ifdef ifundef ifcsdef ifcsundef @ifundefined "
        "@ifpackageloaded",
        if_string,
    ),
    **commands("newboolean newbool newtoggle", new_boolean),
    **commands("setboolean setbool settoggle booltrue boolfalse toggletrue togglefalse", set_boolean),
    "\\IfFileExists": if_file_exists,
}

"""TeX's conditionals, as far as papers use them to leave text or figures out."""

from __future__ import annotations

import re

from s1_mmalign.builder.formats.latex.arguments import commands, do_nothing
from s1_mmalign.builder.formats.latex.interpreter import Handler, Interpreter
from s1_mmalign.builder.formats.latex.macros import Macro
from s1_mmalign.builder.formats.latex.tokens import FILE_END, Token

_PRIMITIVE = commands(
    "if ifx ifnum ifdim ifodd ifcat ifvmode ifhmode ifmmode ifinner ifvoid ifhbox ifvbox iftrue iffalse ifcase "
    "ifdefined ifcsname ifeof ifpdf ifxetex ifluatex ifPDFTeX ifpdftex ifXeTeX ifLuaTeX",
    do_nothing,
)
_TRUE = frozenset(("\\iftrue", "\\ifpdf", "\\ifPDFTeX", "\\ifpdftex", "\\ifhmode"))


def skip_branch(tex: Interpreter, *, to_else: bool, to_or: bool = False) -> str:
    """Drop tokens up to the `\\fi` that ends this conditional, or to its `\\else` or `\\or` if that is wanted.

    Where no `\\fi` comes, the conditional was none, and nothing is dropped. Returns the token that ended it.
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
                return token
            depth -= 1
        elif token in ("\\else", "\\or"):
            if not depth and (to_else if token == "\\else" else to_or):
                tex.drop(index)
                return token
        elif token.startswith("\\if") and _opens(tex, token):
            depth += 1
    tex.spend(len(items))
    return ""


def _opens(tex: Interpreter, token: str) -> bool:
    """Whether a command named like a conditional is one; `\\iff` and `\\ifthenelse` are none."""
    if token in _PRIMITIVE:
        return True
    handler = tex.commands.get(token)
    return isinstance(handler, Switch) if handler else token != "\\iff"


class Switch:
    """The `\\ifname` that `\\newif\\ifname` makes."""

    def __init__(self) -> None:
        self.value = False

    def __call__(self, tex: Interpreter, token: str) -> None:
        """Go on with the branch that the switch is set to."""
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
    switch = Switch()

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
    _branch(tex, first == second or meaning(tex, first) == meaning(tex, second))


_UNDEFINED = "undefined"
_PRIMITIVES_OF_ENGINES = frozenset(("\\pdfoutput", "\\pdfversion", "\\pdftexversion"))


def meaning(tex: Interpreter, token: Token) -> object:
    """Return something that is equal for two tokens of the same meaning."""
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
        if token in tex.counters.values:
            tex.items.pop()
            return tex.counters.values[token]
        handler = tex.commands.get(token) if isinstance(token, str) else None
        if isinstance(handler, Macro):
            tex.items.pop()
            handler(tex, token)
        elif isinstance(token, str) and token[:1] == "\\" and not token.startswith(("\\if", "\\fi", "\\else")):
            tex.items.pop()
            if token in ("\\the", "\\number"):
                continue
            return _WIDTH if token in _WIDTHS else 0
        else:
            return 0
    return 0


_WIDTHS = frozenset(("\\textwidth", "\\linewidth", "\\columnwidth", "\\hsize", "\\textheight", "\\paperwidth"))
_WIDTH = 345
"""Points that a line of the class `article` at 10 pt has (classes.dtx): tests ask whether it is there at all."""


def if_case(tex: Interpreter, token: str) -> None:
    """`\\ifcase n` zero `\\or` one… `\\else` others `\\fi`."""
    for _ in range(min(max(_number(tex), 0), _MOST_CASES)):
        if tex.budget <= 0 or skip_branch(tex, to_else=True, to_or=True) != "\\or":
            return


_MOST_CASES = 100


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


def if_file_exists(tex: Interpreter, token: str) -> None:
    """`\\IfFileExists{name}{yes}{no}`."""
    name, yes, no = tex.words(tex.argument()), tex.argument(), tex.argument()
    tex.push(yes if tex.files.find(name, ("", ".tex")) else no)


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
    "\\IfFileExists": if_file_exists,
}

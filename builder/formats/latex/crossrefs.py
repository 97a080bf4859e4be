"""Commands that refer, and those that work with counters."""

from __future__ import annotations

import re

from s1_mmalign.builder.formats.latex.arguments import commands, do_nothing
from s1_mmalign.builder.formats.latex.events import Reference
from s1_mmalign.builder.formats.latex.interpreter import Handler, Interpreter
from s1_mmalign.builder.formats.latex.numbering import STYLES
from s1_mmalign.builder.formats.latex.tokens import Token, lex

_REFERENCE_NAME = re.compile(r"\\[A-Za-z]*(?:[rR]ef|REF)s?$")
"""What a command that refers is called in any package: `\\figref`, `\\fullref`, `\\Crefs`…"""
_NUMBER_OR_LENGTH = re.compile(r"\s*([-+]?\d{1,7})(?:\.\d*)?(?:\s*(?:true)?(?:pt|mm|cm|in|em|ex|bp|pc|sp)\b)? ?")
_NO_REFERENCE = commands(
    "href bibref phref doiref printref setref newref corref fnref tnoteref thanksref affref orcidref", do_nothing
)


def refer(tex: Interpreter, token: str) -> None:
    """`\\ref*{label}` and all that take one label (or, as `\\cref`, several in a row)."""
    tex.star()
    tex.optional()
    if tex.peek() != "{":
        return
    labels = tex.words(tex.argument())
    if labels:
        tex.refer(Reference(token[1:], labels))


def refer_to_range(tex: Interpreter, token: str) -> None:
    """`\\crefrange{first}{last}`."""
    tex.star()
    first, last = tex.words(tex.argument()), tex.words(tex.argument())
    if first and last:
        tex.refer(Reference(token[1:], first, to=last))


def hyper_reference(tex: Interpreter, token: str) -> None:
    """`\\hyperref[label]{text}`: the text is printed, the label counts."""
    target = tex.optional()
    if target is not None:
        tex.refer(Reference("hyperref", tex.words(target)))
    else:
        for _ in range(3):  # `\hyperref{url}{category}{name}{text}`
            tex.argument()


def _number(tex: Interpreter, tokens: list[Token]) -> int:
    text = tex.words(tokens)
    match = re.search(r"[-+]?\d{1,7}", text)
    return int(match[0]) if match else 0


def set_counter(tex: Interpreter, token: str) -> None:
    """`\\setcounter{name}{n}`, `\\addtocounter`."""
    name, value = tex.words(tex.argument()), _number(tex, tex.argument())
    if not tex.in_package:
        tex.counters.set(name, value + (tex.counters.values.get(name, 0) if token == "\\addtocounter" else 0))


def step_counter(tex: Interpreter, token: str) -> None:
    """`\\stepcounter{name}`, `\\refstepcounter`."""
    name = tex.words(tex.argument())
    if token == "\\refstepcounter":
        tex.step(name)
    else:
        tex.counters.step(name)


def new_counter(tex: Interpreter, token: str) -> None:
    """`\\newcounter{name}[within]`."""
    name, within = tex.words(tex.argument()), tex.optional()
    tex.counters.set(name, 0)
    if within:
        tex.counters.count_within(name, tex.words(within), prefix=False)
    tex.commands.setdefault(f"\\the{name}", the_counter)


def count_within(tex: Interpreter, token: str) -> None:
    """`\\numberwithin{figure}{section}`, `\\counterwithin*`, `\\@addtoreset` (which leaves the printing alone)."""
    prefix = not tex.star() and token != "\\@addtoreset"
    tex.optional()
    name, within = tex.words(tex.argument()), tex.words(tex.argument())
    tex.counters.count_within(name, within, prefix=prefix)


def count_without(tex: Interpreter, token: str) -> None:
    """`\\counterwithout{figure}{section}`."""
    tex.star()
    name = tex.words(tex.argument())
    tex.argument()
    tex.counters.count_without(name)


def print_counter(tex: Interpreter, token: str) -> None:
    """`\\arabic{figure}`, `\\@Alph\\c@figure`, `\\value{figure}`."""
    internal = token.startswith("\\@")
    name = str(tex.character()).removeprefix("\\c@") if internal else tex.words(tex.argument())
    style = STYLES.get(token.lstrip("\\@"), str)
    tex.emit(style(tex.counters.values.get(name, 0)))


def the_counter(tex: Interpreter, token: str) -> None:
    """`\\thefigure` where the author has not defined it."""
    tex.emit(tex.counters.printed(token.removeprefix("\\the")))


def refer_by_name(tex: Interpreter, token: str) -> None:
    """A command that nobody defines but that is named like a reference."""
    refer(tex, token)


def new_count(tex: Interpreter, token: str) -> None:
    """`\\newcount\\figno`: a register of plain TeX, which `\\figno=1` sets."""
    name = tex.character()
    if isinstance(name, str) and name[:1] == "\\" and len(name) > 1:
        tex.counters.set(name, 0)
        tex.define(name, set_register, globally=True)


def set_register(tex: Interpreter, token: str) -> None:
    """`\\figno=1`, the sign being optional."""
    tex.take("=")
    value = _take_number(tex)
    if value is not None:
        tex.counters.set(token, value)


def advance(tex: Interpreter, token: str) -> None:
    """`\\advance\\figno by 1`; a length, which nothing here depends on, is only taken."""
    name = tex.character()
    following = tex.peek()
    if isinstance(following, str) and following.lstrip().startswith("by"):
        tex.items[-1] = following.lstrip()[2:] or " "
    value = _take_number(tex)
    if value is not None and name in tex.counters.values:
        tex.counters.set(name, tex.counters.values[name] + value)


def _take_number(tex: Interpreter) -> int | None:
    """Take a number, and the unit of a length after it; None where none comes."""
    token = tex.peek()
    match = _NUMBER_OR_LENGTH.match(token) if isinstance(token, str) else None
    if match is None:
        return None
    tex.items[-1] = str(token)[match.end() :] or " "
    return int(match[1])


def the(tex: Interpreter, token: str) -> None:
    """`\\the\\figno`, `\\number\\figno`: a register of the author's is printed."""
    name = tex.peek()
    if isinstance(name, str) and name[:1] == "\\" and name in tex.counters.values:
        tex.items.pop()
        tex.emit(str(tex.counters.values[name]))


def environment(tex: Interpreter, token: str) -> None:
    """`\\begin{name}` or `\\end{name}` as written."""
    tex.environment(token)


def push_source(tex: Interpreter, source: str) -> None:
    """Read `source` (a file, prepared) next. Any command in it that is named like a reference is taken for one."""
    tokens = lex(source)
    commands = tex.commands
    for name in set(tokens).difference(commands):
        if name[0] != "\\":
            continue
        if name[-1] == "}" and len(name) > 2:
            commands[name] = environment
        elif "ef" in name and _REFERENCE_NAME.match(name) and name not in _NO_REFERENCE:
            commands[name] = refer_by_name
            tex.guessed.add(name)
    tex.push(tokens)


COMMANDS: dict[str, Handler] = {
    **commands(
        "ref cref Cref autoref Autoref eqref pageref nameref subref vref Vref labelcref namecref cpageref fref "
        "Fref figref Figref zcref fullref prettyref vpageref lcnamecref subfigref zref",
        refer,
    ),
    **commands("crefrange Crefrange cpagerefrange vrefrange refrange figrefrange", refer_to_range),
    "\\hyperref": hyper_reference,
    **commands("setcounter addtocounter", set_counter),
    **commands("stepcounter refstepcounter", step_counter),
    "\\newcounter": new_counter,
    "\\newcount": new_count,
    "\\figno": set_register,
    "\\advance": advance,
    **commands("the number", the),
    **commands("numberwithin counterwithin @addtoreset", count_within),
    "\\counterwithout": count_without,
    **{f"\\{mark}{style}": print_counter for style in STYLES for mark in ("", "@")},
    "\\value": print_counter,
    **commands(
        "thepart thechapter thesection thesubsection thesubsubsection thefigure thetable theequation thesubfigure "
        "thesubtable thefootnote theenumi thepage",
        the_counter,
    ),
}

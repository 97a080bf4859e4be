"""Commands that define commands, and those of TeX's inside that authors' definitions use."""

from __future__ import annotations

from collections.abc import Sequence

from s1_mmalign.builder.formats.latex.interpreter import Handler, Interpreter
from s1_mmalign.builder.formats.latex.macros import (
    FALSE,
    MANDATORY,
    NO_VALUE,
    TRUE,
    Macro,
    Parameter,
    classic_parameters,
    primitive_parameters,
    substitute,
    xparse_parameters,
)
from s1_mmalign.builder.formats.latex.tokens import Token, hide, spell


def _command_name(tex: Interpreter) -> str:
    """Take the name being defined: `\\name`, `{\\name}` or, for environments, `{name}`."""
    return spell(tex.argument()).strip()


def _count(tokens: Sequence[Token] | None) -> int:
    text = spell(tokens or []).strip()
    return int(text) if text.isascii() and text.isdigit() and int(text) <= 9 else 0


def new_command(tex: Interpreter, token: str) -> None:
    """`\\newcommand*{\\name}[n][default]{body}`, and all that take the same arguments."""
    tex.star()
    name = _command_name(tex)
    count = _count(tex.optional())
    default = tex.optional() if count else None
    body = tex.argument()
    if not name.startswith("\\") or ("provide" in token and isinstance(tex.commands.get(name), Macro)):
        return
    tex.define(name, Macro(classic_parameters(count, default), tuple(body)))


def new_document_command(tex: Interpreter, token: str) -> None:
    """`\\NewDocumentCommand{\\name}{spec}{body}` and its kin."""
    name, spec, body = _command_name(tex), tex.argument(), tex.argument()
    if name.startswith("\\") and not (token.startswith("\\Provide") and isinstance(tex.commands.get(name), Macro)):
        tex.define(name, Macro(xparse_parameters(spec), tuple(body)))


def primitive_definition(tex: Interpreter, token: str) -> None:
    """`\\def\\name<parameter text>{body}`, `\\gdef`, `\\edef`, `\\xdef`."""
    name = tex.character()
    while isinstance(name, str) and name.isspace():
        name = tex.character()
    if name == "\\csname":
        name = "\\" + _until_endcsname(tex)
    text: list[Token] = []
    while tex.items and tex.items[-1] not in ("{", "}", "\\par"):
        text.append(tex.items.pop())
    if not tex.items or tex.items[-1] != "{":
        return
    body = tex.argument()
    if not isinstance(name, str) or not name.startswith("\\") or len(name) < 2:
        return
    if token in ("\\edef", "\\xdef") and not text:
        body = tex.run(body)
    tex.define(name, Macro(primitive_parameters(text), tuple(body)), globally=token in ("\\gdef", "\\xdef"))


def let(tex: Interpreter, token: str) -> None:
    """`\\let\\new=\\old`: the new name means what the old one means now."""
    name = tex.character()
    tex.take("=")
    tex.skip_blanks()
    old = tex.character()
    if not isinstance(name, str) or not name.startswith("\\") or len(name) < 2 or not isinstance(old, str) or not old:
        return
    tex.define(name, tex.commands.get(old) or (_nothing if old in _UNDEFINED else emit(old)))


_UNDEFINED = frozenset(("\\undefined", "\\@undefined", "\\relax", "\\empty", "\\@empty"))


def emit(token: str) -> Handler:
    """Return the meaning of a command that only the printing of text knows: to be passed on."""
    return lambda tex, _: tex.emit(token)


def _nothing(tex: Interpreter, token: str) -> None:
    """Do nothing."""


def new_environment(tex: Interpreter, token: str) -> None:
    """`\\newenvironment{name}[n][default]{begin}{end}`; environments that this reader knows stay as they are."""
    tex.star()
    name = tex.words(tex.argument())
    count = _count(tex.optional())
    default = tex.optional() if count else None
    _define_environment(tex, name, classic_parameters(count, default), tex.argument(), tex.argument())


def new_document_environment(tex: Interpreter, token: str) -> None:
    """`\\NewDocumentEnvironment{name}{spec}{begin}{end}`; the end too may use the arguments."""
    name, spec = tex.words(tex.argument()), tex.argument()
    _define_environment(tex, name, xparse_parameters(spec), tex.argument(), tex.argument())


def _define_environment(
    tex: Interpreter, name: str, parameters: tuple[Parameter, ...], begin: list[Token], end: list[Token]
) -> None:
    if name in tex.environments or not name:
        return
    pending: list[list[list[Token]]] = []

    def open_it(tex: Interpreter, token: str) -> None:
        arguments = [value for value in (parameter.read(tex) for parameter in parameters) if value is not None]
        pending.append(arguments)
        tokens = substitute(begin, arguments)
        if tex.spend(len(tokens)):
            tex.push(tokens)

    def close_it(tex: Interpreter, token: str) -> None:
        tokens = substitute(end, pending.pop() if pending else [])
        if tex.spend(len(tokens)):
            tex.push(tokens)

    tex.define(f"\\begin{{{name}}}", open_it, globally=True)
    tex.define(f"\\end{{{name}}}", close_it, globally=True)


def paired_delimiter(tex: Interpreter, token: str) -> None:
    """`\\DeclarePairedDelimiter{\\abs}{\\lvert}{\\rvert}`."""
    name, left, right = _command_name(tex), tex.argument(), tex.argument()
    if name.startswith("\\"):
        parameters = (Parameter("star", opening="*"), Parameter("optional"), MANDATORY)
        tex.define(name, Macro(parameters, (*left, "#3", *right)))


def math_operator(tex: Interpreter, token: str) -> None:
    """`\\DeclareMathOperator*{\\sinc}{sinc}`."""
    tex.star()
    name, body = _command_name(tex), tex.argument()
    if name.startswith("\\"):
        tex.define(name, Macro((), ("\\operatorname", "{", *body, "}")))


def control_sequence_name(tex: Interpreter, token: str) -> None:
    """`\\csname fig\\endcsname`."""
    name = _until_endcsname(tex)
    tex.push([f"\\{name}" if name else "\\relax"])


def _until_endcsname(tex: Interpreter) -> str:
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
    if not tex.spend(1):
        return
    first = tex.character()
    second = tex.character()
    handler = tex.commands.get(second) if isinstance(second, str) else None
    if isinstance(handler, Macro) or second in ("\\csname", "\\expandafter"):
        handler(tex, second)
    elif second:
        tex.push([second])
    if first:
        tex.push([first])


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
    name = _command_name(tex)
    tex.optional()
    tex.optional()
    tex.define(f"box{name}", Macro((), tuple(tex.argument())), globally=True)


def use_box(tex: Interpreter, token: str) -> None:
    """`\\usebox{\\name}`."""
    content = tex.commands.get(f"box{_command_name(tex)}")
    if content:
        content(tex, token)


def drop_marks(tex: Interpreter, token: str) -> None:
    """An xparse mark that reached the text: nothing to print."""


def _skip(arguments: str) -> Handler:
    """Return a handler that takes arguments and drops them: `m` mandatory, `o` optional, `s` star."""

    def skip(tex: Interpreter, token: str) -> None:
        for kind in arguments:
            if kind == "m":
                tex.argument()
            elif kind == "o":
                tex.optional()
            else:
                tex.star()

    return skip


COMMANDS: dict[str, Handler] = {
    **dict.fromkeys(
        ("\\newcommand", "\\renewcommand", "\\providecommand", "\\DeclareRobustCommand", "\\newrobustcmd",
         "\\renewrobustcmd", "\\providerobustcmd", "\\newcommandx", "\\renewcommandx", "\\declarecommand"),
        new_command,
    ),
    **{
        f"\\{verb}{kind}Command": new_document_command
        for verb in ("New", "Renew", "Provide", "Declare")
        for kind in ("Document", "ExpandableDocument")
    },
    **dict.fromkeys(("\\def", "\\gdef", "\\edef", "\\xdef"), primitive_definition),
    "\\let": let,
    **dict.fromkeys(("\\newenvironment", "\\renewenvironment", "\\provideenvironment"), new_environment),
    **{f"\\{verb}DocumentEnvironment": new_document_environment for verb in ("New", "Renew", "Provide", "Declare")},
    "\\DeclarePairedDelimiter": paired_delimiter,
    "\\DeclareMathOperator": math_operator,
    "\\csname": control_sequence_name,
    **dict.fromkeys(("\\string", "\\detokenize"), spell_out),
    "\\expandafter": expand_after,
    "\\@ifstar": if_star,
    "\\@ifnextchar": if_next_character,
    "\\ifnextchar": if_next_character,
    **{
        f"\\If{test}{branches}": if_value
        for test in ("NoValue", "Value", "Boolean", "Blank")
        for branches in ("TF", "T", "F")
    },
    **dict.fromkeys(
        ("\\global", "\\long", "\\outer", "\\protected", "\\makeatletter", "\\makeatother", "\\relax", "\\protect",
         "\\ignorespaces", "\\unskip", "\\noexpand", "\\begingroup", "\\endgroup", "\\bgroup", "\\egroup", "\\leavevmode",
         "\\ignorespacesafterend", "\\unexpanded", "\\immediate", "\\nofiles", "\\empty",
         "\\@empty"),
        _nothing,
    ),
    **dict.fromkeys((NO_VALUE, TRUE, FALSE), drop_marks),
    **dict.fromkeys(("\\newlength", "\\newsavebox", "\\newdimen", "\\newskip", "\\newbox", "\\newcount"), _skip("m")),
    **dict.fromkeys(("\\setlength", "\\addtolength", "\\settowidth", "\\setkeys", "\\definecolor"), _skip("mm")),
    **dict.fromkeys(("\\hypersetup", "\\tikzset", "\\lstset", "\\pgfplotsset", "\\sisetup", "\\usetikzlibrary"), _skip("m")),
    **dict.fromkeys(("\\newcolumntype",), _skip("mom")),
    **dict.fromkeys(("\\sbox", "\\savebox"), save_box),
    "\\usebox": use_box,
}  # fmt: skip

"""Commands that define commands and environments."""

from __future__ import annotations

from collections.abc import Sequence

from s1_mmalign.builder.formats.latex.arguments import commands, do_nothing
from s1_mmalign.builder.formats.latex.interpreter import Handler, Interpreter
from s1_mmalign.builder.formats.latex.macros import (
    MANDATORY,
    Macro,
    Parameter,
    classic_parameters,
    primitive_parameters,
    substitute,
    xparse_parameters,
)
from s1_mmalign.builder.formats.latex.primitives import until_endcsname
from s1_mmalign.builder.formats.latex.tokens import Token, spell


def command_name(tex: Interpreter) -> str:
    """Take the name being defined: `\\name`, `{\\name}` or, for environments, `{name}`."""
    return spell(tex.argument()).strip()


def _count(tokens: Sequence[Token] | None) -> int:
    text = spell(tokens or []).strip()
    return int(text) if text.isascii() and text.isdigit() and int(text) <= 9 else 0


def new_command(tex: Interpreter, token: str) -> None:
    """`\\newcommand*{\\name}[n][default]{body}`, and all that take the same arguments."""
    tex.star()
    name = command_name(tex)
    count = _count(tex.optional())
    default = tex.optional() if count else None
    body = tex.argument()
    if not name.startswith("\\") or ("provide" in token and isinstance(tex.commands.get(name), Macro)):
        return
    tex.define(name, Macro(classic_parameters(count, default), tuple(body)))


def new_document_command(tex: Interpreter, token: str) -> None:
    """`\\NewDocumentCommand{\\name}{spec}{body}` and its kin."""
    name, spec, body = command_name(tex), tex.argument(), tex.argument()
    if name.startswith("\\") and not (token.startswith("\\Provide") and isinstance(tex.commands.get(name), Macro)):
        tex.define(name, Macro(xparse_parameters(spec), tuple(body)))


def primitive_definition(tex: Interpreter, token: str) -> None:
    """`\\def\\name<parameter text>{body}`, `\\gdef`, `\\edef`, `\\xdef`."""
    name = tex.character()
    while isinstance(name, str) and name.isspace():
        name = tex.character()
    if name == "\\csname":
        name = "\\" + until_endcsname(tex)
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
    if name in tex.builtins and old in _UNDEFINED:
        return  # the author is about to load the package that defines it
    if old.endswith("}") and len(old) > 2:  # an environment's end, whose handler needs the name
        tex.define(name, Macro((), (old,)))
        return
    tex.define(name, tex.commands.get(old) or (do_nothing if old in _UNDEFINED else emit(old)))


_UNDEFINED = frozenset(("\\undefined", "\\@undefined", "\\relax", "\\empty", "\\@empty"))


def emit(token: str) -> Handler:
    """Return the meaning of a command that only the printing of text knows: to be passed on."""
    return lambda tex, _: tex.emit(token)


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
    name, left, right = command_name(tex), tex.argument(), tex.argument()
    if name.startswith("\\"):
        parameters = (Parameter("star", opening="*"), Parameter("optional"), MANDATORY)
        tex.define(name, Macro(parameters, (*left, "#3", *right)))


def math_operator(tex: Interpreter, token: str) -> None:
    """`\\DeclareMathOperator*{\\sinc}{sinc}`."""
    tex.star()
    name, body = command_name(tex), tex.argument()
    if name.startswith("\\"):
        tex.define(name, Macro((), ("\\operatorname", "{", *body, "}")))


COMMANDS: dict[str, Handler] = {
    **commands(
        "newcommand renewcommand providecommand DeclareRobustCommand declarecommand newcommandx renewcommandx",
        new_command,
    ),
    **commands("newrobustcmd renewrobustcmd providerobustcmd", new_command),
    **{
        f"\\{verb}{kind}Command": new_document_command
        for verb in ("New", "Renew", "Provide", "Declare")
        for kind in ("Document", "ExpandableDocument")
    },
    **commands("def gdef edef xdef", primitive_definition),
    "\\let": let,
    **commands("newenvironment renewenvironment provideenvironment", new_environment),
    **{f"\\{verb}DocumentEnvironment": new_document_environment for verb in ("New", "Renew", "Provide", "Declare")},
    "\\DeclarePairedDelimiter": paired_delimiter,
    "\\DeclareMathOperator": math_operator,
}

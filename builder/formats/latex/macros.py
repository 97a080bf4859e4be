"""The author's macros: what they take, and what becomes of a use of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from s1_mmalign.builder.formats.latex.tokens import MARKS, Token, TokenStack, lex, spell

if TYPE_CHECKING:
    from s1_mmalign.builder.formats.latex.interpreter import Interpreter

NO_VALUE, TRUE, FALSE = "\x03", "\x04", "\x05"
"""What xparse hands over for an optional argument that is absent, and for a star that is there or not."""

_PAIRS = {"(": ")", "[": "]", "<": ">", "{": "}"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a macro.

    `kind`: mandatory; optional (between `opening` and `closing`); star (`opening` is there or not);
    delimited (all up to the tokens `delimiter`); literal (the tokens `delimiter` must follow and are no argument).
    """

    kind: Literal["mandatory", "optional", "star", "delimited", "literal"]
    default: tuple[Token, ...] = (NO_VALUE,)
    opening: str = "["
    closing: str = "]"
    delimiter: tuple[Token, ...] = ()

    def read(self, stack: TokenStack) -> list[Token] | None:
        """Take the argument off the stack; None where this is no argument."""
        match self.kind:
            case "mandatory":
                return stack.argument()
            case "optional":
                if self.opening == "{":
                    return stack.argument() if stack.peek() == "{" else list(self.default)
                value = stack.optional(self.opening, self.closing)
                return list(self.default) if value is None else value
            case "star":
                return [TRUE if stack.take(self.opening) else FALSE]
            case "delimited":
                return read_delimited(stack, self.delimiter)
        read_delimited(stack, self.delimiter, only_here=True)
        return None


MANDATORY = Parameter("mandatory")


@dataclass(frozen=True, slots=True)
class Macro:
    """A definition. Called as a command of the interpreter, it puts its body on the stack."""

    parameters: tuple[Parameter, ...]
    body: tuple[Token, ...]

    def __call__(self, tex: Interpreter, token: str) -> None:
        """Replace a use of the macro by its body, the arguments filled in."""
        if tex.budget < 0:
            return
        if not self.parameters:
            if tex.spend(len(self.body)):
                tex.push(self.body)
            return
        arguments = [value for value in (parameter.read(tex) for parameter in self.parameters) if value is not None]
        if not tex.spend(len(self.body) + 2 * sum(map(len, arguments))):
            return
        tokens = substitute(self.body, arguments)
        if tex.spend(len(tokens)):
            tex.push(tokens)


def substitute(body: Sequence[Token], arguments: Sequence[Sequence[Token]]) -> list[Token]:
    """Return `body` with `#n` replaced by the n-th argument and `##` by `#`."""
    result: list[Token] = []
    for token in body:
        if isinstance(token, str) and token[0] == "#":
            number = token[1:]
            if number.isdigit():
                if int(number) <= len(arguments):
                    result.extend(arguments[int(number) - 1])
            elif number:
                result.append(number)
        else:
            result.append(token)
    return result


def classic_parameters(count: int, default: Sequence[Token] | None) -> tuple[Parameter, ...]:
    """Return the parameters of `\\newcommand[count][default]`."""
    if default is None or not count:
        return (MANDATORY,) * count
    return (Parameter("optional", tuple(default)),) + (MANDATORY,) * (count - 1)


def xparse_parameters(spec: Sequence[Token]) -> tuple[Parameter, ...]:
    """Return the parameters of an xparse specification such as `s o m O{a} d() t+`."""
    stack = TokenStack(budget=10_000)
    stack.push(spec)
    parameters: list[Parameter] = []
    while stack.items and len(parameters) < 9:
        stack.skip_blanks()
        kind = stack.character()
        match kind:
            case "m" | "v":
                parameters.append(MANDATORY)
            case "o":
                parameters.append(Parameter("optional"))
            case "O":
                parameters.append(Parameter("optional", tuple(stack.argument())))
            case "d" | "D" | "r" | "R":
                opening, closing = str(stack.character()), str(stack.character())
                default = tuple(stack.argument()) if kind in "DR" else (NO_VALUE,)
                if opening and closing:
                    parameters.append(Parameter("optional", default, opening, closing))
            case "g" | "G":
                default = tuple(stack.argument()) if kind == "G" else (NO_VALUE,)
                parameters.append(Parameter("optional", default, "{", "}"))
            case "s":
                parameters.append(Parameter("star", opening="*"))
            case "t":
                parameters.append(Parameter("star", opening=str(stack.character()) or "*"))
    return tuple(parameters)


def primitive_parameters(text: Sequence[Token]) -> tuple[Parameter, ...]:
    """Return the parameters of `\\def`, whose parameter text is `text`: `#1#2`, `#1:#2.`, `[#1]` …"""
    parameters: list[Parameter] = []
    literal: list[Token] = []
    pending = False

    def close() -> None:
        if pending and literal:
            parameters.append(Parameter("delimited", delimiter=_characters(literal)))
        elif pending:
            parameters.append(MANDATORY)
        elif literal:
            parameters.append(Parameter("literal", delimiter=_characters(literal)))
        literal.clear()

    for token in text:
        if isinstance(token, str) and token[0] == "#":
            close()
            pending = len(token) == 2
        else:
            literal.append(token)
    close()
    return tuple(parameters)


def _characters(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """Split runs of text into characters, as a delimiter is compared one by one."""
    result: list[Token] = []
    for token in tokens:
        if isinstance(token, str) and token[0] not in "\\{}$&#^_~[]":
            result.extend(token)
        else:
            result.append(token)
    return tuple(result)


_LONGEST_DELIMITED = 20_000
"""Tokens that an argument up to a delimiter may have: one whose delimiter never comes must not eat the paper."""


def read_delimited(stack: TokenStack, delimiter: Sequence[Token], *, only_here: bool = False) -> list[Token]:
    """Take tokens up to `delimiter` outside braces, and the delimiter; with `only_here`, only if it is next.

    Where the delimiter does not come, nothing is taken.
    """
    taken: list[Token] = []
    matched = 0
    depth = 0
    while stack.items and len(taken) < _LONGEST_DELIMITED:
        if isinstance(stack.items[-1], str) and stack.items[-1][0] in MARKS:
            break
        token = stack.character()
        taken.append(token)
        if not depth and token == delimiter[matched]:
            matched += 1
            if matched == len(delimiter):
                return _unbrace(taken[:-matched])
            continue
        if token == "{":
            depth += 1
        elif token == "}":
            depth -= 1
        if only_here or depth < 0 or token == "\\par":
            break
        matched = 1 if not depth and token == delimiter[0] else 0
    stack.push(taken)
    stack.spend(len(taken))
    return []


def _unbrace(tokens: list[Token]) -> list[Token]:
    """Drop braces that enclose a whole argument, and join characters to runs again."""
    if len(tokens) > 1 and tokens[0] == "{" and tokens[-1] == "}":
        depth = 0
        for index, token in enumerate(tokens):
            depth += (token == "{") - (token == "}")
            if not depth and index < len(tokens) - 1:
                break
        else:
            tokens = tokens[1:-1]
    if all(isinstance(token, str) for token in tokens):
        return lex(spell(tokens))
    return tokens

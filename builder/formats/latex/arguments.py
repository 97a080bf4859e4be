"""Taking arguments and environments off the stack without reading them."""

from __future__ import annotations

from s1_mmalign.builder.formats.latex.interpreter import Handler, Interpreter
from s1_mmalign.builder.formats.latex.tokens import Token


def named(names: str, handler: Handler) -> dict[str, Handler]:
    """Return a table in which every one of `names`, set apart by blanks, has the same handler."""
    return dict.fromkeys(names.split(), handler)


def commands(names: str, handler: Handler) -> dict[str, Handler]:
    """Return a table in which the commands `names`, written without backslash, have the same handler."""
    return {f"\\{name}": handler for name in names.split()}


def take(tex: Interpreter, arguments: str) -> None:
    """Take and drop arguments: `m` mandatory, `o` optional, `s` star, `a` in angle brackets."""
    for kind in arguments:
        match kind:
            case "m":
                tex.argument()
            case "o":
                tex.optional()
            case "a":
                tex.optional("<", ">")
            case _:
                tex.star()


def skip(arguments: str) -> Handler:
    """Return a handler that takes arguments, as `take` writes them, and drops them."""
    return lambda tex, token: take(tex, arguments)


def do_nothing(tex: Interpreter, token: str) -> None:
    """A command that means nothing to this reader."""


def find_end(tex: Interpreter, name: str, *, remove: bool) -> list[Token] | None:
    """Return the tokens up to `\\end{name}` and, with `remove`, drop them and it; None if there is no such end."""
    end = f"\\end{{{name}}}"
    items = tex.items
    if tex.budget < 0:
        return None
    for index in range(len(items) - 1, -1, -1):
        if items[index] == end:
            inside = items[index + 1 :]
            inside.reverse()
            if remove:
                tex.drop(index)
            return inside
    tex.spend(len(items))
    return None


def skip_environment(tex: Interpreter, name: str) -> None:
    """An environment that is left out unread."""
    find_end(tex, name, remove=True)

"""Numbers and units as siunitx prints them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from s1_mmalign.builder.formats.latex.symbols import UNITS, words
from s1_mmalign.builder.formats.latex.tokens import Token, TokenStack

QUANTITIES = frozenset(
    words(
        "SI qty num si unit ang SIlist SIrange qtylist qtyrange numlist numrange SInum tablenum numproduct qtyproduct"
    )
)
"""siunitx's commands, without backslash."""

Printer = Callable[[Sequence[Token]], str]


def print_quantity(command: str, stack: TokenStack, text: Printer) -> str:
    """Take the arguments of one of `QUANTITIES` off the stack and return what it prints."""
    stack.star()
    stack.optional()
    if stack.peek() != "{":
        return ""
    if command in ("si", "unit"):
        return _unit(stack.argument(), text)
    if command in ("numrange", "SIrange", "qtyrange"):
        number = f"{_number(text(stack.argument()))} to {_number(text(stack.argument()))}"
    elif command.endswith(("list", "product")):
        number = _series([_number(part) for part in text(stack.argument()).split(";")])
    elif command == "ang":
        marks = zip(text(stack.argument()).split(";"), "°′″", strict=False)
        return "".join(value.strip() + mark for value, mark in marks if value.strip())
    else:
        number = _number(text(stack.argument()))
    if command.startswith(("num", "SInum", "tablenum")):
        return number
    stack.optional()
    unit = _unit(stack.argument(), text)
    return f"{number}{'' if unit[:1] in ('°', '%') and unit != '°C' else ' '}{unit}" if unit else number


def _series(values: list[str]) -> str:
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} and {values[-1]}"


def _number(text: str) -> str:
    text = text.strip().replace("+-", " ± ").replace("\\pm", " ± ").replace("+–", " ± ")
    return re.sub(r"(?<=[\d.)])[eEdD]\s*([-+]?)\s*(\d+)", _power, text).replace("x", " × ")


def _power(match: re.Match[str]) -> str:
    return f" × 10^{match[1].replace('+', '')}{match[2]}"


def _unit(tokens: list[Token], text: Printer) -> str:
    """Return a unit as prefixes and symbols with powers, as siunitx does by default: `m s^-1`."""
    parts: list[str] = []
    prefix = power = ""
    inverse = False
    for token in tokens:
        name = token[1:] if isinstance(token, str) and token[:1] == "\\" else ""
        if name == "per":
            inverse = True
        elif name in ("square", "cubic"):
            power = {"square": "2", "cubic": "3"}[name]
        elif name in ("squared", "cubed") and parts:
            parts[-1] = parts[-1].removesuffix("1") if parts[-1].endswith("^-1") else parts[-1] + "^"
            parts[-1] += {"squared": "2", "cubed": "3"}[name]
        elif name in _PREFIXES:
            prefix += UNITS[name]
        elif name:
            symbol = prefix + UNITS.get(name, name if name.isalpha() else "")
            sign = "-" if inverse else ""
            parts.append(symbol + (f"^{sign}{power or '1'}" if power or inverse else ""))
            prefix = power = ""
            inverse = False
        elif not isinstance(token, str) or token not in "{}":
            parts.append(text([token]).replace(".", " ").strip())
    return " ".join(part for part in parts if part)


_PREFIXES = frozenset(
    words("yocto zepto atto femto pico nano micro milli centi deci deca hecto kilo mega giga tera peta exa")
)

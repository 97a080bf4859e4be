"""What the interpreter passed on, printed: plain Unicode, formulas kept as `$…$`, citations as `[]`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from s1_mmalign.builder.formats.latex.events import Reference
from s1_mmalign.builder.formats.latex.interpreter import Interpreter
from s1_mmalign.builder.formats.latex.quantities import QUANTITIES, print_quantity
from s1_mmalign.builder.formats.latex.symbols import ACCENTS, SKIPPED_ARGUMENTS, SYMBOLS
from s1_mmalign.builder.formats.latex.tokens import Token, TokenStack, hide, lex, show, spell

_CITATION = re.compile(r"\\(?!no)[A-Za-z]*[cC]ite(?!style)[A-Za-z]*$")
_ENTRY = re.compile(
    r"\\(?:[gG]ls|[aA]c|[aA]cr)(?:s|l|f|p|pl|short|long|full|symbol|desc|lp|sp|fp|xtrshort|xtrlong|entryshort|entrylong)*$"
)
_LENGTH = re.compile(
    r"\s*=\s*\d+\b(?![.\d]|\s?[a-z]{2}\b)|\s*=?\s*[-+]?(?:\d+\.?\d*|\.\d+)\s*(?:true)?(?:pt|mm|cm|in|em|ex|bp|pc|sp|mu|dd)\b(?:\s*(?:plus|minus)\s*[-\d.]+\s*[a-z]+)*"
)
_BLANKS = re.compile(r"\s+")
_BEFORE_STOP = re.compile(r" +([,.;)\]])")
_SPACE_MARK = "\ue200"
_WANTED_SPACE = re.compile(rf"{_SPACE_MARK}+(?=[\w(\[$])")
_FRACTIONS = frozenset(("\\frac", "\\nicefrac", "\\sfrac", "\\tfrac", "\\dfrac", "\\textfrac"))
_DROPPED_IN_FORMULA = frozenset(
    ("\\nonumber", "\\notag", "\\xspace", "\\protect", "\\ensuremath", "\\par", "\\displaystyle", "\\textstyle",
     "\\boldmath", "\\unboldmath", "\\noindent", "\\allowbreak", "\\nobreak", "\\!", "\\hfill")
)  # fmt: skip
_BREAKS = frozenset(("\\\\", "\\linebreak"))
_CLOSING = {"\\(": "\\)", "\\[": "\\]", "$": "$", "$$": "$$"}

ReferencePrinter = Callable[[Reference], str]


class TextPrinter:
    """Prints nodes of one document. `reference` says what a reference prints as."""

    def __init__(self, tex: Interpreter, reference: ReferencePrinter) -> None:
        self._tex = tex
        self._reference = reference
        self._depth = 0

    def print(self, nodes: Sequence[Token], *, footnotes: bool = False) -> str:
        """Return `nodes` as one line of text; `footnotes` keeps those that refer to something, in parentheses."""
        text = self._text(nodes, footnotes)
        text = text.replace("$$", " ")
        text = _WANTED_SPACE.sub(" ", text).replace(_SPACE_MARK, "")
        text = _BEFORE_STOP.sub(r"\1", _BLANKS.sub(" ", text)).strip()
        return show(text)

    def _text(self, nodes: Sequence[Token], footnotes: bool = False) -> str:
        if self._depth > 20:
            return ""
        self._depth += 1
        stack = TokenStack(budget=max(self._tex.budget, 1000))
        stack.push(nodes)
        parts: list[str] = []
        while stack.items:
            token = stack.items.pop()
            if not isinstance(token, str):
                if isinstance(token, Reference):
                    parts.append(self._reference(token))
            elif token[0] == "\\":
                self._command(token, stack, parts, footnotes)
            elif token[0] == "$":
                parts.append(self._formula(lex(token[1:-1]) if len(token) > 2 else _until(stack, token)))
            elif token[0] in "{}&#\x01\x02\x03\x04\x05":
                if token == "&":
                    parts.append(" ")
            elif token == "~":
                parts.append(" ")
            else:
                parts.append(_ligatures(token))
        self._depth -= 1
        return "".join(parts)

    def _command(self, token: str, stack: TokenStack, parts: list[str], footnotes: bool) -> None:
        symbol = SYMBOLS.get(token)
        if symbol is not None:
            parts.append(hide(symbol))
            if token in _BREAKS:
                stack.star()
                stack.optional()
        elif token in ACCENTS:
            parts.append(_accented(self._text(stack.argument()), ACCENTS[token]))
        elif token in _CLOSING:
            parts.append(self._formula(_until(stack, _CLOSING[token])))
        elif token == "\\ensuremath":
            parts.append(self._formula(stack.argument()))
        elif token == "\\xspace":
            parts.append(_SPACE_MARK)
        elif token == "\\footnote" and footnotes:
            parts.append(self._footnote(stack))
        elif (spec := SKIPPED_ARGUMENTS.get(token[1:])) is not None:
            _skip(stack, spec)
        elif token in _SPECIAL:
            parts.append(_SPECIAL[token](self, stack))
        elif token[1:] in QUANTITIES:
            parts.append(print_quantity(token[1:], stack, self._text))
        elif _CITATION.match(token):
            parts.append(_citation(stack))
        elif _ENTRY.match(token):
            parts.append(self._abbreviation(token, stack))
        elif token[1:2].isalpha() and stack.items:
            _drop_setting(stack)

    def _footnote(self, stack: TokenStack) -> str:
        stack.optional()
        content = stack.argument()
        if any(isinstance(node, Reference) for node in content):
            return f" ({self._text(content).strip()})"
        return ""

    def _formula(self, tokens: list[Token]) -> str:
        """Return a formula between dollars, the author's macros expanded."""
        tex = self._tex
        if any(isinstance(token, str) and token in tex.commands for token in tokens):
            outer, tex.in_math = tex.in_math, True
            tokens = tex.run(tokens)
            tex.in_math = outer
        kept: list[Token] = []
        for token in tokens:
            if isinstance(token, Reference):
                kept.append(self._reference(token))
            elif isinstance(token, str) and token[0] == "$":
                kept.extend(lex(token[1:-1]) if len(token) > 2 else [])
            elif token == "~":
                kept.append(" ")
            elif isinstance(token, str) and token not in _DROPPED_IN_FORMULA and token[0] not in "\x01\x02\x03\x04\x05":
                kept.append(token)
        formula = _BLANKS.sub(" ", spell(_without_double_braces(kept))).strip()
        return f"${formula}$" if formula else ""

    def _abbreviation(self, token: str, stack: TokenStack) -> str:
        """Return what `\\gls{key}` and its kin print once the abbreviation has been introduced: the short form."""
        _skip(stack, "so")
        key = self._text(stack.argument()).strip()
        entry = self._tex.abbreviations.get(key)
        if entry is None:
            return key
        name = token[1:].lower().removeprefix("gls").removeprefix("acr").removeprefix("ac")
        short, long = self._text(self._tex.run(entry.short)), self._text(self._tex.run(entry.long))
        plural = "s" if name.endswith(("pl", "p")) else ""
        if name.startswith(("full", "f")):
            text = f"{long}{plural} ({short}{plural})"
        else:
            text = (long if name.startswith(("l", "xtrlong", "entrylong", "desc")) else short) + plural
        return text[:1].upper() + text[1:] if token[1].isupper() else text

    def _fraction(self, stack: TokenStack) -> str:
        return f"{self._text(stack.argument())}/{self._text(stack.argument())}"

    def _upper(self, stack: TokenStack) -> str:
        return self._text(stack.argument()).upper()

    def _quoted(self, stack: TokenStack) -> str:
        stack.star()
        return f"“{self._text(stack.argument())}”"

    def _first_of_two(self, stack: TokenStack) -> str:
        first = self._text(stack.argument())
        stack.argument()
        return first

    def _address(self, stack: TokenStack) -> str:
        return hide(spell(token for token in stack.argument() if token not in ("{", "}")).replace("\\ ", ""))

    def _chemical(self, stack: TokenStack) -> str:
        text = self._text(stack.argument())
        return re.sub(r"[_^]", "", text).replace("<=>", "⇌").replace("–>", "→").replace("->", "→")


_Special = Callable[[TextPrinter, TokenStack], str]
_SPECIAL: dict[str, _Special] = {
    **dict.fromkeys(_FRACTIONS, TextPrinter._fraction),
    **dict.fromkeys(("\\uppercase", "\\MakeUppercase", "\\MakeTextUppercase"), TextPrinter._upper),
    **dict.fromkeys(("\\enquote", "\\say"), TextPrinter._quoted),
    "\\texorpdfstring": TextPrinter._first_of_two,
    **dict.fromkeys(("\\url", "\\path", "\\nolinkurl", "\\doi"), TextPrinter._address),
    **dict.fromkeys(("\\ce", "\\cee", "\\chem", "\\ch"), TextPrinter._chemical),
}


def _without_double_braces(tokens: list[Token]) -> list[Token]:
    """Drop braces around braces or around the whole formula, which macros leave behind."""
    opened: list[int] = []
    closing: dict[int, int] = {}
    for index, token in enumerate(tokens):
        if token == "{":
            opened.append(index)
        elif token == "}" and opened:
            closing[opened.pop()] = index
    dropped = {
        end
        for start, last in closing.items()
        if closing.get(start + 1) == last - 1 or (start == 0 and last == len(tokens) - 1)
        for end in (start, last)
    }
    return [token for index, token in enumerate(tokens) if index not in dropped] if dropped else tokens


def _until(stack: TokenStack, end: str) -> list[Token]:
    """Take tokens up to `end` outside braces, all of them if it does not come."""
    depth = 0
    for index in range(len(stack.items) - 1, -1, -1):
        token = stack.items[index]
        if token == "{":
            depth += 1
        elif token == "}":
            depth -= 1
        elif token == end and depth <= 0:
            inside = stack.items[index + 1 :]
            del stack.items[index:]
            inside.reverse()
            return inside
    inside = stack.items[::-1]
    stack.items.clear()
    return inside


def _ligatures(text: str) -> str:
    if "-" in text:
        text = text.replace("---", "—").replace("--", "–")
    if "`" in text:
        text = text.replace("``", "“").replace("`", "‘")
    if "'" in text:
        text = text.replace("''", "”").replace("'", "’")
    return text


def _accented(text: str, accent: str) -> str:
    """Put a combining accent on the first letter of `text`."""
    base = text.strip()[:1].replace("ı", "i").replace("ȷ", "j")
    return unicodedata.normalize("NFC", base + accent) + text.strip()[1:] if base else ""


def _citation(stack: TokenStack) -> str:
    _skip(stack, "soo")
    if stack.peek() != "{":
        return ""
    stack.argument()
    return "[]"


def _skip(stack: TokenStack, spec: str) -> None:
    for kind in spec:
        match kind:
            case "m":
                stack.argument()
            case "o":
                stack.optional()
            case "a":
                stack.optional("(", ")")
            case "d":
                _drop_setting(stack)
            case _:
                stack.star()


def _drop_setting(stack: TokenStack) -> None:
    """Drop what an unknown command takes beside its text: options in brackets, or a length."""
    if stack.items[-1:] == ["["]:
        stack.optional()
    elif stack.items and isinstance(stack.items[-1], str) and (match := _LENGTH.match(stack.items[-1])):
        rest = stack.items.pop()[match.end() :]
        if rest:
            stack.items.append(rest)

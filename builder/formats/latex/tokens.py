"""TeX source to tokens, and the stack that the interpreter reads them from.

A token is a plain `str`, told apart by its first character, because a paper has tens of thousands of them:

- `\\name` or `\\,`: a control sequence, the blanks after a name eaten as TeX does;
- `\\begin{name}` and `\\end{name}`: an environment's two ends, in one token;
- `{` `}` `[` `]` `&` `^` `_` `~` `$` `$$`: the character itself;
- `$x_i$`: a whole inline formula, left raw until somebody prints it;
- `#1`, `##1`: a parameter; `\\par` also stands for a blank line;
- anything else: a run of ordinary characters with its blanks.

Nodes that are no strings (references) may stand among the tokens and are passed on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

Token = Any
"""A `str` as above, or a node that a command left behind."""

FILE_END = "\x01"
"""Stands on the stack under the tokens of an input file."""
CALLBACK = "\x02"
"""Begins a token that stands under tokens after which something is to be done."""
MARKS = FILE_END + CALLBACK

# Inside a formula these cannot stand: they show that the `$` was not one of a pair.
_NOT_IN_FORMULA = r"(?:par|fi|else|item|section|subsection|caption|footnote|newcommand|def)(?![A-Za-z@])"
_TOKEN = re.compile(
    r"\\(?:begin|end)[ \t\n]*\{[^{}\\#$\n]+\}"
    r"|\\[A-Za-z@]+[ \t\n]*"
    r"|\\[\s\S]"
    r"|\$\$"
    rf"|\$(?:[^$\\#]++|\\(?!{_NOT_IN_FORMULA})[\s\S])++\$"
    r"|[^\\{}$&#^_~\[\]]+"
    r"|#+[1-9]?"
    r"|[\s\S]"
)

_BLANK_LINE = re.compile(r"\n[ \t]*\n\s*")
_RAW_ENVIRONMENTS = (
    r"verbatim\*?|Verbatim\*?|BVerbatim|LVerbatim|lstlisting|minted|alltt|comment|filecontents\*?|CCSXML|Sinput|Soutput|"
    r"tcblisting|pycode|sagesilent|spverbatim"
)
_LEFT_OUT = frozenset(("comment", "filecontents", "filecontents*", "CCSXML", "sagesilent"))
_RAW = re.compile(
    r"(?P<comment>%[^\n]*\n?[ \t]*)"
    r"|\\(?:"
    r"(?P<escaped>[\\%])"
    rf"|begin[ \t]*\{{(?P<environment>{_RAW_ENVIRONMENTS})\}}"
    r"|(?:verb|lstinline(?:\[[^\]\n]*\])?)\*?(?P<mark>[^\sA-Za-z0-9*{\[])(?P<verb>[^\n]*?)(?P=mark)"
    r"|(?:url|path|nolinkurl|href)[ \t]*\{(?P<url>[^{}\n]*%[^{}\n]*)\}"
    r")"
)

# Characters that were meant literally go through the tokenizer in Unicode's private area.
_SPECIAL = "\\{}$&#^_~%[]"
_HIDE = {ord(char): 0xE000 + ord(char) for char in _SPECIAL}
_SHOW = {hidden: char for char, hidden in _HIDE.items()}


def hide(text: str) -> str:
    """Return `text` with TeX's special characters replaced, so that they stand for themselves until `show`."""
    return text.translate(_HIDE)


def show(text: str) -> str:
    """Undo `hide`."""
    return text.translate(_SHOW)


def prepare(source: str) -> str:
    """Drop comments and verbatim environments, hide what `\\verb` holds, and mark blank lines by `\\par`."""
    if "\r" in source:
        source = source.replace("\r\n", "\n").replace("\r", "\n")
    source = _BLANK_LINE.sub("\n\\\\par\n", source)
    parts: list[str] = []
    endless: set[str] = set()
    position = 0
    while match := _RAW.search(source, position):
        kind = match.lastgroup
        parts.append(source[position : match.start()])
        position = match.end()
        if kind == "environment":
            end = f"\\end{{{match['environment']}}}"
            found = -1 if end in endless else source.find(end, position)
            if found < 0:
                endless.add(end)
            position = found + len(end) if found >= 0 else position
            parts.append(" " if match["environment"] in _LEFT_OUT else "\\verbatimtext ")
        elif kind == "escaped":
            parts.append(match[0])
        elif kind == "verb":
            parts.append(hide(match["verb"]))
        elif kind == "url":
            parts.append(match[0].replace(match["url"], hide(match["url"])))
    parts.append(source[position:])
    return "".join(parts)


def lex(text: str) -> list[Token]:
    """Split prepared source into tokens; together with the eaten blanks they are the whole text."""
    raw = _TOKEN.findall(text)
    for index, token in enumerate(raw):
        if token[0] == "$" and len(token) > 2 and not _is_balanced(token):
            # Dollars inside the formula (`$\mbox{$x$}$`), or two that belong to different definitions or groups.
            start = sum(map(len, raw[:index]))
            end = _balanced_end(text, start, start + len(token))
            tokens = [_name(t) for t in raw[:index]]
            if end:
                return [*tokens, text[start:end], *lex_slowly(text[end:])]
            return [*tokens, "$", *lex_slowly(text[start + 1 :])]
    return [_name(token) if token[0] == "\\" else token for token in raw]


def lex_slowly(text: str) -> list[Token]:
    """Split as `lex` does, token by token, where formulas hold dollars themselves."""
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        token = match[0] if match else text[position]
        if token[0] == "$" and len(token) > 2 and not _is_balanced(token):
            end = _balanced_end(text, position, position + len(token))
            token = text[position:end] if end else "$"
        tokens.append(_name(token))
        position += len(token)
    return tokens


def _is_balanced(formula: str) -> bool:
    opened = formula.count("{") - formula.count("}")
    if opened and opened != formula.count("\\{") - formula.count("\\}"):
        return False
    return opened != 0 or formula.find("{") <= formula.find("}")


_LONGEST_NESTED = 2000
"""Characters that a formula with dollars inside may have: a longer one is two formulas with text between."""


def _balanced_end(text: str, start: int, end: int) -> int:
    """Return where the formula that begins at `start` ends if dollars may stand inside its braces; 0 if nowhere."""
    while 0 < end - start < _LONGEST_NESTED:
        end = text.find("$", end) + 1
        if end and "\\par\n" not in text[start:end] and _is_balanced(text[start:end]):
            return end
        if not end:
            break
    return 0


def _name(token: str) -> str:
    if token[0] != "\\":
        return token
    if token[-1] == "}" and len(token) > 2:
        head, _, name = token.partition("{")
        return f"{head.rstrip()}{{{name[:-1].strip()}}}"
    return token.rstrip(" \t\n")


def spell(tokens: Iterable[Token]) -> str:
    """Write tokens out as source again (nodes left out), with the blank that a control word needs."""
    parts: list[str] = []
    word = False
    for token in tokens:
        if not isinstance(token, str) or not token:
            continue
        if word and token[0].isalnum():
            parts.append(" ")
        parts.append("\\ " if token == "\\" else token)
        word = token[0] == "\\" and token[-1].isalpha()
    return "".join(parts)


class TokenStack:
    """Tokens still to be read, the next one last. `budget` bounds all work that a source can ask for."""

    def __init__(self, budget: int) -> None:
        self.items: list[Token] = []
        self.budget = budget
        """Tokens that may still be pushed by expansion or scanned in vain; under zero, expansion stops."""

    def push(self, tokens: Sequence[Token]) -> None:
        """Put `tokens` back so that `tokens[0]` is read next."""
        self.items.extend(reversed(tokens))

    def spend(self, tokens: int) -> bool:
        """Take `tokens` (and one more) off the budget; False once it is used up."""
        self.budget -= tokens + 1
        return self.budget > 0

    def drop(self, index: int) -> None:
        """Drop the tokens from `items[index]` to the next one, but keep the marks that something waits for."""
        self.items[index:] = [t for t in self.items[index:] if isinstance(t, str) and t[0] in MARKS]

    def skip_blanks(self) -> None:
        """Drop blanks in front."""
        items = self.items
        while items and isinstance(items[-1], str) and items[-1].isspace():
            items.pop()

    def peek(self) -> Token:
        """Return the next token that is no blank without taking it; empty at the end."""
        self.skip_blanks()
        return self.items[-1] if self.items else ""

    def character(self) -> Token:
        """Take the next token, a run of text one character at a time; empty at the end."""
        if not self.items:
            return ""
        token = self.items.pop()
        if isinstance(token, str) and len(token) > 1 and token[0] not in _STRUCTURE:
            self.items.append(token[1:])
            return token[0]
        return token

    def take(self, character: str) -> bool:
        """Take `character` (no blank) if it is next after blanks; else leave all as it is."""
        token = self.peek()
        if not isinstance(token, str) or not token.lstrip().startswith(character):
            return False
        token = token.lstrip()
        if token == character:
            self.items.pop()
            return True
        if token[0] in _STRUCTURE:
            return False
        self.items[-1] = token[1:]
        return True

    def argument(self) -> list[Token]:
        """Take one mandatory argument without its braces; empty where there is none."""
        self.skip_blanks()
        if not self.items or self.budget < 0:
            return []
        token = self.items[-1]
        if token == "{":
            self.items.pop()
            return self.group()
        if token in ("}", "\\par") or (isinstance(token, str) and token[0] in MARKS):
            return []
        if isinstance(token, str) and token[0] not in _STRUCTURE:
            self.items[-1] = token.lstrip()
        return [self.character()]

    def group(self) -> list[Token]:
        """Take tokens up to the brace that closes the group just opened, and drop that brace."""
        items = self.items
        depth = 1
        index = 0
        for index in range(len(items) - 1, -1, -1):
            token = items[index]
            if token == "{":
                depth += 1
            elif token == "}":
                depth -= 1
                if not depth:
                    group = items[index + 1 :]
                    group.reverse()
                    del items[index:]
                    return group
            elif isinstance(token, str) and token[0] in MARKS:
                break
        # No such brace here: the group is taken for empty, and its content is read as if there were none.
        self.spend(len(items) - index)
        if self.budget < 0:
            items.clear()
        return []

    def optional(self, opening: str = "[", closing: str = "]", *, long: bool = False) -> list[Token] | None:
        """Take an optional argument without its brackets; None where there is none.

        A paragraph's end may stand in it only with `long`, and within braces.
        """
        if self.budget < 0 or not self.take(opening):
            return None
        items = self.items
        depth = index = 0
        for index in range(len(items) - 1, -1, -1):
            token = items[index]
            if token == "{":
                depth += 1
            elif token == "}":
                depth -= 1
            elif not depth and isinstance(token, str) and closing in token and token[0] not in "\\$":
                inside = items[index + 1 :]
                inside.reverse()
                del items[index:]
                before, _, after = token.partition(closing)
                if before:
                    inside.append(before)
                if after:
                    items.append(after)
                return inside
            if (
                depth < 0
                or (token == "\\par" and not (long and depth))
                or (isinstance(token, str) and token[0] in MARKS)
            ):
                break
        self.spend(len(items) - index)
        items.append(opening)
        return None

    def star(self) -> bool:
        """Take a `*` if it is next."""
        return self.take("*")


_STRUCTURE = "\\{}$&#^_~[]" + MARKS

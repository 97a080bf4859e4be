"""Rows chosen by an expression over their columns: `source == 'arxiv' and recaption is null`.

    EXPRESSION := EXPRESSION or EXPRESSION | EXPRESSION and EXPRESSION | not EXPRESSION | ( EXPRESSION )
                | COLUMN == VALUE      and !=, <, <=, >, >=; of class labels (source, discipline, …) == and != by name
                | COLUMN is null       and is not null
                | COLUMN in (VALUE, …) and not in
                | COLUMN contains 'x'  and not contains: a part of a text, or an element of a list

Beside the dataset's columns there are `judgement` (good, bad, mixed), `judgement_prefers` and `judgement_note`: what
people said of the row's caption in the gallery, null once that caption is replaced (`judged_rows`).

A VALUE is a number or a text in quotes. As in SQL, a comparison with a column that is null holds neither as it stands
nor under `not`. Nothing is executed but comparisons: an expression cannot do anything else.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import ClassLabel, List, Value

Mask = Any
"""A boolean `pa.ChunkedArray` or `pa.Array`, one value a row, null where a comparison cannot be made."""
Node = Callable[[pa.Table], Mask]

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)
    |(?P<word>[A-Za-z_]\w*)|(?P<sign>==|!=|<=|>=|<|>|=|[()\[\],])|(?P<end>\Z)|(?P<wrong>.))""",
    re.VERBOSE | re.DOTALL,
)
_COMPARE: dict[str, Callable[..., Mask]] = {
    "==": pc.equal, "!=": pc.not_equal, "<": pc.less, "<=": pc.less_equal, ">": pc.greater, ">=": pc.greater_equal,
}  # fmt: skip
_WORDS = frozenset({"and", "or", "not", "is", "null", "in", "contains"})
_DEEPEST = 50


class FilterError(ValueError):
    """An expression that is none; the text shows the place."""


class _Token(NamedTuple):
    kind: str
    text: str
    place: int


@dataclass(frozen=True, slots=True)
class RowFilter:
    """A filter that was read: the columns that it needs, and the mask of the rows for which it holds."""

    columns: frozenset[str]
    node: Node

    def mask(self, table: pa.Table) -> np.ndarray:
        """Return for each row of a table whether the expression holds (bool)."""
        if not table.num_rows:
            return np.zeros(0, bool)
        return np.asarray(pc.fill_null(self.node(table), False))


def parse_filter(text: str, features: Mapping[str, Any]) -> RowFilter:
    """Read an expression.

    Args:
        text: the expression.
        features: the dataset's columns and their types.

    Raises:
        FilterError: it is no expression, or does not fit the columns.
    """
    parser = _Parser(text, features)
    node = parser.parsed()
    return RowFilter(frozenset(parser.columns), node)


class _Parser:
    """Recursive descent, one method a rule; the place of a mistake is that of the token at hand."""

    def __init__(self, text: str, features: Mapping[str, Any]) -> None:
        self._text = text
        self._features = {name: kind for name, kind in features.items() if isinstance(kind, Value | ClassLabel | List)}
        self._tokens = [
            _Token(str(match.lastgroup), match[str(match.lastgroup)], match.start(str(match.lastgroup)))
            for match in _TOKEN.finditer(text)
        ]
        self._at = 0
        self._depth = 0
        self.columns: set[str] = set()

    def parsed(self) -> Node:
        node = self._any()
        if self._next().kind != "end":
            self._at -= 1
            self._fail("'and', 'or' or the end is expected")
        return node

    @property
    def _token(self) -> _Token:
        return self._tokens[self._at]

    def _fail(self, what: str, token: _Token | None = None) -> NoReturn:
        place = (token or self._token).place
        line = self._text.replace("\n", " ").replace("\t", " ")
        raise FilterError(f"--where: {what}\n  {line}\n  {' ' * place}^")

    def _next(self) -> _Token:
        token = self._token
        if token.kind == "wrong":
            quote = token.text in "'\""
            self._fail("the text in quotes does not end" if quote else f"{token.text!r} has no meaning here")
        self._at += token.kind != "end"
        return token

    def _word(self, *words: str) -> bool:
        """Step over a word if it is one of these."""
        if self._token.kind == "word" and self._token.text.lower() in words:
            self._at += 1
            return True
        return False

    def _sign(self, sign: str) -> bool:
        if self._token.kind == "sign" and self._token.text == sign:
            self._at += 1
            return True
        return False

    def _any(self) -> Node:
        node = self._all()
        while self._word("or"):
            node = _both(pc.or_kleene, node, self._all())
        return node

    def _all(self) -> Node:
        node = self._one()
        while self._word("and"):
            node = _both(pc.and_kleene, node, self._one())
        return node

    def _one(self) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            self._fail("too deep")
        try:
            if self._word("not"):
                return _inverted(self._one())
            if self._sign("("):
                node = self._any()
                if not self._sign(")"):
                    self._fail("')' is expected")
                return node
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Node:
        token = self._next()
        if token.kind != "word" or token.text.lower() in _WORDS:
            self._fail("the name of a column is expected", token)
        name, kind = token.text, self._features.get(token.text)
        if kind is None:
            near = difflib.get_close_matches(name.lower(), self._features, 1)
            hint = f"; is {near[0]!r} meant?" if near else f"; there are {', '.join(self._features)}"
            self._fail(f"no column {name!r}{hint}", token)
        self.columns.add(name)
        if self._word("is"):
            inverse = self._word("not")
            if not self._word("null"):
                self._fail("'null' is expected: is null, is not null")
            return lambda table: pc.is_valid(table[name]) if inverse else pc.is_null(table[name])
        inverse = self._word("not")
        if self._word("in"):
            node = self._in(name, kind)
        elif self._word("contains"):
            node = self._contains(name, kind)
        else:
            if inverse:
                self._fail("'in' or 'contains' is expected behind 'not'")
            return self._compared(name, kind)
        return _inverted(node) if inverse else node

    def _compared(self, name: str, kind: Any) -> Node:
        token = self._next()
        sign = "==" if token.text == "=" else token.text
        if token.kind != "sign" or sign not in _COMPARE:
            self._fail("==, !=, <, <=, >, >=, is null, in or contains is expected", token)
        if isinstance(kind, List):
            self._fail(f"{name} is a list: {name} contains 'x', or is null", token)
        if isinstance(kind, ClassLabel) and sign not in ("==", "!="):
            self._fail(f"{name} is one of {', '.join(kind.names)}: == or != is expected", token)
        value = self._value(name, kind)
        return lambda table: _COMPARE[sign](table[name], value)

    def _in(self, name: str, kind: Any) -> Node:
        if isinstance(kind, List):
            self._fail(f"{name} is a list: {name} contains 'x'")
        if not (self._sign("(") or self._sign("[")):
            self._fail("'(' is expected: in ('a', 'b')")
        values = [self._value(name, kind)]
        while self._sign(","):
            values.append(self._value(name, kind))
        if not (self._sign(")") or self._sign("]")):
            self._fail("',' or ')' is expected")

        def node(table: pa.Table) -> Mask:
            found = pc.is_in(table[name], value_set=pa.array(values))
            return pc.if_else(pc.is_valid(table[name]), found, None)

        return node

    def _contains(self, name: str, kind: Any) -> Node:
        token = self._token
        if isinstance(kind, List):
            element = self._value(name, kind.feature)
            return lambda table: _has_element(table[name], element)
        if not isinstance(kind, Value) or kind.dtype != "string":
            self._fail(f"{name} is neither a text nor a list: nothing is contained in it")
        part = self._value(name, kind)
        if not part:
            self._fail("an empty text is contained in all", token)
        return lambda table: pc.match_substring(table[name], part)

    def _value(self, name: str, kind: Any) -> Any:
        """Read a value of the column's type; a class label's name gives its number."""
        token = self._next()
        if token.kind == "word" and token.text.lower() == "null":
            self._fail(f"null is compared by: {name} is null", token)
        if isinstance(kind, ClassLabel) or kind.dtype == "string":
            if token.kind != "text":
                quoted = f"'{token.text}'" if token.kind in ("word", "number") else "a text in quotes"
                self._fail(f"{name} is a text: {quoted} is expected", token)
            text = re.sub(r"\\(.)", r"\1", token.text[1:-1])
            if not isinstance(kind, ClassLabel):
                return text
            if text not in kind.names:
                self._fail(f"{name} is one of {', '.join(kind.names)}", token)
            return kind.names.index(text)
        if token.kind != "number":
            self._fail(f"{name} is a number", token)
        return float(token.text) if re.search(r"[.eE]", token.text) else int(token.text)


def _both(combine: Callable[..., Mask], left: Node, right: Node) -> Node:
    return lambda table: combine(left(table), right(table))


def _inverted(node: Node) -> Node:
    return lambda table: pc.invert(node(table))


def _has_element(lists: pa.ChunkedArray, element: Any) -> Mask:
    """Say of each list whether it has an element; null of a null."""
    found = np.zeros(len(lists), bool)
    start = 0
    for chunk in lists.chunks:
        equal = np.asarray(pc.fill_null(pc.equal(pc.list_flatten(chunk), element), False))
        found[start + np.asarray(pc.list_parent_indices(chunk))[equal]] = True
        start += len(chunk)
    return pc.if_else(pc.is_valid(lists), pa.array(found), None)

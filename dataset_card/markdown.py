"""Markdown out of values that strangers wrote: nothing that comes from a paper may become markup."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

MAX_CODE = 120


def code(text: object, limit: int = MAX_CODE) -> str:
    """Return text as a code span that fits a table cell; control and bidirectional characters are dropped."""
    plain = " ".join(str(text).split())
    plain = "".join(character for character in plain if unicodedata.category(character)[0] != "C")
    plain = plain.replace("`", "'").replace("|", "\\|").rstrip("\\")
    return f"`{shorten(plain, limit)}`" if plain else "–"


def plain(text: str) -> str:
    """Return text that stands in a sentence and is no markup: what Markdown or HTML would read as such is escaped."""
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", " ".join(text.split()))


def shorten(text: str, limit: int) -> str:
    """Return at most `limit` characters, with `…` where something was cut off."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def number(value: float | int | None) -> str:
    """Return a count with thousands separators, or a measure with four significant digits."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def share(part: int, whole: int) -> str:
    """Return a percentage, `–` of nothing; never 0 or 100 % where it is not exactly that."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.1f} %"


def size(count: int) -> str:
    """Return a number of bytes in the largest decimal unit that keeps it at 1 or more."""
    for power, unit in ((12, "TB"), (9, "GB"), (6, "MB"), (3, "kB")):
        if count >= 10**power:
            return f"{count / 10**power:.1f} {unit}"
    return f"{count} bytes"


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; numbers are set right, and cells must be safe already (see `code`)."""
    body = [[cell if isinstance(cell, str) else number(cell) for cell in row] for row in rows]  # type: ignore[arg-type]
    right = [bool(body) and all(_is_number(row[index]) for row in body) for index in range(len(headers))]
    lines = ["| " + " | ".join(headers) + " |", "|" + "|".join("---:" if flag else "---" for flag in right) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in body]
    return "\n".join(lines)


def fenced_json(value: Any) -> str:
    """Return a value as a fenced block of JSON that nothing inside can close, and that hides no character."""
    return fenced(json.dumps(value, ensure_ascii=False, indent=1), "json")


def fenced(text: str, language: str) -> str:
    """Return text as a fenced block that nothing inside can close, and that hides no character."""
    return f"```{language}\n" + "".join(_visible(character) for character in text) + "\n```"


def _is_number(cell: str) -> bool:
    return cell.strip("–<>% ").replace(",", "").replace(".", "").isdigit() or cell == "–"


def _visible(character: str) -> str:
    if character == "\n":
        return character
    if character == "`":
        return f"\\u{ord(character):04x}"
    return json.dumps(character)[1:-1] if unicodedata.category(character)[0] == "C" else character

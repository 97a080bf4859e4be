"""What strangers wrote (names, captions, titles), made fit for a terminal."""

from __future__ import annotations

import io
import logging
from typing import Any, TextIO


def printable(text: str, kept: str = "") -> str:
    r"""Return text in which a terminal finds nothing to obey, and no reader is led astray.

    Control characters, marks that turn the direction of writing and lone surrogates are spelt out (`\x1b`); `kept`
    are those that stay, such as line ends.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in kept else ascii(one)[1:-1] for one in text)


class PrintableLog(logging.Formatter):
    """Formats records as ever, and makes them printable."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line."""
        return printable(super().format(record), "\n\t")


class PrintableOutput(io.TextIOBase):
    """A text stream before another, which makes printable what passes. Nothing of this program colours its output."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, text: str) -> int:
        """Write the text; return its length as it was given."""
        self._out.write(printable(text, "\n\t\r"))
        return len(text)

    def flush(self) -> None:
        """Flush the stream behind."""
        self._out.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._out, name)

"""The words that go with one image: what a captioner may use beside the pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class FigureText(NamedTuple):
    """Caption, panel caption and paper of one image; columns that a row lacks count as empty."""

    caption: str
    title: str | None = None
    abstract: str | None = None
    contexts: tuple[str, ...] = ()
    subcaption: str | None = None
    number: str | None = None
    panel: str | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> FigureText:
        """Take the words out of a row of the dataset."""
        get = row.get
        return cls(
            get("caption") or "",
            get("title"),
            get("abstract"),
            tuple(get("citation_contexts") or ()),
            get("subcaption"),
            get("figure_number"),
            get("panel"),
        )

    def as_line(self) -> str:
        """Return all of it as one line, equal for equal words and for no others."""
        return tuple.__repr__(self)

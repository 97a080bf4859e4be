"""The words that go with one image: what a captioner may use beside the pixels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_encode = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class FigureText:
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
        return cls(
            caption=row.get("caption") or "",
            title=row.get("title"),
            abstract=row.get("abstract"),
            contexts=tuple(row.get("citation_contexts") or ()),
            subcaption=row.get("subcaption"),
            number=row.get("figure_number"),
            panel=row.get("panel"),
        )

    def as_json(self) -> str:
        """Return all of it as one line of JSON, equal for equal words."""
        return _encode(
            (self.caption, self.title, self.abstract, self.contexts, self.subcaption, self.number, self.panel)
        )

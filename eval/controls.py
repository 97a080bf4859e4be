"""What raw captions and recaptions are compared by, and the two controls without which a difference says little.

A longer text scores differently for being longer, and a text about any figure of the field scores better than
none. So the recaption is also measured cut to its raw caption's length, and on another paper's figure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from s1_mmalign.eval.intervals import Design
from s1_mmalign.eval.sample import Sample

Values = Sequence[float | None]
Points = dict[str, list[float | None]]
"""Values of the rows by the name of the text, in the sample's order."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The sample and its design."""

    sample: Sample
    design: Design

    @classmethod
    def of(cls, sample: Sample, resamples: int, seed: int) -> Drawn:
        """Papers are the clusters of a sample."""
        return cls(sample, Design(sample.weights, [row["paper_id"] for row in sample.rows], resamples, seed))

    @property
    def raw(self) -> list[str]:
        """Raw captions."""
        return [row["caption"] or "" for row in self.sample.rows]

    @property
    def recaptions(self) -> list[str]:
        """Recaptions."""
        return [row["recaption"] for row in self.sample.rows]

    @property
    def cut(self) -> list[str]:
        """Recaptions cut to their raw captions' lengths."""
        return [cut_to(row["recaption"], len(row["caption"] or "")) for row in self.sample.rows]

    def texts(self) -> dict[str, list[str]]:
        """Return the texts that are measured, by name."""
        return {"raw": self.raw, "recaption": self.recaptions, "recaption_cut": self.cut}

    @property
    def partners(self) -> list[int | None]:
        """For each row the number of a row of another paper."""
        return exchange([row["paper_id"] for row in self.sample.rows])

    def groups(self, measure: Callable[[Design, np.ndarray], dict[str, Any]]) -> dict[str, Any]:
        """Return `measure` of all rows as `all`, and `by_source` and `by_discipline`; it gets a mask of the rows."""
        result: dict[str, Any] = {"all": measure(self.design, np.ones(len(self.sample.rows), dtype=bool))}
        for column in ("source", "discipline"):
            names = np.array([row[column] for row in self.sample.rows])
            result[f"by_{column}"] = {
                str(name): measure(self.design.only(names == name), names == name) for name in np.unique(names)
            }
        return result

    def compare(self, raw: Values, recaption: Values) -> dict[str, Any]:
        """Compare raw captions with recaptions, over all rows and by group."""
        first, second = as_array(raw), as_array(recaption)
        return self.groups(lambda design, rows: design.compare(first[rows], second[rows], ("raw", "recaption")))


def as_array(values: Values) -> np.ndarray:
    """Return the values as floats, NaN for None."""
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def cut_to(text: str, length: int) -> str:
    """Cut a text to at most `length` characters, at the end of a word where it has one before."""
    if len(text) <= length:
        return text
    head = text[:length]
    if not text[length].isspace() and " " in head:
        head = head[: head.rindex(" ")]
    return head.rstrip()


def exchange(papers: Sequence[str]) -> list[int | None]:
    """Give each row the number of a row of another paper; None where that cannot be.

    Rows sorted by paper are turned by the largest paper's number of rows: each gets another paper's row, and each
    is given once, unless one paper has more than half of the rows.
    """
    order = sorted(range(len(papers)), key=lambda index: (papers[index], index))
    turn = max(Counter(papers).values(), default=0)
    partner: list[int | None] = [None] * len(papers)
    for position, index in enumerate(order):
        other = order[(position + turn) % len(order)]
        if papers[other] != papers[index]:
            partner[index] = other
    return partner

"""What is said of each stage: the verdict, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Verdict = Literal["identical", "equivalent", "different", "not run", "given"]
"""identical: the same bytes. equivalent: the same rows (fields, text) in other bytes. given: taken as it is."""

SHOWN = 20
"""Rows (lines, fields) of a kind that are printed; `reproduction.json` has them all."""


@dataclass(slots=True)
class Outcome:
    """One stage."""

    stage: str
    verdict: Verdict
    summary: str = ""
    """One line."""
    lines: list[str] = field(default_factory=list)
    """What differs, and why as far as that is known."""
    counts: bool = True
    """Whether "different" is a failure: not where a model wrote captions, or it follows from that."""
    rows: dict[str, list[str]] = field(default_factory=dict)
    """Rows that both have (`image_path`): the columns in which they differ."""
    missing: list[str] = field(default_factory=list)
    """Rows that did not come out again."""
    extra: list[str] = field(default_factory=list)
    """Rows that the dataset does not have."""
    details: list[str] = field(default_factory=list)
    """All fields of the report, lines of the ledger or of the card that differ."""

    @property
    def failed(self) -> bool:
        """Whether the stage did not give again what it gave."""
        return self.verdict == "different" and self.counts

    def printed(self) -> Iterator[str]:
        """Yield what a person reads."""
        word = self.verdict + ("" if self.counts or self.verdict != "different" else " (does not count)")
        yield f"{self.stage:<12} {word}" + (f": {self.summary}" if self.summary else "")
        yield from (f"  {line}" for line in self.lines)

    def content(self) -> dict[str, Any]:
        """Return the outcome as JSON has it."""
        return asdict(self)


def shown(items: Sequence[str], indent: str = "  ") -> list[str]:
    """Return the first few of many, and how many more there are."""
    more = [f"{indent}… and {len(items) - SHOWN:,} more: reproduction.json"] if len(items) > SHOWN else []
    return [f"{indent}{item}" for item in items[:SHOWN]] + more

"""What reading one package gave. Apart from `extract`, which imports the readers of all formats."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from s1_mmalign.builder.records import Drop, Figure
from s1_mmalign.builder.sources.digests import Digest

Row = dict[str, Any]


@dataclass(slots=True)
class Extraction:
    """What one package gave: rows as `records.FEATURES` has them (class labels as numbers), and drops."""

    rows: list[Row] = field(default_factory=list)
    drops: list[Drop] = field(default_factory=list)
    seconds: float = 0.0
    """What reading took, where it was measured."""
    figures: list[Figure] = field(default_factory=list)
    """The figures as read, those without a row too, where they were asked for."""
    digest: Digest | None = None
    """Of the package's bytes; None where reading did not come so far."""

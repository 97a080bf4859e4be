"""What a unit tells for the report of the build: counts by source, beside its rows and drops."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from s1_mmalign.builder.disciplines import discipline_of
from s1_mmalign.builder.extraction import Extraction, Row
from s1_mmalign.builder.licences import licence_class
from s1_mmalign.builder.records import DISCIPLINES, SOURCES
from s1_mmalign.builder.sources.identify import arxiv_id_of

UNREADABLE = frozenset({
    "package_unreadable", "package_too_large", "no_source", "source_unreadable", "timeout", "out_of_memory",
    "worker_crashed", "reader_error",
})  # fmt: skip
"""Reasons that stand for a whole paper of which nothing could be read."""
UNKNOWN = "unknown"
"""The source of a paper that could not be read and whose name tells none."""


def unit_statistics(extractions: Sequence[Extraction]) -> dict[str, Any]:
    """Count what papers gave.

    Returns:
        `sources`: for each its packages, those readable, with figures, with rows, and its figures and rows; `drops`:
        reasons by source; `figures_per_paper`: papers by number of figures, of readable ones; `disciplines`, `licences`
        and `unmapped` (categories without a discipline): papers with rows by name; `seconds`: what reading took, of all
        workers together.
    """
    sources: dict[str, Counter[str]] = defaultdict(Counter)
    drops: dict[str, Counter[str]] = defaultdict(Counter)
    counts: dict[str, Counter[str]] = {
        name: Counter() for name in ("figures_per_paper", "disciplines", "licences", "unmapped")
    }
    for extraction in extractions:
        source = _source(extraction)
        readable = not any(drop.reason in UNREADABLE and not drop.where for drop in extraction.drops)
        figures = _figures(extraction)
        sources[source].update(
            packages=1,
            readable=int(readable),
            with_figures=int(figures > 0),
            with_rows=int(bool(extraction.rows)),
            figures=figures,
            rows=len(extraction.rows),
        )
        drops[source].update(drop.reason for drop in extraction.drops)
        if readable:
            counts["figures_per_paper"][str(figures)] += 1
        if extraction.rows:
            _describe(extraction.rows[0], counts)
    content: dict[str, Any] = {name: dict(sorted(counter.items())) for name, counter in counts.items()}
    content["sources"] = {name: dict(counter) for name, counter in sorted(sources.items())}
    content["drops"] = {name: dict(sorted(counter.items())) for name, counter in sorted(drops.items())}
    return content | {"seconds": round(sum(extraction.seconds for extraction in extractions), 3)}


def _source(extraction: Extraction) -> str:
    if extraction.rows:
        return SOURCES[extraction.rows[0]["source"]]
    paper_id = extraction.drops[0].paper_id if extraction.drops else ""
    return "arxiv" if arxiv_id_of(paper_id) else UNKNOWN


def _figures(extraction: Extraction) -> int:
    """Figures that were found, whether they gave rows or not."""
    named = {row["figure_id"] for row in extraction.rows}
    named |= {drop.where.partition(" ")[0] for drop in extraction.drops if drop.where}
    return len(named)


def _describe(row: Row, counts: dict[str, Counter[str]]) -> None:
    counts["disciplines"][DISCIPLINES[row["discipline"]] if row["discipline"] is not None else "none"] += 1
    licence = row["licence"] or ""
    counts["licences"][f"{licence_class(licence)} {licence}".strip()] += 1
    source = SOURCES[row["source"]]
    counts["unmapped"].update(
        category for category in row["categories"] or [] if discipline_of(source, [category]) is None
    )

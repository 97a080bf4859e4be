"""The report of a build: from packages to rows, and where the rest went.

<folder>/build-report/report.json    every count
                      report.md      the same as tables
                      funnel.png, .svg   the same as a plot (needs matplotlib)
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from s1_mmalign.builder.deduplicate.decisions import Decisions
from s1_mmalign.builder.funnel_plot import plot_funnel
from s1_mmalign.builder.plot_style import can_plot
from s1_mmalign.builder.records import Drop
from s1_mmalign.builder.sealed_json import seal
from s1_mmalign.builder.shards import Manifest, sha256_of, write_atomically
from s1_mmalign.builder.sources.identify import arxiv_id_of
from s1_mmalign.builder.unit_statistics import UNKNOWN
from s1_mmalign.builder.units import Unit

FOLDER = "build-report"
STEPS = ("packages", "readable", "with_figures", "with_rows", "figures", "rows")
MOST = 20
"""Lines of a table of names in the Markdown; the JSON has them all."""


@dataclass(slots=True)
class Funnel:
    """Counts of a build; see `unit_statistics` for those that units give."""

    sources: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """By source: `STEPS`, and `left_out`, rows that de-duplication and evaluation sets took."""
    drops: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    figures_per_paper: Counter[int] = field(default_factory=Counter)
    disciplines: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    unmapped: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    without_metadata: int = 0
    """Papers that no metadata file knows; all, where there is no file."""
    rows: int = 0
    seconds: float = 0.0
    """What reading took, of all workers together."""

    @classmethod
    def of(cls, units: Iterable[Unit], unread: Sequence[Drop], decisions: Decisions, manifest: Manifest) -> Funnel:
        """Add up what units gave, packages that none holds, and what was left out."""
        funnel = cls(left_out=decisions.counts, rows=manifest.rows)
        for drop in unread:
            source = "arxiv" if arxiv_id_of(drop.paper_id) else UNKNOWN
            funnel.sources[source]["packages"] += 1
            funnel.drops[source][drop.reason] += 1
        for unit in units:
            given = unit.statistics
            funnel.without_metadata += unit.unknown
            for source, counts in given["sources"].items():
                funnel.sources[source].update(counts)
            for source, counts in given["drops"].items():
                funnel.drops[source].update(counts)
            funnel.figures_per_paper.update(
                {int(number): count for number, count in given["figures_per_paper"].items()}
            )
            for name in ("disciplines", "licences", "unmapped"):
                getattr(funnel, name).update(given[name])
            funnel.seconds += given["seconds"]
        return funnel

    def content(self) -> dict[str, Any]:
        """Return the report as JSON has it."""
        papers = sum(self.sources[source]["readable"] for source in self.sources)
        totals = {step: sum(counts[step] for counts in self.sources.values()) for step in STEPS}
        return {
            "total": totals | {"rows_kept": self.rows, "left_out": dict(sorted(self.left_out.items()))},
            "sources": {name: {step: counts[step] for step in STEPS} for name, counts in sorted(self.sources.items())},
            "drops": {name: dict(counts.most_common()) for name, counts in sorted(self.drops.items())},
            "figures_per_paper": {str(number): count for number, count in sorted(self.figures_per_paper.items())},
            "disciplines": dict(self.disciplines.most_common()),
            "licences": dict(self.licences.most_common()),
            "unmapped_categories": dict(self.unmapped.most_common()),
            "without_metadata": self.without_metadata,
            "worker_seconds": round(self.seconds, 1),
            "worker_seconds_per_paper": round(self.seconds / papers, 4) if papers else None,
        }

    def markdown(self) -> str:
        """Return the report as tables."""
        return "\n".join(self._lines()) + "\n"

    def write(self, out: Path) -> None:
        """Write JSON, tables and, where matplotlib is there, the plot."""
        content = self.content()
        write_atomically(out / FOLDER / "report.md", self.markdown())
        paths = [out / FOLDER / "report.md", *(plot_funnel(content, out / FOLDER / "funnel") if can_plot() else ())]
        files = {path.name: sha256_of(path) for path in paths}
        write_atomically(out / FOLDER / "report.json", seal(content | {"files": files}))

    def _lines(self) -> Iterator[str]:
        content = self.content()
        yield "# From packages to rows\n"
        yield from _table(["source", *(step.replace("_", " ") for step in STEPS)], [
            [name, *(f"{counts[step]:,}" for step in STEPS)]
            for name, counts in [*content["sources"].items(), ("all", content["total"])]
        ])  # fmt: skip
        left_out = ", ".join(f"{name} {count:,}" for name, count in content["total"]["left_out"].items())
        yield f"\nRows kept: {self.rows:,}. Rows left out: {left_out or 'none'}."
        yield f"Papers that no metadata file knows: {self.without_metadata:,}."
        if content["worker_seconds_per_paper"] is not None:
            yield (
                f"Reading took {self.seconds:,.0f} s of workers, {content['worker_seconds_per_paper']:.3f} s a "
                "readable paper."
            )
        reasons = Counter({
            (source, reason): count for source, counts in self.drops.items() for reason, count in counts.items()
        })  # fmt: skip
        drops = [[*names, f"{count:,}"] for names, count in reasons.most_common()]
        yield from _section("Dropped", ["source", "reason", "lines"], drops)
        figures = [[str(number), f"{count:,}"] for number, count in sorted(self.figures_per_paper.items())]
        yield from _section("Figures per paper", ["figures", "papers"], figures)
        for title, counts in (
            ("Disciplines", self.disciplines),
            ("Licences, class first", self.licences),
            ("Categories without a discipline", self.unmapped),
        ):
            names = [[name, f"{count:,}"] for name, count in counts.most_common(MOST)]
            yield from _section(title, ["", "papers with rows"], names)


def _section(title: str, head: list[str], rows: list[list[str]]) -> Iterator[str]:
    yield f"\n## {title}\n"
    yield from _table(head, rows) if rows else iter(["None."])


def _table(head: list[str], rows: list[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', ' ') for cell in row)} |"

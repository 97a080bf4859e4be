"""The funnel and the figures per paper as a plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

MOST_FIGURES = 40
"""Papers with more figures are one bar at the end."""


def plot_funnel(content: dict[str, Any], path: Path) -> None:
    """Draw `Funnel.content()` into a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    papers, rows, histogram = figure.subplots(1, 3)
    total = content["total"]
    _bars(papers, [(name, total[name]) for name in ("packages", "readable", "with_figures", "with_rows")], "papers")
    left_out = total["rows"] - total["rows_kept"]
    _bars(
        rows,
        [("figures", total["figures"]), ("rows", total["rows"]), ("kept", total["rows"] - left_out)],
        "figures and rows",
    )
    counts = [0] * (MOST_FIGURES + 1)
    for number, count in content["figures_per_paper"].items():
        counts[min(int(number), MOST_FIGURES)] += count
    histogram.bar(range(len(counts)), counts, width=0.9)
    histogram.set(title="figures per paper", xlabel=f"figures ({MOST_FIGURES}: or more)", ylabel="papers")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    figure.savefig(temporary, format="png", dpi=110, metadata={"Software": None})
    temporary.replace(path)


def _bars(axes: Any, values: list[tuple[str, int]], title: str) -> None:
    names = [name.replace("_", " ") for name, _ in values]
    bars = axes.barh(names[::-1], [value for _, value in values][::-1])
    axes.bar_label(bars, fmt="{:,.0f}", padding=3)
    axes.set(title=title)
    axes.margins(x=0.25)

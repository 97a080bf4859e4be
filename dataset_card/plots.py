"""The card's own plot: the share of each discipline, drawn from the same statistics as the card's table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from s1_mmalign.builder.plot_style import COLUMN, LOST, PLAIN, can_plot, save_plot, say
from s1_mmalign.dataset_card.statistics import Statistics

DISCIPLINES_PLOT = "plots/disciplines"
"""Path of the plot in the dataset folder, without its suffix."""
UNKNOWN = "not known"


def plot_disciplines(folder: Path, statistics: Statistics) -> list[Path]:
    """Draw the shares of the disciplines into `plots/disciplines.png` and `.svg`; nothing without matplotlib or rows.

    Returns:
        the files.
    """
    if not can_plot() or not statistics.rows:
        return []
    counts = sorted(
        ((name or UNKNOWN, count) for name, count in statistics.disciplines.items() if count),
        key=lambda item: (item[0] == UNKNOWN, -item[1], item[0]),
    )
    height = 0.75 + 0.21 * len(counts)
    return save_plot(folder / DISCIPLINES_PLOT, lambda figure: _bars(figure, counts), (COLUMN[0], height))


def _bars(figure: Any, counts: list[tuple[str, int]]) -> None:
    axes = figure.add_subplot()
    total = sum(count for _, count in counts)
    names = [name for name, _ in counts][::-1]
    shares = [100 * count / total for _, count in counts][::-1]
    axes.barh(names, shares, height=0.68, color=[LOST if name == UNKNOWN else PLAIN for name in names])
    for place, share in enumerate(shares):
        text = f"{share:.1f} %" if share >= 0.1 else "< 0.1 %"
        axes.annotate(text, (share, place), xytext=(3, 0), textcoords="offset points", va="center", fontsize=6.5)
    axes.set(xlabel="share of rows (%)", xlim=(0, 1.17 * max(shares)))
    axes.tick_params(axis="y", length=0)
    say(axes, f"n = {total:,} rows")

"""The funnel from packages to rows, and the figures per paper, as a plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from s1_mmalign.builder.plot_style import LOST, PAGE, PLAIN, save_plot

MOST_FIGURES = 40
"""Papers with more figures are one bar at the end."""
_PAPERS = (("packages", "packages"), ("readable", "readable"), ("with_figures", "with figures"),
           ("with_rows", "with rows"))  # fmt: skip


def plot_funnel(content: dict[str, Any], stem: Path) -> list[Path]:
    """Draw `Funnel.content()` into `<stem>.png` and `<stem>.svg`; return their paths."""

    def draw(figure: Any) -> None:
        papers, rows, histogram = figure.subplots(1, 3, width_ratios=(1.15, 1, 1))
        total = content["total"]
        _bars(papers, [(title, total[name]) for name, title in _PAPERS], "papers", shares=True)
        # A figure gives a row for each of its panels: rows are no share of figures.
        _bars(rows, [("figures", total["figures"]), ("rows", total["rows"]), ("rows kept", total["rows_kept"])],
              "figures and rows", shares=False)  # fmt: skip
        _histogram(histogram, content["figures_per_paper"])

    return save_plot(stem, draw, PAGE)


def _bars(axes: Any, values: list[tuple[str, int]], title: str, shares: bool) -> None:
    """Bars with their counts; with `shares` each on a grey one of the largest, and its share of that."""
    names = [name for name, _ in values][::-1]
    counts = [count for _, count in values][::-1]
    most = max(counts, default=0)
    if shares:
        axes.barh(names, [most] * len(counts), color=LOST, alpha=0.35, height=0.62)
    axes.barh(names, counts, color=PLAIN, height=0.62)
    for place, count in enumerate(counts):
        share = f"  {100 * count / most:.0f} %" if shares and most and count != most else ""
        axes.annotate(f"{count:,}{share}", (most if shares else count, place), xytext=(3, 0),
                      textcoords="offset points", va="center", fontsize=6.5)  # fmt: skip
    axes.set_title(title, loc="left")
    axes.set_xlim(0, 1.62 * (most or 1))
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_xticks([])


def _histogram(axes: Any, figures_per_paper: dict[str, int]) -> None:
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    counts = [0] * (MOST_FIGURES + 1)
    for number, count in figures_per_paper.items():
        counts[min(int(number), MOST_FIGURES)] += count
    last = max((index for index, count in enumerate(counts) if count), default=0)
    axes.bar(range(last + 1), counts[: last + 1], width=0.85, color=PLAIN)
    label = f"figures ({MOST_FIGURES}: or more)" if last == MOST_FIGURES else "figures"
    axes.set(xlabel=label, ylabel="papers", xlim=(-0.6, last + 0.6))
    axes.set_title("figures per paper", loc="left")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))

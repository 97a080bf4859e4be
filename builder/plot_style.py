"""The one style of every plot: colours, sizes, and files whose bytes only the content decides."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

RAW, RECAPTION = "#0072B2", "#D55E00"
"""Blue and vermilion of Okabe & Ito (2008), told apart with any colour vision; line styles do so in grey."""
PLAIN, LOST = "#0072B2", "#B8BEC4"
"""Bars of one kind; what was lost on the way."""
SUFFIXES = ("png", "svg")
COLUMN, PAGE = (3.4, 2.6), (7.0, 2.7)
"""Inches: a plot as wide as a column of a paper, and one as wide as its page."""

_STYLE = {
    "font.family": "DejaVu Sans", "font.size": 8, "axes.titlesize": 8, "axes.titleweight": "bold",
    "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6, "axes.axisbelow": True,
    "savefig.dpi": 300, "figure.facecolor": "white", "savefig.facecolor": "white",
    "xtick.major.width": 0.6, "ytick.major.width": 0.6, "xtick.labelsize": 7, "ytick.labelsize": 7,
    "legend.frameon": False, "legend.fontsize": 7, "legend.handlelength": 1.6, "lines.linewidth": 1.3,
    "svg.hashsalt": "s1-mmalign", "svg.fonttype": "path",
}  # fmt: skip
"""The font is the one that matplotlib brings along, so that no other on the machine changes the plot."""


def can_plot() -> bool:
    """Whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def save_plot(stem: Path, draw: Callable[[Any], None], size: tuple[float, float] = COLUMN) -> list[Path]:
    """Draw a figure in the style, and write it as PNG and SVG; equal content gives equal bytes.

    Args:
        stem: path of the files without their suffix; its folder is made if need be.
        draw: draws into the `matplotlib.figure.Figure` that it is given.
        size: width and height in inches.

    Returns:
        the files, PNG first.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    stem.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")  # no pyplot: no global state, no display
        FigureCanvasAgg(figure)
        draw(figure)
        return [_save(figure, stem, suffix) for suffix in SUFFIXES]


def remove_plot(stem: Path) -> None:
    """Remove the files of a plot that is no longer true."""
    for suffix in SUFFIXES:
        _path(stem, suffix).unlink(missing_ok=True)


def say(axes: Any, text: str) -> None:
    """Say above a plot what was measured."""
    axes.set_title(text, fontsize=6, fontweight="normal", color="0.35", loc="left")


def _save(figure: Any, stem: Path, suffix: str) -> Path:
    path = _path(stem, suffix)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    metadata = {"Date": None, "Creator": None} if suffix == "svg" else {"Software": None}
    try:
        figure.savefig(temporary, format=suffix, metadata=metadata)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _path(stem: Path, suffix: str) -> Path:
    return stem.with_name(f"{stem.name}.{suffix}")

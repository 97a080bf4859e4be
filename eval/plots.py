"""The report's plots, as PNG and SVG: caption lengths, pseudo-perplexity, CLIPScore."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

_RAW, _RECAPTION = "#7a8a99", "#c0532b"
"""Told apart in grey and by readers who do not see red and green apart."""
_NAMES = ("caption_lengths", "pseudo_perplexity", "clip_score")
_SUFFIXES = ("png", "svg")
_STYLE = {
    "font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.8, "figure.dpi": 200,
    "legend.frameon": False, "svg.hashsalt": "s1-mmalign", "svg.fonttype": "path",
}  # fmt: skip


def draw_plots(folder: Path, report: dict[str, Any], points: dict[str, Any]) -> dict[str, Any]:
    """Draw what was measured into `folder`.

    Args:
        folder: made if need be.
        report: the report so far; its length histogram is drawn.
        points: values of the rows of `clip_score` and `pseudo_perplexity`, as `measures` returns them.

    Returns:
        `files`: paths relative to the dataset folder, sorted; `reason`: why there are none, else None.
    """
    if importlib.util.find_spec("matplotlib") is None:
        return {"files": [], "reason": "matplotlib is not installed"}
    drawings: dict[str, Callable[[Any], None]] = {}
    histogram = report["lengths"]["all"]["histogram"]
    if histogram["raw"]:
        drawings["caption_lengths"] = lambda axes: _lengths(axes, histogram)
    if points.get("pseudo_perplexity"):
        drawings["pseudo_perplexity"] = lambda axes: _cumulative(axes, points["pseudo_perplexity"])
    if points.get("clip_score"):
        drawings["clip_score"] = lambda axes: _scatter(axes, points["clip_score"])
    for name in _NAMES:
        if name not in drawings:  # of an earlier run that measured more
            for suffix in _SUFFIXES:
                (folder / f"{name}.{suffix}").unlink(missing_ok=True)
    files = [path for name, drawing in drawings.items() for path in _save(folder, name, drawing)]
    return {"files": sorted(f"{folder.name}/{path}" for path in files), "reason": None if files else "nothing to draw"}


def _save(folder: Path, name: str, drawing: Callable[[Any], None]) -> list[str]:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(4.5, 3.0), layout="constrained")  # no pyplot: no global state, no display
        FigureCanvasAgg(figure)
        drawing(figure.add_subplot())
        for suffix in _SUFFIXES:
            temporary = folder / f".{name}.{suffix}.tmp"
            metadata = {"Date": None} if suffix == "svg" else {"Software": None}
            figure.savefig(temporary, format=suffix, metadata=metadata)
            temporary.replace(folder / f"{name}.{suffix}")
    return [f"{name}.{suffix}" for suffix in _SUFFIXES]


def _lengths(axes: Any, histogram: dict[str, Any]) -> None:
    width = histogram["bin_characters"]
    edges = [index * width for index in range(len(histogram["raw"]) + 1)]
    for name, colour in (("raw", _RAW), ("recaption", _RECAPTION)):
        total = sum(histogram[name]) or 1
        shares = [100 * count / total for count in histogram[name]]
        axes.stairs(shares, edges, fill=True, alpha=0.35, color=colour, label=name)
        axes.stairs(shares, edges, color=colour, linewidth=1.2)
    axes.set(xlabel="Caption length (characters)", ylabel="Share of captions (%)", ylim=(0, None))
    axes.set_xlim(0, max(_reached(histogram[name], 0.995) for name in ("raw", "recaption")) * width)
    axes.legend()


def _reached(counts: list[int], share: float) -> int:
    """Number of bars that hold this share: a few captions of book length would squeeze the rest to the left."""
    total, seen = sum(counts), 0
    for index, count in enumerate(counts):
        seen += count
        if seen >= share * total:
            return index + 1
    return len(counts)


def _cumulative(axes: Any, points: dict[str, list[float | None]]) -> None:
    styles = (("raw", _RAW, "-", "raw"), ("recaption", _RECAPTION, "-", "recaption"),
              ("recaption_cut", _RECAPTION, ":", "recaption, raw length"))  # fmt: skip
    for name, colour, line, label in styles:
        values = sorted(value for value in points[name] if value is not None)
        if values:
            axes.ecdf(values, color=colour, linestyle=line, label=label)
    axes.set(xlabel="log$_{10}$ pseudo-perplexity", ylabel="Share of captions", ylim=(0, 1))
    axes.legend(loc="lower right")


def _scatter(axes: Any, points: dict[str, list[float | None]]) -> None:
    pairs = [
        (raw, recaption)
        for raw, recaption in zip(points["raw"], points["recaption"], strict=True)
        if raw is not None and recaption is not None
    ]
    if pairs:
        low, high = min(map(min, pairs)), max(map(max, pairs))
        axes.plot([low, high], [low, high], color="black", linewidth=0.6, linestyle="--")
        axes.scatter(*zip(*pairs, strict=True), s=8, alpha=0.5, color=_RECAPTION, edgecolors="none")
    axes.set(xlabel="CLIPScore, raw caption", ylabel="CLIPScore, recaption", aspect="equal")

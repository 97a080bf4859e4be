"""The report's plots, as PNG and SVG: caption lengths, pseudo-perplexity, CLIPScore."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

_RAW, _RECAPTION = "#0072B2", "#D55E00"
"""Blue and vermilion of Okabe & Ito (2008), told apart with any colour vision; line styles do so in grey."""
_NAMES = ("caption_lengths", "pseudo_perplexity", "clip_score")
_SUFFIXES = ("png", "svg")
_STYLE = {
    "font.size": 8, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6, "savefig.dpi": 300,
    "xtick.major.width": 0.6, "ytick.major.width": 0.6, "xtick.labelsize": 7, "ytick.labelsize": 7,
    "legend.frameon": False, "legend.fontsize": 7, "legend.handlelength": 1.6, "lines.linewidth": 1.3,
    "svg.hashsalt": "s1-mmalign", "svg.fonttype": "path",
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
        drawings["caption_lengths"] = lambda axes: _lengths(axes, report["lengths"]["all"])
    if points.get("pseudo_perplexity"):
        drawings["pseudo_perplexity"] = lambda axes: _cumulative(
            axes, points["pseudo_perplexity"], report["pseudo_perplexity"]
        )
    if points.get("clip_score"):
        drawings["clip_score"] = lambda axes: _scatter(axes, points["clip_score"], report["clip_score"])
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
        figure = Figure(figsize=(3.4, 2.6), layout="constrained")  # no pyplot: no global state, no display
        FigureCanvasAgg(figure)
        drawing(figure.add_subplot())
        for suffix in _SUFFIXES:
            temporary = folder / f".{name}.{suffix}.tmp"
            metadata = {"Date": None} if suffix == "svg" else {"Software": None}
            figure.savefig(temporary, format=suffix, metadata=metadata)
            temporary.replace(folder / f"{name}.{suffix}")
    return [f"{name}.{suffix}" for suffix in _SUFFIXES]


def _lengths(axes: Any, lengths: dict[str, Any]) -> None:
    histogram = lengths["histogram"]
    width = histogram["bin_characters"]
    edges = [index * width for index in range(len(histogram["raw"]) + 1)]
    for name, colour, line in (("raw", _RAW, "-"), ("recaption", _RECAPTION, "--")):
        total = sum(histogram[name]) or 1
        shares = [100 * count / total for count in histogram[name]]
        found = lengths["characters"][name]
        label = f"{name}: {found['mean']:.0f} ± {found['std']:.0f}, CV {100 * (found['cv'] or 0):.0f} %"
        axes.stairs(shares, edges, fill=True, alpha=0.25, color=colour)
        axes.stairs(shares, edges, color=colour, linewidth=1.2, linestyle=line, label=label)
    axes.set(xlabel="caption length (characters)", ylabel="share of captions (%)")
    axes.set_xlim(0, max(_reached(histogram[name], 0.995) for name in ("raw", "recaption")) * width)
    axes.set_ylim(0, 1.3 * axes.dataLim.y1)
    axes.legend(loc="upper right")
    _say(axes, f"n = {lengths['characters']['raw']['n']:,} rows with both captions")


def _reached(counts: list[int], share: float) -> int:
    """Number of bars that hold this share: a few captions of book length would squeeze the rest to the left."""
    total, seen = sum(counts), 0
    for index, count in enumerate(counts):
        seen += count
        if seen >= share * total:
            return index + 1
    return len(counts)


def _cumulative(axes: Any, points: dict[str, list[float | None]], section: dict[str, Any]) -> None:
    styles = (("raw", _RAW, "-", "raw"), ("recaption", _RECAPTION, "--", "recaption"),
              ("recaption_cut", _RECAPTION, ":", "recaption at raw length"))  # fmt: skip
    for name, colour, line, label in styles:
        values = sorted(value for value in points[name] if value is not None)
        if values:
            axes.ecdf(values, color=colour, linestyle=line, label=label)
    how = "" if section["exact"] else f", approximated: stride {section['stride']}"
    axes.set(xlabel=f"log$_{{10}}$ pseudo-perplexity{how}", ylabel="share of captions", ylim=(0, 1.01))
    axes.legend(loc="upper left", bbox_to_anchor=(0.0, 1.02))
    method = section["methods"][0]
    _say(axes, f"n = {method['all']['n']:,}; {method['method']}; {_model(section)}")


def _scatter(axes: Any, points: dict[str, list[float | None]], section: dict[str, Any]) -> None:
    pairs = [
        (raw, recaption)
        for raw, recaption in zip(points["raw"], points["recaption"], strict=True)
        if raw is not None and recaption is not None
    ]
    if pairs:
        low, high = min(map(min, pairs)), max(map(max, pairs))
        axes.plot([low, high], [low, high], color="0.4", linewidth=0.7, linestyle="--", zorder=1)
        axes.scatter(*zip(*pairs, strict=True), s=9, alpha=0.55, color=_RECAPTION, edgecolors="none", zorder=2)
        variant = section["variants"][0]["all"]
        means = [variant[name]["mean"] for name in ("raw", "recaption")]
        axes.plot(*means, marker="P", color=_RAW, markersize=8, markeredgecolor="white", linestyle="", zorder=3,
                  label="means")  # fmt: skip
        axes.legend(loc="upper left", title=f"recaption higher: {100 * variant['higher']:.0f} %", title_fontsize=7)
    axes.set(xlabel="CLIPScore, raw caption", ylabel="CLIPScore, recaption", aspect="equal")
    rates = [f"{100 * (section['truncation_rate'][name] or 0):.0f} %" for name in ("raw", "recaption")]
    _say(axes, f"n = {len(pairs):,}; {_model(section)}\ncut at {section['model']['max_tokens']} tokens: "
               f"{rates[0]} of raw, {rates[1]} of recaptions")  # fmt: skip


def _say(axes: Any, text: str) -> None:
    """Say above the plot what was measured."""
    axes.set_title(text, fontsize=6, color="0.35", loc="left")


def _model(section: dict[str, Any]) -> str:
    model = section["model"]
    return f"{Path(model['id']).name}@{str(model['revision'])[:14]}, {model['dtype']}"

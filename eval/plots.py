"""The report's plots, as PNG and SVG: caption lengths, pseudo-perplexity, CLIPScore."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from s1_mmalign.builder.plot_style import COLUMN, RAW, RECAPTION, can_plot, remove_plot, save_plot, say

_NAMES = ("caption_lengths", "pseudo_perplexity", "clip_score")
_PAIR = (5.4, 2.7)
"""Inches of two plots beside each other."""
_FEW = 60
"""Pairs up to which each is a dark point; more are drawn fainter."""


def draw_plots(folder: Path, report: dict[str, Any], points: dict[str, Any]) -> dict[str, Any]:
    """Draw what was measured into `folder`.

    Args:
        folder: made if need be.
        report: the report so far; its length histogram is drawn.
        points: values of the rows of `clip_score` and `pseudo_perplexity`, as `measures` returns them.

    Returns:
        `files`: paths relative to the dataset folder, sorted; `reason`: why there are none, else None.
    """
    if not can_plot():
        return {"files": [], "reason": "matplotlib is not installed"}
    drawings: dict[str, tuple[Callable[[Any], None], tuple[float, float]]] = {}
    lengths, pppl, clip = report["lengths"]["all"], points.get("pseudo_perplexity"), points.get("clip_score")
    if lengths["histogram"]["raw"]:
        drawings["caption_lengths"] = lambda figure: _lengths(figure.add_subplot(), lengths), COLUMN
    if pppl:
        drawings["pseudo_perplexity"] = (
            lambda figure: _cumulative(figure.add_subplot(), pppl, report["pseudo_perplexity"]), COLUMN
        )  # fmt: skip
    if clip:
        drawings["clip_score"] = lambda figure: _before_and_after(figure, clip, report["clip_score"]), _PAIR
    for name in _NAMES:
        if name not in drawings:  # of an earlier run that measured more
            remove_plot(folder / name)
    files = [path for name, (draw, size) in drawings.items() for path in save_plot(folder / name, draw, size)]
    return {
        "files": sorted(f"{folder.name}/{path.name}" for path in files),
        "reason": None if files else "nothing to draw",
    }


def _lengths(axes: Any, lengths: dict[str, Any]) -> None:
    histogram = lengths["histogram"]
    width = histogram["bin_characters"]
    edges = [index * width for index in range(len(histogram["raw"]) + 1)]
    for name, colour, line in (("raw", RAW, "-"), ("recaption", RECAPTION, "--")):
        total = sum(histogram[name]) or 1
        shares = [100 * count / total for count in histogram[name]]
        found = lengths["characters"][name]
        label = f"{name}: {found['mean']:.0f} ± {found['std']:.0f}, CV {100 * (found['cv'] or 0):.0f} %"
        axes.stairs(shares, edges, fill=True, alpha=0.25, color=colour)
        axes.stairs(shares, edges, color=colour, linewidth=1.2, linestyle=line, label=label)
    axes.set(xlabel="caption length (characters)", ylabel="share of captions (%)")
    axes.set_xlim(0, max(_reached(histogram[name], 0.995) for name in ("raw", "recaption")) * width * 1.03)
    axes.set_ylim(0, 1.3 * axes.dataLim.y1)
    axes.legend(loc="upper right")
    say(axes, f"n = {lengths['characters']['raw']['n']:,} rows with both captions")


def _reached(counts: list[int], share: float) -> int:
    """Number of bars that hold this share: a few captions of book length would squeeze the rest to the left."""
    total, seen = sum(counts), 0
    for index, count in enumerate(counts):
        seen += count
        if seen >= share * total:
            return index + 1
    return len(counts)


def _cumulative(axes: Any, points: dict[str, list[float | None]], section: dict[str, Any]) -> None:
    _ecdf(axes, points)
    how = "" if section["exact"] else f", approximated: stride {section['stride']}"
    axes.set(xlabel=f"log$_{{10}}$ pseudo-perplexity{how}", ylabel="share of captions", ylim=(0, 1.01))
    axes.legend(loc="lower right", bbox_to_anchor=(1.03, 0.0))
    method = section["methods"][0]
    say(axes, f"n = {method['all']['n']:,}; {method['method']}\n{_model(section)}")


def _ecdf(axes: Any, points: dict[str, list[float | None]]) -> None:
    """Empirical distribution functions of raw captions, recaptions, and recaptions cut to their captions' length."""
    styles = (("raw", RAW, "-", "raw"), ("recaption", RECAPTION, "--", "recaption"),
              ("recaption_cut", RECAPTION, ":", "recaption, cut"))  # fmt: skip
    for name, colour, line, label in styles:
        values = sorted(value for value in points[name] if value is not None)
        if values:
            axes.ecdf(values, color=colour, linestyle=line, label=label)


def _before_and_after(figure: Any, points: dict[str, list[float | None]], section: dict[str, Any]) -> None:
    """Each row's two scores against each other, and the distributions of both."""
    pairs = [
        (raw, recaption)
        for raw, recaption in zip(points["raw"], points["recaption"], strict=True)
        if raw is not None and recaption is not None
    ]
    rows, shares = figure.subplots(1, 2)
    if pairs:
        _scatter(rows, pairs, section["variants"][0]["all"])
    rows.set(xlabel="CLIPScore, raw caption", ylabel="CLIPScore, recaption")
    rates = [f"{100 * (section['truncation_rate'][name] or 0):.0f} %" for name in ("raw", "recaption")]
    say(rows, f"n = {len(pairs):,}; {_model(section)}\ncut at {section['model']['max_tokens']} tokens: "
              f"{rates[0]} of raw, {rates[1]} of recaptions")  # fmt: skip
    _ecdf(shares, points)
    shares.set(xlabel="CLIPScore", ylabel="share of captions", ylim=(0, 1.01))
    shares.legend(loc="lower center", bbox_to_anchor=(0.46, 0.98), ncols=3, columnspacing=0.8, handletextpad=0.4)


def _scatter(axes: Any, pairs: list[tuple[float, float]], variant: dict[str, Any]) -> None:
    low, high = min(map(min, pairs)), max(map(max, pairs))
    margin = 0.05 * (high - low or 1)
    low, high = low - margin, high + margin
    axes.plot([low, high], [low, high], color="0.4", linewidth=0.7, linestyle="--", zorder=1)
    faint = 0.55 if len(pairs) <= _FEW else 0.25
    axes.scatter(*zip(*pairs, strict=True), s=9, alpha=faint, color=RECAPTION, edgecolors="none", zorder=2)
    means = [variant[name]["mean"] for name in ("raw", "recaption")]
    axes.plot(*means, marker="P", color=RAW, markersize=8, markeredgecolor="white", linestyle="", zorder=3,
              label="means")  # fmt: skip
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    axes.legend(loc="upper left", title=f"recaption higher: {100 * variant['higher']:.0f} %", title_fontsize=7)


def _model(section: dict[str, Any]) -> str:
    model = section["model"]
    return f"{Path(model['id']).name}@{str(model['revision'])[:14]}, {model['dtype']}"

"""The benchmark's results as Markdown tables."""

from __future__ import annotations

from collections import defaultdict
from statistics import mean, median
from typing import Any

Row = dict[str, Any]


def summary(reader: str, kind: str, papers: list[Row]) -> Row:
    """One line of the comparison out of a reader's papers (`wall`, `cpu`, `pages`, `error`).

    Seconds are over all papers that the reader did not fail on; `pages_per_core` is pages a second of processor time.
    """
    done = [paper for paper in papers if not paper["error"]]
    row: Row = {"reader": reader, "kind": kind, "papers": len(papers), "failed": len(papers) - len(done)}
    if done:
        pages = sum(paper["pages"] for paper in done)
        row |= {
            "cpu_median": median(paper["cpu"] for paper in done),
            "cpu_mean": mean(paper["cpu"] for paper in done),
            "wall_median": median(paper["wall"] for paper in done),
            "wall_mean": mean(paper["wall"] for paper in done),
            "pages_per_second": pages / sum(paper["wall"] for paper in done) if pages else None,
            "pages_per_core": pages / sum(paper["cpu"] for paper in done) if pages else None,
        }
    return row


def comparison(rows: list[Row], kind: str) -> str:
    """The table of one kind of papers; the first row is what the others are compared with."""
    own = [row for row in rows if row["kind"] == kind]
    columns = ["reader", "s/paper median", "mean", "CPU s/paper median", "mean", "times ours", "failed"]
    columns += ["pages/s", "pages/s a core"] if kind == "pdf" else []
    columns += ["figures", "precise", "images"] + ([] if all(row["mentions"] is None for row in own) else ["mentions"])
    lines = []
    for row in own:
        times = row["cpu_mean"] / own[0]["cpu_mean"] if "cpu_mean" in row else None
        cells = [f"{row['reader']} {row['version']}".strip()]
        cells += [_seconds(row.get(name)) for name in ("wall_median", "wall_mean", "cpu_median", "cpu_mean")]
        cells += ["–" if times is None else f"{times:.2g}" if times < 10 else f"{times:.0f}"]
        cells += [f"{row['failed']} of {row['papers']}"]
        if kind == "pdf":
            cells += [_number(row.get(name)) for name in ("pages_per_second", "pages_per_core")]
        cells += [_percent(row[name]) for name in ("figures", "precise", "images")]
        cells += [_percent(row["mentions"])] if "mentions" in columns else []
        lines.append(cells)
    return table(columns, lines)


def stages(papers: list[Row], kind: str) -> str:
    """Where this project's processor time goes, a paper."""
    own = [paper for paper in papers if paper["kind"] == kind]
    seconds: defaultdict[str, float] = defaultdict(float)
    calls: defaultdict[str, int] = defaultdict(int)
    for paper in own:
        for stage, value in paper["stages"].items():
            seconds[stage] += value
            calls[stage] += paper["calls"].get(stage, 0)
    total = sum(seconds.values())
    lines = [
        [stage, f"{1000 * value / len(own):.1f}", f"{100 * value / total:.1f} %", str(calls[stage])]
        for stage, value in sorted(seconds.items(), key=lambda item: -item[1])
    ]
    lines.append(["all", f"{1000 * total / len(own):.1f}", "100 %", ""])
    return table(["stage", "CPU ms/paper", "share", "calls"], lines)


def floors(stages: list[Row], papers: list[Row], kind: str) -> str:
    """This project's stages beside the bare library calls that they cannot do without."""
    own = [paper for paper in stages if paper["kind"] == kind]
    least = [paper for paper in papers if paper["kind"] == kind]
    lines = []
    for group in ("open", "read", "rasterise", "encode"):
        taken = sum(v for paper in own for stage, v in paper["stages"].items() if stage.startswith(group))
        floor = sum(paper["floors"][group] for paper in least)
        times = f"{taken / floor:.1f}" if floor > 1e-3 else "–"
        lines.append([group, f"{1000 * taken / len(own):.1f}", f"{1000 * floor / len(least):.1f}", times])
    return table(["stage", "ours, CPU ms/paper", "the floor", "times the floor"], lines)


def codecs(found: dict[str, Row]) -> str:
    """Seconds and bytes a picture of each codec."""
    lines = [
        [name, f"{1000 * row['seconds'] / row['pictures']:.1f}", f"{row['bytes'] / row['pictures'] / 1000:.0f}"]
        for name, row in found.items()
    ]
    return table(["codec", "CPU ms/picture", "kB/picture"], lines)


def memory(points: list[Row]) -> str:
    """Resident memory of the worker and its drawing process as papers go by."""
    lines = [
        [str(row["papers"]), f"{row['worker'] / 2**20:.0f}", f"{row['drawing'] / 2**20:.0f}", f"{row['seconds']:.0f}"]
        for row in points
    ]
    return table(["papers read", "worker MiB", "drawing process MiB", "seconds"], lines)


def table(columns: list[str], lines: list[list[str]]) -> str:
    """A Markdown table."""
    rows = [columns, ["---"] * len(columns), *lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _seconds(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.4f}" if value < 0.1 else f"{value:.2f}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"

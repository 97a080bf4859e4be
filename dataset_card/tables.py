"""The card's tables, out of the statistics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from datasets import ClassLabel, Image, List, Value

from s1_mmalign.builder.caption_columns import features_with, names_in
from s1_mmalign.builder.records import DISCIPLINES, DROP_REASONS, LICENCE_CLASSES, SPLITS
from s1_mmalign.builder.shards import Manifest
from s1_mmalign.dataset_card import descriptions, markdown
from s1_mmalign.dataset_card.statistics import Lengths, Statistics

MAX_LICENCES = 20
"""Licences listed by name; papers spell them in many ways."""


def card_tables(manifest: Manifest, statistics: Statistics) -> dict[str, str]:
    """Return the card's tables as Markdown, by name."""
    return {
        "columns": _columns(statistics),
        "sources": _sources(statistics),
        "disciplines": _shares("discipline", _in_order(statistics.disciplines, (*DISCIPLINES, None)), statistics.rows),
        "licence_classes": _licence_classes(statistics),
        "licences": _licences(statistics),
        "lengths": _lengths(statistics),
        "captioners": _captioners(statistics),
        "finish_reasons": _shares("finish reason", _by_count(statistics.finish_reasons), statistics.recaptioned),
        "flags": _shares("flag", _by_count(statistics.flags), statistics.rows),
        "drops": _drops(statistics),
        "funnel": _funnel(manifest, statistics),
    }


def _by_count(counts: Counter[Any]) -> list[tuple[Any, int]]:
    """A counter's items, most frequent first, ties by name."""
    return sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))


def _in_order(counts: Counter[Any], names: Sequence[str | None]) -> list[tuple[Any, int]]:
    return [(name, counts[name]) for name in names if counts[name]]


def _shares(title: str, counts: list[tuple[Any, int]], whole: int) -> str:
    rows = [(_label(name), count, markdown.share(count, whole)) for name, count in counts]
    return markdown.table((title, "rows", "share"), rows)


def _label(name: str | None) -> str:
    return "not known" if name is None else markdown.code(name)


def _columns(statistics: Statistics) -> str:
    rows = [
        (f"`{name}`", _type(feature), markdown.share(statistics.filled[name], statistics.rows),
         descriptions.column(name))
        for name, feature in features_with(names_in(statistics.filled)).items()
    ]  # fmt: skip
    return markdown.table(("column", "type", "rows with a value", "meaning"), rows)


def _type(feature: Any) -> str:
    if isinstance(feature, ClassLabel):
        return f"ClassLabel ({len(feature.names)} names)"
    if isinstance(feature, List):
        return f"list of {_type(feature.feature)}"
    return feature.dtype if isinstance(feature, Value) else Image.__name__


def _sources(statistics: Statistics) -> str:
    splits = [split for split in SPLITS if any(other == split for _, other in statistics.splits)]
    rows: list[list[object]] = []
    for source in sorted(statistics.papers):
        counts = [statistics.splits[source, split] for split in splits]
        rows.append([f"`{source}`", statistics.papers[source], *counts, sum(counts)])
    if len(rows) > 1:
        totals = [sum(row[index] for row in rows) for index in range(1, len(splits) + 3)]  # type: ignore[misc]
        rows.append(["all", *totals])
    return markdown.table(("source", "papers", *splits, "rows"), rows)


def _licence_classes(statistics: Statistics) -> str:
    rows = [
        (f"`{name}`", count, markdown.share(count, statistics.rows), descriptions.LICENCE_CLASSES[name])
        for name, count in _in_order(statistics.licence_classes, LICENCE_CLASSES)
    ]
    return markdown.table(("class", "rows", "share", "what it allows"), rows)


def _licences(statistics: Statistics) -> str:
    counts = _by_count(statistics.licences)
    rows = [(_label(licence), f"`{name}`", count) for (name, licence), count in counts[:MAX_LICENCES]]
    if rest := counts[MAX_LICENCES:]:
        rows.append((f"{len(rest):,} others", "", sum(count for _, count in rest)))
    return markdown.table(("licence, as the source gives it", "class", "rows"), rows)


def _lengths(statistics: Statistics) -> str:
    kinds: list[tuple[str, Lengths]] = [("raw `caption`", statistics.caption_lengths)]
    if statistics.recaptioned:
        kinds.append(("`recaption`", statistics.recaption_lengths))
    rows = [
        (name, lengths.n, f"{lengths.mean:,.1f} ± {lengths.std:,.1f}", f"{100 * lengths.variation:.1f} %",
         lengths.quantile(0.05), lengths.quantile(0.5), lengths.quantile(0.95))
        for name, lengths in kinds
    ]  # fmt: skip
    return markdown.table(
        ("characters", "rows", "mean ± std", "coefficient of variation", "5 %", "median", "95 %"), rows
    )


def _captioners(statistics: Statistics) -> str:
    rows = [
        (_label(model), _label(prompt), count, markdown.share(count, statistics.rows))
        for (model, prompt), count in _by_count(statistics.captioners)
    ]
    missing = statistics.rows - statistics.recaptioned
    if missing:
        rows.append(("no recaption", "–", missing, markdown.share(missing, statistics.rows)))
    return markdown.table(("model", "prompt", "rows", "share"), rows)


def _drops(statistics: Statistics) -> str:
    reasons = [reason for reason in DROP_REASONS if statistics.drops[reason, True] or statistics.drops[reason, False]]
    rows = [
        (f"`{reason}`", statistics.drops[reason, True], statistics.drops[reason, False], descriptions.DROPS[reason])
        for reason in reasons
    ]
    return markdown.table(("reason", "papers", "figures or images", "meaning"), rows)


def _funnel(manifest: Manifest, statistics: Statistics) -> str:
    total = manifest.papers.get("in", 0)
    with_rows, dropped = manifest.papers.get("with_rows", 0), manifest.papers.get("dropped", 0)
    not_rows = sum(count for (_, whole), count in statistics.drops.items() if not whole)
    rows = [
        ("papers in", total, ""),
        ("papers with rows", with_rows, markdown.share(with_rows, total)),
        ("papers dropped", dropped, markdown.share(dropped, total)),
        ("rows", statistics.rows, ""),
        ("figures or images dropped", not_rows, ""),
    ]
    return markdown.table(("", "count", "of papers in"), rows)

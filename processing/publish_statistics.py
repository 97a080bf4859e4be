"""The card's statistics as JSON, and added up: what lets a card describe rows that lie on the Hub only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import numpy as np

from s1_mmalign.dataset_card.statistics import Lengths, Statistics


def to_json(statistics: Statistics) -> dict[str, Any]:
    """Return statistics as what JSON can hold; equal statistics give equal text."""
    return {item.name: _encode(getattr(statistics, item.name)) for item in fields(Statistics)}


def from_json(content: dict[str, Any]) -> Statistics:
    """Return the statistics that `to_json` gave; a field that is missing stays empty.

    Raises:
        ValueError, TypeError, KeyError: it is something else.
    """
    statistics = Statistics()
    for item in fields(Statistics):
        if item.name in content:
            empty = getattr(statistics, item.name)
            setattr(statistics, item.name, _decode(content[item.name], empty))
    return statistics


def added(parts: Iterable[Statistics]) -> Statistics:
    """Return the statistics of all parts together; the example is the first part's that has one."""
    total = Statistics()
    for part in parts:
        for item in fields(Statistics):
            setattr(total, item.name, _sum(getattr(total, item.name), getattr(part, item.name)))
    return total


def _encode(value: Any) -> Any:
    if isinstance(value, Lengths):
        return value.counts.tolist()
    if isinstance(value, Counter):
        items = [[list(key) if isinstance(key, tuple) else key, count] for key, count in value.items()]
        return sorted(items, key=lambda item: str(item[0]))
    return dict(sorted(value.items())) if _is_plain_dict_of_numbers(value) else value


def _decode(value: Any, empty: Any) -> Any:
    """The value of a field whose empty value is `empty`."""
    if isinstance(empty, Lengths):
        lengths = Lengths()
        lengths.add_counts(np.array(value, dtype=np.int64))
        return lengths
    if isinstance(empty, Counter):
        return Counter({tuple(key) if isinstance(key, list) else key: int(count) for key, count in value})
    return value


def _sum(total: Any, part: Any) -> Any:
    """Two values of a field together: numbers and counts are added, anything else stays as it came first."""
    if isinstance(total, Lengths):
        total.add_counts(part.counts)
        return total
    if isinstance(total, Counter | int):
        return total + part
    if isinstance(total, dict) and _is_plain_dict_of_numbers(total) and _is_plain_dict_of_numbers(part):
        return {name: total.get(name, 0) + part.get(name, 0) for name in {**total, **part}}
    return total if total is not None else part


def _is_plain_dict_of_numbers(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(item, int) for item in value.values())

"""Means, spreads and confidence intervals of a stratified sample whose rows come in clusters (papers)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

LEVEL = 0.95
"""Confidence level of every interval of the report."""


@dataclass(slots=True)
class Moments:
    """Count, mean and standard deviation of integers, exact over any number of them."""

    n: int = 0
    total: int = 0
    squares: int = 0
    low: int | None = None
    high: int | None = None

    def add(self, value: int) -> None:
        """Take one value in."""
        self.n += 1
        self.total += value
        self.squares += value * value
        self.low = value if self.low is None else min(self.low, value)
        self.high = value if self.high is None else max(self.high, value)

    def summary(self) -> dict[str, Any]:
        """Return n, mean, std (population), cv (std / mean), min and max; None where there is no value."""
        if not self.n:
            return {"n": 0, "mean": None, "std": None, "cv": None, "min": None, "max": None}
        mean = self.total / self.n
        std = max(self.squares * self.n - self.total * self.total, 0) ** 0.5 / self.n
        return {
            "n": self.n,
            "mean": mean,
            "std": std,
            "cv": std / mean if mean else None,
            "min": self.low,
            "max": self.high,
        }


@dataclass(frozen=True, slots=True)
class Design:
    """How the rows of a sample were drawn, and how often to draw again.

    `weights[i]` is the number of the dataset's rows that row i stands for; `clusters[i]` names its paper:
    figures of one paper are alike, so papers are resampled, not rows (Field & Welsh 2007), or the intervals
    would be too narrow.
    """

    weights: np.ndarray
    clusters: Sequence[str]
    resamples: int = 2000
    seed: int = 0
    _numbers: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Number the clusters."""
        object.__setattr__(self, "_numbers", np.unique(np.asarray(self.clusters), return_inverse=True)[1].reshape(-1))

    def estimate(self, values: Sequence[float | None]) -> dict[str, Any]:
        """Return n, mean, std and the mean's interval (low, high) of one quantity; None and NaN are left out."""
        (column,), rows = _columns(values)
        if not rows.any():
            return {"n": 0, "mean": None, "std": None, "low": None, "high": None}
        low, high = _interval(self._means([column], rows)[:, 0])
        return {"n": int(rows.sum()), **self._spread(column, rows), "low": low, "high": high}

    def compare(
        self, before: Sequence[float | None], after: Sequence[float | None], names: tuple[str, str]
    ) -> dict[str, Any]:
        """Compare two quantities on the rows that have both.

        Returns:
            `names[0]` and `names[1]`: mean, std, median; `difference` of the means and `relative_change`
            (difference / first mean), each with its paired bootstrap interval (low, high); `higher`: share
            of rows where the second is higher; n rows, of so many papers. An interval needs two papers.
        """
        (first, second), rows = _columns(before, after)
        if not rows.any():
            return {"n": 0, "papers": 0}
        means = self._means([first, second], rows)
        result: dict[str, Any] = {
            name: self._spread(column, rows) | {"median": self._median(column, rows)}
            for name, column in zip(names, (first, second), strict=True)
        }
        base, value = result[names[0]]["mean"], result[names[1]]["mean"]
        result["difference"] = _with_interval(value - base, means[:, 1] - means[:, 0])
        with np.errstate(divide="ignore", invalid="ignore"):
            changes = (means[:, 1] - means[:, 0]) / means[:, 0]
        result["relative_change"] = _with_interval((value - base) / base if base else None, changes)
        result["higher"] = self._spread((second > first).astype(float), rows)["mean"]
        return result | {"n": int(rows.sum()), "papers": len(np.unique(self._numbers[rows]))}

    def only(self, rows: np.ndarray) -> Design:
        """Return the design of a part of the sample; `rows` is a mask."""
        clusters = [cluster for cluster, kept in zip(self.clusters, rows, strict=True) if kept]
        return Design(self.weights[rows], clusters, self.resamples, self.seed)

    def _means(self, columns: list[np.ndarray], rows: np.ndarray) -> np.ndarray:
        """Weighted means of each column in each resample, (resamples, columns); empty for fewer than two papers."""
        numbers = np.unique(self._numbers[rows], return_inverse=True)[1].reshape(-1)
        papers = int(numbers.max()) + 1
        if papers < 2:
            return np.empty((0, len(columns)))
        weights = self.weights[rows]
        parts = [np.bincount(numbers, weights=weights * column[rows], minlength=papers) for column in columns]
        sums = np.column_stack([*parts, np.bincount(numbers, weights=weights, minlength=papers)])
        generator = np.random.default_rng(self.seed)
        drawn = np.empty((self.resamples, sums.shape[1]))
        for index in range(self.resamples):
            times = np.bincount(generator.integers(0, papers, papers), minlength=papers)
            drawn[index] = times @ sums
        return drawn[:, :-1] / drawn[:, -1:]

    def _spread(self, column: np.ndarray, rows: np.ndarray) -> dict[str, float]:
        values, weights = column[rows], self.weights[rows]
        mean = float(np.average(values, weights=weights))
        return {"mean": mean, "std": float(np.average((values - mean) ** 2, weights=weights) ** 0.5)}

    def _median(self, column: np.ndarray, rows: np.ndarray) -> float:
        values, weights = column[rows], self.weights[rows]
        order = np.argsort(values, kind="stable")
        reached = np.cumsum(weights[order]) / weights.sum()
        at = int(np.searchsorted(reached, 0.5 - 1e-12))
        if abs(reached[at] - 0.5) < 1e-12 and at + 1 < len(values):
            return float((values[order[at]] + values[order[at + 1]]) / 2)
        return float(values[order[at]])


def _columns(*values: Sequence[float | None]) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the columns as floats, and the mask of rows that all of them have."""
    columns = [np.array([np.nan if value is None else value for value in column], dtype=float) for column in values]
    rows = np.isfinite(np.column_stack(columns)).all(axis=1)
    return columns, rows


def _interval(draws: np.ndarray) -> tuple[float | None, float | None]:
    draws = draws[np.isfinite(draws)]
    if not len(draws):
        return None, None
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _with_interval(value: float | None, draws: np.ndarray) -> dict[str, float | None]:
    low, high = _interval(draws)
    return {"value": value, "low": low, "high": high}

"""Pseudo-perplexity of the texts of a dataset: what is scored, and what the report says of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from s1_mmalign.eval.controls import Drawn, Points
from s1_mmalign.eval.intervals import Design
from s1_mmalign.eval.measure_clip import skipped
from s1_mmalign.eval.models import ModelChoice
from s1_mmalign.eval.pseudo_perplexity.masking import Method
from s1_mmalign.eval.score_cache import Task, Value, identity_of, task_key
from s1_mmalign.eval.workers import Score

VERSION = 1
"""Raised when a score would come out differently: old scores are then not found again."""
TEXTS_AT_ONCE = 4096
"""Texts that are tokenized at a time; they come in order of length, so batches hold texts of like length."""


@dataclass(frozen=True, slots=True)
class PerplexityScorer:
    """Pseudo-log-likelihood by one method."""

    model: ModelChoice
    method: Method
    stride: int
    tokens_per_batch: int | None
    ray_from: ClassVar[int] = 1

    @property
    def name(self) -> str:
        """For the progress bar."""
        return f"perplexity texts, {self.method}"

    def task(self, row: dict[str, Any], text: str) -> Task:
        """Return the task of scoring `text`."""
        settings = {"metric": "pseudo_perplexity", "version": VERSION, "method": self.method, "stride": self.stride}
        return Task(task_key(identity_of(settings | self.model.identity()), text), row["image_path"], text)

    def order(self, tasks: list[Task]) -> list[Task]:
        """Long texts first: batches hold texts of like length, and processes get like shares."""
        return sorted(tasks, key=lambda task: (-len(task.text), task.key))

    def load(self) -> Score:
        """Load the model."""
        from s1_mmalign.eval.pseudo_perplexity.scorer import load_scorer

        return partial(self._run, load_scorer(*self.model.arguments()))

    def _run(self, scorer: Any, tasks: Sequence[Task]) -> Iterator[list[tuple[Task, Value]]]:
        from s1_mmalign.eval.pseudo_perplexity.scorer import clean_text

        for start in range(0, len(tasks), TEXTS_AT_ONCE):
            waiting: dict[str, list[Task]] = {}
            for task in tasks[start : start + TEXTS_AT_ONCE]:
                waiting.setdefault(clean_text(task.text), []).append(task)
            found = scorer.iter_scores(list(waiting), self.method, self.tokens_per_batch, None, self.stride)
            for text, score in found:
                yield [(task, _value(score)) for task in waiting[text]]


def _value(score: Any) -> Value:
    if score.reason is not None:
        return {"reason": score.reason}
    return {"log_likelihood": score.log_likelihood, "tokens": len(score.log_probs), "unknown": score.unknown}


def perplexity_tasks(scorer: PerplexityScorer, drawn: Drawn) -> dict[str, list[Task | None]]:
    """Return the texts that the report needs, by name, in the sample's order."""
    rows = drawn.sample.rows
    return {
        name: [scorer.task(row, text) for row, text in zip(rows, texts, strict=True)]
        for name, texts in drawn.texts().items()
    }


def measure_perplexity(
    drawn: Drawn,
    measured: Sequence[tuple[PerplexityScorer, dict[str, list[Value | None]]]],
    max_tokens: int,
    limit: int,
) -> tuple[dict[str, Any], Points]:
    """Return the report's section, and the values of the rows for the plots.

    Args:
        drawn: the sample.
        measured: for each method, the values of the tasks that `perplexity_tasks` gives.
        max_tokens: what the model reads.
        limit: the same without special tokens.
    """
    points: Points = {}
    sections = []
    for scorer, values in measured:
        logs: Points = {name: [log10_perplexity(value) for value in column] for name, column in values.items()}
        everything = np.ones(len(drawn.sample.rows), dtype=bool)
        sections.append(
            {
                "method": scorer.method,
                "quantity": "log10 of a text's pseudo-perplexity (relative_change: of the geometric mean); low is good",
                **drawn.groups(partial(_compare_logs, logs=logs, name="recaption")),
                "length_matched": _compare_logs(drawn.design, everything, logs, "recaption_cut"),
                "corpus": {name: _corpus(column) for name, column in values.items()},
            }
        )
        points = points or logs
    scorer, values = measured[0]
    return {
        "measured": True,
        "model": scorer.model.described(max_tokens),
        "stride": scorer.stride,
        "exact": scorer.stride == 1,
        "skipped": {name: skipped(values[name]) for name in ("raw", "recaption")},
        "unknown_rate": {name: _unknown(values[name]) for name in ("raw", "recaption")},
        "windowed": {
            name: sum(value["tokens"] > limit for value in _scored(values[name])) for name in ("raw", "recaption")
        },
        "methods": sections,
    }, points


def _compare_logs(design: Design, kept: np.ndarray, logs: Points, name: str) -> dict[str, Any]:
    """Compare decimal logarithms; their relative change would mean nothing, that of the geometric mean does."""
    columns = [[value for value, keep in zip(logs[one], kept, strict=True) if keep] for one in ("raw", name)]
    result = design.compare(columns[0], columns[1], ("raw", name))
    if result["n"]:
        result["relative_change"] = {
            key: None if value is None else 10**value - 1 for key, value in result["difference"].items()
        }
    return result


def log10_perplexity(value: Value | None) -> float | None:
    """Return log10 of a text's pseudo-perplexity, None where it was skipped."""
    if value is None or value.get("reason"):
        return None
    return -value["log_likelihood"] / value["tokens"] / math.log(10)


def _scored(values: Sequence[Value | None]) -> list[Value]:
    return [value for value in values if value and not value.get("reason")]


def _corpus(values: Sequence[Value | None]) -> float | None:
    from s1_mmalign.eval.pseudo_perplexity.scorer import perplexity

    tokens = sum(value["tokens"] for value in _scored(values))
    return perplexity(sum(value["log_likelihood"] for value in _scored(values)), tokens) if tokens else None


def _unknown(values: Sequence[Value | None]) -> float | None:
    tokens = sum(value["tokens"] for value in _scored(values))
    return sum(value["unknown"] for value in _scored(values)) / tokens if tokens else None

"""Grounding of the captions of a dataset: what each is held against, and what the report says of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from s1_mmalign.eval.caption_grounding.grounding import NGRAMS, ground
from s1_mmalign.eval.controls import Drawn
from s1_mmalign.eval.intervals import Design
from s1_mmalign.eval.score_cache import Task, Value, identity_of, task_key
from s1_mmalign.eval.workers import Score

VERSION = 1
"""Raised when a score would come out differently: old scores are then not found again."""
BATCH = 64
COLUMNS = (
    "support", "number_support", "entity_support", "symbol_support", "copied_run", "copied_share",
    *(f"novelty_{n}" for n in NGRAMS),
)  # fmt: skip
SOURCES = {
    "raw": "title, abstract, subcaption, citation contexts",
    "recaption": "caption, subcaption, title, abstract, citation contexts",
    "shuffled": "the recaption against those of another paper",
}


@dataclass(frozen=True, slots=True)
class GroundingScorer:
    """What of a text its sources bear out; no model."""

    name: str = "grounded texts"
    ray_from: ClassVar[int] = 5000

    def task(self, row: dict[str, Any], text: str, sources: Sequence[str]) -> Task:
        """Return the task of holding `text` against `sources`."""
        key = task_key(identity_of({"metric": "caption_grounding", "version": VERSION}), text, *sources)
        return Task(key, row["image_path"], text, sources=tuple(sources))

    def order(self, tasks: list[Task]) -> list[Task]:
        """As they come."""
        return tasks

    def load(self) -> Score:
        """Nothing is loaded."""
        return _score


def _score(tasks: Sequence[Task]) -> Iterator[list[tuple[Task, Value]]]:
    for start in range(0, len(tasks), BATCH):
        yield [(task, ground(task.text, task.sources).row()) for task in tasks[start : start + BATCH]]


def paper_texts(row: dict[str, Any], with_caption: bool) -> list[str]:
    """Return what the paper says of a row's figure; `with_caption`: the raw caption too."""
    texts = [row["title"], row["abstract"], row["subcaption"], *(row["citation_contexts"] or [])]
    return [text for text in ([row["caption"], *texts] if with_caption else texts) if text]


def grounding_tasks(scorer: GroundingScorer, drawn: Drawn) -> dict[str, list[Task | None]]:
    """Return what the report needs, by the name of the text, in the sample's order."""
    rows = drawn.sample.rows
    return {
        "raw": [scorer.task(row, row["caption"] or "", paper_texts(row, False)) for row in rows],
        "recaption": [scorer.task(row, row["recaption"], paper_texts(row, True)) for row in rows],
        "shuffled": [
            None if other is None else scorer.task(row, row["recaption"], paper_texts(rows[other], True))
            for row, other in zip(rows, drawn.partners, strict=True)
        ],
    }


def measure_grounding(drawn: Drawn, values: dict[str, list[Value | None]]) -> dict[str, Any]:
    """Return the report's section, from the values of the tasks that `grounding_tasks` gives."""
    section: dict[str, Any] = {"measured": True, "sources": SOURCES}
    for name, column in values.items():
        section[name] = drawn.groups(partial(_means, values=column))
    return section


def _means(design: Design, kept: np.ndarray, values: Sequence[Value | None]) -> dict[str, Any]:
    chosen = [value for value, keep in zip(values, kept, strict=True) if keep]
    return {name: design.estimate([value[name] if value else None for value in chosen]) for name in COLUMNS}

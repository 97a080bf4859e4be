"""CLIPScore of the rows of a dataset: which pairs are scored, how, and what the report says of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from s1_mmalign.eval.controls import Drawn, Points
from s1_mmalign.eval.models import ModelChoice
from s1_mmalign.eval.score_cache import Task, Value, identity_of, task_key
from s1_mmalign.eval.workers import Score
from s1_mmalign.processing.row_images import RowImages

if TYPE_CHECKING:
    from s1_mmalign.eval.clip_score.encoder import ClipEncoder
    from s1_mmalign.eval.clip_score.images import ImageMode

VERSION = 1
"""Raised when a score would come out differently: old scores are then not found again."""
READINGS = ("truncate", "window_mean", "window_best")
KEPT_TEXTS = 4096
"""Texts whose vectors are kept: a shuffled text belongs to a row far away."""


@dataclass(frozen=True, slots=True)
class ClipScorer:
    """CLIPScore with w = 1, for each way to read a long text and to fit a wide image into a square."""

    folder: Path
    model: ModelChoice
    image_modes: tuple[ImageMode, ...]
    batch_size: int
    name: str = "CLIP pairs"
    ray_from: ClassVar[int] = 1

    def task(self, row: dict[str, Any], text: str) -> Task:
        """Return the task of scoring `text` on the image of `row`."""
        image = row["image_sha256"] or row["image_path"]
        settings = {"metric": "clip_score", "version": VERSION, "image_modes": self.image_modes}
        key = task_key(identity_of(settings | self.model.identity()), image, text)
        return Task(key, row["image_path"], text, row["shard"], row["shard_row"], group=image)

    def order(self, tasks: list[Task]) -> list[Task]:
        """Images in the order in which they are stored."""
        return sorted(tasks, key=lambda task: (task.shard, task.shard_row))

    def load(self) -> Score:
        """Load the model."""
        from s1_mmalign.eval.clip_score.encoder import load_encoder

        return _Scoring(self, load_encoder(*self.model.arguments())).run


class _Scoring:
    """A loaded model, and the vectors of the texts that it has seen."""

    def __init__(self, scorer: ClipScorer, encoder: ClipEncoder) -> None:
        self.scorer, self.encoder = scorer, encoder
        self.texts: OrderedDict[str, tuple[int, np.ndarray, np.ndarray]] = OrderedDict()
        """Tokens, the vector of the cut text, the vectors of its windows."""

    def run(self, tasks: Sequence[Task]) -> Iterator[list[tuple[Task, Value]]]:
        """Yield scores by batches of images; a batch is decoded while the one before it is scored."""
        groups = [list(group) for _, group in groupby(tasks, key=lambda task: (task.shard, task.shard_row))]
        images = RowImages(self.scorer.folder)
        try:
            source = (images.get(group[0].shard, group[0].shard_row) for group in groups)
            start = 0
            for batch in self.encoder.iter_images(source, self.scorer.image_modes, self.scorer.batch_size):
                count = len(batch[self.scorer.image_modes[0]].reasons)
                part = groups[start : start + count]
                self._read({task.text for group in part for task in group if task.text.strip()})
                yield [
                    (task, self._value(task, batch, index)) for index, group in enumerate(part) for task in group
                ]  # fmt: skip
                start += count
        finally:
            images.close()

    def _read(self, texts: set[str]) -> None:
        """Have the vectors of texts."""
        from s1_mmalign.eval.clip_score.scoring import encode_texts

        while len(self.texts) > KEPT_TEXTS:
            self.texts.popitem(last=False)
        new = sorted(texts - self.texts.keys())
        cut = encode_texts(self.encoder, new, "truncate", "", self.scorer.batch_size)
        long = [text for text, size in zip(new, cut.tokens, strict=True) if size > self.encoder.max_tokens]
        windows = encode_texts(self.encoder, long, "window", "", self.scorer.batch_size)
        parts = {
            text: windows.vectors[windows.starts[index] : windows.starts[index + 1]] for index, text in enumerate(long)
        }
        for index, text in enumerate(new):
            vector = cut.vectors[index]
            self.texts[text] = cut.tokens[index], vector, parts.get(text, vector[None])

    def _value(self, task: Task, batch: dict[Any, Any], index: int) -> Value:
        image_reason = batch[self.scorer.image_modes[0]].reasons[index]
        if image_reason or not task.text.strip():
            return {"reason": image_reason or "text_empty"}
        tokens, cut, windows = self.texts[task.text]
        scores = {}
        for mode in self.scorer.image_modes:
            image = batch[mode].vectors[index]
            each = np.maximum(windows @ image, 0.0)
            scores[mode] = [float(max(cut @ image, 0.0)), float(each.mean()), float(each.max())]
        if not np.isfinite(list(scores.values())).all():
            return {"reason": "not_finite", "tokens": tokens}
        return {"scores": scores, "tokens": tokens, "windows": len(windows)}


def clip_tasks(scorer: ClipScorer, drawn: Drawn) -> dict[str, list[Task | None]]:
    """Return the pairs that the report needs, by the name of the text, in the sample's order."""
    rows = drawn.sample.rows
    texts = drawn.texts()
    tasks: dict[str, list[Task | None]] = {
        name: [scorer.task(row, text) for row, text in zip(rows, found, strict=True)] for name, found in texts.items()
    }
    for name in ("raw", "recaption"):
        tasks[f"{name}_shuffled"] = [
            None if other is None else scorer.task(row, texts[name][other])
            for row, other in zip(rows, drawn.partners, strict=True)
        ]
    return tasks


def measure_clip_score(
    scorer: ClipScorer, drawn: Drawn, values: dict[str, list[Value | None]], max_tokens: int, weight: float
) -> tuple[dict[str, Any], Points]:
    """Return the report's section, and the values of the rows for the plots.

    Args:
        scorer: what the values were measured with.
        drawn: the sample.
        values: of the tasks that `clip_tasks` gives.
        max_tokens: what the model reads of a text.
        weight: w.
    """
    variants: list[dict[str, Any]] = []
    points: Points = {}
    for mode in scorer.image_modes:
        for number, reading in enumerate(READINGS):
            found: Points = {
                name: [
                    weight * value["scores"][mode][number] if value and "scores" in value else None for value in column
                ]
                for name, column in values.items()
            }
            variants.append({"text": reading, "image": mode, **_with_controls(drawn, found)})
            points = points or found
    texts = ("raw", "recaption", "recaption_cut")
    return {
        "measured": True,
        "model": scorer.model.described(max_tokens),
        "weight": weight,
        "truncation_rate": {name: _cut_share(values[name], max_tokens) for name in texts},
        "skipped": {name: skipped(values[name]) for name in ("raw", "recaption")},
        "variants": variants,
    }, points


def _with_controls(drawn: Drawn, values: Points) -> dict[str, Any]:
    compare = drawn.design.compare
    return {
        **drawn.compare(values["raw"], values["recaption"]),
        "length_matched": compare(values["raw"], values["recaption_cut"], ("raw", "recaption_cut")),
        "shuffled": {
            name: compare(values[f"{name}_shuffled"], values[name], ("shuffled", "own"))
            for name in ("raw", "recaption")
        },
    }


def _cut_share(values: Sequence[Value | None], max_tokens: int) -> float | None:
    sizes = [value["tokens"] for value in values if value and "tokens" in value]
    return sum(size > max_tokens for size in sizes) / len(sizes) if sizes else None


def skipped(values: Sequence[Value | None]) -> dict[str, int]:
    """Count values without a score by reason (the part of it before the colon)."""
    reasons = sorted(value["reason"].split(":")[0] for value in values if value and value.get("reason"))
    return {reason: reasons.count(reason) for reason in dict.fromkeys(reasons)}

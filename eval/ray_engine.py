"""The same scores on a Ray cluster: actors that hold a model each, fed by Ray Data.

The dataset folder must be at the same path on every node (actors read images from it). What an actor returns is
written into the cache by the driver, so a run that ends anywhere is resumed like a local one.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from s1_mmalign.eval.models import EvaluateError
from s1_mmalign.eval.score_cache import Task, Value
from s1_mmalign.eval.workers import RowScorer

TASKS_PER_CALL = 256
"""Tasks that an actor gets at a time: what a crash of an actor costs, and enough to fill a few batches of a model."""


def score_on_ray(scorer: RowScorer, tasks: Sequence[Task], actors: int) -> Iterator[list[tuple[Task, Value]]]:
    """Yield scores of tasks as the actors return them.

    Joins the cluster that `RAY_ADDRESS` names, else starts Ray on this machine.

    Raises:
        EvaluateError: Ray is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise EvaluateError("engine='ray': Ray is not installed: pip install 's1-mmalign[ray]'") from error
    if not ray.is_initialized():
        ray.init(logging_level=logging.WARNING, log_to_driver=False)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = False
    known = {task.key: task for task in tasks}
    on_gpu = getattr(getattr(scorer, "model", None), "device_type", "cpu") == "cuda"
    blocks = max(actors, min(len(tasks) // TASKS_PER_CALL, 20 * actors))
    scored = ray.data.from_items([asdict(task) for task in tasks], override_num_blocks=blocks).map_batches(
        _Actor,
        fn_constructor_args=(scorer,),
        batch_size=min(TASKS_PER_CALL, -(-len(tasks) // actors)),
        compute=ray.data.ActorPoolStrategy(size=actors),
        num_gpus=1 if on_gpu else None,
        num_cpus=None if on_gpu else 1,
    )
    for batch in scored.iter_batches(batch_size=None):
        yield [
            (known[key], json.loads(value)) for key, value in zip(batch["key"], batch["value"], strict=True)
        ]  # fmt: skip


class _Actor:
    """A metric with its model, in a process of its own."""

    def __init__(self, scorer: RowScorer) -> None:
        self.scorer = scorer
        self.score = scorer.load()

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, Any]:
        names = list(batch)
        rows = [dict(zip(names, values, strict=True)) for values in zip(*batch.values(), strict=True)]
        tasks = [Task(**(row | {"sources": tuple(row["sources"]), "shard_row": int(row["shard_row"])})) for row in rows]
        done = [pair for part in self.score(self.scorer.order(tasks)) for pair in part]
        return {"key": [task.key for task, _ in done], "value": [json.dumps(value) for _, value in done]}

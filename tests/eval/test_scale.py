"""Scores that are kept, shared out over processes and written back: the same ones, each computed once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from s1_mmalign.builder.records import SCORE_COLUMNS
from s1_mmalign.eval.report import EvaluateOptions, evaluate_dataset
from s1_mmalign.eval.score_cache import SCORES_FOLDER
from s1_mmalign.processing.verify import verify_folder
from tests.eval.report_dataset import OFF, QUICK, make_row, write_dataset
from tests.free_port import free_port

RUN = """
import os, signal, sys
from pathlib import Path
from s1_mmalign.eval.report import EvaluateOptions, evaluate_dataset

folder, clip, masked, stage, count = sys.argv[1:]

def progress(what, done, total):
    if what == stage and done >= int(count):
        os.kill(os.getpid(), signal.SIGKILL)

evaluate_dataset(Path(folder), EvaluateOptions(clip_model=clip, perplexity_model=masked, resamples=50, plots=False,
                 batch_size=2, tokens_per_batch=64), progress)
"""


def journaled(folder: Path) -> list[str]:
    """Keys of all whole lines, as often as they were written."""
    files = sorted((folder / ".s1-mmalign" / SCORES_FOLDER).glob("*.jsonl"))
    lines = [line for path in files for line in path.read_bytes().splitlines(keepends=True)]
    return [json.loads(line)["key"] for line in lines if line.endswith(b"}\n")]


def dataset(folder: Path) -> Path:
    rows = [make_row("arxiv", number) for number in range(12)]
    rows[5]["image"] = {"bytes": b"broken", "path": None}
    rows[7]["recaption"] = None
    rows[8]["caption"] = ""
    return write_dataset(folder, {"arxiv": rows})


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, tiny_clip, tiny_bert) -> dict:
    folder = dataset(tmp_path_factory.mktemp("undisturbed") / "dataset")
    return evaluate_dataset(folder, EvaluateOptions(clip_model=tiny_clip, perplexity_model=tiny_bert, **QUICK))


def numbers(report: dict) -> list[float]:
    """All numbers of the sections with scores but the intervals', in order."""
    found: list[float] = []

    def walk(value) -> None:
        if isinstance(value, (int, float)):
            found.append(float(value))
        if isinstance(value, dict):
            value = [item for key, item in value.items() if key not in ("low", "high")]
        for item in value if isinstance(value, list) else ():
            walk(item)

    for name in ("grounding", "clip_score", "pseudo_perplexity"):
        walk(report[name])
    return found


def test_a_killed_run_is_finished_by_two_processes_each_score_computed_once_and_the_report_as_undisturbed(
    tmp_path, tiny_clip, tiny_bert, undisturbed, offline
):
    folder = dataset(tmp_path / "dataset")
    command = [sys.executable, "-c", RUN, str(folder), tiny_clip, tiny_bert]
    done = subprocess.run([*command, "CLIP pairs", "12"], env=offline, capture_output=True, timeout=300, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    before = journaled(folder)
    assert len(before) > 20
    launch = offline | {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    both = [subprocess.Popen([*command, "", "0"], env=launch | {"RANK": rank}, stderr=subprocess.PIPE) for rank in "01"]
    for process in both:
        errors = process.communicate(timeout=300)[1]
        assert process.returncode == 0, errors
    after = Counter(journaled(folder))
    assert max(after.values()) == 1
    assert set(before) < set(after)
    report = json.loads((folder / "report.json").read_text())
    assert numbers(report) == pytest.approx(numbers(undisturbed), rel=1e-4, abs=1e-5)


def test_a_second_run_computes_nothing_and_a_new_recaption_only_its_own(tmp_path, tiny_clip, tiny_bert, monkeypatch):
    from s1_mmalign.eval import report as module

    computed: list[int] = []
    close = module.ScoreCache.close
    monkeypatch.setattr(module.ScoreCache, "close", lambda cache: (computed.append(cache.computed), close(cache))[1])
    options = EvaluateOptions(clip_model=tiny_clip, perplexity_model=tiny_bert, **QUICK)
    rows = [make_row("arxiv", number) for number in range(12)]
    folder = write_dataset(tmp_path / "dataset", {"arxiv": rows})
    evaluate_dataset(folder, options)
    first = computed[0]
    computed.clear()
    evaluate_dataset(folder, options)
    assert max(computed) == 0
    rows[3]["recaption"] = "Another caption of the figure, with other words."
    write_dataset(folder, {"arxiv": rows})
    computed.clear()
    evaluate_dataset(folder, options)
    # grounding 1 + shuffled 1; CLIP recaption, cut, shuffled; perplexity of recaption and cut by two methods
    assert computed[0] == 2 + 3 + 4 < first


def test_another_model_dtype_or_stride_never_finds_an_old_score(tmp_path, tiny_bert):
    folder = write_dataset(tmp_path / "dataset", {"arxiv": [make_row("arxiv", number) for number in range(4)]})
    values = []
    for more in ({}, {"stride": 7}, {"dtype": "bfloat16"}):
        options = EvaluateOptions(clip_model=None, perplexity_model=tiny_bert, **(QUICK | more))
        values.append(evaluate_dataset(folder, options)["pseudo_perplexity"]["methods"][0]["corpus"]["recaption"])
    assert len(set(values)) == 3


def test_each_share_is_a_part_and_together_they_are_all():
    from s1_mmalign.eval.score_cache import Task
    from s1_mmalign.eval.workers import Workers

    tasks = [Task(f"{number:032x}", "row", "text", group=str(number // 3)) for number in range(60)]
    shares = [Workers(rank=rank, world=3).share(tasks) for rank in range(3)]
    assert sorted(task.key for share in shares for task in share) == [task.key for task in tasks]
    assert all(shares)
    groups = [{task.group for task in share} for share in shares]
    assert not groups[0] & groups[1]


def test_ray_actors_give_the_scores_of_one_process(tmp_path, tiny_clip, tiny_bert, undisturbed, monkeypatch):
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    folder = dataset(tmp_path / "dataset")
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=200 << 20)
    try:
        options = EvaluateOptions(
            clip_model=tiny_clip,
            perplexity_model=tiny_bert,
            perplexity_methods=("original",),
            engine="ray",
            num_proc=2,
            **QUICK,
        )
        report = evaluate_dataset(folder, options)
    finally:
        ray.shutdown()
    found, expected = (
        numbers(one | {"pseudo_perplexity": one["pseudo_perplexity"]["methods"][0]}) for one in (report, undisturbed)
    )
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert max(Counter(journaled(folder)).values()) == 1


def column(folder: Path, name: str) -> list:
    return [
        value for path in sorted(folder.glob("data/**/*.parquet")) for value in pq.read_table(path)[name].to_pylist()
    ]


def test_scores_are_written_back_as_columns_that_rows_can_be_filtered_by(tmp_path, tiny_clip, tiny_bert):
    from datasets import load_dataset

    folder = dataset(tmp_path / "dataset")
    images = column(folder, "image")
    options = EvaluateOptions(clip_model=tiny_clip, perplexity_model=tiny_bert, write_columns=True, **QUICK)
    report = evaluate_dataset(folder, options)
    assert column(folder, "image") == images
    assert [problem for problem in verify_folder(folder, 0).problems if problem.path.startswith("data/")] == []
    found = {name: column(folder, name) for name in SCORE_COLUMNS}
    nulls = {name: [index for index, value in enumerate(values) if value is None] for name, values in found.items()}
    assert nulls == {
        "caption_clip_score": [5, 8],  # its image is broken; it has no caption
        "recaption_clip_score": [5, 7],
        "caption_log10_pppl": [8],
        "recaption_log10_pppl": [7],
        "recaption_support": [7],
        "scored_by": [],
    }
    assert all("local-" in label and "stride 1" in label for label in found["scored_by"])
    given = [value for value in found["recaption_log10_pppl"] if value is not None]
    mean = report["pseudo_perplexity"]["methods"][0]["all"]["recaption"]
    assert min(given) <= mean["median"] <= max(given)
    scores = sorted(value for value in found["recaption_log10_pppl"] if value is not None)
    limit = float(np.mean([scores[0], scores[-1]]))
    rows = load_dataset(
        "parquet",
        data_files=str(folder / "data/**/*.parquet"),
        split="train",
        streaming=True,
        columns=["image_path", "recaption_log10_pppl"],
        filters=[("recaption_log10_pppl", "<", limit)],
    )
    assert 0 < len(list(rows)) == sum(score < limit for score in scores) < len(scores)


def test_a_row_that_is_captioned_again_loses_its_scores(tmp_path, tiny_bert):
    from datasets import Dataset

    from s1_mmalign.builder.shards import Manifest
    from s1_mmalign.processing.shard_columns import write_columns

    folder = dataset(tmp_path / "dataset")
    options = OFF | {"perplexity_model": tiny_bert, "plots": False}
    evaluate_dataset(folder, EvaluateOptions(**options, write_columns=True))
    new = {
        "recaption": [f"New {number}." for number in range(12)],
        "recaption_key": [f"{number}" for number in range(12)],
        "outcome": ["kept"] * 3 + ["new"] * 9,
    }
    write_columns(folder, Manifest.load(folder), Dataset.from_dict(new), ["recaption", "recaption_key"])
    assert [value is None for value in column(folder, "recaption_log10_pppl")] == [False] * 3 + [True] * 9
    assert [value is None for value in column(folder, "scored_by")] == [False] * 3 + [True] * 9

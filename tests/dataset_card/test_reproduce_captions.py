"""Captions by a model, run again: told as a share of equal texts, taken as given where the model is not here."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from s1_mmalign.builder.shards import Manifest, iter_tables
from s1_mmalign.dataset_card.recipe import load_recipe
from s1_mmalign.eval.report import EvaluateOptions
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.commands.build import build
from s1_mmalign.processing.commands.evaluate import evaluate_folder
from s1_mmalign.processing.commands.recaption import recaption_folder
from s1_mmalign.processing.prompt import PROMPTS_FOLDER
from tests.builder.small_papers import write_papers
from tests.dataset_card.reproducing import MOODY, again, outcome_of, verdicts

SAME = {"build": "identical", "recaption": "identical", "evaluate": "identical", "card": "identical"}


@pytest.fixture
def papers(tmp_path) -> Path:
    write_papers(tmp_path / "papers", 4)
    return tmp_path / "papers"


@pytest.fixture
def dataset(papers, tmp_path, monkeypatch) -> Path:
    """Eight figures, captioned by a model with a prompt of somebody's own."""
    monkeypatch.setenv("MOOD", "gay")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    prompt = tmp_path / "mine.toml"
    text = (PROMPTS_FOLDER / "context-v1.toml").read_text(encoding="utf-8")
    prompt.write_text(text.replace('name = "context-v1"', 'name = "mine"'), encoding="utf-8")
    build(papers=[papers], out=tmp_path / "dataset", workers=1)
    recaption_folder(tmp_path / "dataset", RecaptionOptions(captioner=MOODY, prompt=str(prompt)))
    evaluate_folder(tmp_path / "dataset", EvaluateOptions(plots=False))
    prompt.unlink()
    return tmp_path / "dataset"


def texts(folder: Path) -> dict[str, str]:
    tables = [table for shard in Manifest.load(folder).shards for table in iter_tables(folder / shard.path)]
    return {row["image_path"]: row["recaption"] for table in tables for row in table.to_pylist()}


def test_the_recipe_has_the_whole_prompt_and_the_model_and_reproduces_without_the_file(dataset, papers, tmp_path):
    recorded = next(stage for stage in load_recipe(dataset)["stages"] if stage["stage"] == "recaption")
    template = recorded["results"]["template"]
    assert (template["name"], len(template["sha256"])) == ("mine", 64)
    assert "{{ title }}" in template["context"]
    assert recorded["results"]["prompt"] == f"mine:{template['sha256'][:8]}"
    assert recorded["results"]["model"] == "moody@abc123"
    done = again(dataset, tmp_path / "out", inputs=papers)
    assert verdicts(done) == SAME, [line for one in done.outcomes for line in one.printed()]
    assert (tmp_path / "out" / "recipe.json").read_bytes() == (dataset / "recipe.json").read_bytes()


def test_other_words_of_a_model_are_told_and_do_not_count(dataset, papers, tmp_path, monkeypatch):
    monkeypatch.setenv("MOOD", "grave")
    done = again(dataset, tmp_path / "out", inputs=papers)
    before, after = texts(dataset), texts(tmp_path / "out")
    other = {row for row in before if before[row] != after[row]}
    assert 0 < len(other) < len(before)
    captions = outcome_of(done, "recaption")
    assert (captions.verdict, captions.counts, set(captions.rows)) == ("different", False, other)
    assert captions.summary.startswith(f"{8 - len(other)} of 8 captions (")
    assert (outcome_of(done, "build").verdict, done.failed) == ("identical", False)


def test_a_model_that_is_not_here_leaves_its_stage_not_run_and_the_given_captions_stand(
    dataset, papers, tmp_path, monkeypatch
):
    monkeypatch.setenv("MOOD", "away")
    done = again(dataset, tmp_path / "out", inputs=papers)
    assert verdicts(done) == SAME | {"recaption": "not run"}
    (why,) = outcome_of(done, "recaption").lines
    assert "moody" in why
    assert "--option recaption.model=PATH" in why
    assert Manifest.load(tmp_path / "out").shards == Manifest.load(dataset).shards


def test_given_captions_find_their_rows_where_the_build_is_another_one(dataset, papers, tmp_path, monkeypatch):
    monkeypatch.setenv("MOOD", "away")
    (papers / "2301.00002.tar.gz").unlink()
    again(dataset, tmp_path / "out", inputs=papers)
    given = {row: text for row, text in texts(dataset).items() if "2301.00002" not in row}
    assert len(given) == 6
    assert texts(tmp_path / "out") == given


def test_a_second_set_of_captions_is_reproduced_too(dataset, papers, tmp_path):
    recaption_folder(dataset, RecaptionOptions(column="plain"))
    assert [stage["stage"] for stage in load_recipe(dataset)["stages"]] == [
        "build", "recaption", "recaption_plain", "evaluate",
    ]  # fmt: skip
    done = again(dataset, tmp_path / "out", inputs=papers)
    assert verdicts(done) == SAME | {"recaption_plain": "identical"}


def test_a_reproduction_that_was_killed_goes_on(dataset, papers, tmp_path):
    command = [sys.executable, "-m", "s1_mmalign.processing.process", "reproduce", str(dataset)]
    command += ["--inputs", str(papers), "--out", str(tmp_path / "out")]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    moments = random.Random(3)
    killed = 0
    for _ in range(2):
        with subprocess.Popen(command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL) as process:
            time.sleep(moments.uniform(1.5, 4.0))
            killed += process.poll() is None
            os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
    assert killed, "no run was long enough to be killed"
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    stages = json.loads((tmp_path / "out" / "reproduction.json").read_text())["stages"]
    assert {stage["stage"]: stage["verdict"] for stage in stages} == SAME

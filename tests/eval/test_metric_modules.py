"""The metrics as `evaluate` loads them from their folders: a copy of the files, outside of the package."""

from __future__ import annotations

import doctest
import importlib
import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest

from s1_mmalign import eval as package

FOLDER = Path(package.__file__).parent
METRICS = ("clip_score", "pseudo_perplexity", "caption_grounding")

LOAD = """
import sys
sys.modules["s1_mmalign"] = None  # the folder must do without the package
import evaluate
from PIL import Image
folder, clip, masked = sys.argv[1:]
image = Image.new("L", (50, 40), 128)
clip_score = evaluate.load(f"{folder}/clip_score")
assert clip_score.compute(predictions=["A plot."], references=[image], model_id=clip)["n"] == 1
perplexity = evaluate.load(f"{folder}/pseudo_perplexity")
assert perplexity.compute(predictions=["A plot."], model_id=masked)["n"] == 1
grounding = evaluate.load(f"{folder}/caption_grounding")
assert grounding.compute(predictions=["5 nm"], references=[["5 nm"]])["support"] == 1.0
both = evaluate.combine([perplexity, evaluate.load(f"{folder}/pseudo_perplexity")])
assert both.compute(predictions=["A plot."], model_id=masked)
print("loaded")
"""


def test_evaluate_loads_each_metric_by_its_folder_offline_and_without_the_package(
    offline, tiny_clip, tiny_bert, tmp_path
):
    arguments = [sys.executable, "-c", LOAD, str(FOLDER), tiny_clip, tiny_bert]
    done = subprocess.run(
        arguments, env=offline, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout.strip().endswith("loaded"), done.stderr


def add_in_another_process(common: dict) -> None:
    from s1_mmalign.eval.caption_grounding.caption_grounding import CaptionGrounding

    metric = CaptionGrounding(process_id=1, **common)
    metric.add_batch(predictions=["It is 7 nm."], references=[["6 nm"]])
    metric.compute()


def test_captions_added_in_two_processes_are_judged_together(tmp_path):
    from s1_mmalign.eval.caption_grounding.caption_grounding import CaptionGrounding

    common = {"num_process": 2, "cache_dir": str(tmp_path), "experiment_id": "two"}
    other = multiprocessing.get_context("spawn").Process(target=add_in_another_process, args=(common,))
    other.start()
    try:
        metric = CaptionGrounding(process_id=0, **common)
        metric.add_batch(predictions=["It is 5 nm."], references=[["5 nm"]])
        result = metric.compute()
    finally:
        other.join(100)
    assert (result["n"], result["support"]) == (2, 0.5)


@pytest.mark.parametrize("name", METRICS)
def test_the_examples_of_the_card_are_true(name, tiny_clip, tiny_bert):
    names = {"folder": str(FOLDER), "clip_model": tiny_clip, "masked_model": tiny_bert}
    failed, tried = doctest.testfile(str(FOLDER / name / "README.md"), module_relative=False, globs=names)
    assert tried > 3
    assert not failed


def test_the_example_in_the_docstring_of_grounding_is_true(monkeypatch):
    monkeypatch.chdir(FOLDER.parent)
    import evaluate

    module = importlib.import_module("s1_mmalign.eval.caption_grounding.caption_grounding")
    text = module._KWARGS_DESCRIPTION.replace("eval/caption_grounding", str(FOLDER / "caption_grounding"))
    test = doctest.DocTestParser().get_doctest(text, {"evaluate": evaluate}, "grounding", None, 0)
    assert len(test.examples) == 3
    assert not doctest.DocTestRunner().run(test).failed


@pytest.mark.parametrize("name", METRICS)
def test_each_card_has_what_a_metric_card_needs(name):
    card = (FOLDER / name / "README.md").read_text(encoding="utf-8")
    for heading in ("## Definition", "## Use", "## Limits and bias", "## Citation"):
        assert heading in card

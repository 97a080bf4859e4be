"""Runs of captions over parts of a dataset: each is in the recipe, and they are reproduced one after the other."""

from __future__ import annotations

from pathlib import Path

from s1_mmalign.dataset_card.caption_runs import entry_name
from s1_mmalign.dataset_card.recipe import load_recipe, record_stage
from s1_mmalign.eval.options import EvaluateOptions
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.commands.build import build
from s1_mmalign.processing.commands.evaluate import evaluate_folder
from s1_mmalign.processing.commands.recaption import recaption_folder
from tests.builder.small_papers import write_papers
from tests.dataset_card.reproducing import MOODY, again, outcome_of, verdicts
from tests.dataset_card.test_reproduce_captions import texts


def run(folder: Path, **options) -> str:
    chosen = RecaptionOptions(**options)
    name, gone = entry_name(folder, chosen)
    record_stage(folder, name, chosen, {}, replaces=gone)
    return name


def names(folder: Path) -> list[str]:
    return [stage["stage"] for stage in load_recipe(folder)["stages"]]


def test_parts_follow_one_another_and_a_whole_run_takes_their_place(tmp_path: Path):
    record_stage(tmp_path, "build", {}, {})
    record_stage(tmp_path, "evaluate", {}, {})
    assert run(tmp_path) == "recaption"
    assert run(tmp_path, where="source == 'arxiv'") == "recaption_part"
    assert run(tmp_path, where="source == 'arxiv'", num_proc=2) == "recaption_part", "the same run, gone on with"
    assert run(tmp_path, limit=3) == "recaption_part_2"
    assert run(tmp_path, column="other") == "recaption_other"
    assert run(tmp_path, column="other", flagged=("too_short",)) == "recaption_other_part"
    for number in range(3, 12):
        assert run(tmp_path, sample=number) == f"recaption_part_{number}"
    assert run(tmp_path, where="source == 'arxiv'") == "recaption_part_12", "run again later, it comes last"
    assert names(tmp_path) == [
        "build", "recaption", "recaption_other", "recaption_other_part", "recaption_part",
        *(f"recaption_part_{number}" for number in range(2, 13)), "evaluate",
    ]  # fmt: skip
    assert run(tmp_path, seed=7) == "recaption"
    assert names(tmp_path) == ["build", "recaption", "recaption_other", "recaption_other_part", "evaluate"]


def test_a_column_that_is_named_like_a_part_is_none(tmp_path: Path):
    assert run(tmp_path, column="part") == "recaption_part"
    assert run(tmp_path) == "recaption"
    assert names(tmp_path) == ["recaption", "recaption_part"]
    assert run(tmp_path, limit=2) == "recaption_part_2"
    assert run(tmp_path) == "recaption"
    assert names(tmp_path) == ["recaption", "recaption_part"]


def test_captions_by_several_models_are_reproduced_in_their_order(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("MOOD", "gay")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    write_papers(tmp_path / "papers", 4)
    dataset = tmp_path / "dataset"
    build(papers=[tmp_path / "papers"], out=dataset, workers=1)
    recaption_folder(dataset, RecaptionOptions())
    recaption_folder(dataset, RecaptionOptions(captioner=MOODY, where="paper_id == '2301.00001'"))
    recaption_folder(dataset, RecaptionOptions(captioner=MOODY, where="paper_id == '2301.00002'", seed=5))
    evaluate_folder(dataset, EvaluateOptions(plots=False))
    done = again(dataset, tmp_path / "out", inputs=tmp_path / "papers")
    assert texts(tmp_path / "out") == texts(dataset)
    assert len({text[:9] for text in texts(dataset).values()}) > 1, "two models wrote"
    assert verdicts(done) == {
        "build": "identical", "recaption": "given", "recaption_part": "given", "recaption_part_2": "identical",
        "evaluate": "identical", "card": "identical",
    }  # fmt: skip
    assert outcome_of(done, "recaption").summary == "run again; recaption_part_2 wrote after it, and is compared"

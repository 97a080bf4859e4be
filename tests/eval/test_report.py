from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s1_mmalign.builder.records import DISCIPLINES
from s1_mmalign.builder.shards import FolderError, Manifest
from s1_mmalign.eval import scorers
from s1_mmalign.eval.controls import cut_to, exchange
from s1_mmalign.eval.report import EvaluateError, EvaluateOptions, evaluate_dataset, summary_lines
from s1_mmalign.eval.sample import allocate, draw, scan
from tests.eval.report_dataset import OFF, QUICK, make_row, write_dataset


@pytest.fixture
def dataset(tmp_path) -> Path:
    """Two sources, 20 rows, four of them without a recaption (null or blank)."""
    rows = {source: [make_row(source, number) for number in range(10)] for source in ("arxiv", "biorxiv")}
    for source, group in rows.items():
        group[0]["recaption"] = None
        group[1]["recaption"] = "  "
        group[9]["discipline"] = None
        assert source
    return write_dataset(tmp_path / "dataset", rows)


def test_lengths_are_of_all_rows_that_have_both_captions(dataset):
    report = evaluate_dataset(dataset, EvaluateOptions(**OFF, sample_size=3))
    captions = [f"Plot of the loss in run {number}." for number in range(2, 10)]
    length = report["lengths"]["all"]["characters"]["raw"]
    assert length["n"] == 16
    assert length["mean"] == pytest.approx(np.mean([len(text) for text in captions]))
    assert length["std"] == pytest.approx(np.std([len(text) for text in captions]))
    assert report["lengths"]["all"]["words"]["raw"]["mean"] == 7
    assert report["lengths"]["all_raw_captions"]["characters"]["n"] == 20
    assert sum(report["lengths"]["all"]["histogram"]["recaption"]) == 16
    assert set(report["lengths"]["by_source"]) == {"arxiv", "biorxiv"}
    assert set(report["lengths"]["by_discipline"]) == {DISCIPLINES[0], DISCIPLINES[1], "unknown"}


def test_rows_without_a_recaption_are_counted_and_left_out(dataset):
    report = evaluate_dataset(dataset, EvaluateOptions(**OFF))
    counts = {name: report["dataset"][name] for name in ("rows", "rows_with_recaption", "rows_without_recaption")}
    assert counts == {"rows": 20, "rows_with_recaption": 16, "rows_without_recaption": 4}
    assert report["sample"]["rows"] == 16
    assert report["dataset"]["recaption_models"] == {"extractive": 16}


def test_grounding_is_measured_without_any_model(dataset):
    report = evaluate_dataset(dataset, EvaluateOptions(**OFF))
    grounding = report["grounding"]
    assert grounding["recaption"]["all"]["number_support"]["mean"] < 1  # "5 Pa" is nowhere in the paper
    assert grounding["recaption"]["all"]["number_support"]["n"] == 16
    assert grounding["raw"]["all"]["copied_run"]["mean"] < grounding["recaption"]["all"]["copied_run"]["mean"]
    assert set(grounding["recaption"]["by_source"]) == {"arxiv", "biorxiv"}


def test_the_report_on_disk_is_the_report_returned_and_twice_the_same_bytes(dataset, tiny_clip, tiny_bert):
    options = EvaluateOptions(clip_model=tiny_clip, perplexity_model=tiny_bert, **QUICK)
    first = evaluate_dataset(dataset, options)
    written = (dataset / "report.json").read_bytes()
    assert json.loads(written) == first
    assert evaluate_dataset(dataset, options) == first
    assert (dataset / "report.json").read_bytes() == written
    assert [path.name for path in dataset.iterdir() if path.name.endswith(".tmp")] == []


def test_model_scores_come_with_model_controls_groups_and_intervals(dataset, tiny_clip, tiny_bert):
    stages: Counter[str] = Counter()

    def progress(stage: str, done: int, total: int) -> None:
        assert 0 < done <= total
        stages[stage] += 1

    options = EvaluateOptions(clip_model=tiny_clip, perplexity_model=tiny_bert, **QUICK)
    report = evaluate_dataset(dataset, options, progress)
    clip = report["clip_score"]
    assert clip["measured"]
    assert clip["model"]["id"] == tiny_clip
    assert clip["model"]["max_tokens"] == 77
    assert {(one["text"], one["image"]) for one in clip["variants"]} == {
        (text, image) for text in ("truncate", "window_mean", "window_best") for image in ("checkpoint", "pad")
    }
    variant = clip["variants"][0]
    assert variant["all"]["n"] == 16
    assert variant["all"]["difference"]["low"] <= variant["all"]["difference"]["value"]
    assert variant["length_matched"]["n"] == 16
    assert set(variant["shuffled"]) == {"raw", "recaption"}
    assert set(variant["by_discipline"]) == {DISCIPLINES[0], DISCIPLINES[1], "unknown"}
    perplexity = report["pseudo_perplexity"]
    assert [one["method"] for one in perplexity["methods"]] == ["original", "within_word_l2r"]
    assert perplexity["methods"][0]["length_matched"]["n"] == 16
    assert perplexity["methods"][0]["corpus"]["raw"] > 1
    assert len(stages) == 6


def test_the_scores_of_the_report_are_those_of_the_metric(dataset, tiny_clip, tmp_path):
    from s1_mmalign.eval.clip_score.clip_score import ClipScore

    report = evaluate_dataset(dataset, EvaluateOptions(clip_model=tiny_clip, perplexity_model=None, **QUICK))
    rows = [make_row(source, number) for source in ("arxiv", "biorxiv") for number in range(2, 10)]
    for name in ("caption", "recaption"):
        result = ClipScore(cache_dir=str(tmp_path / "metric")).compute(
            predictions=[row[name] for row in rows],
            references=[row["image"]["bytes"] for row in rows],
            model_id=tiny_clip,
        )
        own = report["clip_score"]["variants"][0]["all"]["raw" if name == "caption" else name]
        assert own["mean"] == pytest.approx(result["clip_score"], abs=1e-5)


def test_a_row_whose_image_is_broken_is_counted_and_does_not_stop_the_report(tmp_path, tiny_clip):
    rows = [make_row("arxiv", number) for number in range(6)]
    rows[3]["image"] = {"bytes": b"broken", "path": None}
    rows[4]["caption"] = ""
    folder = write_dataset(tmp_path / "dataset", {"arxiv": rows})
    report = evaluate_dataset(folder, EvaluateOptions(clip_model=tiny_clip, perplexity_model=None, **QUICK))
    assert report["clip_score"]["skipped"] == {
        "raw": {"image_unreadable": 1, "text_empty": 1},
        "recaption": {"image_unreadable": 1},
    }
    assert report["clip_score"]["variants"][0]["all"]["n"] == 4


def test_a_model_that_is_not_here_and_that_nobody_named_is_not_measured_with_the_reason(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr("huggingface_hub.file_download.HF_HUB_CACHE", str(tmp_path / "empty"), raising=False)
    report = evaluate_dataset(dataset, EvaluateOptions(plots=False, resamples=50))
    for name, model in (("clip_score", scorers.CLIP_MODEL), ("pseudo_perplexity", scorers.PERPLEXITY_MODEL)):
        assert report[name]["measured"] is False
        assert model in report[name]["reason"]
    assert any("not measured" in line for line in summary_lines(report))


@pytest.mark.parametrize("option", ["clip_model", "perplexity_model"])
def test_a_model_that_the_user_named_and_that_cannot_be_loaded_is_one_error_before_any_work(option, dataset, tmp_path):
    options = EvaluateOptions(**(OFF | {option: str(tmp_path / "no-such-model")}))
    with pytest.raises(EvaluateError, match=rf"^{option}='.*no-such-model' cannot be loaded: "):
        evaluate_dataset(dataset, options)
    assert not (dataset / "report.json").exists()


def test_a_model_of_the_wrong_kind_is_refused_by_name(dataset, tiny_bert):
    with pytest.raises(EvaluateError, match="not a CLIP-like checkpoint"):
        evaluate_dataset(dataset, EvaluateOptions(**(OFF | {"clip_model": tiny_bert})))


def test_a_device_that_is_not_here_is_named(dataset, tiny_clip):
    with pytest.raises(EvaluateError, match="device='cuda:99'"):
        evaluate_dataset(dataset, EvaluateOptions(**(OFF | {"clip_model": tiny_clip}), device="cuda:99"))


def test_a_dataset_without_any_recaption_gets_a_report_that_says_so(tmp_path):
    rows = [make_row("arxiv", number, recaption=None) for number in range(3)]
    report = evaluate_dataset(write_dataset(tmp_path / "dataset", {"arxiv": rows}), EvaluateOptions(resamples=50))
    assert report["lengths"]["all_raw_captions"]["characters"]["n"] == 3
    assert report["grounding"]["reason"] == "no row has a recaption: run `s1-mmalign recaption` first"
    assert summary_lines(report)[0].startswith("0 of 3 rows have a recaption (none)")


def test_a_folder_that_is_no_dataset_is_an_error_that_names_it(tmp_path):
    with pytest.raises(FolderError, match="empty"):
        (tmp_path / "empty").mkdir()
        evaluate_dataset(tmp_path / "empty", EvaluateOptions(**OFF))


def test_one_paper_alone_is_measured_without_interval_and_without_shuffling(tmp_path, tiny_clip):
    folder = write_dataset(tmp_path / "dataset", {"arxiv": [make_row("arxiv", number) for number in range(2)]})
    report = evaluate_dataset(folder, EvaluateOptions(clip_model=tiny_clip, perplexity_model=None, **QUICK))
    variant = report["clip_score"]["variants"][0]
    assert variant["all"]["difference"]["low"] is None
    assert variant["shuffled"]["recaption"] == {"n": 0, "papers": 0}
    assert summary_lines(report)


def test_the_screen_shows_raw_beside_recaption_no_wider_than_a_screen(dataset, tiny_clip, tiny_bert):
    options = EvaluateOptions(clip_model=tiny_clip, perplexity_model=tiny_bert, **QUICK)
    lines = summary_lines(evaluate_dataset(dataset, options))
    table = [line for line in lines if "tiny" not in line and tiny_clip not in line and tiny_bert not in line]
    assert max(len(line) for line in table[1:]) <= 116
    assert any(line.startswith("caption length, characters") and "±" in line for line in lines)
    assert any("cut to the raw length" in line for line in lines)
    assert any("another paper's figure" in line for line in lines)


def test_plots_are_drawn_where_matplotlib_is_installed_and_old_ones_go(dataset):
    pytest.importorskip("matplotlib")
    stale = dataset / "plots" / "clip_score.png"
    stale.parent.mkdir()
    stale.write_bytes(b"of an earlier run")
    report = evaluate_dataset(dataset, EvaluateOptions(**OFF))
    assert report["plots"] == {"files": ["plots/caption_lengths.png", "plots/caption_lengths.svg"], "reason": None}
    assert not stale.exists()
    with Image.open(dataset / "plots" / "caption_lengths.png") as image:
        assert image.width > 500


def test_without_matplotlib_the_report_is_written_and_says_why_there_are_no_plots(dataset, monkeypatch):
    monkeypatch.setattr("s1_mmalign.eval.plots.can_plot", lambda: False)
    report = evaluate_dataset(dataset, EvaluateOptions(**OFF))
    assert report["plots"] == {"files": [], "reason": "matplotlib is not installed"}


def test_plots_of_scores_are_the_same_bytes_for_the_same_data(dataset, tiny_clip, tiny_bert):
    pytest.importorskip("matplotlib")
    options = EvaluateOptions(clip_model=tiny_clip, perplexity_model=tiny_bert, **(QUICK | {"plots": True}))
    files = evaluate_dataset(dataset, options)["plots"]["files"]
    assert len(files) == 6
    first = [(dataset / name).read_bytes() for name in files]
    evaluate_dataset(dataset, options)
    assert [(dataset / name).read_bytes() for name in files] == first


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sample_size": -1}, "sample_size=-1: 0 or more"),
        ({"batch_size": 0}, "batch_size=0: a positive number"),
        ({"dtype": "half"}, "dtype='half': one of float32"),
        ({"clip_model": ""}, "clip_model='': a folder"),
        ({"image_modes": ("fit",)}, "one or more of checkpoint, crop, pad"),
        ({"perplexity_methods": ()}, "one or more of original, within_word_l2r"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        EvaluateOptions(**arguments)


def test_the_sample_is_in_proportion_and_no_stratum_is_left_out():
    strata = {("arxiv", "Physics"): 900, ("arxiv", "Biology"): 95, ("biorxiv", "Biology"): 5}
    assert allocate(strata, 100) == {("arxiv", "Biology"): 9, ("arxiv", "Physics"): 90, ("biorxiv", "Biology"): 1}
    assert allocate(strata, 0) == strata
    assert allocate(strata, 5000) == strata
    assert sum(allocate(strata, 2).values()) == 3


def test_the_same_rows_are_drawn_however_the_dataset_is_cut_into_shards(tmp_path):
    rows = [make_row("arxiv", number) for number in range(40)]
    whole = write_dataset(tmp_path / "whole", {"arxiv": rows})
    parts = write_dataset(tmp_path / "parts", {"biorxiv": rows[25:], "arxiv": rows[:25]})

    def drawn(folder: Path, seed: int) -> list[str]:
        manifest = Manifest.load(folder)
        sample = draw(folder, manifest, scan(folder, manifest, 7, seed, None), 7)
        assert sample.weights.sum() == pytest.approx(40)
        return [row["image_path"] for row in sample.rows]

    assert drawn(whole, 0) == drawn(parts, 0)
    assert drawn(whole, 0) != drawn(whole, 1)


def test_a_smaller_sample_is_the_one_that_the_seed_draws_for_that_size(tmp_path):
    folder = write_dataset(tmp_path / "dataset", {"arxiv": [make_row("arxiv", number) for number in range(40)]})
    manifest = Manifest.load(folder)
    large = draw(folder, manifest, scan(folder, manifest, 20, 0, None), 20).first(6)
    small = draw(folder, manifest, scan(folder, manifest, 6, 0, None), 6)
    assert [row["image_path"] for row in large.rows] == [row["image_path"] for row in small.rows]
    assert large.weights.tolist() == small.weights.tolist()
    assert large.strata == small.strata


def test_a_recaption_is_cut_at_the_end_of_a_word():
    assert cut_to("The loss falls.", 99) == "The loss falls."
    assert cut_to("The loss falls.", 8) == "The loss"
    assert cut_to("The loss falls.", 10) == "The loss"
    assert cut_to("图中显示温度", 3) == "图中显"
    assert cut_to("anything", 0) == ""


def test_shuffling_gives_each_row_the_text_of_another_paper():
    papers = list("aaabbccdde")
    partner = exchange(papers)
    assert all(other is not None and papers[other] != paper for paper, other in zip(papers, partner, strict=True))
    assert sorted(other for other in partner if other is not None) == list(range(10))
    assert exchange(["a", "a"]) == [None, None]
    assert exchange([]) == []

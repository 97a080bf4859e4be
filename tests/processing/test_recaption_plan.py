"""The plan: what a run would take, without an engine."""

from dataclasses import replace
from pathlib import Path

import pytest

from s1_mmalign.processing.captioners.pictures import decode_image
from s1_mmalign.processing.image_tokens import ImageRule
from s1_mmalign.processing.recaption import RecaptionOptions, recaption_dataset
from s1_mmalign.processing.recaption_plan import plan_recaption
from tests.processing.caption_server import caption_server
from tests.processing.figure_rows import figure_row, png, write_dataset
from tests.processing.scripted_captioner import NAME, asked

OPTIONS = RecaptionOptions(NAME, num_proc=4, tensor_parallel=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "dataset", [figure_row(index) for index in range(40)])


def test_the_plan_counts_rows_tokens_and_hours_without_an_engine(folder: Path):
    asked.clear()
    before = sorted(path for path in folder.rglob("*"))
    plan = plan_recaption(folder, OPTIONS, rate=2.0, price=3.0)
    assert (plan.chosen, plan.to_do) == (40, 40) and not asked
    assert plan.tokens is not None and plan.tokens.rows == 40
    assert 200 < plan.tokens.text < 800 and 0.2 < plan.tokens.repeated < 1
    assert plan.gpu_hours == pytest.approx(40 / 2 / 3600 * 2)
    text = "\n".join(plan.lines())
    assert "40 rows to caption by scripted" in text and "as given" in text and "4 engines of 2 GPU" in text
    assert sorted(path for path in folder.rglob("*")) == before, "a plan writes nothing"


def test_rows_that_are_done_and_rows_that_are_not_chosen_are_left_out(folder: Path):
    recaption_dataset(folder, replace(OPTIONS, limit=15, num_proc=1), say=lambda text: None)
    assert plan_recaption(folder, OPTIONS).to_do == 25
    assert plan_recaption(folder, replace(OPTIONS, where="recaption is null", limit=5)).to_do == 5
    assert plan_recaption(folder, replace(OPTIONS, revision="2")).to_do == 40
    assert plan_recaption(folder, replace(OPTIONS, limit=15)).to_do == 0


def test_the_rate_is_that_of_the_last_run_of_the_same_model_and_prompt(folder: Path, tmp_path: Path):
    with caption_server(tmp_path / "log", "--delay", "0.2") as url:
        options = RecaptionOptions("openai", model="m", base_url=(url,), in_flight=4)
        assert plan_recaption(folder, options).rate is None
        assert "--rate" in "\n".join(plan_recaption(folder, options).lines())
        recaption_dataset(folder, replace(options, limit=36), say=lambda text: None)
    plan = plan_recaption(folder, options)
    assert plan.to_do == 4 and plan.rate is not None and 0 < plan.rate < 2 * 4 / 0.2  # read between answers
    assert "measured in the last run" in plan.rate_how
    assert plan.completion == 50 and plan.completion_how == "as in the last run"
    assert plan_recaption(folder, replace(options, model="other")).rate is None


def test_a_captioner_without_a_model_takes_no_tokens(folder: Path):
    plan = plan_recaption(folder, RecaptionOptions())
    assert plan.tokens is None and plan.to_do == 40
    with pytest.raises(ValueError, match="rate=0"):
        plan_recaption(folder, OPTIONS, rate=0)


@pytest.mark.parametrize(
    ("size", "tokens"),
    [((1024, 1280), 1280), ((32, 32), 64), ((640, 480), 300), ((1, 1), 64), ((1, 5000), 468), ((4000, 3000), 1271)],
)
def test_an_image_takes_a_token_for_each_32_by_32_pixels(size, tokens):
    assert ImageRule().tokens(*size, 1_310_720) == tokens


@pytest.mark.parametrize("size", [(50, 40), (333, 777), (1, 900), (2000, 1500)])
def test_image_tokens_are_those_of_the_models_own_processor(size):
    torch = pytest.importorskip("torch", reason="needs torch")
    module = "transformers.models.qwen2_vl.image_processing_qwen2_vl"
    processors = pytest.importorskip(module, reason="needs transformers")
    limit = 300_000
    height, width = decode_image(png(1, size), limit).size[::-1]
    resized = processors.smart_resize(height, width, 32, 65_536, limit)
    assert torch.tensor(resized).prod() / 1024 == ImageRule().tokens(*size, limit)


def test_numbers_of_another_kind_of_processor_are_not_taken_for_qwens():
    config = {"patch_size": 14, "merge_size": 2, "size": {"shortest_edge": 3136, "longest_edge": 12_845_056}}
    assert ImageRule.of_config(config) == ImageRule(14, 2, 3136, 12_845_056)
    assert ImageRule.of_config({"patch_size": 14, "size": {"height": 224}}) is None
    assert ImageRule.of_config({}) is None

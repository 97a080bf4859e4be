"""Captions that would not do are asked for again; what still fails keeps its raw caption and its flags."""

from pathlib import Path

import pytest

from s1_mmalign.processing.captioners.sampling import RETRY_TEMPERATURE, Sampling
from s1_mmalign.processing.recaption import RecaptionOptions, RecaptionSummary, recaption_dataset
from tests.processing.caption_server import ANSWER
from tests.processing.figure_rows import figure_row, read_rows, write_dataset
from tests.processing.scripted_captioner import NAME, asked


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "dataset", [figure_row(index) for index in range(12)])


def run(folder: Path, **changes) -> RecaptionSummary:
    asked.clear()
    return recaption_dataset(folder, RecaptionOptions(NAME, **changes), say=lambda text: None)


def flags(folder: Path) -> dict[int, list[str]]:
    return {index: row["recaption_flags"] for index, row in enumerate(read_rows(folder)) if row["recaption_flags"]}


def test_without_retry_each_row_is_asked_once_and_keeps_what_was_said(folder: Path):
    summary = run(folder, retry=())
    assert set(asked.values()) == {1} and (summary.asked, summary.engine, summary.rejected) == (12, 12, 0)
    assert set(flags(folder)) == {3, 4, 5, 6, 7, 8}
    assert all(row["recaption"] is not None for row in read_rows(folder))


def test_by_default_what_was_cut_off_gets_more_tokens_and_then_ends_at_a_sentence(folder: Path):
    summary = run(folder)
    assert (asked[5], asked[6], asked[3], asked[0]) == (3, 3, 1, 1) and summary.engine == 12
    rows = read_rows(folder)
    assert rows[5]["recaption"] == ANSWER.format(sample=5) and rows[5]["recaption_flags"] == []
    assert rows[6]["recaption"] == ANSWER.format(sample=6) and rows[6]["recaption_flags"] == ["cut_off"]
    assert rows[5]["recaption_finish_reason"] == "stop" and rows[6]["recaption_finish_reason"] == "length"


def test_a_row_with_a_named_flag_is_asked_again_with_another_seed(folder: Path):
    summary = run(folder, retry=("repetition",))
    assert asked[3] == 2 and asked[4] == asked[5] == 1 and summary.asked == 13
    assert read_rows(folder)[3]["recaption"] == ANSWER.format(sample=3)
    assert 3 not in flags(folder) and any("1 answers beyond the first" in line for line in summary.lines())


def test_what_no_answer_mends_keeps_its_raw_caption_and_its_flags(folder: Path):
    summary = run(folder, retry=("any",), retries=3)
    assert asked[4] == 4 and (summary.rejected, summary.failed) == (2, 0)
    rows = read_rows(folder)
    assert rows[4]["recaption"] is None and "refusal" in rows[4]["recaption_flags"]
    assert rows[8]["recaption"] is None and rows[8]["recaption_flags"] == ["empty"], "an error later is no loss"
    assert rows[6]["recaption"] == ANSWER.format(sample=6), "a text that is mended stays"
    assert rows[7]["recaption_flags"] == ["preamble"] and asked[7] == 1
    assert [line for line in summary.lines() if "2 rows keep their raw caption" in line]
    assert summary.results()["rejected"] == 2 and summary.flags["refusal"] == 1


@pytest.mark.parametrize("retry", [("cut_off",), ("any",)])
def test_a_run_with_retries_started_again_asks_nobody_and_writes_nothing(folder: Path, retry):
    run(folder, retry=retry, limit=8)  # without the row that the engine refuses: that one is tried again
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}
    summary = run(folder, retry=retry, limit=8)
    assert not asked and summary.engine == 0 and summary.shards_written == 0
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")} == before


def test_only_the_attempts_that_are_missing_are_asked_for_after_a_first_run(folder: Path):
    run(folder, retry=())
    summary = run(folder, retry=("repetition", "refusal"), retries=1)
    assert dict(asked) == {3: 1, 4: 1} and summary.kept == 10
    assert read_rows(folder)[4]["recaption"] is None
    assert run(folder, retry=("refusal",), retries=2).asked == 1 and dict(asked) == {4: 1}
    run(folder, retry=())
    assert not asked and read_rows(folder)[4]["recaption"].startswith("I'm sorry")


def test_a_row_that_is_rejected_keeps_the_caption_of_another_model(folder: Path):
    run(folder, retry=(), revision="1", where="image_path contains 'figure-0'")
    options = RecaptionOptions("extractive")
    recaption_dataset(folder, options, say=lambda text: None)
    summary = run(folder, retry=("refusal",), retries=1)
    assert summary.rejected == 1 and read_rows(folder)[4]["recaption_model"] == "extractive"


def test_the_table_of_rates_names_each_flag_with_its_share(folder: Path):
    lines = list(run(folder, retry=()).lines())
    assert [line.split() for line in lines if "cut_off" in line] == [["cut_off", "2", "16.7%"]]
    assert [line.split() for line in lines if line.strip().startswith("flag")] == [["flag", "rows", "share"]]


def test_more_tokens_alone_keep_seed_and_temperature_and_other_faults_change_them():
    first = Sampling(100, 0.0, 1.0, 7)
    assert first.again(["cut_off"], 1000) == Sampling(200, 0.0, 1.0, 7)
    assert first.again(["cut_off", "preamble"], 150) == Sampling(150, 0.0, 1.0, 7)
    assert first.again(["cut_off"], 100) == Sampling(100, RETRY_TEMPERATURE, 1.0, 8)
    assert first.again(["cut_off", "repetition"], 1000) == Sampling(100, RETRY_TEMPERATURE, 1.0, 8)
    assert first.again(["cut_off", "refusal"], 1000) == Sampling(200, RETRY_TEMPERATURE, 1.0, 8)
    assert Sampling(100, 0.9, 1.0, 7).again(["refusal"], 1000) == Sampling(100, 0.9, 1.0, 8)


def test_wrong_retry_options_are_told():
    for change, words in (
        ({"retry": ("loops",)}, "'loops' is no flag"),
        ({"flagged": ("none of these",)}, "is no flag"),
        ({"retries": -1}, "retries=-1"),
        ({"backend": "spark"}, "map, ray"),
    ):
        with pytest.raises(ValueError, match=words):
            RecaptionOptions(**change)

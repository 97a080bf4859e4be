"""Judgements are of the caption that was judged: selection and report leave out those of replaced ones."""

import pytest

from s1_mmalign.builder.shards import FolderError, Manifest
from s1_mmalign.dataset_card.judged_rows import summarise_judgements
from s1_mmalign.dataset_card.judgements import JUDGEMENTS_NAME, append_judgement, check_judgement, text_mark
from s1_mmalign.eval.report import EvaluateOptions, evaluate_dataset
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.row_filter import FilterError
from s1_mmalign.processing.row_selection import select_rows
from tests.dataset_card.small_dataset import default_rows, make_folder, recaptioned


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "d", [recaptioned(one) for one in default_rows()])


def judge(folder, number: int, verdict: str, judge: str = "ann", text: str | None = None, **more) -> None:
    row = recaptioned(default_rows()[number])
    mark = text_mark(row["recaption"] if text is None else text)
    item = {"row": row["image_path"], "verdict": verdict, "judge": judge, "texts": {"recaption": mark}, **more}
    append_judgement(folder / JUDGEMENTS_NAME, check_judgement(item))


def chosen(folder, where: str) -> int:
    manifest = Manifest.load(folder)
    return sum(map(len, select_rows(folder, manifest, RecaptionOptions(where=where))))


def test_recaption_takes_the_rows_that_people_called_bad(folder) -> None:
    for number, verdict in ((0, "bad"), (1, "bad"), (2, "good")):
        judge(folder, number, verdict, note="axis cut off" if number == 1 else "")
    assert chosen(folder, "judgement == 'bad'") == 2
    assert chosen(folder, "judgement_note contains 'axis'") == 1
    assert chosen(folder, "judgement is null and source == 'arxiv'") == 9
    judge(folder, 1, "good", "bob")
    assert chosen(folder, "judgement == 'bad'") == 1
    assert chosen(folder, "judgement == 'mixed'") == 1


def test_a_judgement_of_a_caption_that_was_replaced_no_longer_counts(folder) -> None:
    judge(folder, 0, "bad")
    judge(folder, 1, "bad", text="what stood there before")
    assert chosen(folder, "judgement == 'bad'") == 1
    summary = summarise_judgements(folder, Manifest.load(folder))
    assert (summary["rows"], summary["stale"]) == (1, 1)


def test_asking_for_judgements_where_there_are_none_names_the_way_to_them(folder) -> None:
    with pytest.raises(FolderError, match=r"judgements\.jsonl.*gallery"):
        chosen(folder, "judgement == 'bad'")
    with pytest.raises(FilterError, match="judgement"):
        chosen(folder, "judgment == 'bad'")


def test_the_report_has_the_rate_its_interval_and_the_agreement_without_names(folder) -> None:
    for number in range(10):
        judge(folder, number, "good" if number < 8 else "bad")
        judge(folder, number, "good", "bob")
    report = evaluate_dataset(
        folder, EvaluateOptions(clip_model=None, perplexity_model=None, resamples=20, plots=False)
    )
    section = report["judgements"]
    assert (section["judges"], section["rows"]) == (2, 10)
    assert section["verdicts"]["recaption"]["good_share"] == 0.9
    assert section["agreement"] == [{"judges": [1, 2], "rows": 10, "kappa": 0.0}]
    text = (folder / "report.json").read_text()
    assert "ann" not in text.replace("channel", "")
    assert "bob" not in text

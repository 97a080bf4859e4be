"""Judgements of rows: what counts, and the shares, intervals and agreement that come of it."""

import json

import pytest

from s1_mmalign.builder.shards import FolderError
from s1_mmalign.dataset_card.judgements import (
    append_judgement,
    check_judgement,
    cohen_kappa,
    judgement_summary,
    krippendorff_alpha,
    load_judgements,
    wilson_interval,
)


def said(row: str, judge: str = "ann", columns: tuple[str, ...] = ("recaption",), **more) -> dict:
    return check_judgement({"row": row, "judge": judge, "columns": list(columns), **more})


def test_of_one_judge_and_row_the_last_judgement_counts(tmp_path) -> None:
    path = tmp_path / "judgements.jsonl"
    for item in (said("a", verdict="good"), said("a", "bob", verdict="good"), said("a", verdict="bad", note="blurred")):
        append_judgement(path, item)
    found = {item["judge"]: item["verdict"] for item in load_judgements(path)}
    assert found == {"ann": "bad", "bob": "good"}


def test_a_torn_last_line_is_left_out_and_a_broken_one_is_named(tmp_path) -> None:
    path = tmp_path / "judgements.jsonl"
    append_judgement(path, said("a", verdict="good"))
    path.write_text(path.read_text() + '{"row": "b", "ver')
    assert [item["row"] for item in load_judgements(path)] == ["a"]
    path.write_text('{"row": "b", "ver\n' + json.dumps(said("a")) + "\n")
    with pytest.raises(FolderError, match=r"judgements.jsonl, line 1"):
        list(load_judgements(path))


@pytest.mark.parametrize(
    "item",
    [
        [],
        {},
        {"row": ""},
        {"row": 3},
        {"row": "a", "verdict": "nice"},
        {"row": "a", "columns": []},
        {"row": "a", "columns": "recaption"},
        {"row": "a", "columns": ["x", "y"], "prefers": "z"},
    ],
)
def test_what_is_no_judgement_is_refused(item) -> None:
    with pytest.raises(ValueError):
        check_judgement(item)


def test_fields_that_are_not_known_do_not_pass() -> None:
    assert "script" not in check_judgement({"row": "a", "script": "<script>"})


def test_shares_come_with_wilson_intervals_and_preferences_without_ties() -> None:
    items = [said(str(n), verdict="good" if n < 8 else "bad") for n in range(10)]
    columns = ("recaption_b", "recaption")
    items += [said(str(n), columns=columns, prefers="recaption" if n < 6 else "recaption_b") for n in range(8)]
    items += [said("t", columns=columns, prefers="tie")]
    summary = judgement_summary(items)
    verdicts = summary["verdicts"]["recaption"]
    assert (verdicts["good"], verdicts["bad"], verdicts["good_share"]) == (8, 2, 0.8)
    assert verdicts["interval"] == pytest.approx([0.4902, 0.9433], abs=1e-4)  # Brown, Cai and DasGupta 2001's formula
    assert summary["preferences"] == [
        {
            "columns": ["recaption", "recaption_b"],
            "wins": {"recaption": 6, "recaption_b": 2},
            "ties": 1,
            "blind": 0,
            "interval": pytest.approx(list(wilson_interval(6, 8))),
        }
    ]


def test_agreement_is_kappa_over_the_rows_that_both_judged() -> None:
    words = [("good", "good")] * 20 + [("good", "bad")] * 5 + [("bad", "good")] * 10 + [("bad", "bad")] * 15
    assert cohen_kappa(words) == pytest.approx(0.4)  # the worked example that textbooks give
    items = [
        said(str(n), judge, verdict=pair[k]) for n, pair in enumerate(words) for k, judge in enumerate(("ann", "bob"))
    ]
    items.append(said("alone", verdict="good"))
    summary = judgement_summary(items)
    assert summary["agreement"] == [{"judges": [1, 2], "rows": 50, "kappa": pytest.approx(0.4)}]
    assert "ann" not in json.dumps(summary)  # it is published: judges are numbered


def test_alpha_is_that_of_krippendorffs_own_example() -> None:
    observers = [
        "1 2 3 3 2 1 4 1 2 . . .",
        "1 2 3 3 2 2 4 1 2 5 . 3",
        ". 3 3 3 2 3 4 2 2 5 1 .",
        "1 2 3 3 2 4 4 1 2 5 1 .",
    ]
    units = [[value for value in unit if value != "."] for unit in zip(*map(str.split, observers), strict=True)]
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=5e-4)  # Krippendorff 2011, section C
    assert krippendorff_alpha([["good", "good"], ["bad", "bad"], ["good"]]) == 1
    assert krippendorff_alpha([["good"], ["bad"]]) is None
    assert krippendorff_alpha([["good", "good"]]) is None


def test_no_trials_say_nothing_and_one_sided_judges_have_no_kappa() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert cohen_kappa([("good", "good")] * 3) is None

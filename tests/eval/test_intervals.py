from __future__ import annotations

import numpy as np
import pytest

from s1_mmalign.eval.intervals import Design, Moments


def design(clusters: list[str], weights: list[float] | None = None, **options) -> Design:
    return Design(np.array(weights or [1.0] * len(clusters)), clusters, **options)


def test_moments_are_exact():
    moments = Moments()
    values = [3, 5, 5, 10**9]
    for value in values:
        moments.add(value)
    summary = moments.summary()
    assert (summary["n"], summary["min"], summary["max"]) == (4, 3, 10**9)
    assert summary["mean"] == pytest.approx(np.mean(values), rel=1e-12)
    assert summary["std"] == pytest.approx(np.std(values), rel=1e-12)
    assert summary["cv"] == pytest.approx(np.std(values) / np.mean(values), rel=1e-12)


def test_moments_of_nothing_are_none():
    assert Moments().summary() == {"n": 0, "mean": None, "std": None, "cv": None, "min": None, "max": None}


def test_a_comparison_is_paired_and_leaves_out_rows_that_lack_a_side():
    result = design(list("abcd")).compare([1.0, 2.0, None, 5.0], [2.0, 4.0, 9.0, None], ("raw", "recaption"))
    assert (result["n"], result["papers"]) == (2, 2)
    assert result["raw"]["mean"] == 1.5
    assert result["recaption"]["median"] == 3.0
    assert result["difference"]["value"] == 1.5
    assert result["relative_change"]["value"] == 1.0
    assert result["higher"] == 1.0


def test_weights_say_how_many_rows_a_row_stands_for():
    result = design(["a", "b"], [3.0, 1.0]).compare([0.0, 4.0], [0.0, 0.0], ("raw", "recaption"))
    assert result["raw"]["mean"] == 1.0
    assert result["raw"]["std"] == pytest.approx(3**0.5)
    assert result["relative_change"]["value"] == -1.0


def test_the_interval_covers_the_mean_about_as_often_as_it_says():
    generator = np.random.default_rng(3)
    inside = 0
    for seed in range(100):
        values = generator.normal(1.0, 1.0, 60)
        estimate = design([str(i) for i in range(60)], resamples=300, seed=seed).estimate(values.tolist())
        inside += estimate["low"] <= 1.0 <= estimate["high"]
    assert 87 <= inside <= 100


def test_papers_are_resampled_not_rows():
    values = [0.0] * 10 + [1.0] * 10 + [0.0] * 10 + [1.0] * 10
    by_paper = design([str(i // 10) for i in range(40)]).estimate(values)
    by_row = design([str(i) for i in range(40)]).estimate(values)
    assert by_paper["mean"] == by_row["mean"] == 0.5
    assert by_paper["high"] - by_paper["low"] > 2 * (by_row["high"] - by_row["low"])


def test_one_paper_gives_a_mean_and_no_interval():
    result = design(["a", "a"]).compare([1.0, 2.0], [2.0, 2.0], ("raw", "recaption"))
    assert result["difference"] == {"value": 0.5, "low": None, "high": None}


def test_nothing_to_compare_gives_a_count_of_zero():
    assert design(["a"]).compare([None], [1.0], ("raw", "recaption")) == {"n": 0, "papers": 0}
    assert design(["a"]).estimate([None])["n"] == 0


def test_a_mean_of_zero_has_no_relative_change():
    result = design(["a", "b"]).compare([0.0, 0.0], [1.0, 1.0], ("raw", "recaption"))
    assert result["relative_change"] == {"value": None, "low": None, "high": None}

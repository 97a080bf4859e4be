"""The benchmark of the metrics, without its peers: what it scores, and what its table says."""

import argparse

from PIL import Image

from tests.benchmarks.metrics import CHARACTERS, draw_figures, long_texts, markdown


def test_texts_are_of_the_length_that_the_readme_names_and_the_same_each_time():
    texts = long_texts(5, seed=0)
    assert texts == long_texts(5, seed=0)
    assert len(set(texts)) == 5
    assert all(abs(len(text) - CHARACTERS) <= 60 for text in texts)


def test_each_figure_has_two_captions_and_can_be_read(tmp_path):
    for path, *captions in draw_figures(tmp_path, 2, seed=0):
        assert Image.open(path).size == (1200, 900)
        assert len(set(captions)) == 2


def test_the_table_holds_all_to_the_first_and_shows_what_failed():
    first = {"name": "peer", "metric": "perplexity", "wall": [9.0, 8.0], "cpu": [4.0], "peak": 8 << 30}
    second = {"name": "ours", "metric": "perplexity", "wall": [2.0, 3.0], "cpu": [2.0], "peak": 1 << 30}
    third = {"name": "broken", "metric": "perplexity", "wall": [], "cpu": [], "error": "no such module"}
    scores = {"scores": [[-1.0, -2.0]], "version": "peer 1"}, {"scores": [[-1.0, -2.5]], "version": "ours 1"}
    stride = {"texts": 3, "spearman": 0.9, "mean_difference_log10": 0.1}
    result = {"machine": "M", "rows": [first | scores[0], second | scores[1], third], "stride": stride}
    table = markdown(result, argparse.Namespace(rounds=2))
    assert "| ours | 0.5 | 4.00 | 2 | 2.00 | 1.0 | 5.0e-01 |" in table
    assert "| broken | no such module |" in table
    assert "Spearman 0.900" in table

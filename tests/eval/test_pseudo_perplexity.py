from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
import torch

from s1_mmalign.eval.pseudo_perplexity.masking import Tokens, batches, copies
from s1_mmalign.eval.pseudo_perplexity.pseudo_perplexity import PseudoPerplexity
from s1_mmalign.eval.pseudo_perplexity.scorer import load_scorer

TEXTS = [
    "The plot shows nanoparticles with error bars.",
    "loss",
    "图中显示温度。",
    "An emoji 😀.",
    "A spectrograph, a literal [MASK] and [SEP] (5 nm).",
    "the temperature of the cells " * 12,  # 60 tokens, the model reads 48
    "nanoparticles nanoparticles",
]


@pytest.fixture
def metric(tmp_path) -> PseudoPerplexity:
    return PseudoPerplexity(cache_dir=str(tmp_path))


@cache
def plain_model(folder: str):
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    model = AutoModelForMaskedLM.from_pretrained(folder, attn_implementation="eager").eval()
    return model, AutoTokenizer.from_pretrained(folder, split_special_tokens=True)


@cache
def one_mask_at_a_time(folder: str, text: str, method: str = "original", limit: int = 46) -> list[float]:
    """log P of each token, plainly: one unpadded copy a token, every layer and all logits, no batch."""
    model, tokenizer = plain_model(folder)
    encoded = tokenizer(text, add_special_tokens=False, verbose=False)
    ids, words = encoded["input_ids"], encoded.word_ids()
    values = []
    for target in range(len(ids)):
        start = max(0, min(target - limit // 2, len(ids) - limit))
        line = ids[start : start + limit]
        for position in range(len(line)):
            later_piece = position + start > target and words[position + start] == words[target]
            if position + start == target or (method == "within_word_l2r" and later_piece):
                line[position] = tokenizer.mask_token_id
        inputs = torch.tensor([[tokenizer.cls_token_id, *line, tokenizer.sep_token_id]])
        with torch.no_grad():
            logits = model(input_ids=inputs).logits[0, 1 + target - start]
        values.append(float(torch.log_softmax(logits, -1)[ids[target]]))
    return values


@pytest.mark.parametrize("method", ["original", "within_word_l2r"])
def test_log_probabilities_are_those_of_one_mask_at_a_time(method, tiny_bert):
    scores = load_scorer(tiny_bert).score(TEXTS, method, tokens_per_batch=300)
    for text, score in zip(TEXTS, scores, strict=True):
        assert score.log_probs.tolist() == pytest.approx(one_mask_at_a_time(tiny_bert, text, method), abs=1e-4)


@pytest.mark.parametrize("kind", ["roberta", "xlm-roberta", "electra", "distilbert", "modernbert"])
def test_other_architectures_score_as_one_mask_at_a_time_too(kind, make_masked_model):
    folder = make_masked_model(kind)
    scorer = load_scorer(folder)
    assert scorer.max_tokens == 48
    for text, score in zip(TEXTS[:6], scorer.score(TEXTS[:6]), strict=True):
        assert score.log_probs.tolist() == pytest.approx(one_mask_at_a_time(folder, text), abs=1e-4)


def test_the_two_methods_differ_on_words_of_many_pieces_and_nowhere_else(tiny_bert):
    scorer = load_scorer(tiny_bert)
    plain, pieces = (
        [scorer.score([text], method)[0].log_likelihood for method in ("original", "within_word_l2r")]
        for text in ("the loss of the model", "nanoparticles")
    )
    assert plain[0] == pytest.approx(plain[1], abs=1e-5)
    assert abs(pieces[0] - pieces[1]) > 1e-3


def test_perplexities_follow_from_the_log_probabilities(metric, tiny_bert):
    result = metric.compute(predictions=TEXTS, model_id=tiny_bert)
    values = [one_mask_at_a_time(tiny_bert, text) for text in TEXTS]
    assert result["log_likelihoods"] == pytest.approx([sum(one) for one in values], rel=1e-4)
    assert result["perplexities"] == pytest.approx([math.exp(-np.mean(one)) for one in values], rel=1e-4)
    everything = [value for one in values for value in one]
    assert result["corpus_perplexity"] == pytest.approx(math.exp(-np.mean(everything)), rel=1e-4)
    assert result["mean_log10"] == pytest.approx(np.mean([-np.mean(one) / math.log(10) for one in values]), rel=1e-4)
    assert result["tokens"] == [len(one) for one in values]
    assert result["windowed"] == 1


def test_empty_texts_are_counted_and_left_out(metric, tiny_bert):
    texts = ["loss", "", None, float("nan"), "\u200b", " \n"]
    result = metric.compute(predictions=texts, model_id=tiny_bert)
    assert result["skipped"] == {"text_empty": 5}
    assert result["n"] == 1
    assert result["perplexities"][1:] == [None] * 5
    assert result["corpus_perplexity"] == result["mean_perplexity"] == result["perplexities"][0]


def test_no_text_at_all_gives_no_mean_and_no_error(metric, tiny_bert):
    result = metric.compute(predictions=[""], model_id=tiny_bert)
    assert (result["corpus_perplexity"], result["n"], result["unknown_rate"]) == (None, 0, None)


def test_a_vocabulary_that_lacks_a_text_is_reported(metric, tiny_bert):
    assert metric.compute(predictions=["温度"], model_id=tiny_bert)["unknown_rate"] == 1.0
    assert metric.compute(predictions=["the loss"], model_id=tiny_bert)["unknown_rate"] == 0.0


def test_batches_and_order_do_not_matter(tiny_bert):
    scorer = load_scorer(tiny_bert)
    first = [score.log_likelihood for score in scorer.score(TEXTS, tokens_per_batch=1)]
    for size in (100, 100_000):
        turned = [score.log_likelihood for score in scorer.score(TEXTS[::-1], tokens_per_batch=size)]
        assert turned[::-1] == pytest.approx(first, rel=1e-5)


def test_equal_texts_cost_the_model_one_text(tiny_bert):
    seen: list[tuple[int, int]] = []
    scores = load_scorer(tiny_bert).score(["the loss"] * 40, advance=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (2, 2)
    assert len({score.log_likelihood for score in scores}) == 1


def test_bfloat16_is_close_and_says_so(metric, tiny_bert):
    full = metric.compute(predictions=TEXTS[:3], model_id=tiny_bert)
    half = metric.compute(predictions=TEXTS[:3], model_id=tiny_bert, dtype="bfloat16")
    assert half["dtype"] == "bfloat16"
    assert half["mean_log10"] == pytest.approx(full["mean_log10"], rel=0.05)


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta", "electra"])
def test_the_last_layer_of_berts_kin_runs_at_the_masked_positions_only(kind, make_masked_model):
    scorer = load_scorer(make_masked_model(kind))
    seen = []
    last = scorer.model.base_model.encoder.layer[-1]
    handle = last.output.register_forward_hook(lambda module, inputs, output: seen.append(tuple(output.shape)))
    try:
        scorer.score(["the loss of the model", "temperature"], tokens_per_batch=1000)
    finally:
        handle.remove()
    assert seen == [(6, 1, 32)]  # six masked copies, one position of each


def test_stride_hides_every_seventh_token_at_once_and_is_never_the_default(metric, tiny_bert):
    text = "the temperature of the cells and the pressure of the model in each panel as function of time"
    model, tokenizer = plain_model(tiny_bert)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    expected = [0.0] * len(ids)
    for offset in range(7):
        line = [tokenizer.mask_token_id if place % 7 == offset else token for place, token in enumerate(ids)]
        inputs = torch.tensor([[tokenizer.cls_token_id, *line, tokenizer.sep_token_id]])
        with torch.no_grad():
            log_probs = torch.log_softmax(model(input_ids=inputs).logits[0, 1:-1], -1)
        for place in range(offset, len(ids), 7):
            expected[place] = float(log_probs[place, ids[place]])
    score = load_scorer(tiny_bert).score([text], stride=7)[0]
    assert score.log_probs.tolist() == pytest.approx(expected, abs=1e-4)
    exact, rough = (metric.compute(predictions=[text], model_id=tiny_bert, **more) for more in ({}, {"stride": 7}))
    assert (exact["stride"], rough["stride"]) == (1, 7)
    assert exact["log_likelihoods"] == pytest.approx([sum(one_mask_at_a_time(tiny_bert, text))], rel=1e-4)
    assert rough["log_likelihoods"] == pytest.approx([sum(expected)], rel=1e-4)


def test_stride_asks_for_each_token_of_a_long_text_once_within_the_window():
    tokens = Tokens(tuple(range(1000)), tuple(range(1000)))
    found = list(copies(0, tokens, 100, "original", 7))
    assert sorted(target for copy in found for target in copy.targets) == list(range(1000))
    assert len(found) == 7 * 20
    for copy in found:
        assert len(copy) <= 100
        assert copy.start <= min(copy.targets)
        assert max(copy.targets) < copy.end
        assert len(copy.masked) <= 8


def test_a_text_of_ten_thousand_words_is_scored_in_windows(metric, tiny_bert):
    result = metric.compute(
        predictions=["the loss of cells " * 2500, "loss"], model_id=tiny_bert, tokens_per_batch=65536
    )
    assert (result["tokens"], result["windowed"], result["n"]) == ([10_000, 1], 1, 2)
    assert result["perplexities"][0] > 1


def test_a_text_of_ten_thousand_words_needs_one_copy_a_token_and_bounded_batches():
    tokens = Tokens(tuple(range(10_000)), tuple(range(10_000)))
    asked = []
    for batch in batches([tokens], 510, "original", 8192):
        assert sum(len(copy) for copy in batch) <= 8192
        asked += [target for copy in batch for target in copy.targets]
    assert asked == list(range(10_000))


def test_each_token_of_a_long_text_has_context_on_both_sides():
    tokens = Tokens(tuple(range(1000)), tuple(range(1000)))
    for copy in copies(0, tokens, 100, "original"):
        assert copy.end - copy.start == 100
        (target,) = copy.targets
        assert target - copy.start >= min(49, target)
        assert copy.end - 1 - target >= min(49, 999 - target)


def test_a_batch_is_never_over_its_bound_with_padding():
    texts = [Tokens(tuple(range(size)), tuple(range(size))) for size in (40, 17, 17, 3, 1)]
    for batch in batches(texts, 30, "within_word_l2r", 64):
        assert len(batch) == 1 or len(batch) * max(len(copy) for copy in batch) <= 64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "best"}, "method='best': one of original, within_word_l2r"),
        ({"dtype": "int8"}, "dtype='int8': one of float32"),
        ({"tokens_per_batch": 0}, "tokens_per_batch=0: 1 or more"),
        ({"stride": 0}, "stride=0: 1 or more"),
    ],
)
def test_a_wrong_argument_is_named_with_what_is_expected(arguments, message, metric, tiny_bert):
    with pytest.raises(ValueError, match=message):
        metric.compute(predictions=["a"], model_id=tiny_bert, **arguments)


def test_a_checkpoint_without_the_head_is_refused_and_not_filled_with_random_weights(tiny_bert, tmp_path):
    from transformers import AutoModel, AutoTokenizer

    folder = str(tmp_path / "headless")
    AutoModel.from_pretrained(tiny_bert).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_bert).save_pretrained(folder)
    with pytest.raises(ValueError, match="head is not in the checkpoint"):
        load_scorer(folder)

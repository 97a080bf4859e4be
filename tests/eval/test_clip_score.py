from __future__ import annotations

import io
from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image

from s1_mmalign.eval.clip_score.clip_score import ClipScore
from s1_mmalign.eval.clip_score.encoder import load_encoder
from s1_mmalign.eval.clip_score.images import decode
from s1_mmalign.eval.clip_score.scoring import encode_texts
from s1_mmalign.eval.clip_score.windows import pack

TEXTS = [
    "The plot shows accuracy.",
    "x",
    "图中显示温度随压力的变化。",
    "An emoji 😀 in a caption 🚀🚀.",
    "The loss decreases with the number of parameters. " * 20,
    "A literal <|endoftext|> in a text is text.",
    "Scanning electron microscope image with a scale bar of 500 nm.",
]


def figures(count: int) -> list[Image.Image]:
    generator = np.random.default_rng(1)
    sizes = [(40, 40), (90, 40), (33, 120), (64, 48)]
    images = []
    for index in range(count):
        width, height = sizes[index % 4]
        images.append(Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8)))
    return images


@pytest.fixture
def metric(tmp_path) -> ClipScore:
    return ClipScore(cache_dir=str(tmp_path))


@cache
def plain_parts(folder: str):
    from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, split_special_tokens=True)
    return model, tokenizer, AutoImageProcessor.from_pretrained(folder, backend="pil")


def one_pair_at_a_time(folder: str, text: str, image: Image.Image) -> float:
    """The cosine, plainly: transformers' own model on one text and one image, nothing batched or padded."""
    model, tokenizer, processor = plain_parts(folder)
    ids = tokenizer(text, verbose=False)["input_ids"]
    limit = model.config.text_config.max_position_embeddings
    if len(ids) > limit:
        ids = [*ids[: limit - 1], tokenizer.eos_token_id]
    if model.config.model_type.startswith("siglip"):
        padding = [tokenizer.pad_token_id] * (limit - len(ids))
        ids = ids + padding if tokenizer.padding_side == "right" else padding + ids
    with torch.no_grad():
        output = model(input_ids=torch.tensor([ids]), **processor(images=image, return_tensors="pt"))
    return float((output.text_embeds * output.image_embeds).sum())


@pytest.mark.parametrize("kind", ["tiny_clip", "tiny_long_clip", "tiny_siglip", "tiny_siglip2"])
def test_scores_are_those_of_the_model_run_on_one_pair_at_a_time(kind, metric, request):
    folder = request.getfixturevalue(kind)
    images = figures(len(TEXTS))
    result = metric.compute(predictions=TEXTS, references=images, model_id=folder, batch_size=3)
    cosines = [one_pair_at_a_time(folder, text, image) for text, image in zip(TEXTS, images, strict=True)]
    expected = [2.5 * max(cosine, 0.0) for cosine in cosines]
    assert result["scores"] == pytest.approx(expected, abs=1e-5)
    assert any(cosine < 0 for cosine in cosines)  # the clamp is per pair: a mean of cosines would show these
    assert any(cosine > 0 for cosine in cosines)
    assert (result["truncation_rate"] > 0) == (result["max_tokens"] < 248)
    assert result["clip_score"] == pytest.approx(np.mean(expected), abs=1e-5)
    assert result["std"] == pytest.approx(np.std(expected), abs=1e-5)


def test_windows_are_scored_like_texts_of_their_own(metric, tiny_clip):
    encoder = load_encoder(tiny_clip)
    image, text = figures(1)[0], "The loss decreases. " * 30 + "Error bars denote one standard deviation. " * 6
    windows = pack(text.strip(), encoder.max_tokens - 2, encoder.count_tokens)
    cosines = [one_pair_at_a_time(tiny_clip, window, image) for window in windows]
    expected = [2.5 * max(cosine, 0.0) for cosine in cosines]
    result = metric.compute(predictions=[text], references=[image], model_id=tiny_clip, text_mode="window")
    assert len(windows) > 2
    assert result["windows"] == [len(windows)]
    assert result["scores"] == pytest.approx([np.mean(expected)], abs=1e-5)
    assert result["best_scores"] == pytest.approx([max(expected)], abs=1e-5)


def test_a_text_that_fits_scores_the_same_in_both_text_modes(metric, tiny_clip):
    image = figures(1)
    results = [
        metric.compute(predictions=TEXTS[:1], references=image, model_id=tiny_clip, text_mode=mode)["scores"]
        for mode in ("truncate", "window")
    ]
    assert results[0] == results[1]


def test_the_end_of_a_cut_text_does_not_matter_but_its_start_does(tiny_clip):
    encoder = load_encoder(tiny_clip)
    long = "loss plot image " * 60
    same, other = encoder.encode_texts([long + "accuracy", long + "training"]), encoder.encode_texts(["bar " + long])
    assert np.array_equal(same[0], same[1])
    assert not np.allclose(same[0], other[0])


def test_truncation_rate_counts_texts_that_the_model_cannot_read_to_the_end(metric, tiny_clip):
    fits = "a " * 75  # with its two special tokens 77
    result = metric.compute(predictions=[fits, fits + "a", ""], references=figures(3), model_id=tiny_clip)
    assert (result["truncation_rate"], result["max_tokens"]) == (0.5, 77)


def test_skipped_pairs_are_counted_with_their_reasons_and_take_no_part_in_the_mean(metric, tiny_clip, tmp_path):
    good = figures(1)[0]
    buffer = io.BytesIO()
    good.convert("CMYK").save(buffer, "JPEG")
    texts = ["A plot.", None, float("nan"), "  \n", "A plot.", "A plot.", "A plot.", "A plot."]
    images = [good, good, good, good, b"junk", str(tmp_path / "none.png"), buffer.getvalue(), good.convert("L")]
    result = metric.compute(predictions=texts, references=images, model_id=tiny_clip)
    assert result["skipped"] == {"image_missing": 1, "image_unreadable": 1, "text_empty": 3}
    assert [score is None for score in result["scores"]] == [False, True, True, True, True, True, False, False]
    assert result["n"] == 3
    assert result["clip_score"] == pytest.approx(np.mean([s for s in result["scores"] if s is not None]))


def test_no_pair_at_all_gives_no_mean_and_no_error(metric, tiny_clip):
    result = metric.compute(predictions=["", ""], references=figures(2), model_id=tiny_clip)
    assert (result["clip_score"], result["std"], result["n"]) == (None, None, 0)


def test_batch_size_and_order_do_not_matter(metric, tiny_clip):
    images = figures(len(TEXTS))
    first = metric.compute(predictions=TEXTS, references=images, model_id=tiny_clip, batch_size=1)["scores"]
    for batch_size in (2, 64):
        turned = metric.compute(
            predictions=TEXTS[::-1], references=images[::-1], model_id=tiny_clip, batch_size=batch_size
        )
        assert turned["scores"][::-1] == pytest.approx(first, abs=1e-5)


def test_add_batch_by_batch_gives_what_compute_gives(metric, tiny_clip):
    images = figures(4)
    whole = metric.compute(predictions=TEXTS[:4], references=images, model_id=tiny_clip)
    metric.add_batch(predictions=TEXTS[:3], references=images[:3])
    metric.add(prediction=TEXTS[3], reference=images[3])
    assert metric.compute(model_id=tiny_clip) == whole


def test_image_modes_and_weight_and_prefix_change_the_score_as_they_say(metric, tiny_clip):
    wide = Image.fromarray(np.random.default_rng(5).integers(0, 256, (30, 300, 3), dtype=np.uint8))
    square = wide.crop((135, 0, 165, 30))

    def score(**arguments):
        return load_encoder(tiny_clip).encode_images([arguments.pop("image", wide)], **arguments).vectors[0]

    assert np.allclose(score(mode="crop"), score(image=square), atol=1e-6)
    assert not np.allclose(score(mode="pad"), score(mode="crop"), atol=1e-2)
    pair = {"predictions": ["bars denote"], "references": [wide], "model_id": tiny_clip}
    hundred, own = metric.compute(**pair, weight=100.0), metric.compute(**pair)
    assert hundred["clip_score"] == pytest.approx(40 * own["clip_score"])
    texts = encode_texts(load_encoder(tiny_clip), ["bars denote"], prefix="error ")
    assert np.array_equal(texts.vectors, load_encoder(tiny_clip).encode_texts(["error bars denote"]))


def test_bfloat16_is_close_and_says_so(metric, tiny_clip):
    images = figures(3)
    full = metric.compute(predictions=TEXTS[:3], references=images, model_id=tiny_clip)
    half = metric.compute(predictions=TEXTS[:3], references=images, model_id=tiny_clip, dtype="bfloat16")
    assert half["dtype"] == "bfloat16"
    assert half["scores"] == pytest.approx(full["scores"], abs=0.15)


def test_an_image_is_decoded_once_for_all_its_shapes_and_texts(tiny_clip, monkeypatch):
    from s1_mmalign.eval.clip_score import encoder as module

    decoded = []
    monkeypatch.setattr(module, "decode", lambda item: decoded.append(item) or decode(item))
    found = load_encoder(tiny_clip).encode_image_modes(figures(5), ("checkpoint", "pad"), batch_size=2)
    assert len(decoded) == 5
    alone = load_encoder(tiny_clip).encode_images(figures(5), "pad")
    assert np.allclose(found["pad"].vectors, alone.vectors, atol=1e-6)
    assert not np.allclose(found["pad"].vectors, found["checkpoint"].vectors, atol=1e-2)


def test_ten_thousand_words_are_cut_or_read_in_windows(metric, tiny_clip):
    text = "The loss falls with time. " * 2000
    for mode in ("truncate", "window"):
        result = metric.compute(predictions=[text], references=figures(1), model_id=tiny_clip, text_mode=mode)
        assert result["n"] == result["truncation_rate"] == 1
        assert (result["windows"][0] > 100) == (mode == "window")


def test_equal_texts_are_encoded_once(tiny_clip):
    done: list[int] = []
    encode_texts(load_encoder(tiny_clip), ["A plot."] * 50 + ["Another."], advance=done.append)
    assert sum(done) == 2


def test_the_model_is_loaded_once(tiny_clip):
    assert load_encoder(tiny_clip) is load_encoder(tiny_clip)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"text_mode": "cut"}, "text_mode='cut': one of truncate, window"),
        ({"image_mode": "fit"}, "image_mode='fit': one of checkpoint, crop, pad"),
        ({"dtype": "int8"}, "dtype='int8': one of float32"),
        ({"batch_size": 0}, "batch_size=0: 1 or more"),
    ],
)
def test_a_wrong_argument_is_named_with_what_is_expected(arguments, message, metric, tiny_clip):
    with pytest.raises(ValueError, match=message):
        metric.compute(predictions=["a"], references=figures(1), model_id=tiny_clip, **arguments)


def test_a_model_without_two_towers_is_refused_by_name(metric, tiny_bert):
    with pytest.raises(ValueError, match="not a CLIP-like checkpoint"):
        metric.compute(predictions=["a"], references=figures(1), model_id=tiny_bert)

"""A training stream gives the rows and texts that are asked for, and says clearly what it cannot."""

import itertools
import json
import logging

import pyarrow.parquet as pq
import pytest

from s1_mmalign import StreamError, training_stream
from s1_mmalign.processing.streaming.reader import ShardReader
from tests.processing.stream_dataset import id_row, write_ids, write_rows


def numbers(stream) -> list[int]:
    return [int(row["image_path"].split("/")[1]) for row in stream]


def test_a_row_has_its_image_its_text_and_the_columns_asked_for_labels_as_names(tmp_path):
    write_ids(tmp_path, [[3]])
    row = next(iter(training_stream(tmp_path, columns=("caption", "source", "licence_class"))))
    assert (row["image"].mode, row["image"].size) == ("RGB", (24, 26))
    assert row["text"].startswith("First of 0.")
    assert (row["caption"], row["source"], row["licence_class"]) == ("Caption 0.", "arxiv", "open")
    assert set(row) == {"image_path", "image", "text", "caption", "source", "licence_class"}


def test_the_image_comes_in_the_form_asked_for_and_the_transform_is_given_it(tmp_path):
    write_ids(tmp_path, [[1]])
    forms = {form: next(iter(training_stream(tmp_path, image=form))) for form in ("pil", "array", "bytes", "none")}
    assert forms["array"]["image"].shape == (26, 24, 3)
    assert forms["bytes"]["image"].startswith(b"\x89PNG")
    assert "image" not in forms["none"]
    sized = next(iter(training_stream(tmp_path, size=13, transform=lambda image: image.size)))
    assert sized["image"] == (12, 13)


def test_texts_are_mixed_by_weight_anew_in_each_epoch_and_the_same_for_each_seed(tmp_path):
    write_ids(tmp_path, [[1000]])

    def captions(seed=0, epoch=0, **options):
        stream = training_stream(tmp_path, image="none", text={"recaption": 3, "caption": 1}, seed=seed, **options)
        stream.set_epoch(epoch)
        return [row["image_path"] for row in stream if row["text"].startswith("Caption")]

    assert 200 < len(captions()) < 300
    assert captions() == captions()
    assert captions() != captions(seed=1)
    assert captions() != captions(epoch=1)
    assert sorted(captions(shuffle=100)) == captions(), "the choice does not depend on the order"


def test_a_row_without_the_text_asked_for_has_the_next_best(tmp_path):
    rows = [id_row(0, recaption=None), id_row(1, caption=None, recaption=None), id_row(2, title=None)]
    write_rows(tmp_path, [[rows]])
    assert [row["text"] for row in training_stream(tmp_path, image="none")][:2] == ["Caption 0.", "T"]
    mixed = training_stream(tmp_path, image="none", text={"abstract": 1, "recaption": 1, "title": 0})
    assert [row["text"] for row in mixed][2].startswith("First of 2")


def test_the_sentence_view_gives_one_sentence_of_the_text_and_all_of_them_in_turn(tmp_path):
    write_ids(tmp_path, [[200]])
    sentences = [row["text"] for row in training_stream(tmp_path, image="none", view="sentence")]
    assert {sentence.split()[0] for sentence in sentences} == {"First", "Second", "Third"}
    assert all(sentence.count(".") == 1 for sentence in sentences)


def test_licences_and_sources_choose_shards_and_others_are_not_opened(tmp_path):
    write_rows(tmp_path, [[[id_row(1)]]], "open")
    write_rows(tmp_path, [[[id_row(2, licence_class=2)]]], "restricted")
    next((tmp_path / "data/arxiv/restricted").iterdir()).write_bytes(b"not to be opened")
    assert numbers(training_stream(tmp_path, licences="open")) == [1]
    with pytest.raises(StreamError, match=r"no row of split train, sources \('biorxiv',\).*source: arxiv"):
        training_stream(tmp_path, sources=("biorxiv",))


def test_flags_and_filters_choose_rows(tmp_path):
    flags = (["refusal"], [], ["repetition", "too_short"], None)
    rows = [id_row(number, recaption_flags=flags[number % 4]) for number in range(12)]
    write_rows(tmp_path, [[rows[:5], rows[5:]]])
    assert numbers(training_stream(tmp_path, drop_flags=("refusal",))) == [1, 2, 3, 5, 6, 7, 9, 10, 11]
    assert numbers(training_stream(tmp_path, drop_flags="all")) == [1, 3, 5, 7, 9, 11]
    filters = [("width", ">=", 4), ("licence_class", "in", ["open", "noncommercial"]), ("source", "==", "arxiv")]
    assert numbers(training_stream(tmp_path, filters=filters, drop_flags="all")) == [5, 7, 9, 11]
    assert sorted(numbers(training_stream(tmp_path, filters=filters, shuffle=7))) == list(range(4, 12))


def test_of_row_groups_in_which_no_row_is_left_only_the_deciding_columns_and_ids_are_read(tmp_path, monkeypatch):
    write_ids(tmp_path, [[4, 4, 4]])
    read = []
    original = ShardReader._batches

    def recorded(self, file, piece, columns):
        read.append((piece.group, tuple(columns)))
        return original(self, file, piece, columns)

    monkeypatch.setattr(ShardReader, "_batches", recorded)
    assert numbers(training_stream(tmp_path, filters=[("width", "==", 5)])) == [5]
    assert {group for group, columns in read if "image.bytes" in columns} == {1}


def test_a_corrupt_image_is_left_out_counted_and_named_and_resuming_still_counts_right(tmp_path, caplog):
    good = id_row(0)["image"]
    bad = {"bytes": good["bytes"][:60], "path": "a.png"}
    rows = [id_row(n, image=bad if n in (3, 7) else None if n == 9 else good) for n in range(12)]
    write_rows(tmp_path, [[rows[:6], rows[6:]]])
    stream = training_stream(tmp_path)
    with caplog.at_level(logging.WARNING):
        seen = numbers(itertools.islice(stream, 5))
    assert "arxiv/00003/fig1.png: left out" in caplog.text
    again = training_stream(tmp_path)
    again.load_state_dict(json.loads(json.dumps(stream.state_dict())))
    assert seen + numbers(again) == [n for n in range(12) if n not in (3, 7, 9)]
    assert again.skipped == 3
    with pytest.raises(StreamError, match=r"arxiv/00003/fig1\.png"):
        list(training_stream(tmp_path, on_error="error"))


def test_a_damaged_or_missing_shard_or_column_is_named(tmp_path):
    write_ids(tmp_path, [[2], [2]])
    first, second = sorted(tmp_path.rglob("*.parquet"))
    with pytest.raises(StreamError, match=r"train-00000.*has no column 'recaption_qwen'"):
        list(training_stream(tmp_path, text="recaption_qwen"))
    with pytest.raises(StreamError, match=r"train-00000.*has no column 'colour'"):
        list(training_stream(tmp_path, filters=[("colour", "==", 1)]))
    with pytest.raises(StreamError, match=r"licence_class has no 'opne'; it has open"):
        list(training_stream(tmp_path, filters=[("licence_class", "==", "opne")]))
    whole = first.read_bytes()
    for damaged, message in ((whole[:-30], "cannot be read"), (None, "is missing"), (second.read_bytes(), None)):
        first.unlink(missing_ok=True)
        if damaged is not None:
            first.write_bytes(damaged)
        if message:
            for shuffle in (0, 10):
                with pytest.raises(StreamError, match=f"train-00000.*{message}"):
                    list(training_stream(tmp_path, shuffle=shuffle))
    pq.write_table(pq.read_table(second).slice(1), first)
    with pytest.raises(StreamError, match=r"has 1 rows where the manifest says 2"):
        list(training_stream(tmp_path))


def test_what_is_no_dataset_is_said_to_be_none(tmp_path):
    with pytest.raises(StreamError, match=r"manifest\.json is missing"):
        training_stream(tmp_path)
    with pytest.raises(StreamError, match="no such folder"):
        training_stream(tmp_path / "nothing" / "here")
    write_ids(tmp_path, [[2]])
    with pytest.raises(StreamError, match="only a repository has revisions"):
        training_stream(tmp_path, revision="main")
    with pytest.raises(StreamError, match="no row meets the filters"):
        next(iter(training_stream(tmp_path, filters=[("width", ">", 99)], epochs=None)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"split": "dev"}, {"image": "tensor"}, {"view": "word"}, {"size": 0}, {"shuffle": -1}, {"epochs": 0},
        {"rank": 1}, {"rank": 2, "world_size": 2}, {"text": {"caption": -1}}, {"text": {"caption": 0}},
        {"filters": [("width", 3)]}, {"on_error": "ignore"}, {"fit": "both"},
    ],
)  # fmt: skip
def test_options_that_cannot_be_meant_are_rejected_by_name(tmp_path, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        training_stream(tmp_path, **wrong)

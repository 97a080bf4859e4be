"""A part of a dataset captioned again, and a second model's captions beside the first."""

from pathlib import Path

import datasets
import pyarrow.parquet as pq
import pytest

from s1_mmalign.builder.caption_columns import caption_columns, features_with
from s1_mmalign.builder.records import FEATURES, RECAPTION_COLUMNS, SOURCES
from s1_mmalign.builder.shards import Manifest
from s1_mmalign.dataset_card.card import write_card
from s1_mmalign.processing.caption_rows import Ahead
from s1_mmalign.processing.recaption import RecaptionOptions, recaption_dataset
from s1_mmalign.processing.row_filter import FilterError
from s1_mmalign.processing.row_selection import select_rows
from s1_mmalign.processing.run_rows import read_rows
from s1_mmalign.processing.verify import verify_folder
from tests.processing.figure_rows import figure_row, write_dataset
from tests.processing.figure_rows import read_rows as dataset_rows
from tests.processing.scripted_captioner import NAME, asked


def quiet(text: str) -> None:
    pass


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [figure_row(index, source=SOURCES.index("arxiv")) for index in range(24)]
    return write_dataset(tmp_path / "dataset", rows, shards=3, group_rows=3)


def captioned(folder: Path, column: str = "recaption") -> list[int]:
    return [index for index, row in enumerate(dataset_rows(folder)) if row[column] is not None]


def run(folder: Path, **changes):
    asked.clear()
    return recaption_dataset(folder, RecaptionOptions(NAME, **changes), say=quiet)


def test_only_rows_for_which_the_expression_holds_are_captioned(folder: Path):
    summary = run(folder, where="figure_number == '1' and source == 'arxiv'")
    chosen = [index for index, row in enumerate(dataset_rows(folder)) if row["figure_number"] == "1"]
    assert 0 < len(chosen) < 24 and captioned(folder) == chosen
    assert (summary.rows, summary.engine) == (len(chosen), len(chosen))
    assert run(folder, where="recaption is null").engine == 24 - len(chosen)
    assert run(folder, where="recaption is null").rows == 0


def test_an_expression_with_a_mistake_ends_the_run_before_it_begins(folder: Path):
    with pytest.raises(FilterError, match="recaption"):
        run(folder, where="recaptions is null")
    assert not asked and captioned(folder) == []


def test_flagged_rows_are_captioned_again_by_another_model(folder: Path):
    run(folder, retry=())
    before = dataset_rows(folder)
    bad = [index for index, row in enumerate(before) if "refusal" in row["recaption_flags"]]
    flagged = [index for index, row in enumerate(before) if row["recaption_flags"]]
    assert bad == [4] and set(flagged) == {3, 4, 5, 6, 7, 8}
    assert run(folder, retry=(), flagged=("refusal",)).kept == 1 and not asked
    assert run(folder, retry=(), flagged=("refusal",), revision="2").engine == 1
    assert run(folder, retry=(), flagged=("any",), revision="2").engine == len(flagged) - 1
    models = [row["recaption_model"] for row in dataset_rows(folder)]
    assert [index for index, model in enumerate(models) if model == "scripted@2"] == flagged


def test_a_sample_is_drawn_by_its_seed_and_a_limit_takes_the_first(folder: Path):
    def drawn(**changes) -> list[int]:
        manifest = Manifest.load(folder)
        chosen = select_rows(folder, manifest, RecaptionOptions(NAME, **changes))
        starts = [sum(shard.rows for shard in manifest.shards[:number]) for number in range(3)]
        return [start + row for start, rows in zip(starts, chosen, strict=True) for row in rows.tolist()]

    assert drawn(sample=7) == drawn(sample=7) and len(drawn(sample=7)) == 7
    assert drawn(sample=7) != drawn(sample=7, seed=1)
    assert drawn(sample=100) == list(range(24)) and drawn(sample=0) == []
    assert drawn(sample=7, limit=2) == drawn(sample=7)[:2]
    odd = [index for index in range(24) if figure_row(index)["figure_number"] == "1"]
    assert set(drawn(where="figure_number == '1'", sample=3)) <= set(odd)
    assert run(folder, sample=7).engine == 7 and captioned(folder) == drawn(sample=7)


def test_a_second_models_captions_stand_beside_the_first(folder: Path, tmp_path: Path):
    run(folder)
    first = dataset_rows(folder)
    summary = run(folder, column="other", revision="2", limit=10)
    assert summary.engine == 10 and summary.shards_written == 3
    rows = dataset_rows(folder)
    names = caption_columns("other")
    assert list(names.values())[:2] == ["recaption_other", "recaption_other_model"]
    assert captioned(folder, "recaption_other") == list(range(10))
    for old, new in zip(first, rows, strict=True):
        assert {name: new[name] for name in old} == old
    assert {row["recaption_other_model"] for row in rows[:10]} == {"scripted@2"}
    assert {row["recaption_other_model"] for row in rows[10:]} == {None}
    assert run(folder, column="other", revision="2").engine == 14
    again = run(folder, column="other", revision="2")
    assert (again.kept, again.engine, again.shards_written) == (24, 0, 0)


def test_a_dataset_with_two_captions_verifies_opens_and_has_a_card(folder: Path, tmp_path: Path):
    run(folder)
    run(folder, column="other", revision="2", limit=3)
    (folder / "drops.jsonl").write_text("")
    manifest = Manifest.load(folder)
    papers = len({row["paper_id"] for row in dataset_rows(folder)})
    manifest.papers = {"in": papers, "with_rows": papers, "dropped": 0}
    manifest.save(folder)
    assert verify_folder(folder).problems == []
    write_card(folder)
    for name in (None, "arxiv"):
        opened = datasets.load_dataset(str(folder), name, cache_dir=str(tmp_path / "cache"))["train"]
        assert opened.features == features_with(["other"]) and opened[0]["recaption_other"]
    assert "`recaption_other_flags`" in (folder / "README.md").read_text()
    stream = datasets.load_dataset(str(folder), streaming=True)["train"]
    assert next(iter(stream))["recaption_other_model"] == "scripted@2"


def test_shards_that_lack_the_second_captions_are_found_and_completed(folder: Path):
    run(folder)
    path = folder / Manifest.load(folder).shards[1].path
    old, manifest = path.read_bytes(), Manifest.load(folder)
    run(folder, column="other", limit=1)
    path.write_bytes(old)  # as where a run was killed between two shards
    new = Manifest.load(folder)
    new.shards[1] = manifest.shards[1]
    new.save(folder)
    assert any("--column" in problem.what for problem in verify_folder(folder).problems)
    assert run(folder, column="other", limit=1).shards_written == 1
    assert set(pq.read_schema(path).names) == set(features_with(["other"]))
    assert not any("--column" in problem.what for problem in verify_folder(folder).problems)


@pytest.mark.parametrize("name", ["model", "x_flags", "Big", "a-b", "", "1st", "clip_score"])
def test_a_name_that_could_be_mistaken_is_told(name: str):
    with pytest.raises(ValueError, match="column="):
        RecaptionOptions(column=name)


def test_rows_of_a_paper_stand_together_for_the_prefix_cache(tmp_path: Path):
    rows = [figure_row(index, paper_id=f"p{index % 2}") for index in range(8)]
    folder = write_dataset(tmp_path / "mixed", rows, shards=1)
    manifest = Manifest.load(folder)
    chosen = select_rows(folder, manifest, RecaptionOptions())
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    read, places = read_rows(folder, manifest, chosen, caption_columns(None), scratch, lambda *what: None)
    assert places[manifest.shards[0].path][1].tolist() == [0, 2, 4, 6, 1, 3, 5, 7] == read["shard_row"]
    assert read["index"] == list(range(8)) and Ahead(read, folder, 2).share(1) == range(4, 8)
    run(folder)
    for index, row in enumerate(dataset_rows(folder)):
        assert index in (3, 4, 8) or f"sample {index}," in row["recaption"]


def test_columns_of_a_set_have_the_types_of_the_first():
    features = features_with(["b", "a"])
    assert list(features)[: len(FEATURES)] == list(FEATURES)
    assert list(features)[len(FEATURES) :] == [*caption_columns("a").values(), *caption_columns("b").values()]
    for name in RECAPTION_COLUMNS:
        assert features[caption_columns("a")[name]] == FEATURES[name]

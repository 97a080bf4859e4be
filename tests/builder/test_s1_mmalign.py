"""The builder class: rows of the papers as a `datasets` dataset."""

import pytest

from s1_mmalign.builder.records import FEATURES, SOURCES
from s1_mmalign.builder.s1_mmalign import DuplicateKeyError, S1MMAlign
from s1_mmalign.builder.units import Slice
from tests.builder.small_papers import write_latex_package, write_papers


def prepared(tmp_path, config="all", **kwargs) -> S1MMAlign:
    builder = S1MMAlign(config, papers=[tmp_path / "papers"], cache_dir=str(tmp_path / "cache"), **kwargs)
    builder.download_and_prepare(file_format="parquet", num_proc=2)
    return builder


def test_there_is_a_config_for_each_source_and_for_all_and_likewise_of_the_release():
    of_release = {"release", *(f"release-{source}" for source in SOURCES)}
    assert set(S1MMAlign.builder_configs) == {"all", *SOURCES} | of_release


def test_the_class_gives_a_dataset_with_decoded_images(tmp_path):
    write_papers(tmp_path / "papers", 3)
    builder = S1MMAlign("arxiv", papers=[str(tmp_path / "papers")], cache_dir=str(tmp_path / "cache"))
    builder.download_and_prepare()
    rows = builder.as_dataset(split="train")
    assert rows.features == FEATURES
    assert rows[0]["image"].size == (64, 64)
    assert sorted(rows["image_path"])[:2] == ["arxiv/2301.00000/fig001.png", "arxiv/2301.00000/fig002.png"]


def test_several_processes_give_the_same_rows(tmp_path):
    write_papers(tmp_path / "papers", 6)
    builder = prepared(tmp_path)
    assert sum(split.num_examples for split in builder.info.splits.values()) == 12


def test_a_config_holds_the_rows_of_its_source_alone(tmp_path):
    write_papers(tmp_path / "papers", 2)
    with pytest.raises(Exception, match=r"biorxiv"):
        prepared(tmp_path, "biorxiv")


def test_a_changed_paper_is_not_served_from_the_cache(tmp_path):
    write_papers(tmp_path / "papers", 1)
    assert prepared(tmp_path).info.splits["train"].num_examples == 2
    write_latex_package(tmp_path / "papers" / "2301.00050.tar.gz", "one more", 50)
    assert prepared(tmp_path).info.splits["train"].num_examples == 4


def test_papers_must_be_named(tmp_path):
    with pytest.raises(ValueError, match="papers"):
        S1MMAlign("arxiv", cache_dir=str(tmp_path)).download_and_prepare()


def test_a_row_that_comes_twice_is_an_error(tmp_path):
    write_papers(tmp_path / "papers", 1)
    builder = prepared(tmp_path)
    folder = tmp_path / "cache" / "s1_mmalign" / "units"
    (unit,) = (path.stem for path in folder.glob("*.parquet"))
    piece = Slice(unit, "arxiv", "unknown", "train", 2, 1, (0,))
    with pytest.raises(DuplicateKeyError, match=r"fig001\.png"):
        list(builder._generate_examples([piece, piece], folder))

"""Croissant metadata: valid, the same for the same data, and its records are the dataset's rows."""

import json

import pytest

from s1_mmalign.builder.records import FEATURES
from s1_mmalign.dataset_card.card import CardOptions, write_card
from tests.dataset_card.small_dataset import default_rows, make_folder, recaptioned


@pytest.fixture
def folder(tmp_path):
    folder = make_folder(tmp_path / "d", [recaptioned(one) for one in default_rows()])
    write_card(folder)
    return folder


def test_equal_data_give_equal_bytes_that_name_no_machine(folder, tmp_path) -> None:
    text = (folder / "croissant.json").read_text("utf-8")
    assert str(tmp_path) not in text
    again = make_folder(tmp_path / "again", [recaptioned(one) for one in default_rows()])
    write_card(again)
    assert (again / "croissant.json").read_text("utf-8") == text


def test_every_column_is_a_field(folder) -> None:
    content = json.loads((folder / "croissant.json").read_text("utf-8"))
    fields = [field["name"] for field in content["recordSet"][1]["field"]]
    assert fields == ["split", *FEATURES]


def test_a_repository_is_named(folder) -> None:
    write_card(folder, CardOptions(repo_id="me/figures"))
    content = json.loads((folder / "croissant.json").read_text("utf-8"))
    assert content["distribution"][0]["contentUrl"].endswith("/datasets/me/figures") and "//" in content["url"]


def test_mlcroissant_finds_no_fault_and_reads_the_rows(folder) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")
    dataset = mlcroissant.Dataset(folder / "croissant.json", mapping={"repo": folder})
    assert not dataset.metadata.ctx.issues.errors
    rows = {row["rows/image_path"].decode(): row for row in dataset.records("rows")}
    assert set(rows) == {one["image_path"] for one in default_rows()}
    for number, one in enumerate(default_rows()):
        row = rows[one["image_path"]]
        assert row["rows/caption"].decode() == one["caption"]
        assert row["rows/image"].size == (one["width"], one["height"])
        assert row["rows/split"] == (b"test" if number % 5 == 4 else b"train")

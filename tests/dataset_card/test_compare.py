"""Two datasets compared: equal bytes, equal rows, or exactly the rows and columns that differ."""

import io

import pytest
from PIL import Image

from s1_mmalign.builder.records import FEATURES
from s1_mmalign.builder.shards import FolderError
from s1_mmalign.dataset_card.compare import compare_datasets
from tests.dataset_card.small_dataset import default_rows, make_folder, picture

COLUMNS = list(FEATURES)


def changed(number: int, **columns) -> list[dict]:
    rows = default_rows()
    rows[number] |= columns
    return rows


def with_image(number: int, data: bytes) -> list[dict]:
    import hashlib

    path = default_rows()[number]["image"]["path"]
    return changed(
        number, image={"bytes": data, "path": path}, image_sha256=hashlib.sha256(data).hexdigest(), phash="f" * 16
    )


@pytest.fixture
def left(tmp_path):
    return make_folder(tmp_path / "left")


def test_the_same_bytes_are_identical(left, tmp_path) -> None:
    found = compare_datasets(left, make_folder(tmp_path / "right"), COLUMNS)
    assert (found.verdict, found.rows) == ("identical", 20)


def test_the_same_rows_in_other_shards_are_equivalent(left, tmp_path) -> None:
    found = compare_datasets(left, make_folder(tmp_path / "right", shard_rows=2), COLUMNS)
    assert found.verdict == "equivalent"
    assert not found.encoded


def test_one_picture_in_another_encoding_is_equivalent(left, tmp_path) -> None:
    out = io.BytesIO()
    Image.open(io.BytesIO(picture(3))).save(out, "PNG", compress_level=1)
    assert out.getvalue() != picture(3)
    found = compare_datasets(left, make_folder(tmp_path / "right", with_image(3, out.getvalue())), COLUMNS)
    assert (found.verdict, found.encoded) == ("equivalent", [default_rows()[3]["image_path"]])


def test_one_changed_pixel_is_that_row_and_no_other(left, tmp_path) -> None:
    image = Image.open(io.BytesIO(picture(3)))
    image.putpixel((5, 5), (1, 2, 3))
    out = io.BytesIO()
    image.save(out, "PNG")
    found = compare_datasets(left, make_folder(tmp_path / "right", with_image(3, out.getvalue())), COLUMNS)
    assert found.verdict == "different"
    assert found.changed == {default_rows()[3]["image_path"]: ["image_sha256", "phash"]}


def test_a_changed_text_is_named_by_its_column(left, tmp_path) -> None:
    found = compare_datasets(left, make_folder(tmp_path / "right", changed(7, caption="Another.")), COLUMNS)
    assert found.changed == {default_rows()[7]["image_path"]: ["caption"]}
    assert compare_datasets(left, tmp_path / "right", ["title"]).verdict == "equivalent"


def test_missing_and_extra_rows_are_named(left, tmp_path) -> None:
    rows = default_rows()
    gone = rows.pop(2)
    right = make_folder(tmp_path / "right", rows)
    found = compare_datasets(left, right, COLUMNS)
    assert (found.verdict, found.missing, found.extra) == ("different", [gone["image_path"]], [])
    assert compare_datasets(right, left, COLUMNS).extra == [gone["image_path"]]


def test_a_folder_that_is_no_dataset_is_named(left, tmp_path) -> None:
    with pytest.raises(FolderError, match="nothing"):
        compare_datasets(left, tmp_path / "nothing", COLUMNS)

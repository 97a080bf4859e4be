"""Shards open anywhere, manifests vouch for them, and half of either never counts."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from s1_mmalign.builder.records import RECAPTION_COLUMNS, SCORE_COLUMNS
from s1_mmalign.builder.shards import (
    SCHEMA,
    FolderError,
    Manifest,
    Shard,
    full_row_groups,
    iter_tables,
    sha256_of,
    write_shard,
)


def table(rows: int, image_bytes: int = 100) -> pa.Table:
    empty = dict.fromkeys(SCHEMA.names)
    return pa.Table.from_pylist(
        [empty | {"image": {"bytes": bytes([i]) * image_bytes, "path": f"{i}.png"}, "image_path": f"arxiv/p/{i}.png",
                  "caption": "c", "categories": ["a", "b"], "source": 0} for i in range(rows)],
        schema=SCHEMA,
    )  # fmt: skip


def test_a_shard_gives_back_its_rows_and_says_what_it_is(tmp_path):
    path = tmp_path / "data" / "train.parquet"
    written = write_shard(path, [table(3), table(2)])
    assert pa.concat_tables(iter_tables(path)).equals(pa.concat_tables([table(3), table(2)]))
    assert written == (5, path.stat().st_size, sha256_of(path))
    assert [t.column_names for t in iter_tables(path, ["caption"])] == [["caption"], ["caption"]]


def test_equal_rows_make_equal_bytes(tmp_path):
    first, second = (write_shard(tmp_path / name, [table(20)]) for name in ("a.parquet", "b.parquet"))
    assert first == second


def test_row_groups_stay_under_the_limit_of_the_viewer(tmp_path, monkeypatch):
    monkeypatch.setattr("s1_mmalign.builder.shards.ROW_GROUP_BYTES", 1000)
    path = tmp_path / "a.parquet"
    write_shard(path, [table(30, image_bytes=300)])
    assert [part.num_rows for part in iter_tables(path)] == [3] * 10


def test_images_are_stored_plain_and_text_is_compressed(tmp_path):
    path = tmp_path / "a.parquet"
    write_shard(path, [table(3)])
    group = pq.ParquetFile(path).metadata.row_group(0)
    compression = {group.column(i).path_in_schema: group.column(i).compression for i in range(group.num_columns)}
    assert compression["image.bytes"] == "UNCOMPRESSED"
    assert {kind for name, kind in compression.items() if name != "image.bytes"} == {"ZSTD"}


def test_a_shard_that_fails_half_way_leaves_nothing(tmp_path):
    def broken():
        yield table(2)
        raise RuntimeError("disk on fire")

    with pytest.raises(RuntimeError):
        write_shard(tmp_path / "a.parquet", broken())
    assert list(tmp_path.iterdir()) == []


def test_the_manifest_comes_back_as_it_was_saved(tmp_path):
    shard = Shard("data/arxiv/open/train-00000-of-00001.parquet", 3, 9, "ab", "arxiv", "open", "train")
    Manifest([shard], {"in": 2, "with_rows": 1, "dropped": 1}, {"timeout": 1}).save(tmp_path)
    manifest = Manifest.load(tmp_path)
    assert (manifest.shards, manifest.rows, manifest.drops) == ([shard], 3, {"timeout": 1})


@pytest.mark.parametrize("content", [None, "{", '{"version": 1}', '{"version": 99, "shards": []}'])
def test_a_folder_without_a_sound_manifest_is_refused_with_the_way_out(tmp_path, content):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(FolderError, match=r"manifest\.json"):
        Manifest.load(tmp_path)


def test_a_corrupt_shard_is_named(tmp_path):
    (tmp_path / "a.parquet").write_text(json.dumps({}))
    with pytest.raises(FolderError, match=r"a\.parquet"):
        list(iter_tables(tmp_path / "a.parquet"))


def test_small_tables_are_joined_to_full_row_groups_and_joining_again_changes_nothing():
    tables = [table(rows, image_bytes=300) for rows in (1, 2, 1, 7, 1, 1, 30, 2)]
    joined = list(full_row_groups(iter(tables), limit=1000))
    assert [one.num_rows for one in joined] == [3] * 15
    assert pa.concat_tables(joined).equals(pa.concat_tables(tables))
    assert [one.num_rows for one in full_row_groups(joined, limit=1000)] == [3] * 15
    assert list(full_row_groups([], limit=1000)) == []


def test_images_come_first_and_what_later_stages_write_last():
    assert SCHEMA.names[0] == "image"
    later = (*RECAPTION_COLUMNS, *SCORE_COLUMNS)
    assert tuple(SCHEMA.names[-len(later) :]) == later

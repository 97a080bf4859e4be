"""Whatever is wrong with a dataset folder, `verify` names the file and what it is; a whole one has no problems."""

import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from s1_mmalign.builder.records import Drop
from s1_mmalign.builder.shards import SCHEMA, FolderError, Manifest, Shard, write_shard
from s1_mmalign.processing.verify import verify_folder
from tests.dataset_card.small_dataset import default_rows, make_folder, recaptioned, row


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "dataset")


def problems(folder, **options):
    return [str(problem) for problem in verify_folder(folder, **options).problems]


def first_shard(folder):
    return folder / min(shard.path for shard in Manifest.load(folder).shards)


def rewrite(folder, rows, path):
    """Write a shard again with other rows, and a manifest that vouches for it."""
    manifest = Manifest.load(folder)
    written = write_shard(folder / path, [pa.Table.from_pylist(rows, schema=SCHEMA)])
    manifest.shards = [
        Shard(path, *written, shard.source, shard.licence_class, shard.split) if shard.path == path else shard
        for shard in manifest.shards
    ]
    manifest.save(folder)


def test_a_whole_folder_has_no_problems_and_every_image_was_decoded(folder):
    seen = []
    report = verify_folder(folder, progress=lambda *progress: seen.append(progress))
    assert report.ok
    assert (report.shards, report.rows, report.images) == (len(Manifest.load(folder).shards), 20, 20)
    assert seen[-1] == ("bytes", report.bytes, report.bytes)


def test_a_recaptioned_folder_is_whole_too(tmp_path):
    assert verify_folder(make_folder(tmp_path, [recaptioned(one) for one in default_rows()])).ok


@pytest.mark.parametrize(("images", "decoded"), [(0, 0), (7, 7), (1000, 20)])
def test_a_sample_decodes_as_many_images_as_asked_for(folder, images, decoded):
    assert verify_folder(folder, images=images).images == decoded


def test_one_flipped_bit_anywhere_in_a_shard_is_found(folder):
    path = first_shard(folder)
    whole = path.read_bytes()
    for position in range(4, len(whole), len(whole) // 25):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 4]) + whole[position + 1 :])
        assert any("sha256 differs" in problem for problem in problems(folder, images=0)), position
    path.write_bytes(whole)
    assert problems(folder) == []


def test_a_truncated_shard_and_a_missing_one_are_found(folder):
    first, second = sorted((folder / "data").rglob("*.parquet"))[:2]
    first.write_bytes(first.read_bytes()[:-10])
    second.unlink()
    found = "\n".join(problems(folder))
    assert f"{first.relative_to(folder)}: has" in found
    assert "no readable Parquet file" in found
    assert f"{second.relative_to(folder)}: is missing" in found


def test_a_file_that_the_manifest_does_not_name_is_found(folder):
    stray = first_shard(folder).with_name("train-00007-of-00008.parquet")
    stray.write_bytes(first_shard(folder).read_bytes())
    assert problems(folder) == [
        f"{stray.relative_to(folder)}: the manifest does not name it; remove it, `datasets` would read it as data"
    ]


def test_a_row_count_that_differs_from_the_manifest_is_found(folder):
    manifest = Manifest.load(folder)
    index = next(index for index, shard in enumerate(manifest.shards) if shard.rows == 4)
    manifest.shards[index] = replace(manifest.shards[index], rows=5)
    manifest.save(folder)
    assert any("has 4 rows where the manifest says 5" in problem for problem in problems(folder))


def test_columns_that_are_not_the_datasets_are_found(folder):
    path = first_shard(folder)
    table = pq.read_table(path)
    for changed, what in (
        (table.drop_columns(["phash"]), "phash is missing"),
        (table.append_column("mine", table["title"]), "mine is not known"),
        (table.set_column(table.column_names.index("width"), "width", table["width"].cast("int64")), "width is int64"),
        (table.replace_schema_metadata({}), "features in the file's metadata differ"),
    ):
        pq.write_table(changed, path)
        assert any(what in problem for problem in problems(folder)), what


def test_an_image_that_cannot_be_decoded_is_found_and_so_is_one_of_another_row(folder):
    manifest = Manifest.load(folder)
    shard = next(shard for shard in manifest.shards if shard.path == "data/arxiv/open/train-00000-of-00002.parquet")
    rows = [row(1), row(3), row(5), row(7)]
    broken = rows[1]["image"]["bytes"][:-40]
    rows[1]["image"] = {"bytes": broken, "path": "x.png"}
    rows[2]["image"] = row(7)["image"]
    rows[3]["width"] = 25
    rewrite(folder, rows, shard.path)
    found = [problem for problem in problems(folder) if shard.path in problem]
    assert [what in problem for what, problem in zip(["names", "decoded", "names", "pixels"], found, strict=True)]
    assert rows[1]["image_path"] in found[0]
    assert rows[1]["image_path"] in found[1]
    assert rows[2]["image_path"] in found[2]
    assert rows[3]["image_path"] in found[3]


def test_an_image_path_in_two_rows_is_found_across_shards(tmp_path):
    rows = default_rows()
    rows[13]["image_path"] = rows[2]["image_path"]
    folder = make_folder(tmp_path, rows)
    assert problems(folder) == [f"{rows[2]['image_path']}: image_path is in more than one row"]


def test_rows_of_another_source_or_licence_class_than_their_folder_are_found(folder):
    path = "data/arxiv/open/test-00000-of-00001.parquet"
    rows = pq.read_table(folder / path).to_pylist()
    rewrite(folder, [one | {"source": 2, "licence_class": 3} for one in rows], path)
    found = "\n".join(problems(folder))
    assert f"{path}: {len(rows)} rows from row 0 on are of another source" in found
    assert f"{path}: {len(rows)} rows from row 0 on are of another licence_class" in found


def test_a_ledger_that_disagrees_with_the_manifest_is_found(folder):
    with (folder / "drops.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"paper_id": "x", "where": "", "reason": "timeout", "detail": ""}) + "\nnot json\n")
    assert problems(folder) == [
        "drops.jsonl: line 4 is not a line of the ledger",
        "drops.jsonl: has 1 lines timeout; the manifest says 0",
    ]
    (folder / "drops.jsonl").unlink()
    assert problems(folder) == ["drops.jsonl: is missing; run `s1-mmalign build` again"]


def test_papers_that_do_not_add_up_are_found(tmp_path):
    folder = make_folder(tmp_path, drops=[Drop("a", "", "timeout")])
    manifest = Manifest.load(folder)
    manifest.papers = manifest.papers | {"in": 20, "with_rows": 15}
    manifest.save(folder)
    assert problems(folder) == [
        "manifest.json: 20 papers in, but 15 with rows + 1 dropped",
        "manifest.json: says 15 papers with rows; the rows have 16",
    ]


def test_a_folder_that_is_no_dataset_says_what_to_run(tmp_path):
    with pytest.raises(FolderError, match="s1-mmalign build"):
        verify_folder(tmp_path)
    with pytest.raises(FolderError, match="s1-mmalign build"):
        verify_folder(tmp_path / "nowhere")


@pytest.mark.parametrize("images", [-1, "some", 1.5])
def test_a_sample_that_is_no_number_is_rejected(folder, images):
    with pytest.raises(ValueError, match="'all' or a number"):
        verify_folder(folder, images=images)

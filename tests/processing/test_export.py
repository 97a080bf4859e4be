"""Exports hold every row, in the layout that their readers expect, and the same input gives the same bytes."""

import gzip
import io
import json
import os
import subprocess
import sys
import tarfile

import pytest
import webdataset
from PIL import Image

from s1_mmalign.builder.records import FEATURES
from s1_mmalign.builder.shards import FolderError, sha256_of
from s1_mmalign.processing.export import ExportOptions, export_dataset
from tests.dataset_card.small_dataset import default_rows, make_folder, recaptioned, row


@pytest.fixture
def folder(tmp_path):
    rows = [recaptioned(one) if number % 2 else one for number, one in enumerate(default_rows())]
    return make_folder(tmp_path / "dataset", rows)


def files_of(out):
    return {path.relative_to(out).as_posix(): sha256_of(path) for path in sorted(out.rglob("*")) if path.is_file()}


def test_jsonl_holds_every_column_but_the_image_with_labels_as_names(folder, tmp_path):
    seen = []
    result = export_dataset(
        folder, tmp_path / "rows.jsonl", ExportOptions("jsonl"), lambda *progress: seen.append(progress)
    )
    lines = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    assert result.rows == len(lines) == 20
    assert set(lines[0]) == set(FEATURES) - {"image"}
    by_path = {line["image_path"]: line for line in lines}
    assert set(by_path) == {one["image_path"] for one in default_rows()}
    third = by_path[row(3)["image_path"]]
    assert (third["source"], third["licence_class"], third["discipline"]) == ("arxiv", "open", "Biology")
    assert third["citation_contexts"] == row(3)["citation_contexts"]
    assert by_path[row(0)["image_path"]]["discipline"] is None
    assert seen[-1] == ("rows", 20, 20)


@pytest.mark.parametrize("layout", ["jsonl", "webdataset", "release"])
def test_the_same_input_gives_the_same_bytes(folder, tmp_path, layout):
    for name in ("first", "second"):
        export_dataset(folder, tmp_path / name / "out", ExportOptions(layout, shard_bytes=4000, volume_bytes=1500))
    assert files_of(tmp_path / "first") == files_of(tmp_path / "second")
    assert files_of(tmp_path / "first")


def test_webdataset_keys_hold_no_dot_and_the_index_vouches_for_every_tar(folder, tmp_path):
    out = tmp_path / "wds"
    result = export_dataset(folder, out, ExportOptions("webdataset", shard_bytes=8000))
    index = json.loads((out / "index.json").read_text())
    assert index["rows"] == sum(shard["rows"] for shard in index["shards"]) == 20
    assert {shard["path"]: shard["sha256"] for shard in index["shards"]} == {
        name: digest for name, digest in files_of(out).items() if name.endswith(".tar")
    }
    assert len([shard for shard in index["shards"] if shard["split"] == "train"]) > 2
    for shard in index["shards"]:
        assert result.files[shard["path"]] == shard["bytes"]
        with tarfile.open(out / shard["path"]) as archive:
            names = archive.getnames()
        assert [name.count(".") for name in names] == [1] * len(names)
        assert len({name.split(".")[0] for name in names}) == shard["rows"] == len(names) / 3


def test_webdataset_text_is_the_recaption_or_the_raw_caption_where_there_is_none(folder, tmp_path):
    texts = {}
    for text in ("recaption", "caption"):
        out = tmp_path / text
        export_dataset(folder, out, ExportOptions("webdataset", text=text))
        for path in out.rglob("*.tar"):
            with tarfile.open(path) as archive:
                for member in archive:
                    key, extension = member.name.split(".")
                    texts.setdefault(key, {})[f"{text}.{extension}"] = archive.extractfile(member).read()
    assert len(texts) == 20
    for files in texts.values():
        meta = json.loads(files["caption.json"])
        assert files["caption.txt"].decode() == meta["caption"]
        assert files["recaption.txt"].decode() == (meta["recaption"] or meta["caption"])


def test_a_mixed_text_is_drawn_row_by_row_with_the_share_and_seed_asked_for(tmp_path):
    rows = [recaptioned(row(number), caption="raw", recaption="by a model") for number in range(100)]
    make_folder(tmp_path / "dataset", rows)

    def texts(name, **options):
        export_dataset(tmp_path / "dataset", tmp_path / name, ExportOptions("webdataset", text="mix", **options))
        tars = sorted((tmp_path / name).rglob("*.tar"))
        return [one["txt"] for one in webdataset.WebDataset(list(map(str, tars)), shardshuffle=False).decode()]

    assert 15 < texts("quarter", mix=0.25).count("by a model") < 35
    assert texts("first") == texts("second") != texts("third", seed=1)
    assert set(texts("all", mix=1.0)) == {"by a model"}


READ = """
import sys
from pathlib import Path
import datasets, webdataset
for config, count in (("default", 16), ("biorxiv", 6)):
    rows = datasets.load_dataset(sys.argv[1], config, split="train", streaming=True)
    rows = [(row["json"]["image_path"], (row["png"] or row["jpg"]).size, row["txt"]) for row in rows]
    assert len(rows) == len(set(rows)) == count, rows
tars = [str(path) for path in Path(sys.argv[1]).rglob("*.tar")]
pairs = webdataset.WebDataset(tars, shardshuffle=False).decode("pilrgb").to_tuple("png;jpg", "txt", "json")
pairs = [(image.size, text, row["caption"]) for image, text, row in pairs]
assert len(pairs) == 20 and all(size == (24, 26) and text == caption for size, text, caption in pairs)
assert "s1_mmalign" not in sys.modules
"""


def test_datasets_and_webdataset_read_png_and_jpeg_alike_in_a_process_without_this_project(tmp_path):
    export_dataset(make_folder(tmp_path / "dataset"), tmp_path / "wds", ExportOptions("webdataset"))
    environment = os.environ | {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}
    subprocess.run([sys.executable, "-c", READ, str(tmp_path / "wds")], check=True, env=environment)


def test_release_layout_has_one_archive_a_year_for_arxiv_and_members_that_its_jsonl_names(folder, tmp_path):
    out = tmp_path / "release"
    export_dataset(folder, out, ExportOptions("release"))
    years = ["20", "21", "22", "23"]
    assert sorted(path.name for path in (out / "arxiv").glob("*.gz")) == [f"images_20{year}.tar.gz" for year in years]
    assert sorted(path.name for path in (out / "arxiv/jsonl").iterdir()) == [
        f"{year}_recaption.jsonl" for year in years
    ]
    assert sorted(path.name for path in (out / "biorxiv").rglob("*.*")) == ["biorxiv_recaption.jsonl", "images.tar.gz"]
    pictures = {one["image_path"]: one["image"]["bytes"] for one in default_rows()}
    found = 0
    for lines in out.rglob("*.jsonl"):
        source = lines.parent.parent
        archive = source / (f"images_20{lines.name[:2]}.tar.gz" if source.name == "arxiv" else "images.tar.gz")
        with tarfile.open(archive) as tar:
            members = {f"images/{member.name}": tar.extractfile(member).read() for member in tar}
        rows = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
        identifier = "arxiv_id" if source.name == "arxiv" else "doi"
        assert {tuple(one) for one in rows} == {
            (identifier, "title", "image_path", "caption", "recaption", "categories")
        }
        assert all(one[identifier] for one in rows)
        assert {one["image_path"] for one in rows} == set(members)
        for name, data in members.items():
            assert data == pictures[f"{source.name}/{name.removeprefix('images/')}"]
        found += len(rows)
    assert found == 20


def test_release_spells_the_folder_as_published_and_old_ids_and_dates_give_the_year(tmp_path):
    rows = [
        row(1, "nature_communications"),
        row(2, arxiv_id="math/0106220"),
        row(3, arxiv_id="hep-th9901001", image_path="arxiv/x/3.png"),
        row(4, arxiv_id=None, published="2019-05-06", image_path="arxiv/x/4.png"),
        row(5, arxiv_id=None, image_path="arxiv/x/5.png"),
    ]
    out = tmp_path / "release"
    export_dataset(make_folder(tmp_path / "dataset", rows), out, ExportOptions("release"))
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*.tar.gz")) == [
        "arxiv/images.tar.gz", "arxiv/images_1999.tar.gz", "arxiv/images_2001.tar.gz", "arxiv/images_2019.tar.gz",
        "nature_comunication/images.tar.gz",
    ]  # fmt: skip


def test_volumes_put_together_are_the_whole_archive(folder, tmp_path):
    export_dataset(folder, tmp_path / "cut", ExportOptions("release", volume_bytes=1000))
    export_dataset(folder, tmp_path / "whole", ExportOptions("release", volume_bytes=None))
    parts = sorted((tmp_path / "cut/biorxiv").glob("images.tar.gz.part*"))
    assert len(parts) > 2
    assert parts[0].suffix == ".partaa"
    assert all(part.stat().st_size == 1000 for part in parts[:-1])
    whole = b"".join(part.read_bytes() for part in parts)
    assert whole == (tmp_path / "whole/biorxiv/images.tar.gz").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(whole))) as archive:
        for member in archive:
            Image.open(archive.extractfile(member)).load()


def test_an_export_that_fails_leaves_nothing_under_its_name(folder, tmp_path):
    last = sorted((folder / "data").rglob("*.parquet"))[-1]
    last.write_bytes(last.read_bytes()[:-100])
    for layout in ("jsonl", "webdataset", "release"):
        with pytest.raises(FolderError, match="verify"):
            export_dataset(folder, tmp_path / "out", ExportOptions(layout))
        assert not (tmp_path / "out").exists()


EXPORT = """
import sys
from pathlib import Path
from s1_mmalign.processing.export import ExportOptions, export_dataset
seen = []
def progress(what, done, total):
    if what != "rows":
        return
    print(done, flush=True)
    if done == int(sys.argv[4]):
        sys.stdin.read()
options = ExportOptions(sys.argv[3], shard_bytes=9000, volume_bytes=1500)
export_dataset(Path(sys.argv[1]), Path(sys.argv[2]), options, progress)
"""


@pytest.mark.parametrize("layout", ["jsonl", "webdataset", "release"])
def test_killed_and_called_again_an_export_goes_on_and_has_the_bytes_of_one_that_was_not(folder, tmp_path, layout):
    options = ExportOptions(layout, shard_bytes=9000, volume_bytes=1500)
    export_dataset(folder, tmp_path / "whole" / "out", options)
    out = tmp_path / "killed" / "out"
    command = [sys.executable, "-c", EXPORT, str(folder), str(out), layout, "15"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert any(line == "15\n" for line in process.stdout)
        process.kill()
    assert not out.exists()
    (out.parent / ".out.partial" / ".index.json.7.tmp").write_text("half written when a run was killed")
    written = []
    export_dataset(folder, out, options, lambda what, done, total: written.append(done) if what == "rows" else None)
    assert 5 < written[0] <= 16, "what was complete is written again"
    assert written[-1] == 20
    assert files_of(tmp_path / "killed") == files_of(tmp_path / "whole")


def test_what_an_export_of_other_data_or_options_left_is_not_gone_on_with(folder, tmp_path):
    command = [sys.executable, "-c", EXPORT, str(folder), str(tmp_path / "out"), "webdataset", "15"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert any(line == "15\n" for line in process.stdout)
        process.kill()
    assert (tmp_path / ".out.partial").is_dir()
    export_dataset(folder, tmp_path / "out", ExportOptions("webdataset", text="caption"))
    export_dataset(folder, tmp_path / "expected", ExportOptions("webdataset", text="caption"))
    assert files_of(tmp_path / "out") == files_of(tmp_path / "expected")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset", "expected", "out"]


def test_a_folder_with_files_in_it_is_never_written_over(folder, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("text")
    with pytest.raises(FolderError, match="exists already"):
        export_dataset(folder, tmp_path / "mine", ExportOptions("webdataset"))
    with pytest.raises(FolderError, match="is a folder"):
        export_dataset(folder, tmp_path / "mine", ExportOptions("jsonl"))
    with pytest.raises(FolderError, match="inside the dataset folder"):
        export_dataset(folder, folder / "export", ExportOptions("release"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"layout": "zip"},
        {"layout": "jsonl", "text": "title"},
        {"layout": "jsonl", "shard_bytes": 0},
        {"layout": "jsonl", "mix": 2},
    ],
)
def test_options_that_cannot_be_meant_are_rejected(wrong):
    with pytest.raises(ValueError, match="expected"):
        ExportOptions(**wrong)

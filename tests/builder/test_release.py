"""The published S1-MMAlign is read as it is: volumes, misspelt folder, rows without image, images without row."""

import io
import json
import os
import random
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import huggingface_hub
import huggingface_hub.constants
import pyarrow as pa
import pytest
from huggingface_hub import HfApi
from PIL import Image

from s1_mmalign.builder.build import build_dataset
from s1_mmalign.builder.confined_pool import ConfinedPool
from s1_mmalign.builder.options import BuildOptions, ExtractOptions
from s1_mmalign.builder.s1_mmalign import S1MMAlign
from s1_mmalign.builder.shards import Manifest, iter_tables
from s1_mmalign.builder.sources.errors import InputError
from s1_mmalign.builder.sources.release import File, Root, find_parts, open_root
from s1_mmalign.builder.sources.release_archives import iter_members
from s1_mmalign.processing.export import ExportOptions, export_dataset
from s1_mmalign.processing.verify import verify_folder
from tests.builder.release_replica import EXTRA, MISSING, pack, release_row, write_lines, write_release
from tests.dataset_card.small_dataset import default_rows, make_folder, picture, recaptioned
from tests.hub.server import WRITE_TOKEN, LoopbackHub

CARRIED = ("image_path", "caption", "recaption", "doi", "arxiv_id", "title", "categories", "source", "paper_id")
"""What the published layout says of a row, and what follows from it."""
DERIVED = ("width", "height", "image_sha256")


def build(release, out, workers=1, **options) -> Manifest:
    return build_dataset(BuildOptions(papers=(release,), release=True, workers=workers, **options), out)


def rows_of(folder) -> dict[str, dict]:
    tables = [table for shard in Manifest.load(folder).shards for table in iter_tables(folder / shard.path)]
    rows = pa.concat_tables(tables).to_pylist()
    assert len({row["image_path"] for row in rows}) == len(rows)
    return {row["image_path"]: row for row in rows}


def drops_of(folder) -> list[tuple[str, str]]:
    lines = [json.loads(line) for line in (folder / "drops.jsonl").read_text().splitlines()]
    return sorted((line["reason"], line["where"]) for line in lines)


def test_every_row_finds_its_image_and_what_has_no_partner_is_in_the_ledger(tmp_path):
    expected = write_release(tmp_path / "release")
    manifest = build(tmp_path / "release", tmp_path / "out")
    rows = rows_of(tmp_path / "out")
    assert set(rows) == set(expected)
    for path, row in rows.items():
        line = expected[path]
        for name in ("caption", "recaption", "title", "categories"):
            assert row[name] == line[name]
        assert (row["arxiv_id"], row["doi"]) == (line.get("arxiv_id"), line.get("doi"))
    assert drops_of(tmp_path / "out") == [("image_missing", MISSING), ("image_without_row", EXTRA)]
    assert {shard.source for shard in manifest.shards} == {"arxiv", "biorxiv", "nature_communications"}
    assert manifest.papers["in"] == manifest.papers["with_rows"] + manifest.papers["dropped"]
    assert verify_folder(tmp_path / "out").ok


def test_years_are_read_in_parallel_and_give_the_same_shards_as_one_after_the_other(tmp_path):
    write_release(tmp_path / "release")
    one = build(tmp_path / "release", tmp_path / "one")
    several = build(tmp_path / "release", tmp_path / "several", workers=2)
    assert one.shards == several.shards
    assert (tmp_path / "one/drops.jsonl").read_bytes() == (tmp_path / "several/drops.jsonl").read_bytes()


@pytest.mark.parametrize("volume_bytes", [None, 1500])
def test_a_dataset_exported_in_the_published_layout_and_built_from_it_has_the_same_rows(tmp_path, volume_bytes):
    rows = [recaptioned(row) if number % 2 else row for number, row in enumerate(default_rows())]
    before = rows_of(make_folder(tmp_path / "dataset", rows))
    options = ExportOptions("release", volume_bytes=volume_bytes)
    export_dataset(tmp_path / "dataset", tmp_path / "release", options)
    build(tmp_path / "release", tmp_path / "again")
    after = rows_of(tmp_path / "again")
    assert set(after) == set(before)
    for path, row in after.items():
        assert row["image"]["bytes"] == before[path]["image"]["bytes"]
        assert {name: row[name] for name in CARRIED + DERIVED} == {
            name: before[path][name] for name in CARRIED + DERIVED
        }
    assert drops_of(tmp_path / "again") == []


def test_metadata_adds_the_licence_and_abstract_that_the_release_does_not_say(tmp_path):
    path = "0705/0705.00012.tar.gz/fig001.png"
    write_lines(tmp_path / "release/arxiv", "07_recaption.jsonl", [release_row(path, arxiv_id="0705.00012")])
    pack(tmp_path / "release/arxiv", "images_2007.tar.gz", {path: picture(1)})
    licence = "http://creativecommons.org/licenses/by/4.0/"
    record = {"id": "0705.00012", "abstract": "We look.", "license": licence, "categories": "cs.CV"}
    (tmp_path / "arxiv.jsonl").write_text(json.dumps(record) + "\n")
    build(tmp_path / "release", tmp_path / "out", metadata=(tmp_path / "arxiv.jsonl",))
    (row,) = rows_of(tmp_path / "out").values()
    assert (row["licence"], row["abstract"], row["paper_id"]) == (licence, "We look.", "0705.00012")
    assert Manifest.load(tmp_path / "out").shards[0].licence_class == "open"


def test_bad_lines_bad_images_and_repeated_paths_are_drops_not_the_end(tmp_path):
    paths = [f"0705/0606282.tar.gz/fig00{number}.png" for number in range(3)]
    rows = [release_row(path) for path in (*paths, paths[0])]
    write_lines(tmp_path / "release/arxiv", "07_recaption.jsonl", rows)
    with (tmp_path / "release/arxiv/jsonl/07_recaption.jsonl").open("a") as lines:
        lines.write('{"image_path": 3}\n\n{"cut of')
    members = {paths[0]: picture(1), paths[1]: picture(2)[:200], paths[2]: b"no image"}
    pack(tmp_path / "release/arxiv", "images_2007.tar.gz", members)
    build(tmp_path / "release", tmp_path / "out")
    assert set(rows_of(tmp_path / "out")) == {f"arxiv/{paths[0]}"}
    assert drops_of(tmp_path / "out") == [
        ("duplicate_row", f"images/{paths[0]}"),
        ("image_unreadable", paths[1]),
        ("image_unreadable", paths[2]),
        ("source_unreadable", "07_recaption.jsonl:5"),
        ("source_unreadable", "07_recaption.jsonl:7"),
    ]


def test_an_image_that_its_decoder_cannot_bear_costs_its_row_alone(tmp_path):
    """Decoded, the picture takes 432 MB and more; a process may have 300 beyond what it has anyway."""
    with ConfinedPool(1, 4 << 30, 30) as pool:
        status = dict(line.split(":\t", 1) for line in pool.run(Path.read_text, Path("/proc/self/status")).splitlines())
    memory = (int(status["VmPeak"].split()[0]) << 10) + (40 << 20)  # it has had 256 MB more
    large = io.BytesIO()
    Image.effect_noise((100, 100), 50).resize((12_000, 12_000), Image.Resampling.NEAREST).convert("RGB").save(
        large, "PNG", compress_level=1
    )
    paths = [f"0705/0606282.tar.gz/fig00{number}.png" for number in range(5)]
    write_lines(tmp_path / "release/arxiv", "07_recaption.jsonl", [release_row(path) for path in paths])
    members = {path: picture(index) for index, path in enumerate(paths)} | {paths[2]: large.getvalue()}
    pack(tmp_path / "release/arxiv", "images_2007.tar.gz", members)
    manifest = build(tmp_path / "release", tmp_path / "out", memory_bytes=memory)
    assert set(rows_of(tmp_path / "out")) == {f"arxiv/{path}" for path in paths if path != paths[2]}
    assert drops_of(tmp_path / "out") == [("out_of_memory", paths[2])]
    assert manifest.papers == {"in": 1, "with_rows": 1, "dropped": 0}
    build(tmp_path / "release", tmp_path / "enough")
    assert len(rows_of(tmp_path / "enough")) == len(paths)


def test_one_source_can_be_read_alone_and_the_builder_class_does(tmp_path):
    expected = write_release(tmp_path / "release")
    wanted = {path for path in expected if path.startswith("arxiv/")}
    builder = S1MMAlign("release-arxiv", papers=[tmp_path / "release"], cache_dir=str(tmp_path / "cache"), workers=1)
    builder.download_and_prepare()
    found = builder.as_dataset()
    assert {path for split in found.values() for path in split["image_path"]} == wanted
    with pytest.raises(InputError, match="medrxiv"):
        build(tmp_path / "release", tmp_path / "out", extract=ExtractOptions(source="medrxiv"))


def test_a_missing_volume_is_named_before_anything_is_read(tmp_path):
    write_release(tmp_path / "release")
    (tmp_path / "release/arxiv/images_2007.tar.gz.partab").unlink()
    with pytest.raises(InputError, match=r"images_2007\.tar\.gz\.partab: is missing"):
        build(tmp_path / "release", tmp_path / "out")


@pytest.mark.parametrize("damage", ["last volume missing", "cut", "flipped"])
def test_a_damaged_archive_is_an_error_that_names_the_volume_never_a_dataset_with_fewer_rows(tmp_path, damage):
    write_release(tmp_path / "release")
    last = sorted((tmp_path / "release/arxiv").glob("images_2007*"))[-1]
    data = last.read_bytes()
    if damage == "last volume missing":
        last.unlink()
    elif damage == "cut":
        last.write_bytes(data[:-20])
    else:
        last.write_bytes(bytes([data[0] ^ 255]) + data[1:])
    with pytest.raises(InputError, match=r"images_2007\.tar\.gz\.part\w+, byte .*damaged or ends early"):
        build(tmp_path / "release", tmp_path / "out")
    assert not (tmp_path / "out/manifest.json").exists()


@pytest.mark.parametrize(
    ("place", "message"), [("nowhere/../there/x", "no such folder"), ("empty", "not in the layout")]
)
def test_what_is_no_release_is_said_to_be_none(tmp_path, place, message):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=message):
        find_parts(open_root(tmp_path / place))


def test_a_member_is_read_without_the_archive_in_memory_or_on_disk(tmp_path):
    block = random.Random(1).randbytes(1 << 20)
    members = {f"a/{number}.png": block for number in range(24)}
    pack(tmp_path / "release/biorxiv", "images.tar.gz", members, 5 << 20)
    (part,) = find_parts(Root("r", tmp_path / "release"))
    files = set(tmp_path.rglob("*"))
    tracemalloc.start()
    assert sum(read() == block for _, read in iter_members(Root("r", tmp_path / "release"), part.archives[0])) == 24
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20
    assert set(tmp_path.rglob("*")) == files


def test_years_come_together_and_sources_without_years_are_one_part():
    files = [
        "arxiv/images_2007.tar.gz.partaa", "arxiv/images_2007.tar.gz.partab", "arxiv/images_1999.tar.gz",
        "arxiv/jsonl/07_recaption.jsonl", "arxiv/jsonl/08_recaption.jsonl", "README.md",
        "nature_comunication/jsonl/nature_comunication_recaption.jsonl", "nature_comunication/images.tar.gz",
    ]  # fmt: skip

    class Listed(Root):
        def files(self) -> list[File]:
            return [File(path, 1, "") for path in files]

    parts = find_parts(Listed("r"))
    assert [(part.name, len(part.lines), [len(archive) for archive in part.archives]) for part in parts] == [
        ("arxiv-07", 1, [2]), ("arxiv-08", 1, []), ("arxiv-99", 0, [1]), ("nature_communications", 1, [1]),
    ]  # fmt: skip


BUILD = """
import sys
from pathlib import Path
from s1_mmalign.builder.build import build_dataset
from s1_mmalign.builder.options import BuildOptions
if __name__ == "__main__":
    options = BuildOptions(papers=(Path(sys.argv[1]),), release=True, workers=int(sys.argv[3]), unit_bytes=30_000)
    build_dataset(options, Path(sys.argv[2]))
"""


def test_killed_at_any_moment_and_started_again_the_outcome_is_the_same(tmp_path):
    paths = [f"0705/06{number // 5:05d}.tar.gz/fig00{number % 5}.png" for number in range(800)]
    write_lines(tmp_path / "release/arxiv", "07_recaption.jsonl", [release_row(path) for path in paths])
    members = {path: picture(number, side=128) for number, path in enumerate(paths[3:])}
    pack(tmp_path / "release/arxiv", "images_2007.tar.gz", members, 100_000)
    whole = build(tmp_path / "release", tmp_path / "whole", unit_bytes=30_000)
    units = len(list((tmp_path / "whole/.s1-mmalign/units").glob("*.parquet")))
    assert units > 5
    command = [sys.executable, "-c", BUILD, str(tmp_path / "release"), str(tmp_path / "out"), "1"]
    for made in (1, units // 2):
        process = subprocess.Popen(command, start_new_session=True)
        while process.poll() is None and len(list((tmp_path / "out").rglob("*.part.json"))) <= made:
            time.sleep(0.005)
        if process.poll() is None:  # not waited for: its group is there, even if it ends now
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert not (tmp_path / "out/manifest.json").exists(), "no run was long enough to be killed"
    old = {path: path.stat().st_mtime_ns for path in (tmp_path / "out/.s1-mmalign/units").glob("*-*[0-9].json")}
    assert len(old) >= units // 2 - 1
    assert build(tmp_path / "release", tmp_path / "out", unit_bytes=30_000).shards == whole.shards
    assert {path: path.stat().st_mtime_ns for path in old} == old, "finished units were made again"
    assert (tmp_path / "out/drops.jsonl").read_bytes() == (tmp_path / "whole/drops.jsonl").read_bytes()


def test_from_a_repository_the_archives_come_by_ranges_and_give_the_same_rows(tmp_path, monkeypatch):
    expected = write_release(tmp_path / "release")
    with LoopbackHub(tmp_path / "hub") as hub:
        for name, value in hub.environment(tmp_path / "home", xet=False).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
        api = HfApi(endpoint=hub.url, token=WRITE_TOKEN)
        api.create_repo("tester/release", repo_type="dataset")
        api.upload_folder(folder_path=tmp_path / "release", repo_id="tester/release", repo_type="dataset")
        command = [sys.executable, "-c", BUILD, "tester/release", str(tmp_path / "out"), "1"]
        subprocess.run(command, check=True, timeout=120)
        assert set(rows_of(tmp_path / "out")) == set(expected)
        volumes = hub.requests("GET", r"resolve/.*\.part")
        assert volumes
        assert {request.status for request in volumes} == {206}
        assert not list((tmp_path / "out").rglob("*.jsonl.d")), "the JSONL files that were fetched are gone"


@pytest.mark.parametrize("name", ["tester/nothing", "tester/release@nope", "a/b/c"])
def test_a_repository_that_is_not_there_is_said_to_be_missing(tmp_path, monkeypatch, name):
    with LoopbackHub(tmp_path / "hub") as hub:
        api = HfApi(endpoint=hub.url, token=WRITE_TOKEN)
        api.create_repo("tester/release", repo_type="dataset")
        monkeypatch.setattr(huggingface_hub, "HfApi", lambda: api)
        with pytest.raises(InputError, match=r"no such folder, and no (dataset|repository)"):
            open_root(name)

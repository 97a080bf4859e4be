"""A dataset over months: tars are added and change, disks fill up, workers are lost, two runs meet."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

from s1_mmalign.builder.build import build_dataset
from s1_mmalign.builder.options import BuildOptions, DeduplicateOptions
from s1_mmalign.builder.shards import FolderError, Manifest, iter_tables
from s1_mmalign.builder.sources.errors import InputError
from s1_mmalign.samples.packing import tar_gz
from s1_mmalign.samples.sources_forms.make import bulk_tar
from s1_mmalign.samples.sources_forms.papers import latex
from tests.builder.small_papers import TEX, noise_png

SMALL = {"workers": 1, "shard_bytes": 60_000, "unit_papers": 2}


def write_month(folder: Path, month: str, papers: int = 3, seed: int = 0, ids: tuple[str, ...] = ()) -> Path:
    folder.mkdir(exist_ok=True)
    names = ids or tuple(f"{month}.{index:05d}" for index in range(papers))
    packages = {
        f"{name}.gz": tar_gz(
            latex(f"the subject number {index} of {month}, version {seed}", int(month) * 50 + index + seed)
        )
        for index, name in enumerate(names)
    }
    path = folder / f"arXiv_src_{month}_001.tar"
    path.write_bytes(bulk_tar(month, packages))
    return path


def build(folder: Path, out: Path, **options) -> Manifest:
    return build_dataset(BuildOptions(papers=(folder,), **SMALL | options), out)


def units_of(out: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (out / ".s1-mmalign" / "units").glob("*.parquet")}


def contents(out: Path) -> dict[str, int]:
    """What each shard holds, by sha256, and when it was written."""
    return {shard.sha256: (out / shard.path).stat().st_mtime_ns for shard in Manifest.load(out).shards}


def rows_of(out: Path) -> list[dict]:
    tables = [table for shard in Manifest.load(out).shards for table in iter_tables(out / shard.path)]
    return pa.concat_tables(tables).drop_columns(["image"]).to_pylist()


def test_the_next_months_tar_builds_only_its_own_units_and_leaves_old_shards_alone(tmp_path):
    papers, out = tmp_path / "papers", tmp_path / "out"
    write_month(papers, "2302")
    build(papers, out)
    units, shards = units_of(out), contents(out)
    write_month(papers, "2303")
    write_month(papers, "2301")  # a month from before, too, whose key comes first
    manifest = build(papers, out)
    assert units.items() <= units_of(out).items() and len(units_of(out)) > len(units)
    assert shards.items() <= contents(out).items(), "neither bytes nor time of an old shard changed"
    assert manifest.papers == {"in": 9, "with_rows": 9, "dropped": 0}
    assert len({row["image_path"] for row in rows_of(out)}) == 18
    names = sorted(path.name for path in (out / "data").rglob("train*.parquet"))
    assert names == [f"train-{number:05d}-of-{len(names):05d}.parquet" for number in range(len(names))]


def test_a_paper_that_is_there_already_is_not_replaced_by_what_is_added(tmp_path):
    papers, out = tmp_path / "papers", tmp_path / "out"
    write_month(papers, "2302", papers=1)
    build(papers, out)
    shards = contents(out)
    shutil.copy(papers / "arXiv_src_2302_001.tar", papers / "arXiv_src_2301_001.tar")  # comes first by key
    manifest = build(papers, out, deduplicate=DeduplicateOptions(papers="first"))
    assert manifest.papers["dropped"] == 1
    assert len(rows_of(out)) == 2 and len(contents(out)) == len(shards)


def test_renaming_shards_that_was_cut_short_is_finished(tmp_path):
    papers, out = tmp_path / "papers", tmp_path / "out"
    write_month(papers, "2301")
    build(papers, out)
    shards, manifest = contents(out), (out / "manifest.json").read_bytes()
    write_month(papers, "2302")
    build(papers, out)
    (out / "manifest.json").write_bytes(manifest)  # as if the run was killed before its manifest
    build(papers, out)
    assert shards.items() <= contents(out).items()


def test_a_tar_that_changed_between_runs_is_read_again_and_no_other(tmp_path):
    papers, out = tmp_path / "papers", tmp_path / "out"
    write_month(papers, "2301")
    changing = write_month(papers, "2302")
    build(papers, out)
    before = contents(out)
    old = {shard.sha256 for shard in Manifest.load(out).shards if _months(out / shard.path) == {"2301"}}
    os.utime(changing, ns=(1, 1))
    write_month(papers, "2302", seed=7)
    build(papers, out)
    assert old and {sha: before[sha] for sha in old}.items() <= contents(out).items()
    assert {row["title"][-1] for row in rows_of(out) if row["paper_id"].startswith("2302")} == {"7"}


def _months(path: Path) -> set[str]:
    return {paper[:4] for table in iter_tables(path, ["paper_id"]) for paper in table["paper_id"].to_pylist()}


def test_two_papers_with_one_id_give_one_paper_and_a_line_in_the_ledger(tmp_path):
    papers, out = tmp_path / "papers", tmp_path / "out"
    write_month(papers, "2301", ids=("2301.00001", "2301.00002"))
    write_month(papers, "2302", ids=("2301.00001",))
    manifest = build(papers, out)
    assert manifest.papers == {"in": 3, "with_rows": 2, "dropped": 1}
    (drop,) = (json.loads(line) for line in (out / "drops.jsonl").read_text().splitlines())
    assert (drop["reason"], drop["paper_id"]) == ("duplicate_paper", "2301.00001")
    assert "arXiv_src_2302_001.tar/2302/2301.00001.gz has the id of arXiv_src_2301_001.tar" in drop["detail"]


def test_a_tar_that_changes_during_a_run_ends_it_without_rows_of_it(tmp_path):
    papers, out = tmp_path / "papers", tmp_path / "out"
    path = write_month(papers, "2301", papers=8)
    changed = threading.Event()

    def change(what: str, done: int, total: int) -> None:
        if done and not changed.is_set():
            changed.set()
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(InputError, match="changed while it was read"):
        build_dataset(BuildOptions(papers=(papers,), **SMALL), out, change)
    assert not (out / "manifest.json").exists()
    write_month(papers, "2301", papers=8)
    assert build(papers, out).papers["with_rows"] == 8


def test_a_full_disk_is_one_clear_error_and_the_same_command_goes_on(tmp_path):
    papers, out = tmp_path / "papers", tmp_path / "out"
    tex = TEX % {"title": "a paper of large pictures"}
    papers.mkdir()
    for index in range(2):
        pictures = {name: noise_png(2 * index + place, side=300) for place, name in enumerate(("one.png", "two.png"))}
        (papers / f"2301.0000{index}.gz").write_bytes(
            tar_gz({"ms.tex": tex.replace("large", f"{index}").encode(), **pictures})
        )
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, limits[1]))  # what a write meets on a full disk, near enough
    try:
        with pytest.raises(FolderError, match=r"disk is full.*same command again"):
            build(papers, out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, old)
    assert not list((out / ".s1-mmalign" / "units").glob("*.tmp"))
    assert build(papers, out).papers == {"in": 2, "with_rows": 2, "dropped": 0}


def test_a_worker_that_is_killed_from_outside_costs_no_paper(tmp_path):
    papers, out = tmp_path / "papers", tmp_path / "out"
    write_month(papers, "2301", papers=12)
    whole = build(papers, tmp_path / "whole")
    killed = []

    def kill(what: str, done: int, total: int) -> None:
        if what == "papers" and done == 3:
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.NoSuchProcess):  # a process may end before it is looked at
                    if process.memory_info().rss > 60 << 20:  # a reader; fork server and tracker are small
                        process.kill()
                        killed.append(process.pid)

    build_dataset(BuildOptions(papers=(papers,), **SMALL), out, kill)
    assert killed
    assert Manifest.load(out).shards == whole.shards and not (out / "drops.jsonl").read_text()


def test_two_runs_in_one_folder_never_write_the_same_unit(tmp_path):
    papers, out = tmp_path / "papers", tmp_path / "out"
    write_month(papers, "2301", papers=12)
    holding = "import sys, time; from s1_mmalign.builder.folder_lock import locked; from pathlib import Path\n"
    holding += "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    other = subprocess.Popen([sys.executable, "-c", holding, str(out)], stdout=subprocess.PIPE)
    assert other.stdout is not None and other.stdout.readline() == b"held\n"
    with pytest.raises(FolderError, match="another process works in this folder"):
        build(papers, out)
    assert not units_of(out)
    other.kill()  # a run that dies leaves no lock behind
    other.wait()
    other.stdout.close()
    assert build(papers, out).papers["with_rows"] == 12

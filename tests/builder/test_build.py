"""From a folder of papers to a dataset folder: what is in it, what is dropped, and what a second run does."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from s1_mmalign.builder.build import build_dataset
from s1_mmalign.builder.folder_lock import locked
from s1_mmalign.builder.inputs import build_results
from s1_mmalign.builder.options import BuildOptions, ExtractOptions
from s1_mmalign.builder.shards import FolderError, Manifest, iter_tables
from tests.builder.small_papers import TEX, write_latex_package, write_papers

BUILD = """
import sys
from pathlib import Path
from s1_mmalign.builder.build import build_dataset
from s1_mmalign.builder.options import BuildOptions
if __name__ == "__main__":
    build_dataset(BuildOptions(papers=(Path(sys.argv[1]),), workers=2, unit_papers=3), Path(sys.argv[2]))
"""


def build(papers, out, **options) -> Manifest:
    return build_dataset(BuildOptions(papers=(papers,), workers=2, **options), out)


def rows_of(folder) -> list[dict]:
    tables = [table for shard in Manifest.load(folder).shards for table in iter_tables(folder / shard.path)]
    return pa.concat_tables(tables).to_pylist()


def drops_of(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / "drops.jsonl").read_text().splitlines()]


def shards_of(folder) -> dict[str, str]:
    return {shard.path: shard.sha256 for shard in Manifest.load(folder).shards}


def test_every_paper_is_rows_or_a_line_in_the_ledger(tmp_path):
    papers = tmp_path / "papers"
    write_papers(papers, 3)
    write_latex_package(papers / "again" / "2301.00001.tar.gz", "the same id")
    write_latex_package(
        papers / "2301.00009.tar.gz", "x", tex=r"\documentclass{article}\begin{document}a\end{document}"
    )
    (papers / "2301.00010.tar.gz").write_bytes(b"\x1f\x8bnot gzip")
    (papers / "2301.00011.pdf").write_bytes(b"%PDF-1.4 not really")
    manifest = build(papers, tmp_path / "out")
    assert manifest.papers == {"in": 7, "with_rows": 3, "dropped": 4}
    assert {drop["paper_id"]: drop["reason"] for drop in drops_of(tmp_path / "out")} == {
        "2301.00001": "duplicate_paper",
        "2301.00009": "no_figures",
        "2301.00010": "package_unreadable",
        "2301.00011": "source_unreadable",
    }
    assert len(rows_of(tmp_path / "out")) == 6


def test_a_row_has_image_caption_context_and_origin(tmp_path):
    write_papers(tmp_path / "papers", 1)
    record = {"id": "2301.00000", "license": "http://creativecommons.org/licenses/by/4.0/", "categories": "hep-th"}
    (tmp_path / "papers" / "metadata.jsonl").write_text(json.dumps(record))
    build(tmp_path / "papers", tmp_path / "out")
    row = rows_of(tmp_path / "out")[0]
    assert row["image_path"] == "arxiv/2301.00000/fig001.png"
    assert row["caption"] == "The first result of the subject number 0 of many."
    assert row["citation_contexts"] == ["Figure 1 shows the first result."]
    assert (row["arxiv_id"], row["url"]) == ("2301.00000", "https://arxiv.org/abs/2301.00000")
    assert (row["title"], row["categories"]) == ("the subject number 0 of many", ["hep-th"])
    assert (row["width"], row["height"], row["image_source"]) == (64, 64, "one.png")
    assert row["recaption"] is None
    assert next(iter(shards_of(tmp_path / "out"))).startswith("data/arxiv/open/")


def test_the_published_folder_opens_without_this_project(tmp_path):
    write_papers(tmp_path / "papers", 2)
    build(tmp_path / "papers", tmp_path / "out", extract=ExtractOptions(splits=(1, 0, 0)))
    script = (
        "import datasets, sys\n"
        "rows = datasets.load_dataset('parquet', data_files=sys.argv[1] + '/data/**/*.parquet', split='train')\n"
        "assert 's1_mmalign' not in sys.modules\n"
        "print(len(rows), rows[0]['image'].size, rows.features['source'].int2str(rows[0]['source']))"
    )
    out = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "out")],
        capture_output=True, text=True, check=True, env=os.environ | {"HF_HOME": str(tmp_path / "hf")},
    )  # fmt: skip
    assert out.stdout.split("\n")[0] == "4 (64, 64) arxiv"


def test_a_second_run_reads_nothing_again_and_changes_nothing(tmp_path):
    write_papers(tmp_path / "papers", 4)
    first = build(tmp_path / "papers", tmp_path / "out")
    shutil.move(tmp_path / "papers", tmp_path / "gone")
    (tmp_path / "papers").mkdir()
    for path in (tmp_path / "gone").iterdir():  # same size and time, but nothing a reader could read
        (tmp_path / "papers" / path.name).write_bytes(bytes(path.stat().st_size))
        os.utime(tmp_path / "papers" / path.name, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    assert build(tmp_path / "papers", tmp_path / "out").shards == first.shards


def test_more_papers_build_only_the_new_units(tmp_path):
    write_papers(tmp_path / "papers" / "2301", 4)
    build(tmp_path / "papers", tmp_path / "out", shard_bytes=1)
    units = set((tmp_path / "out" / ".s1-mmalign" / "units").glob("*.json"))
    old = {path: path.stat().st_mtime_ns for path in units}
    write_latex_package(tmp_path / "papers" / "2302" / "2302.00001.tar.gz", "a paper of the next month", 99)
    manifest = build(tmp_path / "papers", tmp_path / "out", shard_bytes=1)
    assert manifest.papers["with_rows"] == 5
    assert {path: path.stat().st_mtime_ns for path in units} == old


def test_another_option_makes_other_rows(tmp_path):
    write_papers(tmp_path / "papers", 2)
    build(tmp_path / "papers", tmp_path / "out")
    assert {row["source"] for row in rows_of(tmp_path / "out")} == {0}
    build(tmp_path / "papers", tmp_path / "out", extract=ExtractOptions(source="engrxiv"))
    assert {path.split("/")[1] for path in shards_of(tmp_path / "out")} == {"engrxiv"}
    assert not list((tmp_path / "out" / "data" / "arxiv").rglob("*.parquet")), "shards of the old build are gone"


def test_a_flipped_byte_in_a_shard_is_mended_by_the_next_build(tmp_path):
    write_papers(tmp_path / "papers", 2)
    build(tmp_path / "papers", tmp_path / "out")
    (path, sha256), *_ = shards_of(tmp_path / "out").items()
    data = bytearray((tmp_path / "out" / path).read_bytes())
    data[1000] ^= 1
    (tmp_path / "out" / path).write_bytes(data)
    build(tmp_path / "papers", tmp_path / "out")
    assert shards_of(tmp_path / "out")[path] == sha256


def test_killed_at_any_moment_and_started_again_the_outcome_is_the_same(tmp_path):
    papers = tmp_path / "papers"
    write_papers(papers, 24)
    whole = build(papers, tmp_path / "whole", unit_papers=3)
    command = [sys.executable, "-c", BUILD, str(papers), str(tmp_path / "out")]
    moments = random.Random(7)
    killed = 0
    for _ in range(6):
        process = subprocess.Popen(command, start_new_session=True)
        time.sleep(moments.uniform(1.0, 5.0))
        if process.poll() is None:  # not waited for: its group is there, even if it ends now
            killed += 1
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert killed, "no run was long enough to be killed"
    subprocess.run(command, check=True)
    assert Manifest.load(tmp_path / "out").shards == whole.shards
    for name in ("drops.jsonl", "inputs.jsonl"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert build_results(Manifest.load(tmp_path / "out")) == build_results(whole)
    assert not [path for path in (tmp_path / "out" / "data").rglob("*") if path.name.endswith(".tmp")]


def test_a_folder_in_use_or_of_something_else_is_refused(tmp_path):
    write_papers(tmp_path / "papers", 1)
    with locked(tmp_path / "out"), ThreadPoolExecutor(1) as other, pytest.raises(FolderError, match="another process"):
        other.submit(build, tmp_path / "papers", tmp_path / "out").result()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("x")
    with pytest.raises(FolderError, match="not empty"):
        build(tmp_path / "papers", tmp_path / "home")


def test_broken_encodings_of_a_paper_are_stored_as_valid_text(tmp_path):
    write_latex_package(tmp_path / "papers" / "2301.00001.tar.gz", "a nul \0 and more", tex=TEX)
    build(tmp_path / "papers", tmp_path / "out")
    assert all("\0" not in str(row) for row in rows_of(tmp_path / "out"))

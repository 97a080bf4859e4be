"""Real papers, where they stand beside the checkout: what is found of the checked truth, and what the nasty ones do."""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pyarrow as pa
import pytest

from s1_mmalign.builder.build import build_dataset
from s1_mmalign.builder.options import BuildOptions
from s1_mmalign.builder.records import DROP_REASONS
from s1_mmalign.builder.shards import Manifest, iter_tables

SHARED = Path(__file__).resolve().parents[3] / "shared"
pytestmark = pytest.mark.skipif(
    not (SHARED / "corpus").is_dir(), reason="the corpus of real papers (../shared/corpus) is not beside this checkout"
)

# What extraction must reach, in the scorer's words; a fall below is a regression.
FLOORS = {
    "latex": {"found": 0.98, "precise": 0.98, "caption": 0.98, "images": 0.98, "contexts": 0.97, "mentions": 0.90},
    "jats": {"found": 1.0, "precise": 1.0, "caption": 0.99, "images": 1.0, "contexts": 0.98, "mentions": 0.95},
    "pdf": {"found": 0.95, "precise": 0.95, "caption": 0.97, "images": 0.97, "contexts": 0.90},
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("corpus") / "dataset"
    papers = tuple(SHARED / "corpus" / kind for kind in ("latex", "jats", "pdf"))
    build_dataset(BuildOptions(papers=papers, workers=2), out)
    return out


@pytest.fixture(scope="module")
def rows(corpus) -> list[dict]:
    tables = [
        table
        for shard in Manifest.load(corpus).shards
        for table in iter_tables(corpus / shard.path, ["paper_id", "figure_id", "caption", "subcaption",
                                               "image_source", "citation_contexts", "image_path"])
    ]  # fmt: skip
    return pa.concat_tables(tables).to_pylist()


def ledger(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "drops.jsonl").read_text(encoding="utf-8").splitlines()]


def test_papers_in_are_papers_with_rows_and_papers_dropped(corpus, rows):
    papers = Manifest.load(corpus).papers
    assert papers["in"] == 25
    assert papers["with_rows"] == len({row["paper_id"] for row in rows})
    assert papers["in"] == papers["with_rows"] + papers["dropped"]
    accounted = {row["paper_id"] for row in rows} | {drop["paper_id"] for drop in ledger(corpus)}
    assert len(accounted) == papers["in"]


def test_every_row_has_a_name_of_its_own(rows):
    assert len({row["image_path"] for row in rows}) == len(rows)


@pytest.mark.parametrize("kind", FLOORS)
def test_extraction_finds_what_is_true(kind, rows, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    scorer = [
        sys.executable,
        str(SHARED / "score" / "score_extraction.py"),
        "--truth",
        str(SHARED / "corpus" / "truth"),
    ]
    out = tmp_path / "score.json"
    subprocess.run([*scorer, "--rows", str(path), "--kind", kind, "--json", str(out)], check=True)
    score = json.loads(out.read_text())[kind]
    short = {name: (score[name], floor) for name, floor in FLOORS[kind].items() if round(score[name], 4) < floor}
    assert not short, f"{kind}: (reached, floor) = {short}"


def test_nasty_files_as_papers_end_in_rows_or_drops(tmp_path):
    files = tuple(sorted(path for path in (SHARED / "corpus" / "nasty").iterdir() if path.name != "WHY.json"))
    manifest = build_dataset(BuildOptions(papers=files, workers=2, timeout_s=60), tmp_path / "out")
    assert manifest.papers["in"] == len(files)
    by_paper = defaultdict(set)
    for drop in ledger(tmp_path / "out"):
        by_paper[drop["paper_id"]].add(drop["reason"])
        assert drop["reason"] in DROP_REASONS
    assert manifest.papers["dropped"] <= len(by_paper)
    assert not {"reader_error", "worker_crashed"} & set().union(*by_paper.values()), "a fault of our own"

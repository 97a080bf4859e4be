"""The shipped papers through the whole builder: every figure that their authors know of, and nothing else."""

import json
import shutil
from collections import defaultdict
from pathlib import Path

import pyarrow as pa
import pytest

import s1_mmalign.samples
from s1_mmalign.builder.build import build_dataset
from s1_mmalign.builder.options import BuildOptions, ExtractOptions
from s1_mmalign.builder.shards import Manifest, iter_tables

PAPERS = s1_mmalign.samples.papers_folder()
EXPECTED = json.loads((Path(s1_mmalign.samples.__file__).parent / "expected.json").read_text(encoding="utf-8"))
WITHOUT_GHOSTSCRIPT = 21
WITH_GHOSTSCRIPT = 22


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("samples") / "dataset"
    build_dataset(BuildOptions(papers=(PAPERS,), workers=2, extract=ExtractOptions(splits=(1, 0, 0))), out)
    return out


@pytest.fixture(scope="module")
def rows(built) -> list[dict]:
    tables = [table for shard in Manifest.load(built).shards for table in iter_tables(built / shard.path)]
    return pa.concat_tables(tables).to_pylist()


def test_all_papers_give_rows_and_the_right_number_of_them(built):
    manifest = Manifest.load(built)
    assert manifest.papers == {"in": 4, "with_rows": 4, "dropped": 0}
    assert manifest.rows == (WITH_GHOSTSCRIPT if shutil.which("gs") else WITHOUT_GHOSTSCRIPT)
    assert manifest.drops["drawn_in_source"] == 1


def test_each_figure_has_the_number_and_caption_that_its_author_gave(rows):
    found = defaultdict(dict)
    for row in rows:
        found[row["paper_id"]][row["figure_number"]] = row["caption"]
    for paper in EXPECTED:
        for figure in paper["figures"]:
            caption = found[paper["paper_id"]].get(figure["number"])
            if caption is not None:  # drawn in source, or EPS without Ghostscript
                assert caption.startswith(figure["caption"]), (paper["paper_id"], figure["number"])
    assert {paper: len(figures) for paper, figures in found.items()}["sample-arrhenius"] == 4


def test_every_row_can_be_traced_and_used(rows):
    for row in rows:
        assert row["title"] and row["abstract"] and row["citation_contexts"], row["image_path"]
        assert row["discipline"] is not None and row["licence"], row["image_path"]
        assert row["image"]["bytes"][:4] in (b"\x89PNG", b"\xff\xd8\xff\xe0"), row["image_path"]

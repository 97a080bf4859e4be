"""A small paper in every form in which sources hand papers out, through the whole builder."""

import json

import pyarrow as pa
import pytest

import s1_mmalign.samples.sources_forms
from s1_mmalign.builder.build import build_dataset
from s1_mmalign.builder.options import BuildOptions, DeduplicateOptions
from s1_mmalign.builder.records import DISCIPLINES, LICENCE_CLASSES, SOURCES
from s1_mmalign.builder.shards import Manifest, iter_tables
from s1_mmalign.samples.sources_forms.make import main, make


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forms")
    main(folder / "papers")
    latest = DeduplicateOptions(papers="latest")
    build_dataset(BuildOptions(papers=(folder / "papers",), workers=2, deduplicate=latest), folder / "dataset")
    return folder / "dataset"


@pytest.fixture(scope="module")
def papers(built) -> dict[str, list[dict]]:
    tables = [table for shard in Manifest.load(built).shards for table in iter_tables(built / shard.path)]
    papers: dict[str, list[dict]] = {}
    for row in pa.concat_tables(tables).to_pylist():
        papers.setdefault(row["paper_id"], []).append(row)
    return papers


@pytest.mark.parametrize(
    ("paper_id", "source", "licence_class", "discipline", "doi"),
    [
        ("2601.90001", "arxiv", "open", "Physics", None),  # tar.gz in a bulk tar
        ("2601.90003", "arxiv", "open", "Astronomy", None),  # PDF in a bulk tar
        ("math9901234", "arxiv", "open", "Mathematics", None),  # an old identifier
        ("2601.90005", "arxiv", "unknown", None, None),  # no line in the snapshot
        ("0b1c2d3e-6f00-1014-9a00-000000000001", "biorxiv", "open", "Biology", "10.1101/5555.01.01.555555"),
        ("PMC99900001", "nature_communications", "open", None, "10.5555/pmc99900001"),
        ("PMC99900002", "other", "noncommercial", None, "10.5555/pmc99900002"),
        ("10.26434_chemrxiv-5555-xxxxx", "chemrxiv", "open", "Chemistry", "10.26434/chemrxiv-5555-xxxxx"),
        ("zzzz9_v1", "psyarxiv", "open", "Biology", "10.31234/osf.io/zzzz9_v1"),
        ("10.31224_55555", "engrxiv", "open", "Engineering", "10.31224/55555"),
    ],
)
def test_each_source_is_read_in_the_form_in_which_it_is_handed_out(
    papers, paper_id, source, licence_class, discipline, doi
):
    rows = papers[paper_id]
    assert [row["figure_number"] for row in rows] == ["1", "2"]
    for row in rows:
        assert SOURCES[row["source"]] == source
        assert LICENCE_CLASSES[row["licence_class"]] == licence_class
        assert (DISCIPLINES[row["discipline"]] if row["discipline"] is not None else None) == discipline
        assert row["doi"] == doi
        assert row["caption"].startswith("The field at the")
        assert len(row["citation_contexts"]) == 1
        assert row["title"] and row["abstract"]


def test_each_paper_is_accounted_for(built, papers):
    manifest = Manifest.load(built)
    assert manifest.papers == {"in": 12, "with_rows": 10, "dropped": 2} and len(papers) == 10
    drops = [json.loads(line) for line in (built / "drops.jsonl").read_text().splitlines()]
    assert {(drop["paper_id"], drop["reason"]) for drop in drops} == {
        ("2601.90002", "image_missing"),  # a lone TeX file has no pictures
        ("0b1c2d3e-6f00-1014-9a00-000000000002", "duplicate_paper"),  # the second version of a preprint: one DOI
    }


def test_the_report_counts_the_way_from_packages_to_rows_and_what_no_table_knows(built):
    report = json.loads((built / "build-report" / "report.json").read_text())
    assert report["total"] == {
        "packages": 12, "readable": 12, "with_figures": 12, "with_rows": 11, "figures": 24, "rows": 22,
        "rows_kept": 20, "left_out": {"duplicate_paper": 2},
    }  # fmt: skip
    assert report["sources"]["arxiv"]["packages"] == 5 and report["sources"]["biorxiv"]["rows"] == 4
    assert report["figures_per_paper"] == {"2": 12}
    assert report["drops"]["arxiv"] == {"image_missing": 2}
    assert report["unmapped_categories"] == {"Social and Behavioral Sciences": 1}
    assert report["licences"]["open CC BY"] == 1 and report["licences"]["unknown"] == 1
    assert report["without_metadata"] == 3, "2601.90005 and the two versions of the preprint"
    assert "| arxiv | 5 | 5 | 5 | 4 | 10 | 8 |" in (built / "build-report" / "report.md").read_text()
    assert (built / "build-report" / "funnel.png").read_bytes().startswith(b"\x89PNG")


def test_the_samples_are_those_that_the_program_writes():
    folder = next(iter(s1_mmalign.samples.sources_forms.__path__))
    from pathlib import Path

    made = make()
    on_disk = {
        path.relative_to(folder).as_posix()
        for path in Path(folder).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert set(made) == on_disk
    assert all(made[name] == (Path(folder) / name).read_bytes() for name in made if name.endswith((".jsonl", ".csv")))

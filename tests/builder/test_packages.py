"""Finding papers in folders, and joining what is known of them from outside."""

import json

import pytest

from s1_mmalign.builder.sources.identify import arxiv_id_of, normalise_doi, source_of_doi
from s1_mmalign.builder.sources.metadata import join_metadata, metadata_beside
from s1_mmalign.builder.sources.packages import InputError, find_packages, paper_id_of

SNAPSHOT_RECORD = {
    "id": "math/0106220",
    "title": "A title\n  over two lines",
    "abstract": "  We show\nthings. ",
    "categories": "math.GT math.AT",
    "license": "http://creativecommons.org/licenses/by/4.0/",
    "doi": "10.1000/ABC",
    "versions": [{"version": "v1", "created": "Mon, 25 Jun 2001 17:53:44 GMT"}],
    "update_date": "2007-05-23",
}


def test_archives_pdfs_and_source_folders_are_packages(tmp_path):
    for name in ("b/2301.00001.tar.gz", "b/old.gz", "a.meca", "c.pdf", "c.json", "d/metadata.jsonl", "note.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "unpacked").mkdir()
    (tmp_path / "unpacked" / "ms.tex").write_text("\\documentclass{article}")
    (tmp_path / "unpacked" / "fig.pdf").write_text("not a package of its own")
    inputs = find_packages([tmp_path])
    assert [package.key for package in inputs.packages] == [
        "a.meca", "b/2301.00001.tar.gz", "b/old.gz", "c.pdf", "unpacked",
    ]  # fmt: skip
    assert [path.name for path in inputs.metadata_files] == ["metadata.jsonl"]
    assert [path.name for path in inputs.ignored] == ["note.txt"]


def test_a_file_named_by_the_user_is_a_package_whatever_its_name(tmp_path):
    (tmp_path / "paper.download").write_text("x")
    assert [package.paper_id for package in find_packages([tmp_path / "paper.download"]).packages] == ["paper.download"]


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_nothing_to_read_is_one_clear_error(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=name):
        find_packages([tmp_path / name])


@pytest.mark.parametrize(
    ("name", "paper_id"),
    [("2301.00001.tar.gz", "2301.00001"), ("x.y.meca", "x.y"), ("PMC1.TAR.GZ", "PMC1"), (".gz", ".gz"), ("p", "p")],
)
def test_the_paper_id_is_the_name_without_suffixes(name, paper_id):
    assert paper_id_of(name) == paper_id


@pytest.mark.parametrize(
    ("name", "arxiv_id"),
    [
        ("2301.00001", "2301.00001"),
        ("2301.00001v2", "2301.00001"),
        ("0704.0001", "0704.0001"),
        ("math0106220", "math/0106220"),
        ("hep-th/9901001v3", "hep-th/9901001"),
        ("math.GT/0106220", "math/0106220"),
        ("elife_00353", None),
        ("2313.00001", None),
    ],
)
def test_arxiv_ids_old_and_new_are_told_from_names(name, arxiv_id):
    assert arxiv_id_of(name) == arxiv_id


def test_dois_name_their_source():
    assert normalise_doi("https://doi.org/10.26434/ChemRxiv-2021-x.") == "10.26434/chemrxiv-2021-x"
    assert source_of_doi("10.26434/chemrxiv-2021-x") == "chemrxiv"
    assert source_of_doi("10.1038/s41467-020-1") == "nature_communications"
    assert source_of_doi("10.7554/elife.1") is None


def test_snapshot_records_are_joined_by_id_in_either_spelling(tmp_path):
    path = tmp_path / "snapshot.jsonl"
    path.write_text(json.dumps(SNAPSHOT_RECORD) + "\n\n" + json.dumps({"id": "2301.00009", "title": "other"}) + "\n")
    found = join_metadata([path], ["math0106220", "2301.00001"])
    assert list(found) == ["math0106220"]
    metadata = found["math0106220"]
    assert metadata.title == "A title over two lines"
    assert metadata.abstract == "We show things."
    assert metadata.categories == ["math.GT", "math.AT"]
    assert metadata.doi == "10.1000/abc"
    assert metadata.published == "2001-06-25"
    assert metadata.url == "https://arxiv.org/abs/math/0106220"


def test_a_bad_metadata_line_is_named(tmp_path):
    path = tmp_path / "snapshot.jsonl"
    path.write_text('{"id": "a"}\n{"id": \n')
    with pytest.raises(InputError, match=r"snapshot\.jsonl, line 2"):
        join_metadata([path], ["a"])


def test_the_json_beside_a_pdf_is_read_and_a_broken_one_is_nothing(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"title": "T", "license": "CC-BY-4.0", "subjects": ["Physics"]}))
    (tmp_path / "b.json").write_text("{")
    metadata = metadata_beside(tmp_path / "a.pdf")
    assert (metadata.title, metadata.licence, metadata.categories) == ("T", "CC-BY-4.0", ["Physics"])
    assert metadata_beside(tmp_path / "b.pdf").title is None

"""The sample papers: present, true to their sources, and made again to the byte."""

from __future__ import annotations

import ast
import gzip
import io
import json
import re
import runpy
import tarfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from lxml import etree
from PIL import Image

from s1_mmalign.samples import papers_folder

SAMPLES = papers_folder().parent
EXPECTED: list[dict[str, Any]] = json.loads((SAMPLES / "expected.json").read_text(encoding="utf-8"))
IDS = [paper["paper_id"] for paper in EXPECTED]


@cache
def members(file: str) -> dict[str, bytes]:
    """The files of a package by name; a PDF is its own only member."""
    data = (papers_folder() / file).read_bytes()
    if file.endswith(".meca"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    if file.endswith(".pdf"):
        return {file: data}
    raw = gzip.decompress(data) if file.endswith(".gz") else data
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive}  # type: ignore[union-attr]


def text_of(paper: dict[str, Any]) -> str:
    """The source of a paper as one text, blanks joined; of a PDF what stands on its pages."""
    files = members(paper["file"])
    if paper["kind"] == "pdf":
        with pymupdf.open("pdf", files[paper["file"]]) as document:
            text = "\n".join(page.get_text() for page in document)
    else:
        text = "\n".join(data.decode() for name, data in files.items() if name.endswith((".tex", "gs.xml")))
    return " ".join(text.split())


def test_the_folder_holds_the_four_packages_and_their_metadata_and_nothing_else():
    beside = {"metadata.jsonl", "sample-arrhenius.json"}
    assert {path.name for path in papers_folder().iterdir()} == {paper["file"] for paper in EXPECTED} | beside


def test_the_papers_stay_under_a_megabyte_and_a_half():
    assert sum(path.stat().st_size for path in papers_folder().iterdir()) < 1_500_000


@pytest.mark.parametrize("paper", EXPECTED, ids=IDS)
def test_every_image_that_is_expected_is_in_the_package_and_can_be_drawn(paper):
    files = members(paper["file"])
    for image in (image for figure in paper["figures"] for image in figure["images"]):
        if image.startswith("page:"):
            with pymupdf.open("pdf", files[paper["file"]]) as document:
                assert document[int(image[5:]) - 1].get_drawings()
        elif image.endswith(".pdf"):
            with pymupdf.open("pdf", files[image]) as document:
                assert len(document) == 1
                assert not document[0].get_pixmap(dpi=40).is_unicolor
        elif image.endswith(".eps"):
            assert files[image].startswith(b"%!PS-Adobe-3.0 EPSF-3.0")
        else:
            with Image.open(io.BytesIO(files[image])) as picture:
                assert min(picture.convert("RGB").size) > 400


@pytest.mark.parametrize("paper", EXPECTED, ids=IDS)
def test_no_package_holds_an_image_that_nobody_expects(paper):
    extra = set(members(paper["file"])) - {image for figure in paper["figures"] for image in figure["images"]}
    assert all(name.endswith((".tex", ".xml", "mimetype")) or name == paper["file"] for name in extra)


@pytest.mark.parametrize("paper", EXPECTED, ids=IDS)
def test_no_number_was_left_open_in_a_text(paper):
    assert not re.search(r"@\w+@", text_of(paper))


def test_figures_are_numbered_through_and_the_readme_counts_their_rows():
    readme = (SAMPLES / "README.md").read_text(encoding="utf-8")
    total = 0
    for paper in EXPECTED:
        assert [figure["number"] for figure in paper["figures"]] == [str(n + 1) for n in range(len(paper["figures"]))]
        rows = sum(len(figure["images"]) for figure in paper["figures"])
        line = next(line for line in readme.splitlines() if line.startswith(f"| `{paper['paper_id']}`"))
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert (int(cells[4]), int(cells[5].split(",")[0])) == (len(paper["figures"]), rows)
        needing = sum(len(figure["images"]) for figure in paper["figures"] if figure.get("needs") == "ghostscript")
        assert int(cells[6].split(",")[0]) == rows - needing
        total += rows
    assert f"| 17 | {total} |" in readme


def test_the_metadata_follow_arxivs_snapshot_and_name_an_open_licence():
    lines = (papers_folder() / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    records = {record["id"]: record for record in map(json.loads, lines)}
    expected = {paper["paper_id"]: paper for paper in EXPECTED if paper["kind"] == "latex"}
    assert set(records) == set(expected)
    for paper_id, record in records.items():
        assert record["title"] == expected[paper_id]["title"]
        assert record["abstract"].strip().startswith(expected[paper_id]["abstract"])
    for record in records.values():
        assert {"title", "abstract", "categories", "license", "doi", "versions", "update_date"} <= set(record)
        assert record["license"] == "http://creativecommons.org/publicdomain/zero/1.0/"
        assert record["id"].endswith(".00000")
        assert record["doi"].startswith("10.5555/")


def test_the_jats_paper_is_well_formed_and_every_reference_in_it_has_a_target():
    article = etree.fromstring(members("sample-gray-scott.meca")["content/gs.xml"])
    targets = set(article.xpath("//@id"))
    references = article.xpath("//xref/@rid")
    assert references
    assert set(references) <= targets


@pytest.mark.parametrize("paper", [paper for paper in EXPECTED if paper["kind"] == "latex"], ids=IDS[:2])
def test_every_reference_of_a_latex_paper_has_its_label(paper):
    text = re.sub(r"#\d", "", text_of(paper))
    labels = set(re.findall(r"\\label\{([^}]+)\}", text))
    labels |= {f"fig:{name}" for name in ("lyapunov", "feigenbaum")}  # by the author's macro
    used = set(re.findall(r"\\(?:sub)?ref\{([^}]*[a-z])\}", text))
    used |= {f"fig:{name}" for name in re.findall(r"\\figref\{([a-z-]+)\}", text)}
    assert used
    assert used <= labels


def test_importing_the_package_needs_no_drawing_library():
    tree = ast.parse((SAMPLES / "__init__.py").read_text(encoding="utf-8"))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"__future__", "importlib.resources", "pathlib"}


def test_make_gives_the_committed_bytes_again(tmp_path: Path):
    script = runpy.run_path(str(SAMPLES / "make.py"))
    recorded = json.loads((SAMPLES / "made_with.json").read_text(encoding="utf-8"))
    here = script["made_with"]()
    differing = [f"{name} {here[name]} (papers: {recorded[name]})" for name in recorded if here[name] != recorded[name]]
    if differing:
        pytest.skip(f"other bytes are to be expected with {', '.join(differing)}")
    script["main"](tmp_path / "papers")
    again = {path.name: path.read_bytes() for path in (tmp_path / "papers").iterdir()}
    committed = {path.name: path.read_bytes() for path in papers_folder().iterdir()}
    assert sorted(again) == sorted(committed)
    assert [name for name in again if again[name] != committed[name]] == []

"""Real papers with checked truth: the shares that the reader must reach. Skipped where the corpus is missing."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from s1_mmalign.builder.archives import open_archive
from s1_mmalign.builder.formats.latex import read_latex
from s1_mmalign.builder.records import PackageError, Paper

SHARED = Path(__file__).parents[3].parent / "shared"
CORPUS = SHARED / "corpus"
pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside the project")


@pytest.fixture(scope="module")
def papers() -> dict[str, Paper]:
    packages = sorted((CORPUS / "latex").glob("*.tar.gz"))
    return {path.name.removesuffix(".tar.gz"): read_latex(open_archive(path)) for path in packages}


@pytest.fixture(scope="module")
def scorer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("score_extraction", SHARED / "score" / "score_extraction.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_scorer_finds_figures_captions_images_and_mentions(papers: dict[str, Paper], scorer: ModuleType) -> None:
    scores = []
    for name, paper in papers.items():
        truth = json.loads((CORPUS / "truth" / f"{name}.json").read_text(encoding="utf-8"))
        found = [
            {"caption": f.caption, "images": [g.source for g in f.graphics], "contexts": set(f.contexts)}
            for f in paper.figures
            if f.graphics
        ]
        scores.append(scorer.score_paper(truth, found))
    summary = scorer.summary(scores)
    for share in ("found", "precise", "caption", "images"):
        assert summary[share] >= 0.98, share
    assert summary["contexts"] >= 0.97
    assert summary["mentions"] >= 0.90


def test_numbers_titles_and_abstracts_are_the_printed_ones(papers: dict[str, Paper], scorer: ModuleType) -> None:
    for name, paper in papers.items():
        truth = json.loads((CORPUS / "truth" / f"{name}.json").read_text(encoding="utf-8"))
        assert [f.number for f in paper.figures] == [f["number"] for f in truth["figures"]], name
        assert scorer.similarity(scorer.letters(paper.metadata.title), scorer.letters(truth["title"])) > 0.9, name
        abstract = scorer.letters(truth["abstract"])[:120]
        assert scorer.similarity(scorer.letters(paper.metadata.abstract)[: len(abstract)], abstract) > 0.9, name


def test_what_the_packages_lack_is_dropped_with_its_reason(papers: dict[str, Paper]) -> None:
    drops = {name: [drop.reason for drop in paper.drops] for name, paper in papers.items() if paper.drops}
    assert drops == {"gpfitness": ["drawn_in_source"], "mm2": ["image_missing"]}


@pytest.mark.parametrize("path", sorted((CORPUS / "nasty").glob("arxivtools__*")), ids=lambda path: path.name)
def test_odd_packages_give_a_paper_or_a_package_error(path: Path) -> None:
    try:
        paper = read_latex(open_archive(path))
    except PackageError as error:
        assert error.reason in ("no_source", "source_unreadable", "package_unreadable")
    else:
        assert paper.figures == []

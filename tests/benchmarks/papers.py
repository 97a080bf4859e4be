"""The papers of the benchmark with what a right reading finds in them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pymupdf

from s1_mmalign.builder.archives import Archive, open_archive
from s1_mmalign.builder.sources.packages import find_packages

KINDS = ("latex", "jats", "pdf")


@dataclass(slots=True)
class TrueFigure:
    """One figure as the truth has it. `images` are paths in the archive; `page` is 1-based, of PDFs.

    `caption` is the whole caption, or where `beginning` is set only how it begins.
    """

    caption: str
    images: list[str] = field(default_factory=list)
    page: int | None = None
    mentions: int = 0
    beginning: bool = False


@dataclass(slots=True)
class BenchmarkPaper:
    """One paper: the package as it is handed out, and the same unpacked, as the peers need it."""

    paper_id: str
    kind: str
    path: Path
    figures: list[TrueFigure]
    pages: int = 0
    folder: Path | None = None
    main: str = ""
    """The main TeX or XML file, relative to `folder`: the peers are told, this project finds it itself."""


def load_papers(folders: list[Path], truth: Path, kinds: tuple[str, ...], scratch: Path) -> list[BenchmarkPaper]:
    """Find the packages in `folders` that `truth` knows, and unpack those that are no PDFs under `scratch`.

    `truth` is a folder of JSON files, one a paper, or one JSON file that lists papers.
    """
    known = {entry.get("paper_id") or entry["id"]: entry for entry in _entries(truth)}
    papers = []
    for package in find_packages(folders).packages:
        entry = known.get(package.paper_id)
        if entry is None or entry["kind"] not in kinds:
            continue
        paper = BenchmarkPaper(
            package.paper_id, entry["kind"], package.path, _figures(entry, beginning=truth.is_file())
        )
        if paper.kind == "pdf":
            with pymupdf.open(package.path) as document:
                paper.pages = document.page_count
        else:
            paper.folder = scratch / paper.paper_id
            archive = open_archive(package.path)
            _unpack(archive, paper.folder)
            paper.main = entry.get("main_tex") or _main_file(archive, paper.kind)
        papers.append(paper)
    return sorted(papers, key=lambda paper: (KINDS.index(paper.kind), paper.paper_id))


def _entries(truth: Path) -> list[dict[str, Any]]:
    if truth.is_file():
        return json.loads(truth.read_text(encoding="utf-8"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(truth.glob("*.json"))]


def _figures(entry: dict[str, Any], *, beginning: bool) -> list[TrueFigure]:
    figures = []
    for figure in entry["figures"]:
        images = figure.get("images") or []
        page = figure.get("page")
        if images and images[0].startswith("page:"):
            page, images = int(images[0].removeprefix("page:")), []
        figures.append(TrueFigure(figure["caption"], images, page, figure.get("mentions") or 0, beginning))
    return figures


def _unpack(archive: Archive, folder: Path) -> None:
    for name in archive.names():
        if ".." in PurePosixPath(name).parts or name.startswith("/"):
            continue
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(archive.read(name))


def _main_file(archive: Archive, kind: str) -> str:
    endings, mark = ((".tex",), b"\\documentclass") if kind == "latex" else ((".xml", ".nxml"), b"<article")
    names = [name for name in archive.names() if name.lower().endswith(endings) and mark in archive.read(name)]
    return min(names, key=lambda name: (name.count("/"), -archive.size(name)))

"""Small LaTeX packages, made in memory and read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from s1_mmalign.builder.archives import MemoryArchive
from s1_mmalign.builder.formats.latex import read_latex
from s1_mmalign.builder.records import Paper

Read = Callable[..., Paper]


@pytest.fixture
def read() -> Read:
    """Return a function that reads a package: body and preamble of `main.tex`, image names, and further files."""

    def read_package(
        body: str,
        *images: str,
        preamble: str = "",
        cls: str = r"\documentclass{article}",
        files: dict[str, str | bytes] | None = None,
    ) -> Paper:
        source = f"{cls}\n{preamble}\n\\begin{{document}}\n{body}\n\\end{{document}}\n"
        members = {"main.tex": source.encode()}
        members.update(dict.fromkeys(images, b"image"))
        for name, content in (files or {}).items():
            members[name] = content.encode() if isinstance(content, str) else content
        return read_latex(MemoryArchive(members))

    return read_package


def sources(paper: Paper) -> list[list[str]]:
    """Return the image files of each figure."""
    return [[graphic.source for graphic in figure.graphics] for figure in paper.figures]


def captions(paper: Paper) -> list[str]:
    """Return the captions."""
    return [figure.caption for figure in paper.figures]


@pytest.fixture(name="sources")
def _sources() -> Callable[[Paper], list[list[str]]]:
    return sources


@pytest.fixture(name="captions")
def _captions() -> Callable[[Paper], list[str]]:
    return captions

"""TikZ figures drawn by the TeX that is installed."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from s1_mmalign.builder.archives import MemoryArchive
from s1_mmalign.builder.formats.latex import LatexOptions, draw, read_latex
from s1_mmalign.builder.formats.latex.drawing_document import reduced_preamble
from s1_mmalign.builder.images import ImageOptions, encode_image
from s1_mmalign.builder.records import Paper

needs_tex = pytest.mark.skipif(draw.find_tex() is None, reason="no pdflatex is installed")
SQUARE = r"\begin{tikzpicture}\fill[ours] (0,0) rectangle (4,2);\end{tikzpicture}"
RED = r"\definecolor{ours}{RGB}{255,0,0}"


def figure(drawing: str, caption: str = "C") -> str:
    return rf"\begin{{figure}}{drawing}\caption{{{caption}}}\end{{figure}}"


def rendered(body: str, preamble: str = r"\usepackage{tikz}" + RED, timeout_s: float = 60.0, **files: bytes) -> Paper:
    source = f"\\documentclass{{article}}\n{preamble}\n\\begin{{document}}\n{body}\n\\end{{document}}\n"
    members = {"main.tex": source.encode(), **{name.replace("_tikz", ".tikz"): data for name, data in files.items()}}
    return read_latex(MemoryArchive(members), LatexOptions(render_tikz=True, tikz_timeout_s=timeout_s))


def pixels(paper: Paper, index: int = 0) -> Image.Image:
    graphic = paper.figures[index].graphics[0]
    assert graphic.data is not None
    encoded = encode_image(graphic.data, graphic.source, replace(ImageOptions(), min_bytes=0), graphic)
    return Image.open(io.BytesIO(encoded.data)).convert("RGB")


@needs_tex
def test_a_drawing_is_a_picture_of_its_own_size_in_the_authors_colours() -> None:
    paper = rendered(figure(SQUARE))
    image = pixels(paper)
    assert paper.drops == []
    assert paper.figures[0].graphics[0].source == "main.tex#drawing1"
    assert image.width / image.height == pytest.approx(2.0, abs=0.05)
    assert image.getpixel((image.width // 2, image.height // 2)) == (255, 0, 0)


@needs_tex
def test_what_the_body_sets_before_a_drawing_counts_and_files_of_drawings_are_read() -> None:
    body = RED.replace("255,0,0", "0,0,255") + figure(SQUARE) + figure(r"\input{green.tikz}")
    paper = rendered(body, green_tikz=SQUARE.replace("ours", "green").encode())
    assert [pixels(paper, index).getpixel((200, 200)) for index in (0, 1)] == [(0, 0, 255), (0, 255, 0)]
    assert paper.figures[1].graphics[0].source == "green.tikz#drawing1"


@needs_tex
def test_a_drawn_panel_stands_at_its_letter_beside_pictures() -> None:
    body = figure(rf"\subfloat[Left]{{{SQUARE}}}\subfloat[Right]{{\includegraphics{{a}}}}")
    source = f"\\documentclass{{article}}\\usepackage{{tikz}}{RED}\\begin{{document}}{body}\\end{{document}}"
    archive = MemoryArchive({"main.tex": source.encode(), "a.png": b""})
    [found] = read_latex(archive, LatexOptions(render_tikz=True)).figures
    assert [(graphic.panel, graphic.subcaption, graphic.data is not None) for graphic in found.graphics] == [
        ("a", "Left", True),
        ("b", "Right", False),
    ]


@needs_tex
def test_a_preamble_that_does_not_compile_here_is_reduced_to_what_drawings_need() -> None:
    preamble = r"\usepackage{no-such-package-anywhere}\usepackage{tikz}\newcommand{\w}{4}" + RED
    paper = rendered(figure(SQUARE.replace("(4,2)", r"(\w,2)")), preamble)
    assert pixels(paper).getpixel((200, 200)) == (255, 0, 0)


@needs_tex
def test_one_broken_drawing_is_a_drop_that_says_why_and_costs_no_other() -> None:
    paper = rendered(figure(r"\begin{tikzpicture}\nosuchcommand\end{tikzpicture}") + figure(SQUARE))
    assert [(drop.where, drop.reason) for drop in paper.drops] == [("fig1", "drawn_in_source")]
    assert "Undefined control sequence" in paper.drops[0].detail
    assert len(paper.figures[1].graphics) == 1


@needs_tex
def test_a_drawing_runs_no_program_and_reads_nothing_outside(tmp_path: Path) -> None:
    secret, made = tmp_path / "secret.tex", tmp_path / "made"
    secret.write_text(r"\fill[ours] (0,0) rectangle (4,2);")
    shell = rf"\begin{{tikzpicture}}\immediate\write18{{touch {made}}}\fill (0,0) rectangle (4,2);\end{{tikzpicture}}"
    reader = rf"\begin{{tikzpicture}}\input{{{secret}}}\end{{tikzpicture}}"
    writer = (
        rf"\begin{{tikzpicture}}\newwrite\o\immediate\openout\o={made}\immediate\write\o{{x}}"
        r"\fill (0,0) rectangle (4,2);\end{tikzpicture}"
    )
    paper = rendered(figure(shell) + figure(reader) + figure(writer))
    assert not made.exists()
    assert not any("secret" in graphic.source for found in paper.figures for graphic in found.graphics)
    assert "fig2" in [drop.where for drop in paper.drops]


@needs_tex
def test_an_endless_drawing_is_stopped_with_all_that_it_started(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    end = draw.end_group
    monkeypatch.setattr(draw, "end_group", lambda process: (started.append(process.pid), end(process)))
    endless = r"\begin{tikzpicture}\loop\iftrue\repeat\end{tikzpicture}"
    paper = rendered(figure(endless), timeout_s=3.0)
    assert paper.drops[0].detail.endswith("TeX ran out of time")
    assert started
    for pid in started:
        with pytest.raises(ProcessLookupError):
            os.killpg(pid, 0)


def test_without_a_tex_a_drawing_is_a_drop_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draw, "TEX", "no-such-tex-here")
    [drop] = rendered(figure(SQUARE)).drops
    assert (drop.reason, drop.detail) == ("drawn_in_source", "tikzpicture; no no-such-tex-here is installed")


def test_a_reduced_preamble_keeps_macros_and_colours_and_no_layout() -> None:
    source = (
        r"\documentclass[twocolumn]{revtex4-2}\usepackage[pdf,x]{pst-pdf}\usepackage{bm,lineno,xcolor}"
        r"\newcommand*{\w}[2][1]{#1#2}\def\x#1.{y}\usetikzlibrary{calc}\title{T}\definecolor{c}{RGB}{1,2,3}"
        r"\begin{document}\newcommand{\late}{x}"
    )
    kept = reduced_preamble(source)
    assert r"\newcommand*{\w}[2][1]{#1#2}" in kept
    assert r"\def\x#1.{y}" in kept
    assert r"\usepackage{bm,xcolor}" in kept
    assert r"\usetikzlibrary{calc}" in kept
    assert r"\definecolor{c}{RGB}{1,2,3}" in kept
    assert not any(word in kept for word in ("revtex", "pst-pdf", "lineno", "title", "late"))

"""The figures that a paper draws itself, drawn by TeX where that is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from s1_mmalign.builder.formats.latex.assemble import Found
from s1_mmalign.builder.formats.latex.draw import Drawing, draw
from s1_mmalign.builder.formats.latex.events import Drawn
from s1_mmalign.builder.formats.latex.sources import SourceTree

Rendered = dict[Drawn, "Drawing | str"]
"""Each drawing's page, or why there is none."""

MOST_DRAWINGS = 200
"""Drawings of one paper that are made; the others are drops."""


def render_drawings(files: SourceTree, source: str, figures: Sequence[Found], timeout_s: float) -> Rendered:
    """Draw what the captioned figures of a main file (its text is `source`) draw by TikZ."""
    drawn = [panel.drawn for figure in figures if figure.caption for panel in figure.drawings][:MOST_DRAWINGS]
    if not drawn:
        return {}
    made = draw(files.archive, files.folder, source, [drawing.source for drawing in drawn], timeout_s)
    return dict(zip(drawn, made, strict=True))

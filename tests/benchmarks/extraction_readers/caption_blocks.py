"""The heuristic of 25 lines on PyMuPDF: a text block that begins "Figure 3", and what stands above it up to prose."""

from __future__ import annotations

from pathlib import Path

import pymupdf
from typed_captions import CAPTION, figures_of

LONGEST_SIDE = 1568
"""Pixels of the longer side of a picture, as in this project."""

PROSE = 100
"""Characters from which a block is no label inside the picture."""


def version() -> str:
    """PyMuPDF's version."""
    return f"PyMuPDF {pymupdf.__version__}"


def read(request: dict) -> dict:
    """See `serve`."""
    paragraphs: list[tuple[int, str]] = []
    shown: set[int] = set()
    with pymupdf.open(request["path"]) as document:
        for number, page in enumerate(document, 1):
            blocks = [block for block in page.get_text("blocks", sort=True) if block[6] == 0]
            paragraphs += [(number, " ".join(block[4].split())) for block in blocks]
            for block in blocks:
                if CAPTION.match(block[4].strip()):
                    x0, y0, x1, _ = block[:4]
                    prose = [other for other in blocks if len(other[4]) > PROSE]
                    above = [other[3] for other in prose if other[3] <= y0 and other[2] > x0 and other[0] < x1]
                    area = pymupdf.Rect(x0, max(above, default=page.rect.y0), x1, y0)
                    if area.height > 40:
                        scale = LONGEST_SIDE / max(area.width, area.height)
                        pixels = page.get_pixmap(clip=area, matrix=pymupdf.Matrix(scale, scale))
                        pixels.save(str(Path(request["out"]) / f"{number}_{round(y0)}.png"))
                        shown.add(number)
    return {"figures": figures_of(paragraphs, shown)}

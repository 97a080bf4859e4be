"""The layout model that PyMuPDF ships, asked only about pages that text and drawing leave undecided."""

from __future__ import annotations

import pymupdf

from s1_mmalign.builder.formats.pdf.geometry import Box

PICTURES = ("picture", "table", "formula")
"""What the model may call a figure; a drawing of words and rules is a table to it."""


def pictures(page: pymupdf.Page) -> list[Box]:
    """The boxes that the model takes for pictures, or failing them for tables or formulas, in page coordinates."""
    import pymupdf.layout as layout

    layout.activate()
    page.get_layout()
    boxes = [(Box(*entry[:4]), str(entry[4])) for entry in page.layout_information or []]
    found = [box for box, name in boxes if name == PICTURES[0]]
    return found or [box for box, name in boxes if name in PICTURES]

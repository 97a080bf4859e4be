"""The layout model that PyMuPDF ships, asked only about pages that text and drawing leave undecided."""

from __future__ import annotations

import pymupdf

from s1_mmalign.builder.formats.pdf.geometry import Box


def pictures(page: pymupdf.Page, tables: bool = False) -> list[Box]:
    """The boxes that the model takes for pictures, in the coordinates of the turned page.

    With `tables`, its tables where it sees no picture: a drawing of words and rules is a table to it.
    """
    import pymupdf.layout as layout

    layout.activate()
    turned, rotation = page.rotation_matrix, page.rotation
    page.set_rotation(0)  # the model looks at the turned page but answers in unturned coordinates
    try:
        page.get_layout()
    finally:
        page.set_rotation(rotation)
    boxes = [(Box(*(pymupdf.Rect(entry[:4]) * turned)), str(entry[4])) for entry in page.layout_information or []]
    found = [box for box, name in boxes if name == "picture"]
    return found or [box for box, name in boxes if tables and name == "table"]

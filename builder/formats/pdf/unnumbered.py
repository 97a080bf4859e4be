"""Illustrations without a number: a picture in the text with a caption of its own face right below or beside it."""

from __future__ import annotations

import re
from collections import Counter

import pymupdf

from s1_mmalign.builder.formats.pdf.blocks import Block, blocks_of
from s1_mmalign.builder.formats.pdf.errors import MUPDF_ERRORS
from s1_mmalign.builder.formats.pdf.geometry import Box
from s1_mmalign.builder.formats.pdf.joining import join_lines
from s1_mmalign.builder.formats.pdf.layout import HEAD_AND_FOOT, PageLayout, Style, is_heading
from s1_mmalign.builder.formats.pdf.pairing import Document

SMALLEST = 80.0
"""Points that both sides of an illustration have at least; logos and portraits of authors are smaller."""
BESIDE_WIDTH = 130.0
"""Points of width from which an illustration may have its caption beside it (portraits stand beside a biography)."""
NOT_A_CAPTION = re.compile(
    r"copyright|©|licen[sc]e|creative commons|\bdoi\b|https?://|www\.|@|received|accepted|published|correspond|"
    r"^(?:figure|fig|table|scheme|box|abstract|keywords|toc|graphical)\b",
    re.I,
)


def illustrations(document: Document, taken: dict[int, list[Box]]) -> list[tuple[int, Box, str]]:
    """Page, box and caption of unnumbered illustrations; `taken` are the regions of numbered figures by page."""
    repeated: Counter[int] = Counter()
    with_images = []
    for layout in document.layouts:
        try:
            references = {entry[0] for entry in document.file.get_page_images(layout.number - 1)}
        except MUPDF_ERRORS:
            continue
        repeated.update(references)
        if references:
            with_images.append((layout, references))
    found = []
    for layout, references in with_images:
        if not all(repeated[reference] > 1 for reference in references):
            found.extend(_on_page(document, layout, taken.get(layout.number, [])))
    return found


def _on_page(document: Document, layout: PageLayout, taken: list[Box]) -> list[tuple[int, Box, str]]:
    page = document.page(layout.number)
    sheet = layout.text.box
    band = HEAD_AND_FOOT * sheet.height
    text_edge = Box(sheet.x0, sheet.y0 + band / 2, sheet.x1, sheet.y1 - band / 2)
    blocks = blocks_of(layout.lines, document.style)
    found = []
    for image in page.get_image_info():
        box = Box(*(pymupdf.Rect(image["bbox"]) * page.rotation_matrix)).clipped(text_edge)
        if min(box.width, box.height) < SMALLEST or box.area > 0.8 * sheet.area or box.y1 < sheet.y0 + 1.5 * band:
            continue
        if any(box.clipped(other).area > 0.1 * min(box.area, other.area) for other in taken):
            continue
        caption = next((b for b in blocks if _captions(b, box, layout, document.style)), None)
        if caption is not None:
            found.append((layout.number, box, join_lines([line.text for line in caption.lines])))
            taken = [*taken, box]
    return found


def _captions(block: Block, picture: Box, layout: PageLayout, style: Style) -> bool:
    """Whether `block` stands like the caption of `picture` and is set unlike the text of the column."""
    first, box = block.lines[0], block.box
    text = " ".join(line.text for line in block.lines)
    if style.is_body(first) or first.size > 1.02 * style.size or is_heading(first, style):
        return False
    if not 25 <= block.letters <= 900 or NOT_A_CAPTION.search(text) or first.role:
        return False
    left_aligned = abs(box.x0 - picture.x0) < 10
    centred = abs(box.middle[0] - picture.middle[0]) < 10
    if 0 <= box.y0 - picture.y1 + 4 < 26:
        return (left_aligned or centred) and box.width <= picture.width + 14
    beside = picture.width >= BESIDE_WIDTH and -24 < box.x_overlap(picture) <= 2
    level = abs(box.y0 - picture.y0) < 14 or abs(box.y1 - picture.y1) < 14
    return beside and level and box.height <= picture.height and box.width < 0.8 * picture.width

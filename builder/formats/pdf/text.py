"""The text of a page as lines, upright, in the order in which they stand from top to bottom."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

import pymupdf

from s1_mmalign.builder.formats.pdf.geometry import Box

TEXT_FLAGS = pymupdf.TEXT_PRESERVE_WHITESPACE | pymupdf.TEXT_MEDIABOX_CLIP
"""No images and no ligatures: ligatures would hide "fi" and "ff" from every later word match."""

COMBINING = {"ˆ": "\u0302", "˜": "\u0303", "¯": "\u0304", "˙": "\u0307", "¨": "\u0308"}
MOSTLY_HIDDEN = 0.8
"""Share of a page's letters that are invisible on a scan with a text layer."""
RAISED = str.maketrans("0123456789+-−=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿ")
SUPERSCRIPT = re.compile(r"[0-9+\-−=()n]+")


@dataclass(slots=True)
class Piece:
    """A run of text as MuPDF hands it out: one line, or a part of one where the text has a wide gap."""

    box: Box
    base: float
    spans: list[tuple[float, str, float, str, int]]
    """x of the first glyph, text, size in points, font, MuPDF flags."""
    block: int
    level: bool

    @property
    def text(self) -> str:
        """The characters, without any clean-up."""
        return "".join(span[1] for span in self.spans)

    @property
    def size(self) -> float:
        """Size of the largest span that holds a letter or digit."""
        return max((s[2] for s in self.spans if any(c.isalnum() for c in s[1])), default=self.spans[0][2])


@dataclass(slots=True)
class Line:
    """One printed line of one column. `role` is set by the stages that recognise what it is part of."""

    box: Box
    base: float
    text: str
    size: float
    font: str
    bold: bool
    lead_bold: bool
    math: float
    level: bool = True
    role: str = ""
    column: int = -1

    @property
    def letters(self) -> int:
        """How many letters the line has."""
        return sum(c.isalpha() for c in self.text)


@dataclass(slots=True)
class PageText:
    """What one page says. `rotation` is what the page must be turned to (degrees) so that it reads upright."""

    number: int
    box: Box
    rotation: int
    pieces: list[Piece] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    recognised: bool = False
    """Whether the text is an invisible layer over a scan."""
    broken: bool = False
    """Whether the page could not be read."""
    margin_boxes: list[Box] = field(default_factory=list)
    """Where line numbers stood: printed, but no part of anything."""

    @property
    def printed(self) -> list[Box]:
        """The boxes of all text on the page."""
        return [line.box for line in self.lines] + self.margin_boxes


def upright_rotation(page: pymupdf.Page, blocks: list[dict]) -> int:
    """The rotation (0, 90, 180, 270) under which most of the page's letters read from left to right."""
    votes: Counter[int] = Counter()
    for block in blocks:
        for line in block["lines"]:
            x, y = line["dir"]
            # MuPDF's y grows downwards, so (0, -1) is text that climbs: it needs a quarter turn clockwise.
            turn = (0 if x > 0 else 180) if abs(x) >= abs(y) else (90 if y < 0 else 270)
            votes[turn] += sum(len(span["text"]) for span in line["spans"])
    total = sum(votes.values())
    turn, count = votes.most_common(1)[0] if votes else (0, 0)
    return turn if total >= 20 and count > 0.6 * total else page.rotation


def read_page(page: pymupdf.Page, number: int) -> PageText:
    """Read the text of `page` (1-based `number`) and turn the page so that it reads upright."""
    blocks = page.get_text("dict", flags=TEXT_FLAGS)["blocks"]
    rotation = upright_rotation(page, blocks)
    if rotation != page.rotation:
        page.set_rotation(rotation)
    turned = page.rotation_matrix if rotation else None
    result = PageText(number, Box(*page.rect), rotation, recognised=_is_hidden(blocks))
    for index, block in enumerate(blocks):
        for line in block["lines"]:
            piece = _piece(line, index, turned)
            if piece:
                result.pieces.append(piece)
    return result


def _is_hidden(blocks: list[dict]) -> bool:
    seen = hidden = 0
    for block in blocks:
        for line in block["lines"]:
            for span in line["spans"]:
                seen += len(span["text"])
                hidden += len(span["text"]) * (span["alpha"] == 0)
    return seen > 0 and hidden >= MOSTLY_HIDDEN * seen


def _piece(line: dict, block: int, turned: pymupdf.Matrix | None) -> Piece | None:
    spans = [s for s in line["spans"] if s["text"]]
    if not any(s["text"].strip() for s in spans):
        return None
    rect, direction, origin = pymupdf.Rect(line["bbox"]), pymupdf.Point(line["dir"]), pymupdf.Point(spans[0]["origin"])
    starts = [s["bbox"][0] for s in spans]
    if turned is not None:
        rect, origin = rect * turned, origin * turned
        starts = [(pymupdf.Rect(s["bbox"]) * turned).x0 for s in spans]
        direction = pymupdf.Point(
            direction.x * turned.a + direction.y * turned.c, direction.x * turned.b + direction.y * turned.d
        )
    for i in range(len(spans) - 1):
        if spans[i]["text"].strip() in COMBINING:  # belongs right before the letter under it
            starts[i] = starts[i + 1] - 0.01
    box = Box(*rect)
    if direction.x > 0.98:
        # Some fonts declare no ascent or descent, and then their glyphs reach out of their box.
        size = max(span["size"] for span in spans)
        box = Box(box.x0, min(box.y0, origin.y - 0.72 * size), box.x1, max(box.y1, origin.y + 0.22 * size))
    return Piece(
        box,
        origin.y,
        [(x, _raised(s), s["size"], s["font"], s["flags"]) for x, s in zip(starts, spans, strict=True)],
        block,
        direction.x > 0.98,
    )


def _raised(span: dict) -> str:
    """The text of a span; a number set as superscript in Unicode's own superscripts."""
    text = span["text"]
    if span["flags"] & 1 and SUPERSCRIPT.fullmatch(text.strip()):
        return text.translate(RAISED)
    return text

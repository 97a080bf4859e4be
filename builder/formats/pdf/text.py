"""The text of a page as lines, upright, in the order in which they stand from top to bottom."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field

import pymupdf

from s1_mmalign.builder.formats.pdf.geometry import Box

TEXT_FLAGS = pymupdf.TEXT_PRESERVE_WHITESPACE | pymupdf.TEXT_MEDIABOX_CLIP
"""No images and no ligatures: ligatures would hide "fi" and "ff" from every later word match."""

MATH_FONT = re.compile(
    r"^(CM(MI|SY|EX|BSY)|MSAM|MSBM|EU(FM|SM|EX)|rsfs|LMMath|txsy|txmi|px(sy|mi)|MT(MI|SY|EX))|Math|Symbol", re.I
)
STYLE_SUFFIX = re.compile(
    r"([-,_ ]?(bold|italic|oblique|roman|roma|regular|medium|semibold|demi|light|black|book|ital|obli|slanted"
    r"|bd|it|mt|ps))+$",
    re.I,
)
BOLD_FONT = re.compile(
    r"bold|black|demi|heavy|\b(cmb|sfb|ptmb|ptmbi|phvb)|-bd\b|medi$|\.b(\+|$)|CMBX|LMRoman\d+-Bold", re.I
)
ICON_FONT = re.compile(r"FontAwesome|academicons|Dingbats|Wingdings|Webdings|MaterialIcons|fontello|icomoon", re.I)
COMBINING = {"ˆ": "\u0302", "˜": "\u0303", "¯": "\u0304", "˙": "\u0307", "¨": "\u0308"}
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
    broken: bool = False
    """Whether the page could not be read."""
    margin_boxes: list[Box] = field(default_factory=list)
    """Where line numbers stood: printed, but no part of anything."""

    @property
    def printed(self) -> list[Box]:
        """The boxes of all text on the page."""
        return [line.box for line in self.lines] + self.margin_boxes


def family(font: str) -> str:
    """A font's name without subset prefix and style, so that bold and italic of a face compare equal.

    >>> family("ABCDEF+TimesNewRomanPS-BoldMT") == family("TimesNewRomanPSMT")
    True
    """
    name = font.split("+", 1)[-1]
    return STYLE_SUFFIX.sub("", name) or name


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
    result = PageText(number, Box(*page.rect), rotation)
    for index, block in enumerate(blocks):
        for line in block["lines"]:
            piece = _piece(line, index, turned)
            if piece:
                result.pieces.append(piece)
    return result


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


def lines_of(pieces: list[Piece], gutters: list[tuple[float, float]]) -> list[Line]:
    """Join pieces that stand on one row into lines; `gutters` are the x intervals no line may cross."""
    icons = [p for p in pieces if all(ICON_FONT.search(span[3]) for span in p.spans if span[1].strip())]
    known = {id(p) for p in icons}
    level = sorted((p for p in pieces if p.level and id(p) not in known), key=lambda p: p.box.y0)
    lines = [_line(group) for group in _rows(level, gutters)]
    lines.extend(_line([p], level=False) for p in pieces if not p.level and id(p) not in known)
    for piece in icons:
        icon = _line([piece], level=False)
        icon.role = "furniture"
        lines.append(icon)
    return sorted((line for line in lines if line.text or line.role), key=lambda line: (line.base, line.box.x0))


def _rows(pieces: list[Piece], gutters: list[tuple[float, float]]) -> list[list[Piece]]:
    parent = list(range(len(pieces)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    active: list[int] = []
    for i, piece in enumerate(pieces):
        active = [j for j in active if pieces[j].box.y1 > piece.box.y0]
        for j in active:
            if _same_row(pieces[j], piece, gutters):
                parent[root(i)] = root(j)
        active.append(i)
    rows: dict[int, list[Piece]] = {}
    for i, piece in enumerate(pieces):
        rows.setdefault(root(i), []).append(piece)
    return list(rows.values())


def _same_row(a: Piece, b: Piece, gutters: list[tuple[float, float]]) -> bool:
    shared = a.box.y_overlap(b.box)
    left, right = (a, b) if a.box.x0 <= b.box.x0 else (b, a)
    gap = right.box.x0 - left.box.x1
    size_a, size_b = a.size, b.size
    large, small = max(size_a, size_b), min(size_a, size_b)
    if gap > 3 * large or any(left.box.x1 <= g0 + 1 and right.box.x0 >= g1 - 1 for g0, g1 in gutters):
        return False
    if gap < -0.5 * large or small < 0.86 * large:
        # A subscript or superscript that MuPDF set apart: it stands inside or right beside the larger line.
        inner, outer = (a, b) if a.box.width <= b.box.width else (b, a)
        _, y = inner.box.middle
        return (
            inner.size <= 0.86 * outer.size
            and len(inner.text.strip()) <= 12
            and gap <= 0.35 * large
            and outer.box.y0 - 0.2 * large <= y <= outer.box.y1 + 0.2 * large
        )
    if shared < 0.5 * min(a.box.height, b.box.height) or abs(a.base - b.base) > 0.35 * large:
        return False
    label = re.fullmatch(r"(?:Fig(?:ure)?s?|Scheme|Chart|Table)\.?\s*\S{1,6}", left.text.strip(), re.I)
    if label:
        return gap <= 3 * large
    return gap <= (1.3 if a.block == b.block else 0.8) * large


def _line(pieces: list[Piece], level: bool = True) -> Line:
    pieces = sorted(pieces, key=lambda p: p.box.x0)
    main = max(pieces, key=lambda p: p.box.width * p.size)
    spans: list[tuple[float, str, float, str, int]] = []
    for piece in pieces:
        own = list(piece.spans)
        if spans and piece.box.x0 - pieces[0].box.x0 > 0 and not spans[-1][1].endswith(" "):
            gap = piece.box.x0 - max(p.box.x1 for p in pieces if p.box.x0 < piece.box.x0)
            if gap > 0.12 * main.size:
                own.insert(0, (own[0][0], " ", *own[0][2:]))
        spans.extend(own)
    if len(pieces) > 1:
        spans.sort(key=lambda s: s[0])
    text = _clean("".join(s[1] for s in spans))
    weights: Counter[tuple[str, float]] = Counter()
    bold = math = letters = 0
    for _, string, size, font, flags in spans:
        count = sum(c.isalnum() for c in string)
        if not count:
            continue
        letters += count
        weights[font, round(size, 1)] += count
        bold += count * (bool(flags & 16) or bool(BOLD_FONT.search(font)))
        math += count * bool(MATH_FONT.search(font))
    (font, size), _ = weights.most_common(1)[0] if weights else ((spans[0][3], round(spans[0][2], 1)), 0)
    first = next((s for s in spans if any(c.isalnum() for c in s[1])), spans[0])
    x0, y0, x1, y1 = zip(*(p.box for p in pieces), strict=True)
    return Line(
        box=Box(min(x0), min(y0), max(x1), max(y1)),
        base=main.base,
        text=text,
        size=size,
        font=family(font),
        bold=2 * bold > letters,
        lead_bold=bool(first[4] & 16) or bool(BOLD_FONT.search(first[3])),
        math=math / letters if letters else 0.0,
        level=level,
    )


def _clean(text: str) -> str:
    """Normal characters and single spaces; a spacing accent that TeX set before its letter goes onto the letter."""
    if any(mark in text for mark in COMBINING):
        text = re.sub(r"([ˆ˜¯˙¨]) ?(\w)", lambda m: m[2] + COMBINING[m[1]], text)
    text = unicodedata.normalize("NFC", text)
    text = text.replace("\ufffd", "")
    text = "".join(
        c if c.isprintable() or c == "\u00ad" else "" if unicodedata.category(c) == "Co" else " " for c in text
    )
    return " ".join(text.split())

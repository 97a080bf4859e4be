"""Pieces of a page's text to printed lines: what stands on one row of one column."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict

from s1_mmalign.builder.formats.pdf.geometry import Box
from s1_mmalign.builder.formats.pdf.text import COMBINING, Line, Piece

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
WIDE_SPACE = 2.5
"""Ems of the widest space in a justified line."""
ICON_FONT = re.compile(r"FontAwesome|academicons|Dingbats|Wingdings|Webdings|MaterialIcons|fontello|icomoon", re.I)


def family(font: str) -> str:
    """A font's name without subset prefix and style, so that bold and italic of a face compare equal.

    >>> family("ABCDEF+TimesNewRomanPS-BoldMT") == family("TimesNewRomanPSMT")
    True
    """
    name = font.split("+", 1)[-1]
    return STYLE_SUFFIX.sub("", name) or name


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
    blocks: defaultdict[int, list[Box]] = defaultdict(list)
    for piece in pieces:
        blocks[piece.block].append(piece.box)

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    active: list[int] = []
    for i, piece in enumerate(pieces):
        active = [j for j in active if pieces[j].box.y1 > piece.box.y0]
        for j in active:
            if _same_row(pieces[j], piece, gutters, blocks[piece.block]):
                parent[root(i)] = root(j)
        active.append(i)
    rows: dict[int, list[Piece]] = {}
    for i, piece in enumerate(pieces):
        rows.setdefault(root(i), []).append(piece)
    return list(rows.values())


def _same_row(a: Piece, b: Piece, gutters: list[tuple[float, float]], block: list[Box]) -> bool:
    """Whether two pieces stand on one row of one column; `block` is the block of `b`."""
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
    if a.block != b.block:
        return gap <= 0.8 * large
    # Justified lines of a narrow column have wide spaces; other lines of the paragraph run across them.
    loose = gap <= WIDE_SPACE * large and abs(a.base - b.base) < 0.1 and size_a == size_b
    return gap <= 1.3 * large or (
        loose and any(box.x0 < left.box.x1 - 1 and box.x1 > right.box.x0 + 1 for box in block)
    )


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

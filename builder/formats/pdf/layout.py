"""What the pages of one document have in common: columns, body style, line numbers, running heads.

Steps: margin numbers go (`line_numbers`), columns are found from the left edges of long lines (`gutters`), pieces
become lines (`text.lines_of`), repeated heads and feet are marked (`mark_furniture`), and the style of running
text is measured (`body_style`).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from s1_mmalign.builder.formats.pdf.geometry import Box, around
from s1_mmalign.builder.formats.pdf.lines import lines_of
from s1_mmalign.builder.formats.pdf.text import Line, PageText, Piece

LONG_LINE = 25
"""Characters from which a line tells where a column begins and ends."""
HEAD_AND_FOOT = 0.11
"""Running heads and feet stand in this share of the page's height at the top and at the bottom."""
OUTER_BAND = 0.08
"""Further in than this, only what most pages repeat is a running head: figures repeat their titles too."""
MOST_CROSSING = 0.4
"""Share of the long lines that may run across a page's gutters (titles, abstracts and captions of wide figures)."""
PAGE_NUMBER = re.compile(r"[-–— ]*(page )?([A-Z]{1,3}[.-]?)?(\d{1,4}|[ivxl]{1,6})( ?(of|/|\|) ?\d{1,4})?[-–— ]*", re.I)

INDEX = re.compile(r"(?:extended data |supplementary )?(?:fig|table|scheme|chart|plate)", re.I)
"""A line that begins so is no running head, though manuscripts print "Figure 3" at one place on each page."""

Gutters = list[tuple[float, float]]


@dataclass(slots=True)
class Style:
    """How the running text of a document is set. `leading` is the distance of baselines in points."""

    font: str = ""
    size: float = 10.0
    leading: float = 12.0
    headings: set[tuple[str, float, bool]] = field(default_factory=set)

    def is_body(self, line: Line) -> bool:
        """Whether the line is in the face and size of running text."""
        return abs(line.size - self.size) <= 0.03 * self.size and (line.font == self.font or line.math > 0.5)


@dataclass(slots=True)
class PageLayout:
    """The lines of a page with their columns. `area` holds all text that is no head, foot or margin mark."""

    text: PageText
    gutters: Gutters
    area: Box
    lines: list[Line]

    @property
    def number(self) -> int:
        """The 1-based page number."""
        return self.text.number

    @property
    def columns(self) -> list[tuple[float, float]]:
        """The x extents of the columns, from left to right."""
        edges = [self.area.x0, *(x for gutter in self.gutters for x in gutter), self.area.x1]
        return [(edges[i], edges[i + 1]) for i in range(0, len(edges), 2)]


def lay_out(pages: list[PageText]) -> tuple[list[PageLayout], Style]:
    """Find lines, columns, furniture and body style of a document; uses up the pages' pieces."""
    margins = line_numbers(pages)
    for page in pages:
        page.margin_boxes = [p.box for p in page.pieces if _is_line_number(p, margins)]
        page.pieces = [p for p in page.pieces if not _is_line_number(p, margins)]
    shared = _common([gutters(page) for page in pages])
    found: list[Gutters] = []
    for page in pages:
        own = gutters(page)
        found.append(own or (shared if _keeps_clear(page, shared) else []))
        page.lines = lines_of(page.pieces, found[-1])
        page.pieces = []
    mark_furniture(pages)
    layouts = [_page_layout(page, own) for page, own in zip(pages, found, strict=True)]
    style = body_style(layouts)
    return layouts, style


def _is_long(piece: Piece) -> bool:
    return piece.level and len(piece.text.strip()) >= LONG_LINE


def line_numbers(pages: list[PageText]) -> set[int]:
    """The right edges (rounded to 2 points) at which manuscripts print the numbers of their lines.

    A column of numbers is taken for line numbers when it counts up by one (or five) from top to bottom, next to
    lines of text, on several pages or over most of the only page.
    """
    votes: Counter[int] = Counter()
    for page in pages:
        columns: defaultdict[int, list[tuple[float, int]]] = defaultdict(list)
        for piece in page.pieces:
            string = piece.text.strip()
            if piece.level and len(string) <= 4 and string.isdecimal():
                columns[
                    round((piece.box.x0 + len(piece.text.rstrip()) / len(piece.text) * piece.box.width) / 2)
                ].append((piece.base, int(string)))
        for edge, numbers in columns.items():
            numbers.sort()
            steps = [b[1] - a[1] for a, b in pairwise(numbers)]
            if len(numbers) >= 5 and sum(step in (1, 5) for step in steps) >= 0.8 * len(steps):
                votes[edge] += 1
    needed = 2 if len(pages) > 2 else 1
    return {edge + near for edge, count in votes.items() if count >= needed for near in (-1, 0, 1)}


def _is_line_number(piece: Piece, margins: set[int]) -> bool:
    string = piece.text.strip()
    if not margins or not string.isdecimal() or len(string) > 4:
        return False
    return round((piece.box.x0 + len(piece.text.rstrip()) / len(piece.text) * piece.box.width) / 2) in margins


def gutters(page: PageText) -> Gutters:
    """The blank strips between the columns of a page, from the left edges that many long lines share."""
    long = [p.box for p in page.pieces if _is_long(p)]
    if len(long) < 6:
        return []
    strong: list[float] = []
    for edge, count in Counter(round(box.x0 / 4) for box in long).most_common():
        if count < max(3, 0.12 * len(long)):
            break
        if all(abs(4 * edge - other) >= 0.2 * page.box.width for other in strong):
            strong.append(4 * edge)
    strong.sort()
    result: Gutters = []
    for left, right in pairwise(strong):
        start = min(box.x0 for box in long if box.x0 >= right - 3)
        inside = [box for box in long if left - 12 <= box.x0 < start - 10]
        ends = sorted(box.x1 for box in inside if box.x1 <= start + 2)
        if len(ends) >= max(3, 0.4 * len(inside)):
            end = ends[min(len(ends) - 1, int(0.98 * len(ends)))]
            result.append((min(end, start - 4), start))
    return result


def _common(found: list[Gutters]) -> Gutters:
    """The gutters that at least a third of the pages have, for pages with too little text to tell."""
    with_any = [g for g in found if g]
    if len(with_any) * 3 < len(found):
        return []
    count = Counter(len(g) for g in with_any).most_common(1)[0][0]
    same = [g for g in with_any if len(g) == count]
    return [(median(g[i][0] for g in same), median(g[i][1] for g in same)) for i in range(count)]


def _keeps_clear(page: PageText, shared: Gutters) -> bool:
    """Whether a page whose own lines tell of no columns may have those of the other pages: most lines keep to them."""
    long = [p.box for p in page.pieces if _is_long(p)]
    crossing = sum(any(box.x0 < g0 - 8 and box.x1 > g1 + 8 for g0, g1 in shared) for box in long)
    return len(long) < 15 or crossing <= MOST_CROSSING * len(long)


def mark_furniture(pages: list[PageText]) -> None:
    """Give the role "furniture" to running heads and feet, page numbers, stamps and notices in the margin."""
    seen: Counter[tuple[str, int]] = Counter()
    for page in pages:
        seen.update({_place(line, page) for line in page.lines})
    few = 2 if len(pages) <= 8 else max(3, len(pages) // 4)
    for page in pages:
        upright = sorted((line for line in page.lines if line.level), key=lambda line: line.base)
        for line in page.lines:
            if not line.level and (line.text.lower().startswith("arxiv:") or seen[_place(line, page)] >= few):
                line.role = "furniture"
        for inwards in (upright, upright[::-1]):
            _mark_from_edge(inwards, page, seen, few, len(pages))
    _mark_odd_heads(pages)


def _mark_odd_heads(pages: list[PageText]) -> None:
    """Mark the outermost line where most other pages have their head: a head that one page has alone."""
    heads: Counter[int] = Counter()
    for page in pages:
        heads.update({round(line.base) for line in page.lines if line.role == "furniture" and line.level})
    for page in pages:
        upright = sorted((line for line in page.lines if line.level), key=lambda line: line.base)
        for line in [*upright[:1], *upright[-1:]]:
            usual = max(heads[round(line.base) + off] for off in (-1, 0, 1))
            if _at_edge(line, page, OUTER_BAND) and usual >= max(2, len(pages) // 2) and not INDEX.match(line.text):
                line.role = "furniture"


def _mark_from_edge(inwards: list[Line], page: PageText, seen: Counter[tuple[str, int]], few: int, pages: int) -> None:
    """Mark the lines of a head or foot, from the page's edge inwards up to the first that is none."""
    marked = False
    for line in inwards:
        count = seen[_place(line, page)] if len(line.text) > 2 and not INDEX.match(line.text) else 0
        outermost = abs(line.base - inwards[0].base) < 3 and PAGE_NUMBER.fullmatch(line.text) is not None
        if _at_edge(line, page, OUTER_BAND):
            stamp = count >= few or outermost
            stamp = stamp or _beside_page_number(line, inwards)
        else:
            stamp = _at_edge(line, page, HEAD_AND_FOOT) and (count >= max(few, 0.6 * pages) or (outermost and marked))
        if stamp:
            line.role = "furniture"
            marked = True
        elif abs(line.base - inwards[0].base) >= 3:
            return


def _beside_page_number(line: Line, inwards: list[Line]) -> bool:
    """Whether a line is set level with the one number that stands at the edge of the page: the rest of its head."""
    level = [other for other in inwards[:6] if abs(other.base - line.base) < 3]
    numbers = [other for other in level if PAGE_NUMBER.fullmatch(other.text)]
    outermost = abs(line.base - inwards[0].base) < 3
    return outermost and len(numbers) == 1 and len(level) <= 3 and line.letters >= 8 and not INDEX.match(line.text)


def _at_edge(line: Line, page: PageText, share: float) -> bool:
    """Whether the line stands in the top or bottom `share` of the page."""
    return line.box.y0 < share * page.box.height or line.box.y1 > (1 - share) * page.box.height


def _place(line: Line, page: PageText) -> tuple[str, int]:
    """The words of a line without digits, and roughly how high it stands (alternating heads change sides)."""
    return re.sub(r"\d+", "#", line.text.lower())[:60], round(line.base / 6)


def _page_layout(page: PageText, found: Gutters) -> PageLayout:
    own = [line for line in page.lines if line.role != "furniture"]
    long = [line.box for line in own if line.level and len(line.text) >= LONG_LINE]
    area = around(long) if long else page.box.grown(-36)
    layout = PageLayout(page, [g for g in found if area.x0 < g[0] and g[1] < area.x1], area, own)
    for line in own:
        line.column = _column(line.box, layout.columns)
    return layout


def _column(box: Box, columns: list[tuple[float, float]]) -> int:
    """The column that holds the box; -1 when it spans several or stands outside."""
    for index, (x0, x1) in enumerate(columns):
        if box.x0 >= x0 - 8 and box.x1 <= x1 + 8:
            return index
    return -1


def body_style(layouts: list[PageLayout]) -> Style:
    """Measure face, size and leading of the running text, and the styles that headings have."""
    weights: Counter[tuple[str, float]] = Counter()
    for layout in layouts:
        for line in layout.lines:
            if line.level and line.letters >= LONG_LINE:
                weights[line.font, round(2 * line.size) / 2] += line.letters
    if not weights:
        return Style()
    (font, size), _ = weights.most_common(1)[0]
    style = Style(font, size, 1.2 * size)
    steps: Counter[float] = Counter()
    above: Counter[tuple[str, float, bool]] = Counter()
    for layout in layouts:
        pairs = neighbours(layout.lines)
        inner = {
            id(low) for up, low in pairs if _heading_key(up) == _heading_key(low) and low.base - up.base < 2 * size
        }
        for upper, lower in pairs:
            step = lower.base - upper.base
            if style.is_body(upper) and style.is_body(lower) and 0.9 * size < step < 3.2 * size:
                steps[round(2 * step) / 2] += 1
            alone = (
                len(upper.text) < 90
                and step < 4 * size
                and id(upper) not in inner
                and upper.math < 0.3
                and upper.size > 0.88 * size
            )
            marked = upper.bold or upper.size > 1.04 * size or upper.font != font
            if alone and marked and upper.letters >= 3 and style.is_body(lower) and len(lower.text) >= 40:
                above[_heading_key(upper)] += 1
    if steps:
        style.leading = steps.most_common(1)[0][0]
    style.headings = {key for key, count in above.items() if count >= 2}
    return style


def _heading_key(line: Line) -> tuple[str, float, bool]:
    return line.font, round(line.size, 1), line.bold


def is_heading(line: Line, style: Style) -> bool:
    """Whether the line has a style that headings of this document have."""
    return len(line.text) < 90 and line.letters >= 3 and _heading_key(line) in style.headings


def neighbours(lines: list[Line]) -> list[tuple[Line, Line]]:
    """Each line with the nearest one below it that shares at least half of the narrower one's width."""
    result = []
    for index, upper in enumerate(lines):
        if not upper.level:
            continue
        for lower in lines[index + 1 : index + 40]:
            shared = upper.box.x_overlap(lower.box)
            if lower.level and lower.base > upper.base + 1 and shared >= 0.5 * min(upper.box.width, lower.box.width):
                result.append((upper, lower))
                break
    return result

"""Lines to blocks, and blocks to the running text of the paper."""

from __future__ import annotations

import re
from dataclasses import dataclass

from s1_mmalign.builder.formats.pdf.geometry import Box, around
from s1_mmalign.builder.formats.pdf.joining import ENDED, join_lines
from s1_mmalign.builder.formats.pdf.layout import PageLayout, Style, is_heading, neighbours
from s1_mmalign.builder.formats.pdf.text import Line

WORD = re.compile(r"[a-zà-öø-ÿ]{3,}")
LONG_PARAGRAPH = 60
"""Characters from which a text without a full stop is a cut paragraph, not a heading or a displayed line."""
LONG_FORMULA = 40
"""Letters from which a line is text though a number stands level with it."""
NUMBERED_EQUATION = re.compile(r"\((?:[A-Z]{1,2}[.-]?)?\d{1,3}(?:\.\d{1,3})?[a-z]?\)\s*$")


@dataclass(slots=True)
class Block:
    """Lines that stand together in one column, set alike, one leading apart."""

    lines: list[Line]

    @property
    def box(self) -> Box:
        """The box around the lines."""
        return around(line.box for line in self.lines)

    @property
    def letters(self) -> int:
        """How many letters the block has."""
        return sum(line.letters for line in self.lines)


def blocks_of(lines: list[Line], style: Style) -> list[Block]:
    """Group the upright lines of a page that have no role yet; blocks come from top to bottom."""
    free = [line for line in lines if line.level and not line.role]
    heads: dict[int, list[Line]] = {}
    grouped: dict[int, list[Line]] = {}
    for line in free:
        grouped[id(line)] = heads[id(line)] = [line]
    for upper, lower in neighbours(free):
        group, other = grouped[id(upper)], grouped[id(lower)]
        if group is not other and _together(upper, lower, style):
            group.extend(other)
            for line in other:
                grouped[id(line)] = group
    unique = {id(group): group for group in grouped.values()}
    found = [Block(sorted(group, key=lambda line: line.base)) for group in unique.values()]
    return sorted(found, key=lambda block: block.box.y0)


def _together(upper: Line, lower: Line, style: Style) -> bool:
    step = lower.base - upper.base
    usual = style.leading if style.is_body(upper) and style.is_body(lower) else 1.3 * max(upper.size, lower.size)
    if step > 1.25 * usual + 1:
        return False
    if upper.column != lower.column and not _ends_spanning(upper, lower):
        return False
    different = abs(upper.size - lower.size) > 0.06 * upper.size
    if different and (min(upper.letters, lower.letters) >= 12 or upper.font != lower.font):
        return False
    return not (is_heading(upper, style) and not is_heading(lower, style))


def _ends_spanning(upper: Line, lower: Line) -> bool:
    """Whether `lower` is the short last line of a paragraph over all columns, no wider than one of them by chance."""
    alike = upper.font == lower.font and upper.size == lower.size
    return upper.column < 0 and alike and abs(upper.box.x0 - lower.box.x0) < 1 and upper.letters >= 12


def is_prose(block: Block, layout: PageLayout, style: Style) -> bool:
    """Whether a block is running text (body, notes, references, abstract), not the words inside a figure or table."""
    letters, count = block.letters, len(block.lines)
    text = " ".join(line.text for line in block.lines)
    words = sum(len(word) for word in WORD.findall(text))
    if letters < 25 or words < 0.5 * letters:
        return False
    width = max(x1 - x0 for x0, x1 in layout.columns)
    first = block.lines[0]
    if style.is_body(first) and letters >= 30 and block.box.width >= 0.5 * width:
        return True
    if first.size < 0.68 * style.size or count < 2 or letters < 60 or letters / count < 20:
        return False
    if block.box.width < min(0.5 * width, 150):
        return False
    if re.match(r"\(?[a-h]\)\s", first.text):
        return False  # the title of a panel
    # Words in another face than the body's: notes and abstracts are set flush left, words in boxes are centred.
    starts = sorted(line.box.x0 for line in block.lines)
    flush = sum(x - starts[0] <= 2 for x in starts) >= 0.6 * count
    at_edge = any(-3 <= starts[0] - x0 <= 2.5 * style.size for x0, _ in layout.columns)
    return flush and (at_edge or (count >= 4 and block.box.width >= 0.6 * width))


def is_equation(line: Line, layout: PageLayout, style: Style) -> bool:
    """Whether the line is (part of) a displayed formula: level with a number in brackets at the column's right edge."""
    if _is_numbered(line, layout, style):
        return True
    if line.letters >= LONG_FORMULA:
        return False
    # Limits and parts of fractions stand off the number's own line.
    part = line.math >= 0.5 or (line.letters < 12 and line.size < 0.9 * style.size)
    up, down = (1.6 * style.size, 1.2 * style.size) if part else (1.0, 1.0)
    return any(
        other.column == line.column
        and other.box.x0 > line.box.x1 - 1
        and line.base - up < other.base < line.base + down
        and NUMBERED_EQUATION.fullmatch(other.text)
        and _is_numbered(other, layout, style)
        for other in layout.lines
    )


def _is_numbered(line: Line, layout: PageLayout, style: Style) -> bool:
    if abs(line.size - style.size) > 0.15 * style.size or not NUMBERED_EQUATION.search(line.text):
        return False
    right = min((x1 for x0, x1 in layout.columns if x1 >= line.box.x1 - 8), default=layout.area.x1)
    return line.level and line.box.x1 > right - 10


def reading_order(blocks: list[Block], layout: PageLayout) -> list[Block]:
    """Columns from left to right, between blocks that span the columns."""
    spanning = sorted(b.box.y0 for b in blocks if b.lines[0].column < 0 and len(layout.columns) > 1)

    def place(block: Block) -> tuple[int, int, float]:
        y = block.box.y0
        return sum(top <= y for top in spanning), block.lines[0].column, y

    return sorted(blocks, key=place)


def paragraphs(layout: PageLayout, style: Style) -> list[str]:
    """The paragraphs of running text on a page in reading order; the first and last may be parts."""
    found: list[str] = []
    blocks = [b for b in blocks_of(layout.lines, style) if _is_text(b, layout, style)]
    for block in reading_order(blocks, layout):
        for part in _split(block):
            text = join_lines([line.text for line in part])
            if found and _goes_on(found[-1], text):
                found[-1] = join_lines([found[-1], text])
            else:
                found.append(text)
    return found


def _is_text(block: Block, layout: PageLayout, style: Style) -> bool:
    """Prose, or a short end of a paragraph that a formula or the top of a column cut off."""
    if is_prose(block, layout, style):
        return True
    return style.is_body(block.lines[0]) and block.letters >= 12 and not is_equation(block.lines[0], layout, style)


def _split(block: Block) -> list[list[Line]]:
    left = min(line.box.x0 for line in block.lines)
    right = max(line.box.x1 for line in block.lines)
    parts: list[list[Line]] = [[]]
    for line in block.lines:
        last = parts[-1][-1] if parts[-1] else None
        if last is not None and ENDED.search(last.text):
            indented = line.box.x0 > left + 0.8 * line.size and line.box.x0 > last.box.x0 + 0.5 * line.size
            short = last.box.x1 < right - 0.12 * (right - left)
            if indented or short:
                parts.append([])
        parts[-1].append(line)
    return parts


def _goes_on(upper: str, lower: str) -> bool:
    """Whether `lower` continues the sentence that `upper` breaks off."""
    return not ENDED.search(upper) and bool(re.match(r"[a-zà-öø-ÿ(\d]", lower) or re.search(r"[-\u00ad,]$", upper))


def _is_cut(text: str) -> bool:
    """Whether a paragraph at the end of a page breaks off in the middle of a sentence."""
    return len(text) >= LONG_PARAGRAPH and not ENDED.search(text)


def flow(pages: list[list[str]]) -> list[str]:
    """The paragraphs of all pages as one text: a paragraph that a page break cuts becomes whole."""
    result: list[str] = []
    for page in pages:
        for index, text in enumerate(page):
            if index == 0 and result and (_goes_on(result[-1], text) or _is_cut(result[-1])):
                result[-1] = join_lines([result[-1], text])
            else:
                result.append(text)
    return result

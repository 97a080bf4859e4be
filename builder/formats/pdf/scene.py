"""A page prepared for the search of figures: what blocks, and what may belong to a figure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from s1_mmalign.builder.formats.pdf.blocks import Block, blocks_of, is_equation, is_prose
from s1_mmalign.builder.formats.pdf.captions import Caption
from s1_mmalign.builder.formats.pdf.geometry import Box
from s1_mmalign.builder.formats.pdf.ink import Ink
from s1_mmalign.builder.formats.pdf.layout import PageLayout, Style, is_heading
from s1_mmalign.builder.formats.pdf.text import Line

FRAME_REACH = 60.0
"""Points between words and the frame around them, at most."""
RULE_GAP = 14.0
"""Points between a running head and the rule under it, at most."""

FOOTNOTE_MARK = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹*∗†‡§¶]|\d{1,2}\s*[A-Z]")

Band = tuple[float, float]
"""A y interval."""


@dataclass(slots=True)
class Scene:
    """A page prepared for the search: what blocks, and the words that may belong to a figure."""

    layout: PageLayout
    ink: Ink
    solid: list[Box]
    labels: list[Line]
    captions: list[Box]
    """The boxes of the captions, which are among the solid ones."""
    edge: Box
    """Nothing outside is looked at: the page without its head and foot."""


def prepare(layout: PageLayout, captions: list[Caption], ink: Ink, style: Style) -> Scene:
    """Sort the lines of a page into obstacles and possible words of figures."""
    solid = [caption.box for caption in captions]
    labels: list[Line] = []
    for block in blocks_of(layout.lines, style):
        if is_prose(block, layout, style) and not _inside_drawing(block, layout, captions, ink, style):
            solid.extend(line.box for line in block.lines)
            continue
        for line in block.lines:
            if _stands_alone(line, layout, ink, style):
                solid.append(line.box)
            else:
                labels.append(line)
    labels.extend(line for line in layout.lines if not line.level and not line.role)
    solid.extend(line.box for line in layout.lines if line.role == "heading")
    return Scene(layout, ink, solid, labels, [caption.box for caption in captions], _edge(layout, ink))


def _edge(layout: PageLayout, ink: Ink) -> Box:
    """The page between its running head and foot, with the rules that go with them."""
    page = layout.text.box
    top, bottom = page.y0 + 12, page.y1 - 12
    for line in layout.text.lines:
        if line.role == "furniture" and line.level:
            if line.box.y1 < page.height / 3:
                top = max(top, line.box.y1)
            elif line.box.y0 > page.height * 2 / 3:
                bottom = min(bottom, line.box.y0)
    for start, end in ink.rows(Box(page.x0, top, page.x1, top + RULE_GAP)):
        if end - start <= 3 and ink.share(Box(layout.area.x0, start, layout.area.x1, end)) > 0.6:
            top = end + 1
    for start, end in reversed(ink.rows(Box(page.x0, bottom - RULE_GAP, page.x1, bottom))):
        if end - start <= 3 and ink.share(Box(layout.area.x0, start, layout.area.x1, end)) > 0.6:
            bottom = start - 1
    return Box(page.x0 + 6, top, page.x1 - 6, bottom)


def _inside_drawing(block: Block, layout: PageLayout, captions: list[Caption], ink: Ink, style: Style) -> bool:
    """Whether prose belongs to a drawing: in a frame, or on a filled area.

    A frame or area as wide as the column may also be a box of text. It is a figure if its words are not set
    like the body's or if a figure's caption stands right above or below it.
    """
    width = max(x1 - x0 for x0, x1 in layout.columns)
    for box in (block.box, block.lines[0].box):
        frame, area = ink.framed(box, FRAME_REACH), ink.filled(box)
        if frame and (frame.width < 0.9 * width or not style.is_body(block.lines[0])):
            return True
        if area and block.box.width < 0.8 * width:
            return True
        for around in (frame, area):
            if around and any(
                c.is_figure and c.box.x_overlap(around) > 0 and 0 <= 4 - c.box.y_overlap(around) < 44 for c in captions
            ):
                return True
    return False


def _stands_alone(line: Line, layout: PageLayout, ink: Ink, style: Style) -> bool:
    """Whether a line outside of prose is still no part of a figure: heading, equation, end of a paragraph."""
    if is_heading(line, style) or is_equation(line, layout, style):
        return not ink.on_fill(line.box) and ink.framed(line.box, FRAME_REACH) is None
    if _is_footnote(line, layout, ink, style):
        return True
    if not style.is_body(line) or line.letters < 2:
        return False
    at_edge = any(-3 <= line.box.x0 - x0 <= 2 * style.size for x0, _ in layout.columns)
    return at_edge and ink.count(line.box.grown(8)) == 0


def _is_footnote(line: Line, layout: PageLayout, ink: Ink, style: Style) -> bool:
    """Whether a small line begins with a mark at the column's left edge, under the short rule of footnotes."""
    if line.size > 0.97 * style.size or line.letters < 8 or not FOOTNOTE_MARK.match(line.text):
        return False
    for x0, x1 in layout.columns:
        if not -3 <= line.box.x0 - x0 <= 2.5 * style.size:
            continue
        width = x1 - x0
        for y in range(int(line.box.y0 - 1.5 * line.size), int(line.box.y0) + 2):
            near, far = Box(x0 + 1, y, x0 + 0.2 * width, y + 1), Box(x0 + 0.65 * width, y, x1, y + 1)
            if ink.share(near, with_text=True) > 0.85 and not ink.share(far, with_text=True):
                return True
    return False


def bands_in(space: Box, scene: Scene) -> list[tuple[float, float]]:
    """The y intervals of `space` that hold drawing or words, merged where less than 2 points apart."""
    if space.width <= 4 or space.height <= 4:
        return []
    spans = scene.ink.rows(space)
    spans += [(line.box.y0, line.box.y1) for line in scene.labels if space.contains_middle_of(line.box)]
    return merged(spans, 2)


def merged(spans: list[Band], gap: float) -> list[Band]:
    """The intervals in order, those joined that are at most `gap` apart.

    >>> merged([(5, 6), (0, 1), (2, 4)], 1)
    [(0, 6)]
    """
    result: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if result and start - result[-1][1] <= gap:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return result


def gap_between(a: Band, b: Band) -> float:
    """The blank between two intervals; negative where they overlap."""
    return max(a[0] - b[1], b[0] - a[1])

"""How far a caption reaches from its first line."""

from __future__ import annotations

import re
from collections import Counter

from s1_mmalign.builder.formats.pdf.geometry import around
from s1_mmalign.builder.formats.pdf.index import START
from s1_mmalign.builder.formats.pdf.joining import ENDED
from s1_mmalign.builder.formats.pdf.layout import Style, is_heading
from s1_mmalign.builder.formats.pdf.text import Line

PANEL = re.compile(r"\(?[A-Za-z](?:\s?[-–,]\s?[A-Za-z])*[).:,]\s|\([A-Z]")
"""What a part of a caption about one panel begins with: "(a) ", "B. ", "C, D: "."""


def reach(first: Line, below: dict[int, Line], style: Style) -> list[Line]:
    """The lines of the caption that `first` begins: same face, same leading, same block, no heading."""
    lines = [first]
    leading = 0.0
    families = {first.font}
    while (line := below.get(id(lines[-1]))) is not None:
        last = lines[-1]
        step = line.base - last.base
        allowed = 1.22 * leading if leading else max(1.75 * first.size, _first_step(first, line, style))
        new_part = step > allowed + 0.5
        if new_part and not _next_part(line, lines, step / (leading or 1.2 * first.size), style):
            break
        if step > 3 * first.size:
            break
        if START.match(line.text) and line.box.x0 < first.box.x0 + 30:
            # Without a leading to compare with, the next caption is told by its mark.
            usual = leading or (0 if _mark(line) == _mark(first) else step)
            if _fresh(line, last, usual):
                break
        if line.column != first.column and line.column >= 0 and first.column >= 0:
            break
        if not _continues(line, lines, families, style):
            break
        if not new_part:
            leading = max(leading, min(step, 1.75 * line.size)) if leading else max(step, 0.9 * line.size)
        if line.letters >= 12:
            families.add(line.font)
        lines.append(line)
    return lines


def _next_part(line: Line, lines: list[Line], leadings: float, style: Style) -> bool:
    """Whether a line after a wider step begins the caption's next part ("(B) ...", or the text after its title)."""
    first, last = lines[0], lines[-1]
    if leadings > 2.2 or abs(line.size - first.size) > 0.03 * first.size or not ENDED.search(last.text):
        return False
    if PANEL.match(line.text):
        return True
    alike = line.font in {x.font for x in lines} and abs(line.box.x0 - first.box.x0) < 3
    return leadings < 1.9 and alike and not style.is_body(line) and not is_heading(line, style)


def _first_step(first: Line, second: Line, style: Style) -> float:
    """A caption may have the manuscript's wide leading, if its second line is set like it or the manuscript."""
    if _is_bare(first):
        return max(2.2 * first.size, 1.05 * style.leading)
    alike = first.font == second.font and first.size == second.size
    return 1.05 * style.leading if alike or style.is_body(first) else 0.0


def _is_bare(line: Line) -> bool:
    match = START.match(line.text)
    return match is not None and not match["rest"].strip()


def _mark(line: Line) -> str | None:
    match = START.match(line.text)
    return match["mark"].strip()[:1] if match else None


def _fresh(line: Line, last: Line, leading: float) -> bool:
    """Whether a line that begins like a caption begins one, not the rest of "... as seen in"."""
    return bool(ENDED.search(last.text)) or line.base - last.base > 1.3 * max(line.size, leading)


def _continues(line: Line, lines: list[Line], families: set[str], style: Style) -> bool:
    first, last = lines[0], lines[-1]
    told = line.letters >= 10
    if len(lines) == 1 and _is_bare(first) and (not told or len(line.text.split()) < 3):
        return False
    if told and abs(line.size - _usual_size(lines)) > 0.06 * first.size:
        return False
    stands_off = line.font not in families or line.box.x0 > lines[-1].box.x0 + 20
    if not told and stands_off and abs(line.size - _usual_size(lines)) > 0.1 * first.size:
        return False
    if is_heading(line, style) and not first.bold and _heading_like(line, last):
        return False
    width = around(x.box for x in lines).width
    if line.box.x0 > around(x.box for x in lines).x1 or (line.box.width > 1.15 * width + 4 and len(lines) > 1):
        return False
    if told and line.font not in families and style.is_body(line) and len(lines) > 1:
        return False
    if _centred([*lines, line]):
        return True
    if len(lines) == 1 and ENDED.search(first.text) and line.box.x0 < first.box.x0 - 1.5 * line.size:
        return False  # the text under a centred line
    short_end = ENDED.search(last.text) and last.box.x1 < around(x.box for x in lines).x0 + 0.85 * width
    if style.is_body(first) and style.is_body(line):
        indented = line.box.x0 > last.box.x0 + 0.8 * line.size and len(lines) > 1
        if len(lines) > 1 and (short_end or (indented and ENDED.search(last.text))):
            return PANEL.match(line.text) is not None
    return True


def _centred(lines: list[Line]) -> bool:
    """Whether the lines are set around one middle, and not simply flush on both sides."""
    if len(lines) < 3:
        return False
    middles = [line.box.middle[0] for line in lines]
    starts = [line.box.x0 for line in lines]
    return max(middles) - min(middles) < 2 and max(starts[1:]) - min(starts[1:]) > 3


def _heading_like(line: Line, last: Line) -> bool:
    return line.bold and not last.bold and line.base - last.base > 1.3 * line.size


def _usual_size(lines: list[Line]) -> float:
    weights: Counter[float] = Counter()
    for line in lines:
        weights[line.size] += line.letters + 1
    return weights.most_common(1)[0][0]


def next_column(lines: list[Line], page: list[Line], below: dict[int, Line], style: Style) -> list[Line]:
    """The rest of a caption that is set in two columns under a wide figure: it begins level with the caption."""
    first = lines[0]
    if style.is_body(first) or ENDED.search(lines[-1].text) or len(lines) < 2:
        return []
    for line in page:
        level = line.level and abs(line.base - first.base) < 2 and line.box.x0 > first.box.x1
        if level and line.size == first.size and not START.match(line.text) and 0 <= first.column < line.column:
            return reach(line, below, style)
    return []


def reach_in_list(first: Line, page: list[Line], following: list[Line], style: Style) -> list[Line]:
    """The lines of a caption in a list of captions: all up to the next caption or heading, over the page's end."""
    lines = [first]
    for line in [x for x in page if x.base > first.base + 1 and x.level]:
        if START.match(line.text) and _fresh(line, lines[-1], style.leading):
            return lines
        if line.role or _ends_list(line, lines[-1], style):
            return lines
        if line.base - lines[-1].base > 3.2 * style.leading:
            return lines
        lines.append(line)
    lower = [x for x in following if x.level]
    ended = ENDED.search(lines[-1].text) and not _list_goes_on(first, lower)
    for line in lower:
        if ended or START.match(line.text) or line.role or _ends_list(line, lines[-1], style):
            break
        lines.append(line)
        ended = ENDED.search(line.text) and not _list_goes_on(first, lower)
    return lines


def _list_goes_on(first: Line, page: list[Line]) -> bool:
    """Whether the list has its next caption further down on `page`: what stands above belongs to the last one."""
    number = START.match(first.text)
    for line in page:
        match = START.match(line.text)
        if match:
            alike = (
                line.font == first.font and line.lead_bold == first.lead_bold and abs(line.box.x0 - first.box.x0) < 2
            )
            return alike and number is not None and match["kind"] == number["kind"] and match["mark"] == number["mark"]
    return False


def _ends_list(line: Line, last: Line, style: Style) -> bool:
    return is_heading(line, style) and line.bold and ENDED.search(last.text) is not None and len(line.text) < 60

"""Title, abstract and arXiv id, where the first pages show them clearly."""

from __future__ import annotations

import re
from itertools import pairwise

from s1_mmalign.builder.formats.pdf.joining import join_lines
from s1_mmalign.builder.formats.pdf.layout import PageLayout, Style, is_heading, neighbours
from s1_mmalign.builder.formats.pdf.text import Line
from s1_mmalign.builder.records import Metadata

ABSTRACT = re.compile(r"\W{0,3}(?:A\s?B\s?S\s?T\s?R\s?A\s?C\s?T|Abstract|Summary)\b\s*[.:—–|-]*\s*(?P<rest>.*)")
END = re.compile(
    r"(?:key ?words?|index terms|pacs|msc|subject classification|(?:\d\.?\s+|i\.\s+)?introduction)\b",
    re.I,
)
STAMP = re.compile(r"arXiv:(\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v\d+)?(?:\s*\[([^\]]+)\])?")


def read_metadata(layouts: list[PageLayout], style: Style, title_in_file: str | None) -> Metadata:
    """What the first two pages tell; fields that are not plain to see stay None."""
    result = Metadata()
    if not layouts:
        return result
    first = layouts[0]
    result.title = _title(first, style, title_in_file)
    result.abstract = next((text for text in (_abstract(x, style) for x in layouts[:2]) if text), None)
    for line in first.text.lines:
        stamp = STAMP.match(line.text) if not line.level else None
        if stamp:
            result.arxiv_id = stamp[1]
            result.categories = [stamp[2]] if stamp[2] else []
    return result


def _plain(text: str) -> str:
    return re.sub(r"\W+", "", text).lower()


def _title(layout: PageLayout, style: Style, title_in_file: str | None) -> str | None:
    """The title that the file declares if page 1 prints it, else the largest text in its upper part."""
    if title_in_file and len(title_in_file) > 8:
        page = _plain("".join(line.text for line in layout.lines))
        if _plain(title_in_file) in page:
            return " ".join(title_in_file.split())
    upper = [x for x in layout.lines if x.level and x.letters >= 4 and x.box.y1 < 0.6 * layout.text.box.height]
    if not upper:
        return None
    size = max(line.size for line in upper)
    if size < 1.12 * style.size:
        return None
    lines = [line for line in upper if line.size >= 0.97 * size]
    together = all(b.base - a.base < 2.6 * size for a, b in pairwise(lines))
    text = join_lines([line.text for line in lines])
    return text if together and 8 <= len(text) <= 400 and " " in text else None


def _abstract(layout: PageLayout, style: Style) -> str | None:
    """The paragraph that follows the word "Abstract", up to the next heading or gap."""
    below = {id(upper): lower for upper, lower in neighbours(layout.lines)}
    for line in layout.lines:
        match = ABSTRACT.match(line.text) if line.level else None
        if not match or (match["rest"] and not (line.lead_bold or match["rest"][0].isupper())):
            continue
        lines: list[Line] = []
        texts = [match["rest"]] if match["rest"] else []
        last, leading = line, 0.0
        while (lower := below.get(id(last))) is not None:
            step = lower.base - last.base
            if lines and (step > 1.35 * (leading or step) + 1 or abs(lower.size - lines[0].size) > 0.06 * lower.size):
                break
            if END.match(lower.text) or is_heading(lower, style) or step > 4 * style.leading:
                break
            leading = max(leading, step) if lines else 0.0
            lines.append(lower)
            texts.append(lower.text)
            last = lower
        text = join_lines(texts)
        if len(text) >= 150:
            return text
    return None

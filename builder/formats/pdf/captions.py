"""Captions: where they begin, and which of several candidates is the caption.

A line that begins "Figure 3" may be the caption, a sentence of the text that begins so, or a wrapped line of
one. `find_captions` scores each candidate by what follows the number, by how it is set apart, and by whether it
looks like the other captions of the document; a bare "Figure 3" is kept as a label of the page's picture.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from s1_mmalign.builder.formats.pdf.geometry import Box, around
from s1_mmalign.builder.formats.pdf.index import LEGENDS, NOT_FIGURES, START, reference_key
from s1_mmalign.builder.formats.pdf.joining import ENDED, join_lines
from s1_mmalign.builder.formats.pdf.layout import PageLayout, Style, neighbours
from s1_mmalign.builder.formats.pdf.reach import next_column, reach, reach_in_list
from s1_mmalign.builder.formats.pdf.text import Line

VERBS = re.compile(
    r"\s*(?:and|or|to|in|of|as|is|was|are|were|has|have|can|we|from|for|with|by|shows?|showed|illustrates?|presents?|"
    r"depicts?|displays?|plots?|gives?|demonstrates?|compares?|summari[sz]es?|reports?|provides?|describes?|also|reveals?|"
    r"indicates?|suggests?|below|above|contains?|represents?|outlines?|clearly|highlights?|confirms?)\b"
)
ACCEPTED = 1.5
"""The score from which a candidate is taken for a caption."""
WEAK = 0.9
"""The score from which it is one if a picture stands right beside it and nothing else claims the number."""
LEADERS = re.compile(r"(?:\.\s?){4,}\s*\d*$")
OWN_DOI = re.compile(r"\s*(?:https?://(?:dx\.)?doi\.org/|doi:\s*)10\.\d{4,9}/\S+$", re.I)
"""Some journals (PLOS, eLife) end each caption with the figure's own DOI."""


@dataclass(slots=True)
class Caption:
    """A caption candidate: its place, its lines and what they say without the index in front."""

    page: int
    kind: str
    prefix: str
    number: str
    mark: str
    first: Line
    lines: list[Line] = field(default_factory=list)
    text: str = ""
    score: float = 0.0
    in_list: bool = False

    @property
    def box(self) -> Box:
        """The box around the caption's lines on the page where it begins."""
        own = [line.box for line in self.lines if line.base >= self.first.base - 1]
        return around(own)

    @property
    def is_figure(self) -> bool:
        """Whether it names a figure; tables and listings are found too, to keep their space from the figures."""
        return self.kind not in NOT_FIGURES

    @property
    def key(self) -> tuple[str, str, str]:
        """What the body refers to: kind, prefix and number in one spelling."""
        return reference_key(self.kind, self.prefix, self.number)

    @property
    def signature(self) -> tuple[str, str, bool, bool]:
        """How the index is spelled and set: documents keep to one way."""
        return (
            self.first.text.split()[0].rstrip(".0123456789"),
            self.mark,
            self.first.lead_bold,
            self.first.text.isupper(),
        )


def find_captions(layouts: list[PageLayout], style: Style) -> list[Caption]:
    """All captions of the document in reading order."""
    found = _in_order(layouts, style)
    signatures = Counter(c.signature for c in found if c.score >= ACCEPTED)
    for caption in found:
        caption.score += min(1.0, 0.5 * max(0, signatures[caption.signature] - 1))
    best: dict[tuple[str, str, str], float] = {}
    for caption in found:
        best[caption.key] = max(best.get(caption.key, 0.0), caption.score)
    _strip_labels(found)
    kept = [
        c
        for c in found
        if (c.score >= ACCEPTED and (c.score >= best[c.key] - 0.8 or c.in_list or not c.text))
        or (c.score >= WEAK and best[c.key] < ACCEPTED)
    ]
    for caption in kept:
        for line in caption.lines:
            line.role = "caption"
    return kept


def _in_order(layouts: list[PageLayout], style: Style) -> list[Caption]:
    """The candidates of all pages; those in a list of captions are read to where the next one begins."""
    found: list[Caption] = []
    listed_on: dict[tuple[str, str, str], int] = {}
    in_list = False
    for index, layout in enumerate(layouts):
        own, listed = _candidates(layout, style, in_list)
        in_list = listed and bool(own or not in_list)
        for caption in own:
            if caption.in_list and listed_on.setdefault(caption.key, caption.page) < caption.page:
                in_list = caption.in_list = False  # the list is over: here is the figure itself with its number
            if caption.in_list:
                following = layouts[index + 1].lines if index + 1 < len(layouts) else []
                caption.lines = reach_in_list(caption.first, layout.lines, following, style)
                caption.text = _text(caption.lines)
        found.extend(own)
    return found


def _strip_labels(found: list[Caption]) -> None:
    """What follows a bare "Figure 3" on a figure's page is the figure's own words where a list has its caption."""
    listed = {caption.key for caption in found if caption.in_list and caption.text}
    for caption in found:
        bare = START.match(caption.first.text)
        if not caption.in_list and caption.key in listed and bare and not bare["rest"].strip():
            caption.lines, caption.text = [caption.first], ""


def _text(lines: list[Line]) -> str:
    joined = join_lines([line.text for line in lines])
    match = START.match(joined)
    return OWN_DOI.sub("", _clean(match["rest"] if match else joined)).strip()


def _clean(text: str) -> str:
    """Drop what the index leaves in front of a caption."""
    return re.sub(r"^[\s.:|—–\u00a0\-•■]+(?=\S)", "", text).strip()


def _candidates(layout: PageLayout, style: Style, in_list: bool) -> tuple[list[Caption], bool]:
    """The caption candidates of a page, and whether its end stands in a list of captions."""
    pairs = neighbours(layout.lines)
    above = {id(lower): upper for upper, lower in reversed(pairs)}
    below = {id(upper): lower for upper, lower in pairs}
    result = []
    for line in sorted(layout.lines, key=lambda line: (line.column, line.base)):
        if line.level and LEGENDS.fullmatch(line.text.strip()):
            in_list = True
            line.role = "heading"
        match = START.match(line.text) if line.level else None
        if not match or LEADERS.search(line.text):
            continue
        caption = Caption(
            page=layout.number,
            kind=re.sub(r"\s", "", match["kind"]).lower(),
            prefix=(match["prefix"] or "").strip(),
            number=match["number"].strip(),
            mark=match["mark"].strip()[:1],
            first=line,
            in_list=in_list,
        )
        caption.score = _score(caption, match, above.get(id(line)), style)
        if caption.score > 0:
            caption.lines = reach(line, below, style)
            caption.lines += next_column(caption.lines, layout.lines, below, style)
            caption.text = _text(caption.lines)
            result.append(caption)
    return result, in_list


def _score(caption: Caption, match: re.Match[str], upper: Line | None, style: Style) -> float:
    """How much the line looks like the start of a caption, to compare with `ACCEPTED`."""
    line, rest = caption.first, match["rest"]
    if match["kind"][0].islower() or re.match(r"\s*[,;)]", rest) or match["mark"].strip()[:1] in (")", "]"):
        return 0.0
    score = {"": 0.0, ".": 1.2}.get(caption.mark, 1.8)
    apart = upper is None or line.base - upper.base > 1.25 * max(style.leading, 1.2 * upper.size)
    new_face = not style.is_body(line)
    if upper is not None and not apart and upper.box.y1 > line.box.y0 - 2 * line.size:
        wraps = not ENDED.search(upper.text) and abs(upper.size - line.size) < 0.05 * line.size
        if wraps and upper.font == line.font and not line.lead_bold:
            return 0.0
    score += 0.6 * apart + 0.7 * new_face + 0.7 * (line.lead_bold and not _bold_around(upper))
    score += 0.5 * match["kind"].replace(" ", "").isupper()
    if not rest.strip():
        score += 1.0
    elif not caption.mark and VERBS.match(rest):
        score -= 2.5
    elif rest.strip()[:1].isupper() or rest.strip()[:1] in "([":
        score += 0.4
    return score


def _bold_around(upper: Line | None) -> bool:
    return upper is not None and upper.bold and upper.lead_bold

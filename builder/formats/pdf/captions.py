"""Captions: where they begin, how far they reach, and which of several candidates is the caption.

A line that begins "Figure 3" may be the caption, a sentence of the text that begins so, or a wrapped line of
one. `find_captions` scores each candidate by what follows the number, by how it is set apart, and by whether it
looks like the other captions of the document; a bare "Figure 3" is kept as a label of the page's picture.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from s1_mmalign.builder.formats.pdf.geometry import Box, around
from s1_mmalign.builder.formats.pdf.layout import PageLayout, Style, is_heading, neighbours
from s1_mmalign.builder.formats.pdf.text import Line

PREFIX = (
    r"(?P<prefix>(?:Extended\s+Data|Supplementa(?:ry|l)|Supporting(?:\s+Information)?|Suppl?\.|Appendix|Online)\s+)?"
)
NUMBER = (
    r"(?P<number>(?:SI?|[A-Z]{1,2})?[-.\s]?\d+(?:[.-]\d+)*(?:[a-z](?![a-z]))?(?:\s?[—–-]\s?figure supplement \d+)?"
    r"|[IVX]+(?![a-z]))"
)
START = re.compile(
    PREFIX
    + r"(?P<kind>Figure|Fig|F\s?IG(?:URE)?|Scheme|Chart|Plate|Illustration|Graph|Table|Tab|Algorithm|Listing|Box)"
    rf"(?P<dot>\.?)[\s\u00a0]*{NUMBER}(?P<mark>\s*[.:|\uff1a—–)\]]+|\s+[-–—•■|]|(?=\s|$))(?P<rest>.*)",
    re.I,
)
NOT_FIGURES = {"table", "tab", "algorithm", "listing", "box"}
VERBS = re.compile(
    r"\s*(?:and|or|to|in|of|as|is|was|are|were|has|have|can|we|from|for|with|by|shows?|showed|illustrates?|presents?|"
    r"depicts?|displays?|plots?|gives?|demonstrates?|compares?|summari[sz]es?|reports?|provides?|describes?|also|reveals?|"
    r"indicates?|suggests?|below|above|contains?|represents?|outlines?|clearly|highlights?|confirms?)\b"
)
CONTINUED = re.compile(r"\W*\(?\s*cont(inued|'d|d|\.)\s*\.?\)?\W*$|\W*\(cont(inued|'d|d|\.)", re.I)
LEGENDS = re.compile(
    r"(?:list of |supplementa\w+ )?(?:figure|fig\.?)s?\s*(?:legends?|captions?)(?: list)?:?"
    r"|legends?(?: (?:to|of|for) (?:the )?figures?)?:?|captions?:?",
    re.I,
)
ACCEPTED = 1.5
"""The score from which a candidate is taken for a caption."""
WEAK = 0.9
"""The score from which it is one if a picture stands right beside it and nothing else claims the number."""
LEADERS = re.compile(r"(?:\.\s?){4,}\s*\d*$")
OWN_DOI = re.compile(r"\s*(?:https?://(?:dx\.)?doi\.org/|doi:\s*)10\.\d{4,9}/\S+$", re.I)
"""Some journals (PLOS, eLife) end each caption with the figure's own DOI."""
CUT_WORD = re.compile(r"[a-zà-öø-ÿ]{2}[-‐]$")
ENDED = re.compile(r"[.!?:;][\"'”’)\]]*$")


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


def reference_key(kind: str, prefix: str | None, number: str) -> tuple[str, str, str]:
    """One spelling for a reference: ("figure", "extended", "1"); a supplement's "S" counts as its prefix.

    >>> reference_key("Fig", None, "3") == reference_key("FIGURE", "", "3")
    True
    >>> reference_key("Fig", "Supplementary ", "1") == reference_key("Figure", None, "S1")
    True
    """
    kind = re.sub(r"\s", "", kind).lower().rstrip("s")
    kind = "figure" if kind in ("fig", "figure") else kind
    number = re.sub(r"\s+", "", number).replace("–", "-").replace("—", "-")
    word = (prefix or "").strip().lower()[:3]
    supplement = re.fullmatch(r"(?:SI?)[-.]?(\d.*)", number)
    if supplement:
        return kind, "sup", supplement[1]
    return kind, word, number if number[:1] in "IVX" else re.sub(r"(?<=\d)[a-z]$", "", number)


def find_captions(layouts: list[PageLayout], style: Style) -> list[Caption]:
    """All captions of the document in reading order."""
    found: list[Caption] = []
    in_list = False
    for index, layout in enumerate(layouts):
        own, listed = _candidates(layout, style, in_list)
        in_list = listed and bool(own or not in_list)
        for caption in own:
            if caption.in_list:
                following = layouts[index + 1].lines if index + 1 < len(layouts) else []
                caption.lines = reach_in_list(caption.first, layout.lines, following, style)
                caption.text = _text(caption.lines)
        found.extend(own)
    signatures = Counter(c.signature for c in found if c.score >= ACCEPTED)
    for caption in found:
        caption.score += min(1.0, 0.5 * max(0, signatures[caption.signature] - 1))
    best: dict[tuple[str, str, str], float] = {}
    for caption in found:
        best[caption.key] = max(best.get(caption.key, 0.0), caption.score)
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


def _text(lines: list[Line]) -> str:
    joined = join_lines([line.text for line in lines])
    match = START.match(joined)
    return OWN_DOI.sub("", clean_caption(match["rest"] if match else joined)).strip()


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
            caption.lines += _next_column(caption.lines, layout.lines, below, style)
            caption.text = _text(caption.lines)
            result.append(caption)
    return result, in_list


def _score(caption: Caption, match: re.Match[str], upper: Line | None, style: Style) -> float:
    """How much the line looks like the start of a caption, to compare with `ACCEPTED`."""
    line, rest = caption.first, match["rest"]
    if match["kind"][0].islower() or re.match(r"\s*[,;)]", rest) or match["mark"].strip() in (")", "]"):
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


def reach(first: Line, below: dict[int, Line], style: Style) -> list[Line]:
    """The lines of the caption that `first` begins: same face, same leading, same block, no heading."""
    lines = [first]
    leading = 0.0
    families = {first.font}
    while (line := below.get(id(lines[-1]))) is not None:
        last = lines[-1]
        step = line.base - last.base
        allowed = 1.22 * leading if leading else max(1.75 * first.size, _first_step(first, style))
        if step > allowed + 0.5 or (START.match(line.text) and line.box.x0 < first.box.x0 + 30 and _fresh(line, last)):
            break
        if line.column != first.column and line.column >= 0 and first.column >= 0:
            break
        if not _continues(line, lines, families, style):
            break
        leading = max(leading, min(step, 1.75 * line.size)) if leading else max(step, 0.9 * line.size)
        if line.letters >= 12:
            families.add(line.font)
        lines.append(line)
    return lines


def _next_column(lines: list[Line], page: list[Line], below: dict[int, Line], style: Style) -> list[Line]:
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
        if START.match(line.text) or line.role or _ends_list(line, lines[-1], style):
            return lines
        if line.base - lines[-1].base > 3.2 * style.leading:
            return lines
        lines.append(line)
    for line in [x for x in following if x.level]:
        if ENDED.search(lines[-1].text) or START.match(line.text) or line.role or _ends_list(line, lines[-1], style):
            break
        lines.append(line)
    return lines


def _ends_list(line: Line, last: Line, style: Style) -> bool:
    return is_heading(line, style) and line.bold and ENDED.search(last.text) is not None and len(line.text) < 60


def _first_step(first: Line, style: Style) -> float:
    """A caption in the manuscript's own face may be set with the manuscript's own wide leading."""
    return 1.05 * style.leading if style.is_body(first) else 0.0


def _fresh(line: Line, last: Line) -> bool:
    return bool(ENDED.search(last.text)) or line.base - last.base > 1.3 * line.size


def _continues(line: Line, lines: list[Line], families: set[str], style: Style) -> bool:
    first, last = lines[0], lines[-1]
    told = line.letters >= 10
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
    short_end = ENDED.search(last.text) and last.box.x1 < around(x.box for x in lines).x0 + 0.85 * width
    if style.is_body(first) and style.is_body(line):
        indented = line.box.x0 > last.box.x0 + 0.8 * line.size and len(lines) > 1
        if len(lines) > 1 and (short_end or (indented and ENDED.search(last.text))):
            return bool(re.match(r"\(?[A-Za-z][).,:]|\([A-Z]", line.text))
    return True


def _heading_like(line: Line, last: Line) -> bool:
    return line.bold and not last.bold and line.base - last.base > 1.3 * line.size


def _usual_size(lines: list[Line]) -> float:
    weights: Counter[float] = Counter()
    for line in lines:
        weights[line.size] += line.letters + 1
    return weights.most_common(1)[0][0]


def join_lines(texts: list[str]) -> str:
    """One paragraph out of printed lines: a word cut by a hyphen at the line's end becomes whole.

    A hyphen stays where the next line goes on with a capital or a digit ("X-" "ray").

    >>> join_lines(["the simu-", "lation of X-", "Ray light"])
    'the simulation of X-Ray light'
    """
    result = ""
    for text in texts:
        if not result:
            result = text
        elif result.endswith("\u00ad") or (CUT_WORD.search(result) and text[:1].islower()):
            result = result[:-1] + text
        elif re.search(r"\w[-‐–—/]$", result):
            result += text
        else:
            result += " " + text
    return result.replace("\u00ad", "").strip()


def clean_caption(text: str) -> str:
    """Drop what the index leaves in front of a caption."""
    return re.sub(r"^[\s.:|—–\u00a0\-•■]+(?=\S)", "", text).strip()

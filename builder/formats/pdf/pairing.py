"""Captions to pictures over the whole document.

Most captions find their picture on their own page (`regions`). The rest are manuscripts with a list of captions
and pictures on pages of their own, floats whose caption fell onto the next page, and pages that only the layout
model can read.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import pymupdf

from s1_mmalign.builder.formats.pdf import regions, witness
from s1_mmalign.builder.formats.pdf.blocks import blocks_of, is_prose
from s1_mmalign.builder.formats.pdf.captions import ACCEPTED, Caption
from s1_mmalign.builder.formats.pdf.errors import MUPDF_ERRORS
from s1_mmalign.builder.formats.pdf.extent import content
from s1_mmalign.builder.formats.pdf.geometry import Box
from s1_mmalign.builder.formats.pdf.index import CONTINUED
from s1_mmalign.builder.formats.pdf.ink import Ink
from s1_mmalign.builder.formats.pdf.layout import PageLayout, Style
from s1_mmalign.builder.formats.pdf.options import PdfOptions
from s1_mmalign.builder.formats.pdf.scene import Scene, prepare
from s1_mmalign.builder.formats.pdf.spaces import SMALLEST_SIDE, table_body

SURE = 1.4
"""The score of a proposal that stands right beside its caption and in line with it."""
FIGURE_PAGE_LETTERS = 300
"""A page with more letters of running text than this is no page of figures alone."""
FIGURE_PAGE_SHARE = 0.04
"""Share of the page that a picture without a caption on its page must fill."""


@dataclass(slots=True)
class Match:
    """A caption with the places of its picture: page numbers (1-based) and boxes."""

    caption: Caption
    places: list[tuple[int, Box]] = field(default_factory=list)


@dataclass(slots=True)
class Document:
    """An open PDF with what was read of it."""

    file: pymupdf.Document
    layouts: list[PageLayout]
    style: Style

    def page(self, number: int) -> pymupdf.Page:
        """The page with 1-based `number`, turned so that it reads upright."""
        page = self.file[number - 1]
        rotation = self.layouts[number - 1].text.rotation
        if page.rotation != rotation:
            page.set_rotation(rotation)
        return page

    def scene(self, number: int, captions: list[Caption]) -> Scene | None:
        """The page prepared for the search of pictures; None for a page that cannot be rendered."""
        layout = self.layouts[number - 1]
        try:
            page = self.page(number)
            ink = Ink(page.get_displaylist(), layout.text.printed, _is_scan(page))
        except MUPDF_ERRORS:
            return None
        scene = prepare(layout, captions, ink, self.style)
        for caption in captions:
            table = None if caption.is_figure else table_body(caption, scene)
            if table:
                scene.solid.append(table)
        return scene


def _is_scan(page: pymupdf.Page) -> bool:
    """Whether one image covers the page; images are placed in the unturned frame, so areas are compared."""
    whole = abs(page.rect.width * page.rect.height)
    return any(abs(pymupdf.Rect(image["bbox"])) > 0.85 * whole for image in page.get_image_info())


def pair(document: Document, captions: list[Caption], options: PdfOptions) -> list[Match]:
    """Find the picture of each figure caption; a match without places is a caption without a picture."""
    by_page: defaultdict[int, list[Caption]] = defaultdict(list)
    for caption in captions:
        by_page[caption.page].append(caption)
    proposals: dict[int, list[list[regions.Proposal]]] = {}
    for number, own in by_page.items():
        figures = [c for c in own if c.is_figure]
        if figures:
            scene = document.scene(number, own)
            proposals[number] = [_proposals(c, scene, own) if scene else [] for c in figures]
    usual = regions.usual_side(found for page in proposals.values() for found in page)
    matches: list[Match] = []
    for number, page in proposals.items():
        figures = [c for c in by_page[number] if c.is_figure]
        for caption, proposal in zip(figures, regions.assign(page, usual), strict=True):
            matches.append(Match(caption, [(number, proposal.box)] if proposal else []))
    if options.use_layout == "always":
        _ask_layout(document, matches, by_page)
    matches = _merge([m for m in matches if m.places or m.caption.score >= ACCEPTED])
    _pair_over_pages(document, matches, by_page)
    if options.use_layout == "auto":
        _ask_layout(document, matches, by_page)
    return matches


def _proposals(caption: Caption, scene: Scene, own: list[Caption]) -> list[regions.Proposal]:
    found = regions.propose(caption, scene, own)
    return found if caption.score >= ACCEPTED else [p for p in found if p.score >= SURE]


def _merge(matches: list[Match]) -> list[Match]:
    """One match for each figure: bare labels get the text of the list, continuations join their figure."""
    groups: defaultdict[tuple[str, str, str], list[Match]] = defaultdict(list)
    for match in matches:
        groups[match.caption.key].append(match)
    kept: set[int] = set()
    for group in groups.values():
        texts = [m for m in group if m.caption.text and not CONTINUED.match(m.caption.text)]
        placed = [m for m in texts if m.places]
        bare = [m for m in group if m.places and m not in texts]
        if not texts:
            kept.update(id(m) for m in bare)
            continue
        owner = placed[0] if placed else max(texts, key=lambda m: len(m.caption.text))
        for match in bare:
            owner.places.extend(match.places)
        kept.update(id(m) for m in (owner, *placed))
    return [m for m in matches if id(m) in kept]


def _pair_over_pages(document: Document, matches: list[Match], by_page: dict[int, list[Caption]]) -> None:
    """Give captions without a picture the pictures of pages that have no caption."""
    lacking = [m for m in matches if not m.places and m.caption.text]
    if not lacking:
        return
    pictures = _pages_of_pictures(document, matches, by_page)
    for match in lacking:
        page = match.caption.page
        if match.caption.in_list:
            continue
        place = _across_the_break(document, match.caption, matches, by_page)
        if place:
            match.places.append(place)
            pictures.pop(place[0], None)
            continue
        high = match.caption.box.y0 < document.layouts[page - 1].text.box.height / 2
        for near in (page - 1, page + 1) if high else (page + 1, page - 1):
            if near in pictures and not any(
                other is not match and abs(other.caption.page - near) <= 1 for other in lacking
            ):
                match.places.append((near, pictures.pop(near)))
                break
    rest = [m for m in lacking if not m.places]
    listed = all(m.caption.in_list for m in rest) or 2 * len(rest) >= len(matches)
    if rest and listed and len(pictures) >= len(rest):
        for match, (number, box) in zip(rest, sorted(pictures.items()), strict=False):
            match.places.append((number, box))


def _across_the_break(
    document: Document, caption: Caption, matches: list[Match], by_page: dict[int, list[Caption]]
) -> tuple[int, Box] | None:
    """The picture at the foot of the page before a caption that begins its page, or at the head of the next one."""
    layout = document.layouts[caption.page - 1]
    last = max(line.base for line in caption.lines if line.base >= caption.first.base - 1)
    beside = [x for x in layout.lines if x.level and x.box.x_overlap(caption.box) > 0 and x.role != "furniture"]
    for first, near in ((True, caption.page - 1), (False, caption.page + 1)):
        beyond = (x for x in beside if (x.base < caption.first.base - 1 if first else x.base > last + 1))
        if not 1 <= near <= len(document.layouts) or next(beyond, None) is not None:
            continue
        scene = document.scene(near, by_page.get(near, []))
        if scene is None:
            continue
        solid = scene.solid + [box for m in matches for page, box in m.places if page == near]
        for space in _ends(scene, solid, foot=first):
            box = content(space, scene, "page") if space.height > SMALLEST_SIDE else None
            if box is not None and box.area > FIGURE_PAGE_SHARE * layout.text.box.area:
                return near, box
    return None


def _ends(scene: Scene, solid: list[Box], *, foot: bool) -> list[Box]:
    """The free space at the foot (or head) of a page: over its whole width, and of its last (or first) column."""
    columns = scene.layout.columns
    strips = [(scene.edge.x0, scene.edge.x1)]
    if len(columns) > 1:
        gutter = scene.layout.gutters[-1 if foot else 0]
        strips.append((gutter[0], scene.edge.x1) if foot else (scene.edge.x0, gutter[1]))
    found = []
    for x0, x1 in strips:
        inside = [b for b in solid if min(b.x1, x1) - max(b.x0, x0) > 2]
        if foot:
            found.append(Box(x0, max((b.y1 for b in inside), default=scene.edge.y0), x1, scene.edge.y1))
        else:
            found.append(Box(x0, scene.edge.y0, x1, min((b.y0 for b in inside), default=scene.edge.y1)))
    return found


def _pages_of_pictures(document: Document, matches: list[Match], by_page: dict[int, list[Caption]]) -> dict[int, Box]:
    """Pages that show a picture which no caption has taken, and hardly any running text."""
    taken = {number for match in matches for number, _ in match.places}
    found: dict[int, Box] = {}
    for layout in document.layouts:
        if layout.number in taken:
            continue
        blocks = blocks_of(layout.lines, document.style)
        if sum(b.letters for b in blocks if is_prose(b, layout, document.style)) > FIGURE_PAGE_LETTERS:
            continue
        scene = document.scene(layout.number, by_page.get(layout.number, []))
        box = content(scene.edge, scene, "page") if scene else None
        if box is not None and box.area > FIGURE_PAGE_SHARE * layout.text.box.area:
            found[layout.number] = box
    return found


def _ask_layout(document: Document, matches: list[Match], by_page: dict[int, list[Caption]]) -> None:
    """Let the layout model place the captions that have no picture yet: the nearest free picture on the page."""
    lacking = [m for m in matches if not m.places and not m.caption.in_list]
    for number in sorted({m.caption.page for m in lacking}):
        taken = [box for m in matches for page, box in m.places if page == number]
        try:
            tables = all(caption.is_figure for caption in by_page[number])
            seen = witness.pictures(document.page(number), tables)
        except MUPDF_ERRORS:
            continue
        free = [b for b in seen if not any(_overlap(b, t) for t in taken)]
        for match in (m for m in lacking if m.caption.page == number):
            own = match.caption.box
            near = [b for b in free if own.x_overlap(b) > 0 and -60 < own.y_overlap(b) < 5]
            if near:
                best = max(near, key=own.y_overlap)
                match.places.append((number, best))
                free.remove(best)


def _overlap(a: Box, b: Box) -> bool:
    return a.clipped(b).area > 0.1 * min(a.area, b.area)

"""Where the picture of each caption stands on its page.

Steps: everything that is certainly no figure becomes an obstacle (running text, headings, captions, tables, heads
and feet); each caption looks above, below, left and right for the space up to the next obstacle; what is drawn
there, with the words in it, is a proposal; the set of proposals that serves most captions best is taken.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from s1_mmalign.builder.formats.pdf.blocks import Block, blocks_of, is_equation, is_prose
from s1_mmalign.builder.formats.pdf.captions import Caption
from s1_mmalign.builder.formats.pdf.geometry import Box, around
from s1_mmalign.builder.formats.pdf.ink import Ink
from s1_mmalign.builder.formats.pdf.layout import PageLayout, Style, is_heading
from s1_mmalign.builder.formats.pdf.text import Line

SMALLEST_SIDE = 25.0
"""Points; less is a rule, an icon or a symbol."""
SMALLEST_INK = 60
"""Pixels (at one a point) of drawing that a figure has at least."""
FAR_BLANK = 60.0
"""Points of blank paper that end a figure, seen from its caption."""
STRAY_GAP = 13.0
"""Points of blank between a figure and words that are not part of it."""
PART_GAP = 9.0
"""Points of blank that may divide the figures of two captions."""
MOST_SPACES = 4
RULE_GAP = 14.0
"""Points between a running head and the rule under it, at most."""
CUT_PENALTY = 0.7
"""What a proposal loses that cuts through lines or words."""
PART_PENALTY = 0.2
"""What a proposal loses that leaves out a part of what stands on its side of the caption."""
MAX_COMBINATIONS = 20_000


Band = tuple[float, float]
"""A y interval."""


@dataclass(slots=True)
class Proposal:
    """A place that may hold a caption's picture; `side` is where it stands as seen from the caption."""

    box: Box
    side: str
    score: float


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
    """Sort the lines of a page into obstacles and possible words of figures; tables become obstacles too."""
    solid = [caption.box for caption in captions]
    labels: list[Line] = []
    for block in blocks_of(layout.lines, style):
        if is_prose(block, layout, style) and not _inside_drawing(block, layout, ink, style):
            solid.extend(line.box for line in block.lines)
            continue
        for line in block.lines:
            if _stands_alone(line, layout, ink, style):
                solid.append(line.box)
            else:
                labels.append(line)
    labels.extend(line for line in layout.lines if not line.level and not line.role)
    solid.extend(line.box for line in layout.lines if line.role == "heading")
    scene = Scene(layout, ink, solid, labels, [caption.box for caption in captions], _edge(layout, ink))
    for caption in captions:
        if not caption.is_figure:
            table = _table(caption, scene)
            if table:
                scene.solid.append(table)
    return scene


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


def _inside_drawing(block: Block, layout: PageLayout, ink: Ink, style: Style) -> bool:
    """Whether prose belongs to a drawing: in a frame, or on a filled area.

    A frame as wide as the column may also be a box of text: then its words are set like the body's.
    """
    width = max(x1 - x0 for x0, x1 in layout.columns)
    frame = ink.framed(block.box, 60)
    if frame is not None and (frame.width < 0.9 * width or not style.is_body(block.lines[0])):
        return True
    return block.box.width < 0.8 * width and ink.on_fill(block.box)


def _stands_alone(line: Line, layout: PageLayout, ink: Ink, style: Style) -> bool:
    """Whether a line outside of prose is still no part of a figure: heading, equation, end of a paragraph."""
    if is_heading(line, style) or is_equation(line, layout, style):
        return not ink.on_fill(line.box)
    if not style.is_body(line) or line.letters < 2:
        return False
    at_edge = any(-3 <= line.box.x0 - x0 <= 2 * style.size for x0, _ in layout.columns)
    return at_edge and ink.count(line.box.grown(8)) == 0


def _table(caption: Caption, scene: Scene) -> Box | None:
    """The body of a table: what follows its caption (or stands above it) without a wide gap."""
    for side in ("below", "above"):
        spaces = _spaces(caption.box, scene, side)
        if not spaces:
            continue
        space = spaces[-1]
        bands = _bands(space, scene)
        start = caption.box.y1
        if side == "above":
            bands.reverse()
            start = caption.box.y0
        taken = _table_bands(bands, start, space, scene)
        if len(taken) >= 2 or (taken and taken[0][1] - taken[0][0] > 20):
            return Box(space.x0, min(b[0] for b in taken), space.x1, max(b[1] for b in taken))
    return None


def _table_bands(bands: list[Band], start: float, space: Box, scene: Scene) -> list[Band]:
    """The bands of a table from its caption on: rows of words and rules, up to a gap or to a drawing.

    A drawing right behind the table begins after the table's last rule; a table with upright rules or
    shaded cells is one drawing itself, and then only a gap ends it.
    """
    taken: list[Band] = []
    last_rule = 0
    gap = 22.0
    for band in bands:
        if taken and _gap(band, (start, start)) > gap:
            break
        runs = scene.ink.rows(Box(space.x0, band[0] - 0.5, space.x1, band[1] + 0.5))
        tall = any(b - a > 4 for a, b in runs)
        if tall and last_rule:
            return taken[:last_rule]
        taken.append(band)
        if runs and not tall:
            last_rule = len(taken)
        elif tall:
            gap = 8.0
        start = band[1] if band[1] > start else band[0]
    return taken


def _spaces(caption: Box, scene: Scene, side: str) -> list[Box]:
    """The spaces on one side of a caption up to the next obstacles.

    Above and below there may be several: a wide one that ends where the text of the next column begins, and a
    narrow one that goes on beside it.
    """
    solid = [box for box in scene.solid if box != caption]
    if side in ("left", "right"):
        return [_space_beside(caption, solid, scene.edge, side)]
    edge = scene.edge
    column = [b for b in solid if min(b.x1, caption.x1 - 2) - max(b.x0, caption.x0 + 2) > 2]
    if side == "above":
        y0, y1 = max([edge.y0, *(b.y1 for b in column if b.y1 <= caption.y0 + 3)]), caption.y0
    else:
        y0, y1 = caption.y1, min([edge.y1, *(b.y0 for b in column if b.y0 >= caption.y1 - 3)])
    beside = [b for b in solid if min(b.y1, y1) - max(b.y0, y0) > 2]
    beside.sort(key=(lambda b: -b.y1) if side == "above" else (lambda b: b.y0))
    x0, x1 = edge.x0, edge.x1
    found = []
    for box in beside:
        left = box.x1 if box.x1 <= caption.x0 + 3 else x0
        right = box.x0 if box.x0 >= caption.x1 - 3 else x1
        if left > x0 + 12 or right < x1 - 12:
            found.append(Box(x0, max(y0, box.y1), x1, y1) if side == "above" else Box(x0, y0, x1, min(y1, box.y0)))
        x0, x1 = max(x0, left), min(x1, right)
    found.append(Box(x0, y0, x1, y1))
    tall = [space for space in found if space.height >= SMALLEST_SIDE]
    return [_within_column(space, caption, scene) for space in tall[-MOST_SPACES:]]


def _space_beside(caption: Box, solid: list[Box], edge: Box, side: str) -> Box:
    row = [b for b in solid if min(b.y1, caption.y1 - 2) - max(b.y0, caption.y0 + 2) > 2]
    if side == "left":
        x0, x1 = max([edge.x0, *(b.x1 for b in row if b.x1 <= caption.x0 + 3)]), caption.x0
    else:
        x0, x1 = caption.x1, min([edge.x1, *(b.x0 for b in row if b.x0 >= caption.x1 - 3)])
    over = [b for b in solid if min(b.x1, x1) - max(b.x0, x0) > 2]
    y0 = max([edge.y0, *(b.y1 for b in over if b.y1 <= caption.y0 + 3)])
    y1 = min([edge.y1, *(b.y0 for b in over if b.y0 >= caption.y1 - 3)])
    return Box(x0, y0, x1, y1)


def _within_column(space: Box, caption: Box, scene: Scene) -> Box:
    """Keep to the caption's column, unless the drawing runs across the gutter or nobody else claims what is there."""
    x0, x1 = space.x0, space.x1
    for left, right in scene.layout.gutters:
        if (caption.x0 < left - 10 and caption.x1 > right + 10) or right - left < 4 or space.height < 5:
            continue
        strip = Box(left + 1, space.y0, right - 1, space.y1)
        drawn = sum(b - a for a, b in scene.ink.columns(strip)) > 0.9 * strip.width
        words = any(b.box.x0 < left - 5 and b.box.x1 > right + 5 and space.contains_middle_of(b.box) for b in scene.labels)
        if drawn or words:
            continue
        beyond = Box(right, space.y0, x1, space.y1) if caption.x1 <= right else Box(x0, space.y0, left, space.y1)
        if _unclaimed(beyond, caption, scene):
            continue
        if caption.x1 <= right:
            x1 = min(x1, right - 1)
        elif caption.x0 >= left:
            x0 = max(x0, left + 1)
    return Box(x0, space.y0, x1, space.y1)


def _unclaimed(beyond: Box, caption: Box, scene: Scene) -> bool:
    """Whether a drawing in the next column, level with this caption's figure, has no caption of its own."""
    drawn = scene.ink.bounds(beyond)
    if drawn is None or min(drawn.width, drawn.height) < SMALLEST_SIDE:
        return False
    if scene.ink.count(Box(beyond.x0, caption.y0, beyond.x1, caption.y1)):
        return False
    inside = [b for b in scene.solid if min(b.x1, beyond.x1) - max(b.x0, beyond.x0) > 2]
    below = min((b for b in inside if b.y0 >= drawn.y1 - 3), key=lambda b: b.y0, default=None)
    above = max((b for b in inside if b.y1 <= drawn.y0 + 3), key=lambda b: b.y1, default=None)
    return below not in scene.captions and above not in scene.captions


def _bands(space: Box, scene: Scene) -> list[tuple[float, float]]:
    """The y intervals of `space` that hold drawing or words, merged where less than 2 points apart."""
    if space.width <= 4 or space.height <= 4:
        return []
    spans = scene.ink.rows(space)
    spans += [(line.box.y0, line.box.y1) for line in scene.labels if space.contains_middle_of(line.box)]
    return _merged(spans, 2)


def _merged(spans: list[tuple[float, float]], gap: float) -> list[tuple[float, float]]:
    result: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if result and start - result[-1][1] <= gap:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return result


def content(space: Box, scene: Scene, side: str) -> Box | None:
    """The box around the figure in `space`, without rules, icons and stray words at its rim."""
    labels = [line.box for line in scene.labels if space.contains_middle_of(line.box)]
    space = _trim_rows(space, scene, labels, side)
    drawn = scene.ink.bounds(space)
    if drawn is None:
        return None
    labels = [box for box in labels if space.contains_middle_of(box)]
    box = drawn
    grew = True
    while grew:
        near = [b for b in labels if b.x_overlap(box) > -30 and b.y_overlap(box) > -16]
        joined = around([box, *near])
        grew = joined != box
        box = joined
    box = _trim_columns(box, scene, labels)
    if min(box.width, box.height) < SMALLEST_SIDE or scene.ink.count(box) < SMALLEST_INK:
        return None
    return box


def _trim_rows(space: Box, scene: Scene, labels: list[Box], side: str) -> Box:
    """Cut `space` where the figure ends as seen from the caption: at wide blanks and at the rim's strays."""
    bands = _merged(scene.ink.rows(space) + [(b.y0, b.y1) for b in labels], 4)
    if not bands:
        return space
    if side == "above":
        bands.reverse()
    kept = [bands[0]]
    for band in bands[1:]:
        gap = kept[-1][0] - band[1] if side == "above" else band[0] - kept[-1][1]
        tall = sum(b - a for a, b in kept)
        if gap > FAR_BLANK and tall > 40 and side in ("above", "below"):
            break
        kept.append(band)
    beside = side in ("left", "right")
    kept = _without_strays(kept, space, scene, labels)
    if beside:
        kept = _without_strays(kept[::-1], space, scene, labels)
    while len(kept) > 1 and _is_rule(kept[0], space, scene, labels):
        kept.pop(0)
    return Box(space.x0, min(k[0] for k in kept), space.x1, max(k[1] for k in kept))


def _is_rule(band: tuple[float, float], space: Box, scene: Scene, labels: list[Box]) -> bool:
    words = any(b.y_overlap(Box(0, band[0], 1, band[1])) > 0 for b in labels)
    return band[1] - band[0] <= 3 and not words and scene.ink.share(Box(space.x0, *(band[0], space.x1, band[1]))) > 0.3


def _without_strays(kept: list[Band], space: Box, scene: Scene, labels: list[Box]) -> list[Band]:
    """Drop from the far end what is no part of the figure; `kept` runs from the caption outwards."""
    kept = list(kept)
    while len(kept) > 1:
        far = len(kept) - 1
        if _is_rule(kept[far], space, scene, labels) or _is_rim(kept[far], kept[far - 1], space):
            kept.pop()
            continue
        while far > 0 and _gap(kept[far], kept[far - 1]) <= STRAY_GAP:
            far -= 1
        if far == 0 or not _is_foreign(kept[far:], _gap(kept[far], kept[far - 1]), space, scene):
            break
        del kept[far:]
    return kept


def _gap(a: Band, b: Band) -> float:
    return max(a[0] - b[1], b[0] - a[1])


def _is_rim(band: Band, inner: Band, space: Box) -> bool:
    """The rest of a running head or foot, cut by the edge of the space."""
    at_rim = band[0] <= space.y0 + 1 or band[1] >= space.y1 - 1
    return at_rim and band[1] - band[0] < 12 and _gap(band, inner) >= 5


def _is_foreign(bands: list[Band], gap: float, space: Box, scene: Scene) -> bool:
    """Words alone, or words between the long rules of a table, too far off to be part of the figure."""
    strip = Box(space.x0, min(b[0] for b in bands), space.x1, max(b[1] for b in bands))
    runs = scene.ink.rows(strip)
    if not runs:
        return gap > STRAY_GAP + 5
    drawn = scene.ink.bounds(strip)
    thin = all(end - start <= 2.5 for start, end in runs)
    return thin and drawn is not None and drawn.width > 0.5 * space.width and strip.height > 20


def _trim_columns(box: Box, scene: Scene, labels: list[Box]) -> Box:
    """Cut narrow marks (icons, change bars) that stand apart outside of the text area."""
    area = scene.layout.area
    spans = _merged(scene.ink.columns(box) + [(b.x0, b.x1) for b in labels if b.y_overlap(box) > 0], 4)
    while len(spans) > 1 and spans[0][1] < area.x0 - 1 and spans[0][1] - spans[0][0] < 22:
        spans.pop(0)
    while len(spans) > 1 and spans[-1][0] > area.x1 + 1 and spans[-1][1] - spans[-1][0] < 22:
        spans.pop()
    return Box(max(box.x0, spans[0][0]), box.y0, min(box.x1, spans[-1][1]), box.y1) if spans else box


def propose(caption: Caption, scene: Scene, captions: list[Caption]) -> list[Proposal]:
    """What each side of a caption offers, best first."""
    found: dict[Box, Proposal] = {}
    for side in ("above", "below", "left", "right"):
        for space in _spaces(caption.box, scene, side):
            if side in ("above", "below"):
                space = _between_rivals(space, caption, captions, scene)
            for part in [space, *_parts(space, scene, side)]:
                box = content(part, scene, side) if min(part.width, part.height) >= SMALLEST_SIDE else None
                if box is None or box in found:
                    continue
                score = _score(box, caption.box, side) - PART_PENALTY * (part is not space)
                score -= CUT_PENALTY * (_cuts(box, scene))
                if score > 0:
                    found[box] = Proposal(box, side, score)
    return sorted(found.values(), key=lambda proposal: -proposal.score)


def _parts(space: Box, scene: Scene, side: str) -> list[Box]:
    """The near parts of a space that wide blanks divide: what is beyond may belong to another caption."""
    if side not in ("above", "below"):
        return []
    bands = _merged(_bands(space, scene), PART_GAP)
    if side == "above":
        return [Box(space.x0, band[0] - 2, space.x1, space.y1) for band in bands[:0:-1]][:MOST_SPACES]
    return [Box(space.x0, space.y0, space.x1, band[1] + 2) for band in bands[:-1]][:MOST_SPACES]


def _cuts(box: Box, scene: Scene) -> bool:
    """Whether the edge of `box` runs through drawn lines or through words."""
    if scene.ink.crosses(box):
        return True
    return any(
        box.contains_middle_of(line.box) and (line.box.x1 > box.x1 + 3 or line.box.x0 < box.x0 - 3) for line in scene.labels
    )


def _between_rivals(space: Box, caption: Caption, captions: list[Caption], scene: Scene) -> Box:
    """Share a space with the caption that stands beside this one: cut at the blank nearest to their middle."""
    x0, x1 = space.x0, space.x1
    own = caption.box
    for other in captions:
        box = other.box
        if other is caption or not other.is_figure or box.y_overlap(own) < -3:
            continue
        gap = (own.x1, box.x0) if box.x0 >= own.x1 - 2 else (box.x1, own.x0) if box.x1 <= own.x0 + 2 else None
        if gap is None:
            continue
        middle = sum(gap) / 2
        span = sorted((own.middle[0], box.middle[0]))
        inked = _merged(scene.ink.columns(Box(span[0], space.y0, span[1], space.y1)), 3)
        rims = [span[0], *(x for pair in inked for x in pair), span[1]]
        blanks = [(rims[i] + rims[i + 1]) / 2 for i in range(0, len(rims) - 1, 2) if rims[i + 1] - rims[i] >= 3]
        cut = min(blanks, key=lambda x: abs(x - middle), default=middle)
        if box.x0 >= own.x1 - 2:
            x1 = min(x1, cut)
        else:
            x0 = max(x0, cut)
    return Box(x0, space.y0, x1, space.y1)


def _score(box: Box, caption: Box, side: str) -> float:
    """0 to 1.9: near, large and in line with the caption is better."""
    gap = {
        "above": caption.y0 - box.y1, "below": box.y0 - caption.y1,
        "left": caption.x0 - box.x1, "right": box.x0 - caption.x1,
    }[side]  # fmt: skip
    near = math.exp(-max(0.0, gap) / 60)
    large = min(1.0, box.area / 20_000)
    if side in ("above", "below"):
        shared = box.x_overlap(caption) / max(1.0, min(box.width, caption.width))
        return 0.0 if shared <= 0 else near + 0.6 * large + 0.3 * min(1.0, shared)
    shared = box.y_overlap(caption) / max(1.0, min(box.height, caption.height))
    if shared < 0.5 or gap > 40:
        return 0.0
    return 0.7 * near + 0.6 * large + 0.2 * shared


def usual_side(proposals: Iterable[list[Proposal]]) -> str:
    """The side on which the pictures of a paper stand, as its unmistakable captions tell; "above" when in doubt."""
    votes: Counter[str] = Counter({"above": 1})
    for own in proposals:
        if own and (len(own) == 1 or own[0].score > own[1].score + 0.4):
            votes[own[0].side] += 1
    return votes.most_common(1)[0][0]


def assign(proposals: list[list[Proposal]], usual: str) -> list[Proposal | None]:
    """One proposal for each caption, no two on the same ground, with the greatest sum of scores.

    `usual` is the side that most captions of the paper take; its proposals are preferred.
    """
    for own in proposals:
        own.sort(key=lambda p: -_preferred(p, usual))
    options = [[*own[:3], None] for own in proposals]
    while math.prod(len(own) for own in options) > MAX_COMBINATIONS:
        longest = max(options, key=len)
        if len(longest) <= 2:
            return _greedy(proposals)
        longest.pop(-2)
    best: tuple[float, tuple[Proposal | None, ...]] = (-1.0, (None,) * len(options))
    for choice in itertools.product(*options):
        taken = [p for p in choice if p is not None]
        score = sum(_preferred(p, usual) for p in taken)
        if score > best[0] and not any(_clash(a.box, b.box) for a, b in itertools.combinations(taken, 2)):
            best = (score, choice)
    return list(best[1])


def _preferred(proposal: Proposal, usual: str) -> float:
    return proposal.score + (0.5 if proposal.side == usual else 0.0)


def _greedy(proposals: list[list[Proposal]]) -> list[Proposal | None]:
    result: list[Proposal | None] = []
    for own in proposals:
        free = (p for p in own if not any(q is not None and _clash(p.box, q.box) for q in result))
        result.append(next(free, None))
    return result


def _clash(a: Box, b: Box) -> bool:
    return a.clipped(b).area > 0.1 * min(a.area, b.area)

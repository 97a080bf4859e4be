"""The free space around a caption, and the tables that take some of it."""

from __future__ import annotations

from s1_mmalign.builder.formats.pdf.captions import Caption
from s1_mmalign.builder.formats.pdf.geometry import Box
from s1_mmalign.builder.formats.pdf.scene import Band, Scene, bands_in, gap_between, merged

SMALLEST_SIDE = 25.0
"""Points; less is a rule, an icon or a symbol."""
MOST_SPACES = 4
"""How many spaces one side of a caption may offer."""
TABLE_GAP = 22.0
"""Points of blank that end a table."""


def spaces(caption: Box, scene: Scene, side: str) -> list[Box]:
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
        words = any(
            b.box.x0 < left - 5 and b.box.x1 > right + 5 and space.contains_middle_of(b.box) for b in scene.labels
        )
        if drawn or words:
            continue
        if caption.x1 <= right:
            beyond, reach = Box(right, space.y0, x1, space.y1), (right, scene.edge.x1)
        else:
            beyond, reach = Box(x0, space.y0, left, space.y1), (scene.edge.x0, left)
        if _unclaimed(beyond, reach, caption, scene):
            continue
        if caption.x1 <= right:
            x1 = min(x1, right - 1)
        elif caption.x0 >= left:
            x0 = max(x0, left + 1)
    return Box(x0, space.y0, x1, space.y1)


def _unclaimed(beyond: Box, reach: tuple[float, float], caption: Box, scene: Scene) -> bool:
    """Whether a drawing in the next column, level with this caption's figure, has no caption of its own.

    `reach` is the x extent of that column.
    """
    drawn = scene.ink.bounds(beyond)
    if drawn is None or min(drawn.width, drawn.height) < SMALLEST_SIDE:
        return False
    if scene.ink.count(Box(beyond.x0, caption.y0, beyond.x1, caption.y1)):
        return False
    inside = [b for b in scene.solid if min(b.x1, reach[1]) - max(b.x0, reach[0]) > 2]
    below = min((b for b in inside if b.y0 >= drawn.y1 - 3), key=lambda b: b.y0, default=None)
    above = max((b for b in inside if b.y1 <= drawn.y0 + 3), key=lambda b: b.y1, default=None)
    return below not in scene.captions and above not in scene.captions


def between_rivals(space: Box, caption: Caption, captions: list[Caption], scene: Scene, slack: float = 3) -> Box:
    """Share a space with the caption that stands beside this one: cut at the blank nearest to their middle.

    Captions stand beside each other where they are level, or no more than `slack` points off.
    """
    x0, x1 = space.x0, space.x1
    own = caption.box
    for other in captions:
        box = other.box
        if other is caption or not other.is_figure or box.y_overlap(own) < -slack:
            continue
        gap = (own.x1, box.x0) if box.x0 >= own.x1 - 2 else (box.x1, own.x0) if box.x1 <= own.x0 + 2 else None
        if gap is None:
            continue
        middle = sum(gap) / 2
        span = sorted((own.middle[0], box.middle[0]))
        strip = Box(span[0], space.y0, span[1], space.y1)
        words = [(line.box.x0, line.box.x1) for line in scene.labels if strip.contains_middle_of(line.box)]
        inked = merged(scene.ink.columns(strip) + words, 3)
        rims = [span[0], *(x for pair in inked for x in pair), span[1]]
        blanks = [(rims[i] + 1.5, rims[i + 1] - 1.5) for i in range(0, len(rims) - 1, 2) if rims[i + 1] - rims[i] >= 3]
        cuts = [min(max(middle, start), end) for start, end in blanks]
        cut = min(cuts, key=lambda x: abs(x - middle), default=middle)
        if box.x0 >= own.x1 - 2:
            x1 = min(x1, cut)
        else:
            x0 = max(x0, cut)
    return Box(x0, space.y0, x1, space.y1)


def between_stacked(space: Box, caption: Caption, captions: list[Caption], scene: Scene) -> Box:
    """Share a space beside captions that stand above each other: cut at the blank nearest to their middle."""
    y0, y1 = space.y0, space.y1
    own = caption.box
    for other in captions:
        box = other.box
        if other is caption or not other.is_figure or box.x_overlap(own) <= 0:
            continue
        below = box.y0 >= own.y1 - 2
        span = (own.y1, box.y0) if below else (box.y1, own.y0)
        inked = merged(scene.ink.rows(Box(space.x0, span[0], space.x1, span[1])), 1)
        rims = [span[0], *(y for pair in inked for y in pair), span[1]]
        blanks = [(rims[i] + rims[i + 1]) / 2 for i in range(0, len(rims) - 1, 2) if rims[i + 1] - rims[i] >= 2]
        cut = min(blanks, key=lambda y: abs(y - sum(span) / 2), default=None)
        if cut is not None and below:
            y1 = min(y1, cut)
        elif cut is not None:
            y0 = max(y0, cut)
    return Box(space.x0, y0, space.x1, max(y0, y1))


def table_body(caption: Caption, scene: Scene) -> Box | None:
    """The body of a table: what follows its caption (or stands above it) without a wide gap."""
    for side in ("below", "above"):
        around_caption = spaces(caption.box, scene, side)
        if not around_caption:
            continue
        space = around_caption[-1]
        bands = bands_in(space, scene)
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
    gap = TABLE_GAP
    for band in bands:
        if taken and gap_between(band, (start, start)) > gap:
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

"""How far a figure reaches within the space that it has."""

from __future__ import annotations

from s1_mmalign.builder.formats.pdf.geometry import Box, around
from s1_mmalign.builder.formats.pdf.scene import Band, Scene, gap_between, merged
from s1_mmalign.builder.formats.pdf.spaces import SMALLEST_SIDE

SMALLEST_INK = 60
"""Pixels (at one a point) of drawing that a figure has at least."""
FAR_BLANK = 60.0
"""Points of blank paper that end a figure, seen from its caption."""
STRAY_GAP = 13.0
"""Points of blank between a figure and words that are not part of it."""


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
    bands = merged(scene.ink.rows(space) + [(b.y0, b.y1) for b in labels], 4)
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
        while far > 0 and gap_between(kept[far], kept[far - 1]) <= STRAY_GAP:
            far -= 1
        if far == 0 or not _is_foreign(kept[far:], gap_between(kept[far], kept[far - 1]), space, scene):
            break
        del kept[far:]
    return kept


def _is_rim(band: Band, inner: Band, space: Box) -> bool:
    """The rest of a running head or foot, cut by the edge of the space."""
    at_rim = band[0] <= space.y0 + 1 or band[1] >= space.y1 - 1
    return at_rim and band[1] - band[0] < 12 and gap_between(band, inner) >= 5


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
    spans = merged(scene.ink.columns(box) + [(b.x0, b.x1) for b in labels if b.y_overlap(box) > 0], 4)
    while len(spans) > 1 and spans[0][1] < area.x0 - 1 and spans[0][1] - spans[0][0] < 22:
        spans.pop(0)
    while len(spans) > 1 and spans[-1][0] > area.x1 + 1 and spans[-1][1] - spans[-1][0] < 22:
        spans.pop()
    return Box(max(box.x0, spans[0][0]), box.y0, min(box.x1, spans[-1][1]), box.y1) if spans else box

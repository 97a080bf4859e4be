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

from s1_mmalign.builder.formats.pdf.captions import Caption
from s1_mmalign.builder.formats.pdf.extent import content
from s1_mmalign.builder.formats.pdf.geometry import Box
from s1_mmalign.builder.formats.pdf.scene import Scene, bands_in, merged
from s1_mmalign.builder.formats.pdf.spaces import MOST_SPACES, SMALLEST_SIDE, between_rivals, between_stacked, spaces

CUT_PENALTY = 0.7
"""What a proposal loses that cuts through lines or words."""
PART_PENALTY = 0.2
"""What a proposal loses that leaves out a part of what stands on its side of the caption."""
PART_GAP = 9.0
"""Points of blank that may divide the figures of two captions."""
LEVEL_GAP = 20.0
"""Points of blank that end a figure which stands beside its caption."""
STAGGER = 250.0
"""Points by which the captions of two figures side by side may be off level."""
MAX_COMBINATIONS = 20_000


@dataclass(slots=True)
class Proposal:
    """A place that may hold a caption's picture; `side` is where it stands as seen from the caption."""

    box: Box
    side: str
    score: float


def propose(caption: Caption, scene: Scene, captions: list[Caption]) -> list[Proposal]:
    """What each side of a caption offers, best first."""
    found: dict[Box, Proposal] = {}
    for side in ("above", "below", "left", "right"):
        for space in spaces(caption.box, scene, side):
            if side in ("above", "below"):
                space = between_rivals(space, caption, captions, scene)
            parts = _parts(space, caption.box, scene, side)
            if side in ("above", "below"):
                parts.append(between_rivals(space, caption, captions, scene, STAGGER))
            else:
                parts.append(between_stacked(space, caption, captions, scene))
            for part in [space, *parts]:
                box = content(part, scene, side) if min(part.width, part.height) >= SMALLEST_SIDE else None
                if box is None or box in found:
                    continue
                score = _score(box, caption, scene, side) - PART_PENALTY * (part != space)
                score -= CUT_PENALTY * (_cuts(box, scene))
                if score > 0:
                    found[box] = Proposal(box, side, score)
    return sorted(found.values(), key=lambda proposal: -proposal.score)


def _parts(space: Box, caption: Box, scene: Scene, side: str) -> list[Box]:
    """The near parts of a space that wide blanks divide: what is beyond may belong to another caption."""
    if side in ("left", "right"):
        level = [b for b in merged(bands_in(space, scene), LEVEL_GAP) if b[0] < caption.y1 and b[1] > caption.y0]
        return [Box(space.x0, level[0][0] - 2, space.x1, level[-1][1] + 2)] if level else []
    bands = merged(bands_in(space, scene), PART_GAP)
    if side == "above":
        return [Box(space.x0, band[0] - 2, space.x1, space.y1) for band in bands[:0:-1]][:MOST_SPACES]
    return [Box(space.x0, space.y0, space.x1, band[1] + 2) for band in bands[:-1]][:MOST_SPACES]


def _cuts(box: Box, scene: Scene) -> bool:
    """Whether the edge of `box` runs through drawn lines or through words."""
    if scene.ink.crosses(box):
        return True
    return any(
        box.contains_middle_of(line.box) and (line.box.x1 > box.x1 + 3 or line.box.x0 < box.x0 - 3)
        for line in scene.labels
    )


def _score(box: Box, own: Caption, scene: Scene, side: str) -> float:
    """0 to 1.9: near, large and in line with the caption is better."""
    caption = own.box
    gap = {
        "above": caption.y0 - box.y1, "below": box.y0 - caption.y1,
        "left": caption.x0 - box.x1, "right": box.x0 - caption.x1,
    }[side]  # fmt: skip
    near = math.exp(-max(0.0, gap) / 60)
    large = 0.8 * min(1.0, box.area / 20_000) + 0.2 * min(1.0, box.area / 200_000)
    if side in ("above", "below"):
        shared = box.x_overlap(caption) / max(1.0, min(box.width, caption.width))
        if shared <= 0 and not _in_column(box, own, scene):
            return 0.0
        return near + 0.6 * large + 0.3 * max(-0.5, min(1.0, shared))
    shared = box.y_overlap(caption) / max(1.0, min(box.height, caption.height))
    if shared < 0.5 or gap > 40:
        return 0.0
    return 0.7 * near + 0.6 * large + 0.2 * shared


def _in_column(box: Box, caption: Caption, scene: Scene) -> bool:
    """Whether a short caption that is set at its column's left edge has a centred picture in that column."""
    columns = scene.layout.columns
    if not 0 <= caption.first.column < len(columns):
        return False
    x0, x1 = columns[caption.first.column]
    return box.x0 > x0 - 5 and box.x1 < x1 + 5 and abs(box.middle[0] - (x0 + x1) / 2) < 0.1 * (x1 - x0)


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

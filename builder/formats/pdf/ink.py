"""What is drawn on a page beside its text: a mask at one pixel a point.

Looking at the rendered page, not at its drawing commands, makes clipping, white rectangles, hidden layers,
patterns, forms and scans all one case, in bounded time and memory.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pymupdf

from s1_mmalign.builder.formats.pdf.geometry import Box

CONTRAST = 6
"""Grey levels (of 255) by which a pixel must differ from the paper to count as ink."""
SCAN_CONTRAST = 60
"""The same on a scanned page, whose paper is not one grey."""
MAX_SIDE = 3000
"""Points to which the mask of an oversized page (a poster) is limited."""


class Ink:
    """The graphics of one page. Boxes are in points; `scale` is pixels a point (1 but for huge pages)."""

    def __init__(self, display: pymupdf.DisplayList, text: Iterable[Box], scanned: bool = False) -> None:
        rect = display.rect
        self.scale = min(1.0, MAX_SIDE / max(rect.width, rect.height, 1))
        pixmap = display.get_pixmap(
            matrix=pymupdf.Matrix(self.scale, self.scale), colorspace=pymupdf.csGRAY, alpha=False
        )
        grey = np.frombuffer(pixmap.samples_mv, np.uint8).reshape(pixmap.height, pixmap.stride)[:, : pixmap.width]
        counts = np.bincount(grey.ravel(), minlength=256)
        paper = int(counts.argmax()) if counts.max() > 0.25 * grey.size else 255
        self.full = np.abs(grey.astype(np.int16) - paper) >= (SCAN_CONTRAST if scanned else CONTRAST)
        self.mask = self.full.copy()
        for box in text:
            # Glyphs (brackets above all) may reach out of the box that their font declares.
            rim = 0.12 * min(box.height, 14)
            top, bottom, left, right = self._slice(Box(box.x0 - 0.5, box.y0 - 0.75 * rim, box.x1 + 0.5, box.y1 + rim))
            self.mask[top:bottom, left:right] = False

    def _slice(self, box: Box) -> tuple[int, int, int, int]:
        height, width = self.full.shape
        top = min(max(int(box.y0 * self.scale), 0), height)
        bottom = min(max(int(np.ceil(box.y1 * self.scale)), 0), height)
        left = min(max(int(box.x0 * self.scale), 0), width)
        right = min(max(int(np.ceil(box.x1 * self.scale)), 0), width)
        return top, max(top, bottom), left, max(left, right)

    def count(self, box: Box) -> int:
        """Pixels of graphics inside `box`."""
        top, bottom, left, right = self._slice(box)
        return int(np.count_nonzero(self.mask[top:bottom, left:right]))

    def share(self, box: Box, *, with_text: bool = False) -> float:
        """Share of `box` that is inked, 0 to 1."""
        top, bottom, left, right = self._slice(box)
        part = (self.full if with_text else self.mask)[top:bottom, left:right]
        return float(part.mean()) if part.size else 0.0

    def bounds(self, box: Box) -> Box | None:
        """The tight box around the graphics inside `box`, or None where there are none."""
        top, bottom, left, right = self._slice(box)
        part = self.mask[top:bottom, left:right]
        rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
        if not rows.size:
            return None
        return Box(
            (left + int(columns[0])) / self.scale,
            (top + int(rows[0])) / self.scale,
            (left + int(columns[-1]) + 1) / self.scale,
            (top + int(rows[-1]) + 1) / self.scale,
        )

    def rows(self, box: Box) -> list[tuple[float, float]]:
        """The y intervals in which `box` has graphics, from top to bottom."""
        top, bottom, left, right = self._slice(box)
        return self._runs(np.atleast_1d(self.mask[top:bottom, left:right].any(axis=1)), top)

    def columns(self, box: Box) -> list[tuple[float, float]]:
        """The x intervals in which `box` has graphics, from left to right."""
        top, bottom, left, right = self._slice(box)
        return self._runs(np.atleast_1d(self.mask[top:bottom, left:right].any(axis=0)), left)

    def _runs(self, flags: np.ndarray, start: int) -> list[tuple[float, float]]:
        edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
        return [
            ((start + int(a)) / self.scale, (start + int(b)) / self.scale)
            for a, b in zip(edges[::2], edges[1::2], strict=True)
        ]

    def on_fill(self, box: Box) -> bool:
        """Whether the text in `box` stands on a coloured area or a picture: ink all around it."""
        ring = [
            Box(box.x0 - 3, box.y0 - 1, box.x0 - 1, box.y1 + 1),
            Box(box.x1 + 1, box.y0 - 1, box.x1 + 3, box.y1 + 1),
            Box(box.x0, box.y0 - 2, box.x1, box.y0 - 0.5),
            Box(box.x0, box.y1 + 0.5, box.x1, box.y1 + 2),
        ]
        return sum(self.share(side, with_text=True) > 0.8 for side in ring) >= 3

    def framed(self, box: Box, reach: float) -> Box | None:
        """The frame that upright strokes left and right of `box` make, no further away than `reach` points."""
        left = self._stroke(Box(box.x0 - reach, box.y0, box.x0, box.y1), last=True)
        right = self._stroke(Box(box.x1, box.y0, box.x1 + reach, box.y1), last=False)
        if left is None or right is None:
            return None
        top, bottom = self._climb(left, box)
        return Box(left, top, right, bottom)

    def filled(self, box: Box) -> Box | None:
        """The coloured area that the text in `box` stands on, as far as it reaches up and down."""
        if not self.on_fill(box):
            return None
        top, bottom = self._climb(box.x0 - 2, box)
        return Box(box.x0, top, box.x1, bottom)

    def _climb(self, x: float, box: Box) -> tuple[float, float]:
        """How far the ink at `x` goes on upwards and downwards from the middle of `box`."""
        column = self.full[:, min(max(int(x * self.scale), 0), self.full.shape[1] - 1)]
        blank = np.flatnonzero(~column)
        middle = int(box.middle[1] * self.scale)
        index = int(np.searchsorted(blank, middle))
        top = int(blank[index - 1]) + 1 if index else 0
        bottom = int(blank[index]) if index < blank.size else column.size
        return top / self.scale, bottom / self.scale

    def crosses(self, box: Box) -> bool:
        """Whether lines or areas go on beyond a side of `box` (more than single pixels do)."""
        top, bottom, left, right = self._slice(box)
        height, width = self.mask.shape
        sides = [
            (self.mask[top, left:right], self.mask[max(top - 2, 0), left:right]),
            (self.mask[bottom - 1, left:right], self.mask[min(bottom + 1, height - 1), left:right]),
            (self.mask[top:bottom, left], self.mask[top:bottom, max(left - 2, 0)]),
            (self.mask[top:bottom, right - 1], self.mask[top:bottom, min(right + 1, width - 1)]),
        ]
        return any(np.count_nonzero(inner & outer) > 1 for inner, outer in sides)

    def _stroke(self, box: Box, *, last: bool) -> float | None:
        top, bottom, left, right = self._slice(box)
        part = self.mask[top:bottom, left:right]
        if not part.size:
            return None
        full = np.flatnonzero(part.mean(axis=0) > 0.8)
        if not full.size:
            return None
        return (left + int(full[-1 if last else 0])) / self.scale

"""Boxes on a page, in points (1/72 inch) from the top left corner of the page as it is read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Box(NamedTuple):
    """A rectangle: x grows to the right, y grows downwards."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        """Extent in x; negative for an inverted box."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """Extent in y; negative for an inverted box."""
        return self.y1 - self.y0

    @property
    def area(self) -> float:
        """Area in square points; 0 for an inverted box."""
        return max(0.0, self.width) * max(0.0, self.height)

    @property
    def middle(self) -> tuple[float, float]:
        """The centre point."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    def grown(self, by: float) -> Box:
        """The box with each side moved outwards by `by` points."""
        return Box(self.x0 - by, self.y0 - by, self.x1 + by, self.y1 + by)

    def clipped(self, other: Box) -> Box:
        """The part inside `other` (inverted when there is none)."""
        return Box(max(self.x0, other.x0), max(self.y0, other.y0), min(self.x1, other.x1), min(self.y1, other.y1))

    def joined(self, other: Box) -> Box:
        """The smallest box around both."""
        return Box(min(self.x0, other.x0), min(self.y0, other.y0), max(self.x1, other.x1), max(self.y1, other.y1))

    def contains_middle_of(self, other: Box) -> bool:
        """Whether the centre of `other` lies inside."""
        x, y = other.middle
        return self.x0 <= x <= self.x1 and self.y0 <= y <= self.y1

    def x_overlap(self, other: Box) -> float:
        """Length shared in x; negative is the horizontal gap between the two."""
        return min(self.x1, other.x1) - max(self.x0, other.x0)

    def y_overlap(self, other: Box) -> float:
        """Length shared in y; negative is the vertical gap between the two."""
        return min(self.y1, other.y1) - max(self.y0, other.y0)


def around(boxes: Iterable[Box]) -> Box:
    """The smallest box around all `boxes`, of which there must be at least one."""
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return Box(min(x0), min(y0), max(x1), max(y1))

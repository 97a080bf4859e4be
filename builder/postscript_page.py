"""What a PostScript page is drawn on: its bounding box, and the canvas for the part that a figure shows."""

from __future__ import annotations

import re
from dataclasses import dataclass

from PIL import Image

from s1_mmalign.builder.image_form import POINTS_PER_INCH, Box, shown_box
from s1_mmalign.builder.records import Graphic

_MAX_POINTS = 14_400.0
"""A box longer than this is not believed (200 inches, the limit of PDF 1.7, annex C)."""
_MIN_POINTS = 0.1
_HIRES_SLACK = 2.0
"""%%HiResBoundingBox counts where it agrees with %%BoundingBox to so many points."""
_SUPERSAMPLING = 2
_IMAGE_OPERATOR = re.compile(rb"(?<![/A-Za-z])(?:color)?image(?![A-Za-z])")

_NUMBER = rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
BOX_COMMENT = re.compile(
    rb"(?:\A|(?<=[\r\n]))%%(HiRes)?BoundingBox:[ \t]*(?:(\(atend\))|"
    + rb"[ \t]+".join([rb"(" + _NUMBER + rb")"] * 4)
    + rb")"
)


@dataclass(frozen=True, slots=True)
class Canvas:
    """Where a page is drawn: `width` x `height` pixels at `dpi`, the origin moved by (`x`, `y`) points."""

    width: int
    height: int
    dpi: float
    x: float
    y: float
    factor: int
    """How much larger than the picture that is wanted."""

    @property
    def memory(self) -> int:
        """Bytes that Ghostscript may take for a page: else it bands pages through files."""
        return 2 * 4 * self.width * self.height + (16 << 20)

    @property
    def install(self) -> str:
        """Entry of a page device's dictionary that moves the origin.

        Install, unlike a translate before the file, outlives the file's own initgraphics and setpagedevice.
        """
        return f"/Install {{{self.x:.6f} {self.y:.6f} translate}}"

    def picture(self, pixels: bytes) -> Image.Image:
        """The picture, of RGB samples of the whole canvas."""
        image = Image.frombytes("RGB", (self.width, self.height), pixels)
        return image.reduce(self.factor) if self.factor > 1 else image


def canvas_of(data: bytes, box: Box, longest_side: int, graphic: Graphic | None = None) -> Canvas:
    """Return the canvas for what a figure shows of a file whose bounding box is `box`."""
    if graphic and graphic.clip:
        shown = shown_box(box[2] - box[0], box[3] - box[1], graphic.trim, graphic.viewport)
        box = (box[0] + shown[0], box[1] + shown[1], box[0] + shown[2], box[1] + shown[3])
    # Ghostscript shrinks images by leaving pixels out; its own cure (DOINTERPOLATE) also blurs the cells of small
    # ones, such as heat maps. So files that hold images are drawn larger and averaged.
    factor = _SUPERSAMPLING if _IMAGE_OPERATOR.search(data) else 1
    sides = box[2] - box[0], box[3] - box[1]
    scale = longest_side / max(sides)
    width, height = (factor * max(1, round(side * scale)) for side in sides)
    return Canvas(width, height, scale * factor * POINTS_PER_INCH, -box[0], -box[1], factor)


def bounding_box(data: bytes) -> Box | None:
    """Return what the document's comments give as its box, in points; None where they give none that can be used.

    The first %%BoundingBox of the file counts, or the last where the first says `(atend)`; the box of higher
    resolution is taken where it agrees with that.
    """
    coarse, fine = (_comment_box(data, hires) for hires in (False, True))
    if coarse is None:
        return fine
    if fine is not None and all(abs(a - b) <= _HIRES_SLACK for a, b in zip(coarse, fine, strict=True)):
        return fine
    return coarse


def _comment_box(data: bytes, hires: bool) -> Box | None:
    matches = [match for match in BOX_COMMENT.finditer(data) if bool(match[1]) == hires]
    if not matches:
        return None
    at_end = bool(matches[0][2])
    numbers = [match.groups()[2:] for match in matches if not match[2]]
    return usable_box(numbers[-1 if at_end else 0]) if numbers else None


def usable_box(numbers: tuple[bytes, ...]) -> Box | None:
    """Return the four numbers of a comment as a box, None where they make none."""
    x0, y0, x1, y1 = (float(number) for number in numbers)
    fits = _MIN_POINTS <= x1 - x0 <= _MAX_POINTS and _MIN_POINTS <= y1 - y0 <= _MAX_POINTS
    return (x0, y0, x1, y1) if fits and max(map(abs, (x0, y0, x1, y1))) < 1e6 else None

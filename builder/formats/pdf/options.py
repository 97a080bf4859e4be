"""The settings of the PDF reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

UseLayout = Literal["auto", "always", "never"]


@dataclass(frozen=True, slots=True)
class PdfOptions:
    """How a PDF is read and how its figures are cut out.

    `longest_side` is the longer side of a cut picture in pixels; `max_dpi` keeps a tiny figure from being
    blown up to that size. Photographs are written as JPEG of `jpeg_quality`. `max_pages` bounds the work on
    one paper: pages after it are not read. `max_figures` bounds what one paper may give. `use_layout` says
    when the layout model (0.3 to 0.6 s a page) is asked: on pages that text and drawings leave undecided
    (`auto`), on each page with a caption (`always`), or not at all (`never`).
    """

    longest_side: int = 1568
    max_dpi: int = 600
    jpeg_quality: int = 90
    max_pages: int = 500
    max_figures: int = 500
    use_layout: UseLayout = "auto"

    def __post_init__(self) -> None:
        """Refuse values that cannot be meant."""
        if not 64 <= self.longest_side <= 16_384:
            raise ValueError(f"longest_side must be between 64 and 16384 pixels, not {self.longest_side!r}")
        if not 36 <= self.max_dpi <= 2400:
            raise ValueError(f"max_dpi must be between 36 and 2400, not {self.max_dpi!r}")
        if not 1 <= self.jpeg_quality <= 100:
            raise ValueError(f"jpeg_quality must be between 1 and 100, not {self.jpeg_quality!r}")
        for name in ("max_pages", "max_figures"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)!r}")
        if self.use_layout not in get_args(UseLayout):
            raise ValueError(f"use_layout must be one of {', '.join(get_args(UseLayout))}, not {self.use_layout!r}")

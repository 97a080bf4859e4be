"""Figures of the sample papers as file bytes that are the same on every run: PDF, EPS, PNG, TIFF, JPEG.

Only `make.py` needs this file, and only this file and the papers beside it need matplotlib.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL import Image

Family = Literal["serif", "sans"]

INK = "#1b2a41"
BLUE, ORANGE, GREEN, RED, PURPLE, GREY = "#1f5a94", "#d9822b", "#3a7d44", "#b23a48", "#6a4c93", "#8a94a6"
COLOURS = (BLUE, ORANGE, GREEN, RED, PURPLE, GREY)

_STYLE = {
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.5,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.direction": "out",
    "ytick.direction": "out",
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.5,
    "pdf.fonttype": 3,  # subset glyphs only: the smallest, and free of the dates that font files carry
    "ps.fonttype": 3,
    "pdf.compression": 9,
    "svg.hashsalt": "s1-mmalign",
}
_FAMILIES: dict[Family, dict[str, str]] = {
    "serif": {"font.family": "STIXGeneral", "mathtext.fontset": "stix"},
    "sans": {"font.family": "DejaVu Sans", "mathtext.fontset": "dejavusans"},
}
_CREATOR = "samples/make.py"


def use_style(family: Family) -> None:
    """Set the look of all figures drawn from here on. `family`: the typeface of one paper's figures."""
    import matplotlib

    matplotlib.rcdefaults()
    matplotlib.rcParams.update(_STYLE | _FAMILIES[family])


def new_figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """Return a figure of `width` x `height` inches and its axes in reading order."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def letter(axes: Axes, text: str) -> None:
    """Write a panel's letter, such as "(a)", at the upper left outside of the axes."""
    axes.set_title(text, loc="left", fontweight="bold", color=INK)


def pdf(figure: Figure) -> bytes:
    """Return the figure as PDF."""
    return _saved(figure, "pdf", {"Creator": _CREATOR, "Producer": "matplotlib", "CreationDate": None})


def eps(figure: Figure) -> bytes:
    """Return the figure as encapsulated PostScript, dated at the epoch."""
    before = os.environ.get("SOURCE_DATE_EPOCH")
    os.environ["SOURCE_DATE_EPOCH"] = "0"
    try:
        return _saved(figure, "eps", {"Creator": _CREATOR})
    finally:
        os.environ.pop("SOURCE_DATE_EPOCH")
        if before is not None:
            os.environ["SOURCE_DATE_EPOCH"] = before


def raster(figure: Figure, dpi: int = 200) -> Image.Image:
    """Return the figure as an RGB picture on white."""
    from PIL import Image

    return Image.open(io.BytesIO(_saved(figure, "png", {"Software": None}, dpi))).convert("RGB")


def encode(picture: Image.Image, kind: Literal["PNG", "TIFF", "JPEG"], dpi: int = 200) -> bytes:
    """Return a picture as a file of that kind: PNG with 256 colours, TIFF with deflate, JPEG at quality 85."""
    out = io.BytesIO()
    if kind == "PNG":
        picture.quantize(256).save(out, "PNG", optimize=True, dpi=(dpi, dpi))
    elif kind == "TIFF":
        picture.save(out, "TIFF", compression="tiff_adobe_deflate", dpi=(dpi, dpi))
    else:
        picture.save(out, "JPEG", quality=85, dpi=(dpi, dpi))
    return out.getvalue()


def _saved(figure: Figure, kind: str, metadata: dict[str, str | None], dpi: int = 200) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format=kind, metadata=metadata, dpi=dpi)
    return out.getvalue()

"""What a figure file is, told by its bytes, and which part of it the paper shows.

Names say nothing here: JATS packages hold images without an extension, and arXiv papers hold PDF named `.eps`.
"""

from __future__ import annotations

import math
import re
import struct
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # records imports `datasets`, which the drawing process of `rasterise` must not wait for
    from s1_mmalign.builder.records import DropReason

Form = Literal["raster", "pdf", "svg", "postscript", "metafile"]
Box = tuple[float, float, float, float]

MAX_UNPACKED = 256 << 20
"""Bytes that a gzipped figure (`.svgz`, `.eps.gz`) may unpack to."""

POINTS_PER_INCH = 72.0

_RASTER_SIGNATURES = (
    b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"BM", b"RIFF",
    b"\0\0\0\x0cjP", b"\xff\x4f\xff\x51",
)  # fmt: skip
_DOS_EPS = b"\xc5\xd0\xd3\xc6"
_HEAD = 1024
"""Bytes at the start within which a PDF or PostScript header counts, as in Adobe's viewers (printer and mail junk)."""
_SVG_HEAD = 1 << 16
# The first element is <svg>; before it stand only the XML declaration, comments and a document type.
_SVG = re.compile(
    rb"(?:\xef\xbb\xbf)?(?>(?>\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*+(?:\[[^\]]*+\]\s*+)?+>))*+<(?:\w+:)?svg[\s>]",
    re.DOTALL,
)


class ImageDrop(Exception):
    """A figure file that gives no picture. `reason` is the drop that stands for it, `detail` says what was found."""

    def __init__(self, reason: DropReason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason: DropReason = reason
        self.detail = detail


def read_form(data: bytes) -> tuple[Form, bytes]:
    """Tell the form of a figure file and take off what wraps it: gzip, the binary header of DOS EPS, leading junk.

    Bytes of no known form come back as "raster", for the raster reader to refuse.

    Raises:
        ImageDrop: the wrapping is corrupt, or unpacks to more than `MAX_UNPACKED` bytes.
    """
    if data.startswith(b"\x1f\x8b"):
        data = _gunzip(data)
    if data.startswith(_RASTER_SIGNATURES):
        return "raster", data
    if data.startswith(_DOS_EPS):
        return "postscript", _dos_postscript(data)
    if data.startswith(b"\xd7\xcd\xc6\x9a") or (data.startswith(b"\1\0\0\0") and data[40:44] == b" EMF"):
        return "metafile", data
    if _SVG.match(data[:_SVG_HEAD]):
        return "svg", data
    head = data[:_HEAD]
    postscript, pdf = head.find(b"%!"), head.find(b"%PDF-")
    if pdf >= 0 and not 0 <= postscript < pdf:
        return "pdf", data
    if postscript == 0 or head.find(b"%!PS") >= 0:
        return "postscript", data[max(head.find(b"%!PS"), 0) if postscript else 0 :]
    return "raster", data


def _gunzip(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(data, MAX_UNPACKED)
    except zlib.error as error:
        raise ImageDrop("image_unreadable", f"gzip: {error}") from None
    if unpacker.unconsumed_tail:
        raise ImageDrop("image_too_large", f"gzip that unpacks to more than {MAX_UNPACKED} bytes")
    if not unpacker.eof:
        raise ImageDrop("image_unreadable", "gzip: truncated")
    return unpacked


def _dos_postscript(data: bytes) -> bytes:
    """The PostScript section of a DOS EPS binary file (Adobe Technical Note 5002, appendix)."""
    if len(data) < 12:
        raise ImageDrop("image_unreadable", "DOS EPS: truncated header")
    offset, length = struct.unpack("<II", data[4:12])
    section = data[offset : offset + length]
    if not section.lstrip().startswith(b"%!"):
        raise ImageDrop("image_unreadable", "DOS EPS without a PostScript section")
    return section.lstrip()


def shown_box(
    width: float, height: float, trim: Sequence[float] | None = None, viewport: Sequence[float] | None = None
) -> Box:
    r"""Return the part of a picture that `\includegraphics` with `clip` shows, within the picture.

    Args:
        width: natural width in PDF points (1/72 inch); `height` likewise.
        trim: points cut off at left, bottom, right, top.
        viewport: (x0, y0, x1, y1) in points from the lower left corner; it wins over `trim`.

    Returns:
        (x0, y0, x1, y1) in points from the lower left corner. The whole picture where nothing of it (less than
        a point either way) would be left: such numbers were meant for another file.
    """
    box = (0.0, 0.0, width, height)
    if viewport is not None:
        x0, y0, x1, y1 = viewport
    elif trim is not None:
        x0, y0, x1, y1 = trim[0], trim[1], width - trim[2], height - trim[3]
    else:
        return box
    if not all(map(math.isfinite, (x0, y0, x1, y1))):
        return box
    inside = (max(x0, 0.0), max(y0, 0.0), min(x1, width), min(y1, height))
    return inside if inside[2] - inside[0] >= 1 and inside[3] - inside[1] >= 1 else box

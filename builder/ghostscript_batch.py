"""The EPS figures of one paper by few Ghostscripts: starting one takes longer than drawing most figures.

A batch is only ever a shortcut. Each file is drawn in a `save` and `restore` of its own, and the batch counts only
where every file gave one page of the size that was asked for, and no error; else its files are drawn one by one as if
it had never run (`ghostscript.render_postscript`). So a file that crashes, hangs, draws two pages or none takes
nothing from its neighbours but time.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from PIL import Image

from s1_mmalign.builder.ghostscript import SAFELY, TO_PIPE, find_ghostscript, running
from s1_mmalign.builder.image_form import ImageDrop, read_form
from s1_mmalign.builder.postscript_page import Canvas, bounding_box, canvas_of
from s1_mmalign.builder.records import Graphic, PackageError

FILES = 8
"""Files of one Ghostscript: their pictures wait in memory, 7 MB each at 1,568 pixels."""
TIMEOUT_S = 20.0
"""Seconds of a batch: most take one; what takes longer is drawn file by file, each with its own limit."""
_SUFFIXES = (".eps", ".ps", ".epsf", ".epsi")
_SAVED = "S1MMALIGN-saved"


class PostScriptBatches:
    """The PostScript files among the graphics of a paper, drawn some at a time when the first of them is wanted.

    Args:
        graphics: in the order in which they will be taken.
        read: gives a graphic's bytes.
        longest_side: pixels of the longer side of what comes out.
    """

    def __init__(self, graphics: Iterable[Graphic], read: Callable[[Graphic], bytes], longest_side: int) -> None:
        wanted = [graphic for graphic in graphics if _may_be_postscript(graphic)]
        self._batches = [wanted[start : start + FILES] for start in range(0, len(wanted), FILES)]
        self._read = read
        self._longest_side = longest_side
        self._drawn: dict[int, Image.Image] = {}

    def take(self, graphic: Graphic) -> Image.Image | None:
        """Return the RGB picture of a graphic; None where it must be drawn (or read) by itself."""
        for batch in self._batches:
            if any(one is graphic for one in batch):
                self._batches.remove(batch)
                self._drawn = self._draw(batch)
                break
        return self._drawn.pop(id(graphic), None)

    def _draw(self, batch: Sequence[Graphic]) -> dict[int, Image.Image]:
        files: list[tuple[Graphic, bytes, Canvas]] = []
        for graphic in batch:
            try:
                form, data = read_form(self._read(graphic))
            except (KeyError, PackageError, ImageDrop):
                continue
            box = bounding_box(data) if form == "postscript" else None
            if box:
                files.append((graphic, data, canvas_of(data, box, self._longest_side, graphic)))
        if len(files) < 2:
            return {}
        pages = _pages([data for _, data, _ in files], [canvas for _, _, canvas in files])
        if pages is None:
            return {}
        return {id(graphic): canvas.picture(pixels) for (graphic, _, canvas), pixels in zip(files, pages, strict=True)}


def _may_be_postscript(graphic: Graphic) -> bool:
    return graphic.data is None and graphic.page == 1 and graphic.source.lower().endswith(_SUFFIXES)


def _pages(files: Sequence[bytes], canvases: Sequence[Canvas]) -> list[bytes] | None:
    """Draw each file on its canvas by one Ghostscript; None where it did not go well in every respect."""
    try:
        command = [find_ghostscript(), *SAFELY, *TO_PIPE, f"-dMaxBitmap={max(canvas.memory for canvas in canvases)}"]
        with tempfile.TemporaryDirectory(prefix="s1-mmalign-gs-", ignore_cleanup_errors=True) as scratch:
            for number, (data, canvas) in enumerate(zip(files, canvases, strict=True)):
                Path(scratch, f"{number}.ps").write_bytes(data)
                command += ["-c", _begin(canvas), "-f", f"{number}.ps", "-c", _END]
            with running(command, scratch, time.monotonic() + TIMEOUT_S) as run:
                pages = [run.read_page(canvas.width, canvas.height) for canvas in canvases]
                more = run.read(1)
                run.finish()
                well = not more and not run.failed
    except ImageDrop:  # no Ghostscript, or it took too long: told where the files are drawn one by one
        return None
    whole = [page for page in pages if page is not None]
    return whole if well and len(whole) == len(files) else None


def _begin(canvas: Canvas) -> str:
    """Everything that a file changes is undone after it: names, graphics state, page device."""
    width, height = (72 * side / canvas.dpi for side in (canvas.width, canvas.height))
    device = f"/HWResolution [{canvas.dpi:.6f} {canvas.dpi:.6f}] /PageSize [{width:.6f} {height:.6f}] {canvas.install}"
    return f"/{_SAVED} save def <<{device}>> setpagedevice"


_END = f"clear cleardictstack {_SAVED} restore"

"""Where this project's time goes: processor seconds of each stage of `extract_package`, drawing processes included.

A stage inside another is taken off the outer one, so the stages add up to the whole.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable

from cpu import cpu_seconds
from ours import OPTIONS, package_of, version

from s1_mmalign.builder.extract import extract_package

__all__ = ["read", "version"]

OTHER = "rows, options, the rest"
STAGES = {
    "s1_mmalign.builder.extract:load_package": "open the package",
    "s1_mmalign.builder.sources.package:LoadedPackage.open": "open the package",
    "s1_mmalign.builder.extract:read_paper": "read: macros, captions, paragraphs, pairing",
    "s1_mmalign.builder.formats.pdf.reader:read_page": "read: text of PDF pages",
    "s1_mmalign.builder.formats.pdf.reader:pair": "read: search for pictures on PDF pages",
    "s1_mmalign.builder.formats.pdf.witness:pictures": "read: layout model",
    "s1_mmalign.builder.formats.pdf.reader:cut": "rasterise: regions of PDF pages",
    "s1_mmalign.builder.images:render_document": "rasterise: PDF and SVG figures",
    "s1_mmalign.builder.images:render_postscript": "rasterise: EPS figures (Ghostscript)",
    "s1_mmalign.builder.ghostscript_batch:PostScriptBatches.take": "rasterise: EPS figures (Ghostscript)",
    "s1_mmalign.builder.images:read_raster": "decode raster files",
    "pymupdf:Pixmap.tobytes": "encode: PNG by MuPDF",
    "s1_mmalign.builder.extract:encode_image": "encode: PNG or JPEG, checks",
    "s1_mmalign.builder.images:perceptual_hash": "perceptual hash",
}
"""Functions that are timed, by module and name."""


class Clock:
    """Charges the seconds that pass to the stage that is running."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self._running = [OTHER]
        self._last = cpu_seconds()

    def charge(self) -> None:
        """Charge what has passed to the innermost running stage."""
        now = cpu_seconds()
        self.seconds[self._running[-1]] += now - self._last
        self._last = now

    def timed(self, stage: str, function: Callable) -> Callable:
        """Return `function` as a stage."""

        def call(*args, **kwargs):
            self.charge()
            self.calls[stage] += 1
            self._running.append(stage)
            try:
                return function(*args, **kwargs)
            finally:
                self.charge()
                self._running.pop()

        return call

    def restart(self) -> None:
        """Begin a paper."""
        self.seconds.clear()
        self.calls.clear()
        self._last = cpu_seconds()


def _watch() -> Clock:
    clock = Clock()
    for place, stage in STAGES.items():
        module_name, _, path = place.partition(":")
        owner = importlib.import_module(module_name)
        *outer, name = path.split(".")
        for part in outer:
            owner = getattr(owner, part)
        if not hasattr(owner, name):
            raise RuntimeError(f"{place} is gone: mend STAGES in {__file__}")
        setattr(owner, name, clock.timed(stage, getattr(owner, name)))
    return clock


CLOCK = _watch()


def read(request: dict) -> dict:
    """See `serve`; `stages` are processor seconds, `calls` how often each stage ran."""
    package = package_of(request)
    CLOCK.restart()
    extraction = extract_package(package, OPTIONS)
    CLOCK.charge()
    return {
        "figures": [],
        "stages": dict(CLOCK.seconds),
        "calls": dict(CLOCK.calls),
        "pictures": len(extraction.rows),
    }

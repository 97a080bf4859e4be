"""Poppler's tools: `pdfimages` writes the raster images and says their pages, `pdftotext` gives the captions.

Poppler has no notion of a vector figure: what is drawn by lines is no image to it.
"""

from __future__ import annotations

import re
import subprocess

from typed_captions import figures_of


def version() -> str:
    """Poppler's version."""
    said = subprocess.run(["pdftotext", "-v"], capture_output=True, text=True, check=True).stderr
    return said.splitlines()[0].removeprefix("pdftotext version ")


def read(request: dict) -> dict:
    """See `serve`."""
    listed = _run(["pdfimages", "-list", request["path"]])
    pictures = {int(line.split()[0]) for line in listed.splitlines()[2:] if line.split()[2] == "image"}
    _run(["pdfimages", "-png", request["path"], f"{request['out']}/image"])
    pages = _run(["pdftotext", "-enc", "UTF-8", request["path"], "-"]).split("\f")
    paragraphs = [
        (number, " ".join(part.split()))
        for number, page in enumerate(pages, 1)
        for part in re.split(r"\n\s*\n", page)
        if part.strip()
    ]
    return {"figures": figures_of(paragraphs, pictures)}


def _run(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, check=True).stdout.decode("utf-8", "replace")

"""pymupdf4llm: Markdown with pictures written; a paragraph that begins "Figure 3" captions its page's picture."""

from __future__ import annotations

import re
from pathlib import Path

import pymupdf4llm
from typed_captions import figures_of

PICTURE = re.compile(r"!\[[^\]]*\]\([^)]+\)")
PICTURE_TEXT = re.compile(r"<!-- Start of picture text -->.*?<!-- End of picture text -->", re.S)
MARKS = re.compile(r"</?\w+>|[*_`]+")


def version() -> str:
    """pymupdf4llm's version."""
    return str(pymupdf4llm.__version__)


def read(request: dict) -> dict:
    """See `serve`."""
    chunks = pymupdf4llm.to_markdown(
        str(Path(request["path"])), page_chunks=True, write_images=True, image_path=request["out"], dpi=150
    )
    paragraphs: list[tuple[int, str]] = []
    pictures: set[int] = set()
    for number, chunk in enumerate(chunks, 1):
        text = PICTURE_TEXT.sub("", chunk["text"])
        if PICTURE.search(text):
            pictures.add(number)
        parts = re.split(r"\n\s*\n", PICTURE.sub("", text))
        paragraphs += [(number, " ".join(MARKS.sub("", part).split())) for part in parts if part.strip()]
    return {"figures": figures_of(paragraphs, pictures)}

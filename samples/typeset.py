"""Set sample paper 4 as a PDF in two columns: text by PyMuPDF's `Story`, figures placed as vectors."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

import pymupdf

PAGE = pymupdf.Rect(0, 0, 595, 842)
"""A4 in points."""
_LEFT, _RIGHT = (50.0, 290.0), (305.0, 545.0)
_TOP, _BOTTOM = 62.0, 790.0
_GAP = 9.0


@dataclass(frozen=True)
class Place:
    """Where a figure stands: 0-based page, left and right edge and top in points, its file (PDF) and caption (HTML)."""

    page: int
    left: float
    right: float
    top: float
    file: bytes
    caption: str


def typeset(
    head: str, body: str, css: str, figures: list[bytes], captions: list[str], metadata: dict[str, str]
) -> bytes:
    """Return the paper as PDF bytes, the same on every run.

    `head` is set over the full width of page one and `body` flows through what the four figures leave: figure 1
    across the foot of page one, 2 and 3 at the heads of the columns of page two, 4 at the foot of its second column.
    """
    across = (_LEFT[0], _RIGHT[1])
    shape = [(0, *across), (1, *_LEFT), (1, *_RIGHT), (1, *_RIGHT)]
    places = [
        Place(*edge, _TOP, *figure) for edge, figure in zip(shape, zip(figures, captions, strict=True), strict=True)
    ]
    first, second, third, fourth = (_height(place, css) + _GAP for place in places)
    places[0] = replace(places[0], top=_BOTTOM - first + _GAP)
    places[3] = replace(places[3], top=_BOTTOM - fourth + _GAP)
    middle = _TOP + _text_height(head, css, *across) + _GAP
    frames = [
        (0, (across[0], _TOP, across[1], middle), head),
        (0, (_LEFT[0], middle, _LEFT[1], _BOTTOM - first), body),
        (0, (_RIGHT[0], middle, _RIGHT[1], _BOTTOM - first), body),
        (1, (_LEFT[0], _TOP + second, _LEFT[1], _BOTTOM), body),
        (1, (_RIGHT[0], _TOP + third, _RIGHT[1], _BOTTOM - fourth), body),
    ]
    document = _flow(frames, css)
    for place in places:
        _put(document[place.page], place, css)
    _furnish(document, metadata["title"])
    document.set_metadata({**metadata, "creationDate": "D:20260126000000Z", "modDate": "D:20260126000000Z"})
    document.subset_fonts()
    return document.tobytes(garbage=4, deflate=True, use_objstms=1, no_new_id=True)


def _flow(frames: list[tuple[int, tuple[float, float, float, float], str]], css: str) -> pymupdf.Document:
    """Pour each text into its frames in order. Frames come page by page."""
    out = io.BytesIO()
    writer = pymupdf.DocumentWriter(out)
    stories: dict[str, pymupdf.Story] = {}
    more = 0
    for page in range(frames[-1][0] + 1):
        device = writer.begin_page(PAGE)
        for number, box, text in frames:
            if number == page:
                story = stories.setdefault(text, pymupdf.Story(text, user_css=css))
                more, _ = story.place(pymupdf.Rect(box))
                story.draw(device)
        writer.end_page()
    if more:
        raise ValueError("the text is longer than its frames: add a page")
    writer.close()
    return pymupdf.open("pdf", out.getvalue())


def _text_height(text: str, css: str, left: float, right: float) -> float:
    story = pymupdf.Story(text, user_css=css)
    _, filled = story.place(pymupdf.Rect(left, 0, right, 2000))
    return float(filled[3])


def _picture_height(place: Place) -> float:
    with pymupdf.open("pdf", place.file) as picture:
        box = picture[0].rect
        return float((place.right - place.left) * box.height / box.width)


def _height(place: Place, css: str) -> float:
    return _picture_height(place) + 3 + _text_height(place.caption, css, place.left, place.right) + 3


def _put(page: pymupdf.Page, place: Place, css: str) -> None:
    """Place picture and caption."""
    bottom = place.top + _picture_height(place)
    with pymupdf.open("pdf", place.file) as picture:
        page.show_pdf_page(pymupdf.Rect(place.left, place.top, place.right, bottom), picture, 0)
    height = _text_height(place.caption, css, place.left, place.right) + 3
    page.insert_htmlbox(pymupdf.Rect(place.left, bottom + 3, place.right, bottom + 3 + height), place.caption, css=css)


def _furnish(document: pymupdf.Document, title: str) -> None:
    """Give each page a running head (but the first) and a number."""
    for number, page in enumerate(document, 1):
        page.insert_text((PAGE.width / 2 - 3, 818), str(number), fontname="helv", fontsize=8)
        if number > 1:
            page.insert_text((_LEFT[0], 44), title, fontname="helv", fontsize=7.5, color=(0.4, 0.4, 0.4))

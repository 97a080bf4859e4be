"""Scanned papers: pages that are one image each, without and with a recognised text layer."""

from __future__ import annotations

import io

import numpy as np
import pymupdf
import pytest
from PIL import Image

from s1_mmalign.builder.formats.pdf import PdfOptions, read_pdf
from s1_mmalign.builder.records import PackageError
from tests.builder.pdf.cuts import assert_cut

FACE = pymupdf.Font("helv")


def scanned(data: bytes, text: bool) -> bytes:
    """The paper as a scanner sees it; with `text`, an invisible layer whose sizes waver as recognition's do."""
    noise = np.random.default_rng(0)
    result = pymupdf.open()
    with pymupdf.open(stream=data) as paper:
        for page in paper:
            pixmap = page.get_pixmap(dpi=120, colorspace=pymupdf.csGRAY)
            grey = np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.stride) * 0.92
            grey += noise.normal(0, 4, grey.shape)
            stream = io.BytesIO()
            Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).save(stream, "JPEG", quality=75)
            sheet = result.new_page(width=page.rect.width, height=page.rect.height)
            sheet.insert_image(sheet.rect, stream=stream.getvalue())
            for line in _lines(page) if text else []:
                words, box = "".join(s["text"] for s in line["spans"]), line["bbox"]
                size = (box[2] - box[0]) / FACE.text_length(words, 1) * noise.uniform(0.93, 1.0)
                origin = (box[0], line["spans"][0]["origin"][1])
                sheet.insert_text(origin, words, fontsize=size, fontname="helv", render_mode=3)
    return result.tobytes()


def _lines(page: pymupdf.Page) -> list[dict]:
    blocks = page.get_text("dict", flags=pymupdf.TEXT_PRESERVE_WHITESPACE)["blocks"]
    return [line for block in blocks for line in block["lines"] if line["dir"][0] > 0.9]


def paper(press, words) -> pymupdf.Rect:
    press.text(72, 540, 70, words(120, 1), indent=12)
    rect = press.plot((120, 200, 480, 380))
    y = press.text(72, 540, 400, words(45, 3), size=8, lead="Figure 1.")
    press.text(72, 540, y + 24, "As Figure 1 shows, " + words(150, 2), indent=12)
    return rect


def test_scan_without_text_is_a_drop_that_says_so(press, words):
    paper(press, words)
    with pytest.raises(PackageError, match="no text on 1 pages: a scan needs OCR before") as caught:
        read_pdf(scanned(press.bytes(), text=False))
    assert caught.value.reason == "source_unreadable"


def test_scan_with_recognised_text_gives_its_figure_caption_and_context(press, words):
    rect = paper(press, words)
    found = read_pdf(scanned(press.bytes(), text=True), PdfOptions(use_layout="never"))
    assert [figure.caption for figure in found.figures] == [words(45, 3)]
    assert [text[:19] for text in found.figures[0].contexts] == ["As Figure 1 shows, "]
    assert_cut(found.figures[0], rect, tolerance=16)

"""A small printing press: papers in the layouts of real journals, made by the test that needs them."""

from __future__ import annotations

import io

import numpy as np
import pymupdf
import pytest
from PIL import Image

FACES = {name: pymupdf.Font(name) for name in ("tiro", "tibo", "helv", "hebo")}
LEXICON = (
    "we measure the rate of growth under light and find that each sample keeps its shape while the medium cools "
    "slowly because the transport of heat along the wall is limited by diffusion and the signal follows the model "
    "within the error of the detector over most of the range that was covered by the earlier experiments of this group"
)
WORDS = LEXICON.split()


def prose(count: int, seed: int = 0) -> str:
    """`count` words of running text in sentences of twelve."""
    words = [WORDS[(7 * seed + i * (1 + seed % 3)) % len(WORDS)] for i in range(count)]
    for i in range(0, count, 12):
        words[i] = words[i].capitalize()
        words[min(i + 11, count - 1)] += "."
    if not words[-1].endswith("."):
        words[-1] += "."
    return " ".join(words)


class Press:
    """Sets text and draws figures on the pages of a new PDF; y is the baseline of the first line, in points."""

    def __init__(self) -> None:
        self.doc = pymupdf.open()
        self.sheet = self.page()

    def page(self, width: float = 612, height: float = 792) -> pymupdf.Page:
        """Begin a page (the first is there already, and is replaced while blank)."""
        if self.doc.page_count == 1 and not self.doc[0].get_contents():
            self.sheet = self.doc[0]
            self.sheet.set_mediabox(pymupdf.Rect(0, 0, width, height))
            return self.sheet
        self.sheet = self.doc.new_page(width=width, height=height)
        return self.sheet

    def text(
        self, x0: float, x1: float, y: float, text: str, size: float = 10, font: str = "tiro", leading: float = 1.2,
        lead: str = "", indent: float = 0, flush: bool = True, numbers: int | None = None,
    ) -> float:  # fmt: skip
        """Set `text` between x0 and x1, justified; returns the baseline after the last line.

        `lead` is set in bold in front; `numbers` prints line numbers from this one on in the left margin.
        """
        bold = FACES[{"tiro": "tibo", "helv": "hebo"}.get(font, font)]
        face = FACES[font]
        words = [(word, bold) for word in lead.split()] + [(word, face) for word in text.split()]
        space = face.text_length(" ", size)
        writer = pymupdf.TextWriter(self.sheet.rect)
        while words:
            room = x1 - x0 - indent
            row: list[tuple[str, pymupdf.Font, float]] = []
            used = 0.0
            while words:
                width = words[0][1].text_length(words[0][0], size)
                if row and used + space + width > room:
                    break
                used += width + (space if row else 0)
                row.append((*words.pop(0), width))
            gap = space + (room - used) / (len(row) - 1) if flush and words and len(row) > 1 else space
            x = x0 + indent
            for word, own, width in row:
                writer.append((x, y), word + " ", own, size)
                x += width + gap
            if numbers is not None:
                writer.append((x0 - 40, y), str(numbers), FACES["helv"], 8)
                numbers += 1
            y += leading * size
            indent = 0
        writer.write_text(self.sheet)
        self.next_number = numbers
        return y

    def line(self, x: float, y: float, text: str, size: float = 10, font: str = "tiro", rotate: int = 0) -> None:
        """One line as it is."""
        self.sheet.insert_text((x, y), text, fontsize=size, fontname=font, rotate=rotate)

    def plot(
        self, rect: tuple[float, float, float, float], size: float = 7, curves: int = 2, title: str = "a sample"
    ) -> pymupdf.Rect:
        """A vector plot with ticks, tick labels, axis titles and a legend that fills `rect`."""
        box = pymupdf.Rect(rect)
        axes = pymupdf.Rect(box.x0 + 4 * size, box.y0 + 1.6 * size, box.x1 - 2, box.y1 - 3.4 * size)
        self.sheet.draw_line(axes.bl, axes.br)
        self.sheet.draw_line(axes.bl, axes.tl)
        for i in range(5):
            x, y = axes.x0 + i * axes.width / 4.2, axes.y1 - i * axes.height / 4.2
            self.sheet.draw_line((x, axes.y1), (x, axes.y1 + 3))
            self.sheet.draw_line((axes.x0 - 3, y), (axes.x0, y))
            self.line(x - 3, axes.y1 + 1.5 * size, str(10 * i), size, "helv")
            self.line(axes.x0 - 2.2 * size, y + 2, f"{i}.0", size, "helv")
        self.line(axes.x0 + axes.width / 2 - 20, box.y1 - 2, "time (s)", size, "helv")
        self.line(box.x0 + size, axes.y0 + axes.height / 2 + 20, "signal (V)", size, "helv", rotate=90)
        self.line(axes.x0 + axes.width / 2 - 20, box.y0 + size, title, size, "helv")
        for k in range(curves):
            points = [
                (axes.x0 + t * axes.width, axes.y1 - axes.height * (0.1 + 0.8 * t ** (k + 0.5)))
                for t in np.linspace(0, 1, 20)
            ]
            self.sheet.draw_polyline(points, color=(k / 2, 0.2, 0.8 - k / 2))
            self.line(axes.x0 + 14, axes.y0 + (k + 1.5) * 1.3 * size, f"run {k + 1}", size, "helv")
        return box

    def photo(self, rect: tuple[float, float, float, float], seed: int = 0) -> pymupdf.Rect:
        """A raster picture without white in it."""
        box = pymupdf.Rect(rect)
        noise = np.random.default_rng(seed).integers(
            20, 200, (int(box.height) // 4, int(box.width) // 4, 3), dtype=np.uint8
        )
        stream = io.BytesIO()
        Image.fromarray(noise).save(stream, "PNG")
        self.sheet.insert_image(box, stream=stream.getvalue())
        return box

    def table(self, x0: float, x1: float, y: float, rows: int, size: float = 9) -> float:
        """A ruled table of numbers; returns the y of its last rule."""
        self.sheet.draw_line((x0, y), (x1, y))
        for row in range(rows):
            for column in range(4):
                text = f"col {column}" if row == 0 else f"{row * 3.1 + column:.2f}"
                self.line(x0 + 5 + column * (x1 - x0) / 4, y + 12 + row * 13, text, size)
        end = y + 6 + rows * 13
        self.sheet.draw_line((x0, end), (x1, end))
        return end

    def bytes(self) -> bytes:
        """The finished file."""
        return self.doc.tobytes()


@pytest.fixture
def press() -> Press:
    """An empty document with one page."""
    return Press()


@pytest.fixture
def words():
    """The maker of running text."""
    return prose

"""Small JATS papers, written for one test each."""

from __future__ import annotations

from s1_mmalign.builder.archives import MemoryArchive
from s1_mmalign.builder.formats.jats import read_jats
from s1_mmalign.builder.records import Figure, Paper

XMLNS = 'xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:mml="http://www.w3.org/1998/Math/MathML"'


def article(body: str = "", front: str = "", rest: str = "") -> bytes:
    return f"<article {XMLNS}>{front}<body>{body}</body>{rest}</article>".encode()


def fig(identifier: str = "f1", label: str = "Figure 1.", caption: str = "A cell.", href: str = "f1.tif") -> str:
    label = f"<label>{label}</label>" if label else ""
    graphic = f'<graphic xlink:href="{href}"/>' if href else ""
    return f'<fig id="{identifier}">{label}<caption><p>{caption}</p></caption>{graphic}</fig>'


def read(xml: bytes, *pictures: str) -> Paper:
    return read_jats(MemoryArchive({"paper.xml": xml} | dict.fromkeys(pictures, b"picture")))


def only(paper: Paper) -> Figure:
    assert len(paper.figures) == 1
    return paper.figures[0]


def sources(figure: Figure) -> list[str]:
    return [graphic.source for graphic in figure.graphics]

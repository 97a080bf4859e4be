"""A small paper as LaTeX, JATS and PDF: two figures, each with a caption and a paragraph that cites it."""

from __future__ import annotations

import io
import random

from PIL import Image

_TEX = r"""\documentclass{article}
\usepackage{graphicx}
\title{%(title)s}
\begin{document}
\maketitle
\begin{abstract}A paper of two figures, written to show the form of its package.\end{abstract}
Figure~\ref{fig:one} shows the field at the beginning.
\begin{figure}\includegraphics{one}\caption{The field at the beginning of %(title)s.\label{fig:one}}\end{figure}

The end is in Fig.~\ref{fig:two}.
\begin{figure}\includegraphics{two}\caption{The field at the end of %(title)s.\label{fig:two}}\end{figure}
\end{document}
"""

_FIG = (
    '<fig id="f%(n)d"><label>Figure %(n)d</label><caption><p>The field at the %(when)s of %(title)s.</p></caption>'
    '<graphic xlink:href="%(file)s"/></fig>'
)
_JATS = """<?xml version="1.0" encoding="UTF-8"?>
<article xmlns:xlink="http://www.w3.org/1999/xlink"><front>
<journal-meta><journal-title-group><journal-title>%(journal)s</journal-title></journal-title-group></journal-meta>
<article-meta><article-id pub-id-type="doi">%(doi)s</article-id>
<article-categories><subj-group><subject>%(subject)s</subject></subj-group></article-categories>
<title-group><article-title>%(title)s</article-title></title-group>
<pub-date><day>5</day><month>1</month><year>2026</year></pub-date>%(permissions)s
<abstract><p>A paper of two figures, written to show the form of its package.</p></abstract></article-meta></front>
<body><sec><p><xref ref-type="fig" rid="f1">Figure 1</xref> shows the field at the beginning.</p>%(fig1)s
<p>The end is in <xref ref-type="fig" rid="f2">Figure 2</xref>.</p>%(fig2)s</sec></body></article>
"""
_CC_BY = (
    '<permissions><license xlink:href="http://creativecommons.org/licenses/by/4.0/"><license-p>CC BY 4.0</license-p>'
    "</license></permissions>"
)


def picture(seed: int, form: str = "PNG", side: int = 48) -> bytes:
    """A picture of its own for each seed, over the size under which files are taken for decoration (5 kB)."""
    out = io.BytesIO()
    image = Image.frombytes("RGB", (side, side), random.Random(seed).randbytes(3 * side * side))
    image.save(out, form, **({"quality": 95, "subsampling": 0} if form == "JPEG" else {}))
    return out.getvalue()


def latex(title: str, seed: int) -> dict[str, bytes]:
    """The files of a LaTeX package."""
    return {
        "ms.tex": (_TEX % {"title": title}).encode(),
        "one.png": picture(2 * seed),
        "two.png": picture(2 * seed + 1),
    }


def jats(title: str, doi: str, journal: str, subject: str, files: tuple[str, str], licensed: bool = True) -> bytes:
    """The XML of an article whose figures are `files`."""
    figures = {
        f"fig{n}": _FIG % {"n": n, "when": when, "title": title, "file": file}
        for n, when, file in zip((1, 2), ("beginning", "end"), files, strict=True)
    }
    fields = {"title": title, "doi": doi, "journal": journal, "subject": subject}
    return (_JATS % (fields | figures | {"permissions": _CC_BY if licensed else ""})).encode()


def pdf(title: str, seed: int) -> bytes:
    """A page of text with two pictures and captions below them."""
    import pymupdf

    document = pymupdf.open()
    page = document.new_page(width=595, height=842)
    page.insert_text((60, 60), title, fontsize=15)
    top = 90.0
    for number, when in ((1, "beginning"), (2, "end")):
        text = (
            f"Figure {number} shows the field at the {when}. " + "The text of the paper goes on in this paragraph. " * 5
        )
        page.insert_textbox((60, top, 535, top + 60), text, fontsize=10)
        page.insert_image((200, top + 70, 400, top + 270), stream=picture(2 * seed + number - 1))
        caption = f"Figure {number}: The field at the {when} of {title}."
        page.insert_textbox((60, top + 280, 535, top + 310), caption, fontsize=9)
        top += 330
    document.set_metadata({})
    data = document.tobytes(garbage=3, deflate=True, no_new_id=True)
    document.close()
    return data

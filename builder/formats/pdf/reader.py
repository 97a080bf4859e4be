"""A PDF to a `Paper`: the steps in order, each in a file of its own.

1. `text`: lines of each page, upright. 2. `layout`: columns, line numbers, heads and feet, body style.
3. `captions`: where captions begin and end. 4. `ink`, `regions`: the picture of each caption on its page.
5. `pairing`: over pages, and by the layout model (`witness`). 6. `unnumbered`: illustrations without a number.
7. `blocks`, `contexts`: paragraphs that cite a figure. 8. `render`: the pictures. 9. `metadata`: title, abstract.

Text is held for the whole document; display lists and pixels for one page at a time.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import pymupdf

from s1_mmalign.builder.formats.pdf import contexts, unnumbered
from s1_mmalign.builder.formats.pdf.blocks import flow, paragraphs
from s1_mmalign.builder.formats.pdf.captions import Caption, find_captions
from s1_mmalign.builder.formats.pdf.errors import MUPDF_ERRORS
from s1_mmalign.builder.formats.pdf.geometry import Box
from s1_mmalign.builder.formats.pdf.layout import lay_out
from s1_mmalign.builder.formats.pdf.metadata import read_metadata
from s1_mmalign.builder.formats.pdf.ocr import settle_sizes
from s1_mmalign.builder.formats.pdf.options import PdfOptions
from s1_mmalign.builder.formats.pdf.pairing import Document, Match, pair
from s1_mmalign.builder.formats.pdf.render import cut
from s1_mmalign.builder.formats.pdf.text import PageText, read_page
from s1_mmalign.builder.records import Drop, Figure, Graphic, PackageError, Paper

DEFAULTS = PdfOptions()


def read_pdf(data: bytes, options: PdfOptions = DEFAULTS) -> Paper:
    """Read the PDF in `data` and return its figures with pictures, captions and citing paragraphs.

    Raises `PackageError("source_unreadable")` for what is no PDF, is encrypted, has no pages, no page that can
    be read, or no text at all (a scan). A caption whose picture cannot be found gives a `Drop("no_region")`, a
    picture that has but a number a `Drop("no_caption")`.
    """
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    file = _open(data)
    try:
        return _read(file, options)
    finally:
        file.close()
        pymupdf.TOOLS.store_shrink(100)


def _open(data: bytes) -> pymupdf.Document:
    if not data:
        raise PackageError("source_unreadable", "empty file")
    try:
        file = pymupdf.open(stream=data, filetype="pdf")
        pages, locked = (0, True) if file.needs_pass else (file.page_count, False)
        if not file.is_pdf:  # MuPDF goes by the content and opens pictures and archives too
            raise PackageError("source_unreadable", "no PDF")
    except MUPDF_ERRORS as error:
        raise PackageError("source_unreadable", f"no PDF that can be opened: {error}") from error
    if locked or not pages:
        file.close()
        raise PackageError("source_unreadable", "encrypted, a password is needed" if locked else "no pages")
    return file


def _read(file: pymupdf.Document, options: PdfOptions) -> Paper:
    pages = _pages(file, options)
    layouts, style = lay_out(pages)
    document = Document(file, layouts, style)
    captions = find_captions(layouts, style)
    matches = pair(document, captions, options)
    taken: defaultdict[int, list[Box]] = defaultdict(list)
    for match in matches:
        for number, box in match.places:
            taken[number].append(box)
    paper = Paper(read_metadata(layouts, style, (file.metadata or {}).get("title")))
    loose = unnumbered.illustrations(document, taken)
    keys = {match.caption.key for match in matches}
    cited = contexts.citing(flow([paragraphs(layout, style) for layout in layouts]), keys)
    entries: list[tuple[tuple[int, int, float], Figure, list[tuple[int, Box]], Caption | None]] = []
    for match in matches:
        entries.append((_place(match.caption), _figure(match, cited), match.places, match.caption))
    for number, box, text in loose:
        entries.append(((number, 0, box.y0), Figure("", text), [(number, box)], None))
    entries.sort(key=lambda entry: entry[0])
    _write(document, entries[: options.max_figures], paper, options)
    return paper


def _pages(file: pymupdf.Document, options: PdfOptions) -> list[PageText]:
    """The text of all pages; a page that cannot be read counts as blank."""
    pages: list[PageText] = []
    broken = ""
    for index in range(min(file.page_count, options.max_pages)):
        try:
            pages.append(read_page(file[index], index + 1))
        except MUPDF_ERRORS as error:
            broken = str(error)
            pages.append(PageText(index + 1, Box(0, 0, 612, 792), 0, broken=True))
    settle_sizes([page.pieces for page in pages if page.recognised])
    if all(page.broken for page in pages):
        raise PackageError("source_unreadable", f"no page can be read: {broken}")
    if not any(page.pieces for page in pages):
        raise PackageError("source_unreadable", f"no text on {len(pages)} pages: a scan needs OCR before")
    return pages


def _place(caption: Caption) -> tuple[int, int, float]:
    return caption.page, max(caption.first.column, 0), caption.box.y0


def _figure(match: Match, cited: dict[contexts.Key, list[str]]) -> Figure:
    caption = match.caption
    return Figure("", caption.text, number=caption.number, contexts=cited.get(caption.key, []))


def _write(
    document: Document,
    entries: list[tuple[tuple[int, int, float], Figure, list[tuple[int, Box]], Caption | None]],
    paper: Paper,
    options: PdfOptions,
) -> None:
    """Cut the pictures, page by page, and file each entry as a figure or a drop."""
    crowd = Counter(number for _, _, places, _ in entries for number, _ in places)
    nth: Counter[int] = Counter()
    for index, (_, figure, places, caption) in enumerate(entries, 1):
        figure.figure_id = f"fig{index}"
        if caption is not None and not places:
            detail = f"page {caption.page}: {caption.first.text[:80]}"
            paper.drops.append(Drop("", figure.figure_id, "no_region", detail))
            continue
        if not figure.caption:
            detail = f"page {places[0][0]}: {caption.first.text[:80] if caption else ''}"
            paper.drops.append(Drop("", figure.figure_id, "no_caption", detail))
            continue
        for number, box in places:
            nth[number] += 1
            source = f"page:{number}#{nth[number]}" if crowd[number] > 1 else f"page:{number}"
            page = document.page(number)
            try:
                picture = cut(page, page.get_displaylist(), box, options)
            except MUPDF_ERRORS as error:
                paper.drops.append(Drop("", f"{figure.figure_id} {source}", "image_unreadable", str(error)))
                continue
            figure.graphics.append(Graphic(source, data=picture))
        if figure.graphics:
            paper.figures.append(figure)

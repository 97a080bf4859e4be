"""One package -> rows and drops: what a worker process does."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePosixPath

from s1_mmalign.builder.archives import Archive
from s1_mmalign.builder.disciplines import discipline_of
from s1_mmalign.builder.extraction import Extraction, Row
from s1_mmalign.builder.formats.jats import read_jats
from s1_mmalign.builder.formats.latex import read_latex
from s1_mmalign.builder.formats.pdf.reader import read_pdf
from s1_mmalign.builder.ghostscript_batch import PostScriptBatches
from s1_mmalign.builder.images import EncodedImage, ImageDrop, ImageOptions, encode_image
from s1_mmalign.builder.licences import licence_class
from s1_mmalign.builder.options import ExtractOptions
from s1_mmalign.builder.records import (
    DISCIPLINES,
    LICENCE_CLASSES,
    SOURCES,
    Drop,
    Figure,
    Format,
    Graphic,
    Metadata,
    PackageError,
    Paper,
)
from s1_mmalign.builder.sources.identify import arxiv_id_of, source_of_doi
from s1_mmalign.builder.sources.metadata import metadata_beside
from s1_mmalign.builder.sources.package import Package, load_package

_ARTICLE = rb"<(\w+:)?article[\s>]"


def extract_package(package: Package, options: ExtractOptions, *, keep_figures: bool = False) -> Extraction:
    """Read one package to the end. Its faults come back as drops; only `MemoryError` and this program's own do not."""
    extraction = Extraction()
    try:
        loaded = load_package(package)
        extraction.digest = loaded.digest
        archive = loaded.open(options.limits)
        del loaded
        form, paper = read_paper(archive, options)
    except PackageError as error:
        extraction.drops.append(Drop(package.paper_id, "", error.reason, error.detail))
        return extraction
    known = package.metadata
    if package.remote is None and package.path.suffix.lower() == ".pdf":
        known = known.over(metadata_beside(package.path))
    metadata = _complete(known.over(paper.metadata), package, form, options)
    extraction.figures = paper.figures if keep_figures else []
    pictures = _Pictures(paper.figures, archive, options.image)
    for index, figure in enumerate(paper.figures, 1):
        _add_figure(extraction, figure, index, pictures, package.paper_id, metadata)
    extraction.drops += [Drop(package.paper_id, drop.where, drop.reason, drop.detail) for drop in paper.drops]
    if not extraction.rows and not extraction.drops:
        extraction.drops.append(Drop(package.paper_id, "", "no_figures", f"{form} source without a figure"))
    return extraction


def read_paper(archive: Archive, options: ExtractOptions) -> tuple[Format, Paper]:
    """Read an archive by the form of its source.

    LaTeX goes before JATS and both before PDF: packages of the first two carry PDFs as figures or as print.

    Raises:
        PackageError: there is no source of any form, or it cannot be read.
    """
    form = format_of(archive)
    if form == "latex":
        return form, read_latex(archive, options.latex)
    if form == "jats":
        return form, read_jats(archive)
    pdfs = [name for name in archive.names() if _is_pdf(archive, name)]
    return form, read_pdf(archive.read(max(pdfs, key=archive.size)), options.pdf)


def format_of(archive: Archive) -> Format:
    """Tell the form of a package's source by names first and by the bytes where names say nothing.

    Raises:
        PackageError: `no_source`.
    """
    names = archive.names()
    suffixes = {PurePosixPath(name).suffix.lower() for name in names}
    if suffixes & {".tex", ".ltx", ".latex"}:
        return "latex"
    if ".nxml" in suffixes or any(_looks_like(archive, name, _ARTICLE) for name in names if _is_xml(name)):
        return "jats"
    if any(_is_pdf(archive, name) for name in names):
        return "pdf"
    for name in names:
        if _looks_like(archive, name, rb"\\document(class|style)|\\begin\s*\{document\}|\\input\s|\\magnification"):
            return "latex"
        if _looks_like(archive, name, _ARTICLE):
            return "jats"
    raise PackageError("no_source", f"no LaTeX, JATS or PDF among {len(names)} files")


def _is_xml(name: str) -> bool:
    return name.lower().endswith(".xml")


def _is_pdf(archive: Archive, name: str) -> bool:
    return name.lower().endswith(".pdf") or (archive.size(name) > 8 and archive.read(name)[:1024].find(b"%PDF-") >= 0)


def _looks_like(archive: Archive, name: str, pattern: bytes) -> bool:
    return re.search(pattern, archive.read(name)[:65_536]) is not None


def _complete(metadata: Metadata, package: Package, form: Format, options: ExtractOptions) -> Metadata:
    """Fill source, arXiv id, url and discipline from what else is known."""
    metadata.arxiv_id = metadata.arxiv_id or (arxiv_id_of(package.paper_id) if form != "jats" else None)
    metadata.source = (
        options.source
        or metadata.source
        or source_of_doi(metadata.doi)
        or ("arxiv" if form == "latex" or metadata.arxiv_id else "other")
    )
    if metadata.arxiv_id and metadata.source == "arxiv":
        metadata.url = metadata.url or f"https://arxiv.org/abs/{metadata.arxiv_id}"
    elif metadata.doi:
        metadata.url = metadata.url or f"https://doi.org/{metadata.doi}"
    metadata.discipline = metadata.discipline or discipline_of(metadata.source, metadata.categories)
    return metadata


def _add_figure(
    extraction: Extraction,
    figure: Figure,
    index: int,
    pictures: _Pictures,
    paper_id: str,
    metadata: Metadata,
) -> None:
    """Turn each graphic of a figure into a row or a drop."""
    for position, graphic in enumerate(figure.graphics, 1):
        where = f"{figure.figure_id} {graphic.source}"
        if not figure.caption and not graphic.subcaption:
            extraction.drops.append(Drop(paper_id, where, "no_caption"))
            continue
        try:
            image = pictures.of(graphic)
        except KeyError:
            extraction.drops.append(Drop(paper_id, where, "image_missing", "not in the package"))
        except PackageError as error:
            extraction.drops.append(Drop(paper_id, where, "image_unreadable", error.detail))
        except ImageDrop as error:
            extraction.drops.append(Drop(paper_id, where, error.reason, error.detail))
        else:
            name = f"fig{index:03d}" + (f"_{position}" if len(figure.graphics) > 1 else "")
            extraction.rows.append(_row(figure, graphic, image, name, paper_id, metadata))


class _Pictures:
    """The graphics of a paper as PNG or JPEG; of what a reader has cut out itself the number of bytes says nothing."""

    def __init__(self, figures: list[Figure], archive: Archive, options: ImageOptions) -> None:
        graphics = [
            graphic for figure in figures for graphic in figure.graphics if figure.caption or graphic.subcaption
        ]
        self._archive = archive
        self._options = options
        self._postscript = PostScriptBatches(graphics, self._read, options.longest_side)

    def of(self, graphic: Graphic) -> EncodedImage:
        """Raises `KeyError` (it is not in the archive), `PackageError`, `ImageDrop`."""
        if graphic.data is not None:
            return encode_image(graphic.data, graphic.source, replace(self._options, min_bytes=0), graphic)
        drawn = self._postscript.take(graphic)
        return encode_image(self._read(graphic), graphic.source, self._options, graphic, drawn)

    def _read(self, graphic: Graphic) -> bytes:
        return self._archive.read(graphic.source)


def _row(figure: Figure, graphic: Graphic, image: EncodedImage, name: str, paper_id: str, metadata: Metadata) -> Row:
    """One row of the dataset, as `records.FEATURES` describes it."""
    file_name = f"{name}.{image.extension}"
    row: Row = {
        "image": {"bytes": image.data, "path": file_name},
        "image_path": f"{metadata.source}/{folder_of_paper(paper_id)}/{file_name}",
        "caption": figure.caption,
        "subcaption": graphic.subcaption,
        "recaption": None,
        "paper_id": paper_id,
        "doi": metadata.doi,
        "arxiv_id": metadata.arxiv_id,
        "title": metadata.title,
        "abstract": metadata.abstract,
        "categories": metadata.categories,
        "discipline": DISCIPLINES.index(metadata.discipline) if metadata.discipline else None,
        "published": metadata.published,
        "url": metadata.url,
        "source": SOURCES.index(metadata.source or "other"),
        "licence": metadata.licence,
        "licence_class": LICENCE_CLASSES.index(licence_class(metadata.licence)),
        "figure_id": figure.figure_id,
        "figure_label": figure.label,
        "figure_number": figure.number,
        "panel": graphic.panel,
        "panels": len(figure.graphics),
        "image_source": graphic.source,
        "citation_contexts": figure.contexts,
        "width": image.width,
        "height": image.height,
        "image_sha256": image.sha256,
        "phash": image.phash,
        "recaption_model": None,
        "recaption_prompt": None,
        "recaption_key": None,
        "recaption_finish_reason": None,
        "recaption_flags": None,
    }
    return {key: scrub(value) for key, value in row.items()}


def folder_of_paper(paper_id: str) -> str:
    """Return the paper's folder in `image_path`: no separators, blanks or leading dots."""
    return re.sub(r"[^\w.\-]+", "_", paper_id).lstrip(".") or "_"


def scrub(value: object) -> object:
    """Make text storable: no NUL, no lone surrogates (broken encodings of papers bring both)."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [scrub(item) for item in value]
    return value

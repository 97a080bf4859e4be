"""LaTeX packages to `Paper`: finds and reads the main file, and turns what was found into the records."""

from __future__ import annotations

from s1_mmalign.builder.archives import Archive
from s1_mmalign.builder.formats.latex.assemble import Assembled, Found, assemble
from s1_mmalign.builder.formats.latex.crossrefs import push_source
from s1_mmalign.builder.formats.latex.events import Document, Paragraph, Picture, Target
from s1_mmalign.builder.formats.latex.figures import record
from s1_mmalign.builder.formats.latex.legends import pair_apart
from s1_mmalign.builder.formats.latex.options import LatexOptions
from s1_mmalign.builder.formats.latex.references import (
    Numbers,
    citing_paragraphs,
    may_mention_figures,
    typed_numbers,
)
from s1_mmalign.builder.formats.latex.registry import new_interpreter
from s1_mmalign.builder.formats.latex.rendered import render_drawings
from s1_mmalign.builder.formats.latex.sources import SourceTree
from s1_mmalign.builder.formats.latex.to_text import TextPrinter
from s1_mmalign.builder.formats.latex.tokens import prepare
from s1_mmalign.builder.records import Drop, DropReason, Figure, Metadata, Paper

_DEFAULTS = LatexOptions()


def read_latex(archive: Archive, options: LatexOptions = _DEFAULTS) -> Paper:
    """Read a LaTeX source package.

    Nothing is written and no program is run, unless the options ask for TikZ to be drawn. Drops inside the paper:
    `image_missing` for each file that the source names and the package lacks, `drawn_in_source` for what TikZ and the
    like draw, `table_as_image` for pictures in floats of tables, `no_caption` for pictures without a caption. A figure
    that shows nothing has no graphics.

    Raises:
        PackageError: `no_source` without a TeX main file, `source_unreadable` where that file is no text.
    """
    files = SourceTree(archive)
    paper = Paper()
    for root in files.roots():
        _read_root(files, root, paper, options)
    return paper


def _read_root(files: SourceTree, root: str, paper: Paper, options: LatexOptions) -> None:
    source = files.open_root(root)
    tex = new_interpreter(files)
    tex.in_body = "\\begin{document}" not in source
    push_source(tex, prepare(source))
    document = tex.read()
    assembled = assemble(document.events)
    numbers = Numbers(document.labels)
    printer = TextPrinter(tex, numbers)
    pair_apart(assembled, document, printer, files.names)
    for found in assembled.figures:
        _correct_labels(found, numbers)
    figures: list[tuple[Figure, Found]] = []
    rendered = render_drawings(files, source, assembled.figures, options.tikz_timeout_s) if options.render_tikz else {}
    for found in assembled.figures:
        figure, drops = record(found, printer, f"fig{len(paper.figures) + 1}", rendered)
        paper.drops.extend(drops)
        if figure is not None:
            paper.figures.append(figure)
            figures.append((figure, found))
    _add_contexts(figures, document, numbers, printer)
    _drop_others(assembled, paper)
    if paper.metadata.title is None:
        title, abstract = printer.print(document.title), printer.print(document.abstract)
        paper.metadata = Metadata(title=title or None, abstract=abstract or None)


def _correct_labels(found: Found, numbers: Numbers) -> None:
    """Let all labels of a float mean its figure, wherever in it they stand."""
    if found.caption is None or found.caption.number is None:
        return
    for label in found.labels:
        letter = found.panel_labels.get(label, "")
        numbers.targets[label] = Target(found.caption.counter, found.caption.number + letter)


def _add_contexts(
    figures: list[tuple[Figure, Found]], document: Document, numbers: Numbers, printer: TextPrinter
) -> None:
    """Give each figure the paragraphs that refer to it; one that none refers to, those that name its number."""
    printed: dict[int, str] = {}

    def text(paragraph: Paragraph) -> str:
        key = id(paragraph)
        if key not in printed:
            printed[key] = printer.print(paragraph.nodes, footnotes=True)
        return printed[key]

    citing = citing_paragraphs(document, numbers)
    order = {id(paragraph): index for index, paragraph in enumerate(document.paragraphs)}
    for figure, found in figures:
        paragraphs = {id(p): p for label in found.labels for p in citing.get(label, ())}
        in_order = sorted(paragraphs.values(), key=lambda paragraph: order[id(paragraph)])
        figure.contexts = list(dict.fromkeys(filter(None, map(text, in_order))))
    unmentioned = [figure for figure, _ in figures if not figure.contexts and figure.number]
    if not unmentioned:
        return
    for paragraph in filter(may_mention_figures, document.paragraphs):
        mentioned = typed_numbers(text(paragraph))
        for figure in unmentioned:
            if figure.number in mentioned and text(paragraph) not in figure.contexts:
                figure.contexts.append(text(paragraph))


def _drop_others(assembled: Assembled, paper: Paper) -> None:
    """Note the pictures that are no figures."""
    others: list[tuple[Picture, DropReason, str]] = [
        (picture, "table_as_image", f"in a float {name}") for name, picture in assembled.in_other_floats
    ]
    others += [(picture, "no_caption", "outside any float") for picture in assembled.uncaptioned]
    for picture, reason, detail in others:
        if picture.path is None:
            paper.drops.append(Drop("", picture.asked, "image_missing", detail))
        else:
            paper.drops.append(Drop("", picture.path, reason, detail))

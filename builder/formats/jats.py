"""JATS packages (bioRxiv and medRxiv MECA, PubMed Central, publishers' deposits): article XML and picture files.

JATS is ANSI/NISO Z39.96 (https://jats.nlm.nih.gov); its forerunner, the NLM DTD, reads the same. The work is
shared: `jats_figures` finds figures, labels and captions, `jats_images` the files, `jats_text` and `jats_math`
the words, `jats_metadata` what the front matter says. Here the article is found, parsed and put together.
"""

from __future__ import annotations

import re
from typing import Any

from lxml import etree

from s1_mmalign.builder.archives import Archive
from s1_mmalign.builder.formats.jats_figures import number_of, printed_labels, read_figures
from s1_mmalign.builder.formats.jats_images import MemberIndex
from s1_mmalign.builder.formats.jats_math import letters_of
from s1_mmalign.builder.formats.jats_metadata import read_metadata
from s1_mmalign.builder.formats.jats_text import plain_text
from s1_mmalign.builder.formats.latex.references import typed_numbers
from s1_mmalign.builder.records import Figure, PackageError, Paper

MAX_XML_BYTES = 64 << 20
"""The largest article XML that is parsed; its tree takes some ten times as much memory."""

# Faults that a tolerant second reading repairs without losing text around them: an entity that no DTD
# declares, a stray control character or byte, an undeclared prefix (codes: libxml2's xmlerror.h).
_REPAIRABLE = frozenset(
    (
        etree.ErrorTypes.ERR_UNDECLARED_ENTITY,
        etree.ErrorTypes.WAR_UNDECLARED_ENTITY,
        etree.ErrorTypes.ERR_INVALID_CHAR,
        etree.ErrorTypes.ERR_INVALID_CHARREF,
        etree.ErrorTypes.ERR_INVALID_ENCODING,
        etree.ErrorTypes.NS_ERR_UNDEFINED_NAMESPACE,
    )
)
_NOT_PARAGRAPHS_OF_THE_BODY = frozenset({
    "caption", "fig", "fig-group", "table-wrap", "supplementary-material", "media", "abstract",
    "trans-abstract", "article-meta", "ref-list",
})  # fmt: skip
_ARTICLE_TAG = re.compile(rb"<(?:[\w.-]+:)?article[\s>]")
_LEGEND = re.compile(r"((?:[A-Z][a-z]+ ){0,2}(?:Figure|Fig\.?|Scheme|FIGURE|FIG\.?) ?[A-Z]?\d+)\s?[.:|]\s?(?=\S)")
_SIDE_FILES = frozenset(("manifest.xml", "transfer.xml", "directives.xml", "reviews.xml", "container.xml"))


def read_jats(archive: Archive) -> Paper:
    """Read the article of a JATS package: metadata, figures with pictures and citing paragraphs, drops.

    A figure without any picture in the package is a drop (`image_missing`) and no figure.

    Raises:
        PackageError: `no_source` (no article XML inside), `source_unreadable` (it cannot be parsed).
    """
    name, article = find_article(archive)
    found = read_figures(article, MemberIndex(archive.names(), name))
    _add_contexts(article, found.by_id)
    _add_missing_captions(article, found.figures)
    _add_typed_contexts(article, found.figures)
    return Paper(metadata=read_metadata(article), figures=found.figures, drops=found.drops)


def find_article(archive: Archive) -> tuple[str, etree._Element]:
    """Return the name of the article XML and its `<article>` element, parsed.

    Where several files hold an article, PMC's `.nxml` comes first, then MECA's `content/`, then the largest.

    Raises:
        PackageError: as `read_jats`.
    """
    names = archive.names()
    candidates = [name for name in names if _may_be_article(name) or len(names) == 1]
    candidates.sort(key=lambda name: (not name.lower().endswith(".nxml"), "content/" not in name, -archive.size(name)))
    fault: PackageError | None = None
    for name in candidates:
        if archive.size(name) > MAX_XML_BYTES:
            fault = fault or PackageError("source_unreadable", f"{name} is larger than {MAX_XML_BYTES} bytes")
            continue
        data = archive.read(name)
        if not _ARTICLE_TAG.search(data[:65_536].replace(b"\0", b"")):
            continue
        try:
            return name, parse_article(data)
        except PackageError as error:
            fault = fault or PackageError(error.reason, f"{name}: {error.detail}")
    raise fault or PackageError("no_source", f"no JATS article among {len(names)} files")


def parse_article(data: bytes) -> etree._Element:
    """Parse article XML without DTD, network and entity expansion, and return its `<article>`.

    Namespaces of JATS itself, sub-articles (reviews, responses, translations) and comments are taken off.

    Raises:
        PackageError: `source_unreadable`.
    """
    root = _parse(data)
    article = root if _is_article(root) else next(root.iter("{*}article"), None)
    if article is None:
        raise PackageError("source_unreadable", f"the root is <{etree.QName(root).localname}>, with no article in it")
    namespace = etree.QName(article).namespace
    if namespace:
        for element in article.iter(f"{{{namespace}}}*"):
            element.tag = etree.QName(element).localname
    for part in [*article.findall("sub-article"), *article.findall("response")]:
        article.remove(part)
    return article


def _parse(data: bytes) -> etree._Element:
    parser = _parser()
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        fault = PackageError("source_unreadable", str(error))
    kinds = {entry.type for entry in parser.error_log}
    if not kinds <= _REPAIRABLE:
        raise fault
    # Bytes that are not UTF-8 under a declaration that says so are Windows' in practice.
    wrong_encoding = etree.ErrorTypes.ERR_INVALID_ENCODING in kinds
    parser = _parser(recover=True, encoding="cp1252" if wrong_encoding else None)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise fault from error
    if root is None or not {entry.type for entry in parser.error_log} <= _REPAIRABLE:
        raise fault
    for element in root.iter("*"):
        if ":" in element.tag and "}" not in element.tag:  # a prefix that nothing declares
            element.tag = element.tag.rpartition(":")[2]
    return root


def _parser(**options: Any) -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        **options,
    )


def _may_be_article(name: str) -> bool:
    base = name.rpartition("/")[2].lower()
    return base.endswith((".xml", ".nxml")) and base not in _SIDE_FILES and not base.startswith(".")


def _is_article(element: etree._Element) -> bool:
    return isinstance(element.tag, str) and etree.QName(element).localname == "article"


def _add_contexts(article: etree._Element, figures: dict[str, Figure]) -> None:
    """Give each figure the paragraphs of text that refer to it, in reading order, each once."""
    labels = printed_labels(article)
    texts: dict[etree._Element, str] = {}
    given: set[tuple[str, etree._Element]] = set()
    for reference in article.iter("xref"):
        cited = [figures[name] for name in (reference.get("rid") or "").split() if name in figures]
        paragraph = _paragraph_around(reference) if cited else None
        if paragraph is None:
            continue
        if paragraph not in texts:
            texts[paragraph] = plain_text(paragraph, labels)
        for figure in cited:
            if (figure.figure_id, paragraph) not in given and texts[paragraph]:
                given.add((figure.figure_id, paragraph))
                figure.contexts.append(texts[paragraph])


def _add_typed_contexts(article: etree._Element, figures: list[Figure]) -> None:
    """Give figures that no reference points to the paragraphs that name their number: "Fig. 3"."""
    wanted = [figure for figure in figures if not figure.contexts and figure.number]
    for paragraph in article.iter("p") if wanted else ():
        if "fig" not in letters_of(paragraph).lower() or _paragraph_around(paragraph) is not None:
            continue  # no mention, or a paragraph in another
        if any(ancestor.tag in _NOT_PARAGRAPHS_OF_THE_BODY for ancestor in paragraph.iterancestors()):
            continue
        text = plain_text(paragraph)
        numbers = set() if _LEGEND.match(text) else typed_numbers(text)
        for figure in wanted:
            if figure.number in numbers and text not in figure.contexts:
                figure.contexts.append(text)


def _paragraph_around(reference: etree._Element) -> etree._Element | None:
    """The innermost paragraph around a reference; None in captions, tables, abstracts and other front matter."""
    paragraph = None
    for ancestor in reference.iterancestors():
        if ancestor.tag in _NOT_PARAGRAPHS_OF_THE_BODY:
            return None
        if paragraph is None and ancestor.tag == "p":
            paragraph = ancestor
    return paragraph


def _add_missing_captions(article: etree._Element, figures: list[Figure]) -> None:
    """Give figures without a caption their paragraph `Figure 3. …` of a list of legends, where there is exactly one."""
    bare = {_kind_and_number(figure.label): figure for figure in figures if figure.label and not figure.caption}
    legends: dict[tuple[str, str | None], list[str]] = {key: [] for key in bare}
    for paragraph in article.iterfind(".//p") if bare else ():
        if _LEGEND.match(" ".join(letters_of(paragraph)[:80].split())):
            text = plain_text(paragraph)
            if (match := _LEGEND.match(text)) and (key := _kind_and_number(match.group(1))) in bare:
                legends[key].append(text)
    for key, texts in legends.items():
        if len(texts) == 1 and (match := _LEGEND.match(texts[0])):
            bare[key].caption = texts[0][match.end() :]
            bare[key].contexts = [context for context in bare[key].contexts if context != texts[0]]


def _kind_and_number(label: str) -> tuple[str, str | None]:
    """What two spellings of one label share: its first letter (Figure, Supplementary, Extended) and its number."""
    return label[:1].lower(), number_of(label)

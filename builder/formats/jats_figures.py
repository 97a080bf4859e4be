"""The figures of a JATS article: which elements are one, their labels, captions and pictures.

An article is a tree without namespace and without sub-articles (`jats.parse_article` sees to both).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from s1_mmalign.builder.formats.jats_images import MemberIndex, picture_key, quality
from s1_mmalign.builder.formats.jats_metadata import XML_LANG, href_of
from s1_mmalign.builder.formats.jats_text import plain_text
from s1_mmalign.builder.records import Drop, Figure, Graphic

_KINDS = r"figures?|figs?|fig\.?s|scheme|chart|plate|graph|image|illustration|figura|abbildung|abb"
_WHOSE = r"(?:supplement(?:ary|al)|supporting|suppl?|extended\s+data|additional|appendix|online|web)\.?\s+"
_LABEL_WORDS = re.compile(
    rf"(?:{_WHOSE})*(?:(?:{_KINDS})\b\.?|(?!appendix|box)[^\W\d_]+\.?(?=\s+[A-Z]?\d))\s*", re.IGNORECASE
)
_NUMBER = re.compile(r"[A-Z]{0,3}[.-]?\d|[IVXLC]+\b|[A-Z]\b", re.IGNORECASE)
_TRAILING_KIND = re.compile(rf"\s+(?:{_KINDS})\.?$", re.IGNORECASE)
_INDEX = re.compile(
    rf"((?:{_WHOSE})*(?:{_KINDS})\.?\s*(?:[A-Z]{{1,2}}[.-]?)?\d+(?:\.\d+)?[A-Za-z]?)\s*(?:[:|.]|[—–-]\s)\s*",
    re.IGNORECASE,
)
_PRINTED_NUMBER = re.compile(rf"(?:{_WHOSE})*(?:{_KINDS})\b", re.IGNORECASE)

_NOT_OF_THE_FIGURE = frozenset({
    "caption", "table-wrap", "table", "inline-formula", "disp-formula", "tex-math", "math", "label", "fn",
    "attrib", "permissions",
})  # fmt: skip
_FIGURES = frozenset(("fig", "fig-group", "chem-struct-wrap"))
_CITABLE = _FIGURES | {"graphic", "media"}
_DECORATED = frozenset(("bio", "contrib", "journal-meta", "custom-meta"))
_THUMBNAIL = re.compile(r"thumb|icon|small", re.IGNORECASE)


@dataclass(slots=True)
class FoundFigures:
    """The figures in source order; each id that an `<xref>` may name, with its figure; and what fell out."""

    figures: list[Figure] = field(default_factory=list)
    by_id: dict[str, Figure] = field(default_factory=dict)
    drops: list[Drop] = field(default_factory=list)


def read_figures(article: etree._Element, members: MemberIndex) -> FoundFigures:
    """Return every figure of `article`: `<fig>`, figure supplements, and groups under one caption.

    A figure of which no picture is in the package stands in `by_id` but not in `figures`; its drops say why.
    """
    found = FoundFigures()
    labels = printed_labels(article)
    taken: set[str] = set()
    for index, element in enumerate(_figure_elements(article), 1):
        figure = Figure(figure_id=_unique(element.get("id") or f"fig{index}", taken), caption="")
        _read_words(figure, element, article, labels)
        _read_pictures(figure, element, members, labels, found.drops)
        for part in _own_parts(element):
            if part.tag in _CITABLE and part.get("id"):
                found.by_id.setdefault(part.get("id", ""), figure)
        if figure.graphics:
            found.figures.append(figure)
    found.drops += _pictures_of_no_figure(article)
    return found


def printed_labels(article: etree._Element) -> dict[str, str]:
    """Return the label of each element that has an id and one, for references that print nothing themselves."""
    labels = {}
    for label in article.iter("label"):
        parent = label.getparent()
        if parent is not None and parent.get("id") and parent.get("id") not in labels:
            labels[parent.get("id", "")] = plain_text(label).rstrip(".:| ")
    return labels


def number_of(label: str) -> str | None:
    """Return the number that a label prints: `Figure 3.` -> `3`, `Fig. S1` and `S1 Fig` -> `S1`.

    >>> number_of("Figure 1—figure supplement 2."), number_of("Graphical abstract")
    ('1—figure supplement 2', None)
    """
    label = re.sub(r"\s*\(cont[^)]*\)", "", label).strip(" .:|,;—–-")
    words = _LABEL_WORDS.match(label)
    number = label[words.end() :] if words else label
    number = _TRAILING_KIND.sub("", number).strip(" .:|,;—–-")
    if words and words.end() and _NUMBER.match(number):
        return number
    return number if re.search(r"\d", number) else None


def _figure_elements(article: etree._Element) -> Iterator[etree._Element]:
    """Yield the elements that are one figure each: no panel of a figure, and no group of figures."""
    figures: set[etree._Element] = set()
    for element in article.iter("fig", "fig-group", "chem-struct-wrap"):
        if not _is_numbered(element) and not figures.isdisjoint(element.iterancestors()):
            continue
        if element.tag == "fig-group" and not _is_one_figure(element):
            continue
        if element.tag == "chem-struct-wrap" and element.find("caption") is None:
            continue
        figures.add(element)
        yield element


def _is_numbered(element: etree._Element) -> bool:
    """Whether an element is labelled as a figure of its own, as supplements inside a figure are, not as a panel."""
    label = element.find("label")
    return label is not None and _PRINTED_NUMBER.match(plain_text(label)) is not None


def _is_one_figure(group: etree._Element) -> bool:
    """Whether a group is one figure with panels: it has a caption, and no part of it is numbered as a figure."""
    caption = group.find("caption")
    if caption is None or not plain_text(caption):
        return False
    return not any(_is_numbered(part) for part in group.iterfind("fig"))


def _unique(figure_id: str, taken: set[str]) -> str:
    name, count = figure_id, 1
    while name in taken:
        count += 1
        name = f"{figure_id}-{count}"
    taken.add(name)
    return name


def _read_words(figure: Figure, element: etree._Element, article: etree._Element, labels: dict[str, str]) -> None:
    """Fill label, number and caption. A caption that begins with its own label loses it."""
    label = element.find("label")
    figure.label = (plain_text(label).rstrip(".:| ") or None) if label is not None else None
    caption = _caption(element, article.get(XML_LANG), labels)
    index = _INDEX.match(caption)
    if index and (figure.label is None or number_of(index.group(1)) == number_of(figure.label)):
        figure.label = figure.label or index.group(1)
        caption = caption[index.end() :]
    elif figure.label and (again := re.match(rf"{re.escape(figure.label)}(?!\w)[\s.:|—–-]*(?=[^a-z\s]|$)", caption)):
        caption = caption[again.end() :]
    figure.caption = caption
    figure.number = number_of(figure.label) if figure.label else None


def _caption(element: etree._Element, language: str | None, labels: dict[str, str]) -> str:
    """The caption in the article's language, else the first; text beside the picture where there is no caption."""
    captions = element.findall("caption")
    captions.sort(key=lambda one: one.get(XML_LANG) not in (None, language))
    for caption in captions:
        if text := plain_text(caption, labels):
            return text
    return " ".join(filter(None, (plain_text(paragraph, labels) for paragraph in element.findall("p"))))


def _read_pictures(
    figure: Figure, element: etree._Element, members: MemberIndex, labels: dict[str, str], drops: list[Drop]
) -> None:
    """Fill the graphics, a drop for each picture that the package lacks."""
    pictures = list(_pictures(element))
    if not pictures:
        drops.append(Drop("", figure.figure_id, "image_missing", "the figure names no image"))
        return
    seen: set[str] = set()
    for hrefs, panel in pictures:
        source = members.best(hrefs)
        if source is None and len(pictures) == 1:
            source = members.best(_names_of(element))
        if source is None:
            drops.append(Drop("", f"{figure.figure_id} {hrefs[0]}", "image_missing", "not in the package"))
        elif source not in seen:
            seen.add(source)
            label, subcaption = (None, None) if panel is element else _panel_words(panel, labels)
            figure.graphics.append(Graphic(source, label, subcaption))


def _pictures(element: etree._Element) -> Iterator[tuple[list[str], etree._Element]]:
    """Yield each picture of a figure: the names of its forms, best first, and the element that words it."""
    forms: dict[str, tuple[list[str], etree._Element]] = {}
    thumbnails: dict[str, tuple[list[str], etree._Element]] = {}
    inline: dict[str, tuple[list[str], etree._Element]] = {}
    for graphic in _own_parts(element):
        href = href_of(graphic) if _is_picture(graphic) else None
        if href is None:
            continue
        folder = href.rpartition("/")[0]
        around = _closest(graphic, "alternatives")
        # Forms of one picture are those of one <alternatives>, and those that differ by size word or format only.
        key = f"alternatives {id(around)}" if around is not None else f"{folder}/{picture_key(href)}"
        shelf = inline if graphic.tag == "inline-graphic" else thumbnails if _is_thumbnail(graphic) else forms
        panel = graphic
        if graphic.find("caption") is None and graphic.find("label") is None:
            panel = next(a for a in graphic.iterancestors() if a is element or a.tag == "fig")
        shelf.setdefault(key, ([], panel))[0].append(href)
    for hrefs, panel in (forms or thumbnails or inline).values():
        yield sorted(hrefs, key=quality), panel


def _own_parts(element: etree._Element) -> Iterator[etree._Element]:
    """Yield a figure's element and those inside, not those of captions, formulas, tables and figures of their own."""
    stack: list[etree._Element] = [element]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(
            child
            for child in reversed(node)
            if child.tag not in _NOT_OF_THE_FIGURE and not (child.tag in _FIGURES and _is_numbered(child))
        )


def _closest(node: etree._Element, tag: str) -> etree._Element | None:
    parent = node.getparent()
    return parent if parent is not None and parent.tag == tag else None


def _is_picture(element: etree._Element) -> bool:
    return element.tag in ("graphic", "inline-graphic") or (
        element.tag == "media" and element.get("mimetype") == "image"
    )


def _is_thumbnail(graphic: etree._Element) -> bool:
    return any(_THUMBNAIL.search(graphic.get(name) or "") for name in ("specific-use", "content-type"))


def _names_of(element: etree._Element) -> list[str]:
    """Other names by which a deposit may call a figure's only picture: its ids (HighWire's `F1`)."""
    names = [element.get("id")]
    names += [str(value) for key, value in element.attrib.items() if str(key).endswith("}id")]
    names += [identifier.text for identifier in element.findall("object-id")]
    return [name.strip() for name in names if name and name.strip()]


def _panel_words(panel: etree._Element, labels: dict[str, str]) -> tuple[str | None, str | None]:
    """Return label and caption of a panel, None for each that it lacks."""
    label, caption = panel.find("label"), panel.find("caption")
    return (
        (plain_text(label).strip("().:| ") or None) if label is not None else None,
        (plain_text(caption, labels) or None) if caption is not None else None,
    )


def _pictures_of_no_figure(article: etree._Element) -> Iterator[Drop]:
    """Yield a drop for each table that is a picture, and for each picture that stands without a caption."""
    for graphic in article.iter("graphic"):
        around = list(graphic.iterancestors())
        tags = {ancestor.tag for ancestor in around}
        if tags & {
            "fig",
            "fig-group",
            "disp-formula",
            "inline-formula",
            "caption",
            "td",
            "th",
        }:
            continue
        href = href_of(graphic) or ""
        table = next((ancestor for ancestor in around if ancestor.tag == "table-wrap"), None)
        if "supplementary-material" in tags:
            yield Drop("", f"{graphic.get('id') or 'graphic'} {href}", "not_a_figure", "a supplementary file")
        elif tags & _DECORATED:
            yield Drop("", f"{graphic.get('id') or 'graphic'} {href}", "not_a_figure", "a portrait, logo or banner")
        elif table is None and "chem-struct-wrap" not in tags:
            yield Drop("", f"{graphic.get('id') or 'graphic'} {href}", "no_caption", "a picture outside of any figure")
        elif table is not None and table.find(".//table") is None:
            yield Drop("", f"{table.get('id') or 'table'} {href}", "table_as_image")

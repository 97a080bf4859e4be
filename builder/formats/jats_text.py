"""The text of a JATS element as plain Unicode: formulas as `$…$`, citations as `[]`, floats left out."""

from __future__ import annotations

import html.entities
import re
from collections.abc import Mapping

from lxml import etree

from s1_mmalign.builder.formats.jats_math import letters_of, mathml_to_tex, tex_of

MAX_DEPTH = 150
"""Levels of nesting that are read as markup; what lies deeper gives its bare letters."""

_LEFT_OUT = frozenset({
    "fig", "fig-group", "table-wrap", "table-wrap-group", "table", "media", "graphic", "inline-graphic",
    "boxed-text", "fn", "fn-group", "object-id", "alt-text", "long-desc", "attrib", "permissions",
    "private-char", "index-term", "ref-list", "chem-struct-wrap",
})  # fmt: skip
_BLOCKS = frozenset({
    "supplementary-material", "p", "title", "list", "list-item", "def-list", "def-item", "def", "term",
    "disp-quote", "sec", "verse-group", "verse-line",
})  # fmt: skip
_FORMULAS = frozenset(("inline-formula", "disp-formula", "chem-struct"))
_CITATIONS = frozenset(("bibr", "bib", "ref", "cite", "citation"))
_NOTE_MARKS = frozenset(("fn", "aff", "corresp", "author-notes", "table-fn"))

_RAISED = dict(zip("0123456789+-−=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿⁱ", strict=True))
_LOWERED = dict(zip("0123456789+-−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎", strict=True))
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))

_BRACKETED_CITATIONS = re.compile(r"\[\s*\[\](?:[\s,;–—-]*\[\])*\s*\]")
_CITATION_RUN = re.compile(r"\[\](?:\s*[,;–—-]?\s*\[\])+")


def plain_text(element: etree._Element, labels: Mapping[str, str] | None = None) -> str:
    """Return what a reader of the page reads in `element`, in one line.

    Citations become `[]`, a run of them one. `<tex-math>` and MathML become `$…$`. Raised and lowered
    digits and signs keep their height as Unicode has it. Figures, tables, boxes and footnotes inside are
    left out; of supplementary files their captions stay, as they are printed as part of a legend.

    Args:
        element: a paragraph, caption, title or section.
        labels: printed labels by id, for an `<xref>` that prints nothing itself.
    """
    out: list[str] = []
    _Text(labels or {}).add_content(element, out, 0)
    return tidy("".join(out))


def tidy(text: str) -> str:
    """Put text in one line, without invisible characters and with one `[]` for each run of citations."""
    text = " ".join(text.translate(_INVISIBLE).split())
    if "[]" in text:
        text = _CITATION_RUN.sub("[]", _BRACKETED_CITATIONS.sub("[]", text))
    return text


def local_name(element: etree._Element | None) -> str:
    """Return an element's name without namespace; empty for comments, processing instructions and entities."""
    tag = element.tag if element is not None else None
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


class _Text:
    """Collects fragments; one method for each kind of element."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._labels = labels

    def add_content(self, element: etree._Element, out: list[str], depth: int) -> None:
        if element.text:
            out.append(element.text)
        for child in element:
            if depth > MAX_DEPTH:
                out.append(letters_of(child))
            else:
                self._add(child, out, depth + 1)
            if child.tail:
                out.append(child.tail)

    def _add(self, element: etree._Element, out: list[str], depth: int) -> None:
        name = local_name(element)
        if name in _LEFT_OUT or (name == "label" and local_name(element.getparent()) == "supplementary-material"):
            return
        if name == "":
            out.append(_entity(element))
        elif name == "xref":
            self._add_xref(element, out, depth)
        elif name in ("sup", "sub"):
            self._add_script(element, out, depth, raised=name == "sup")
        elif name in _FORMULAS:
            self._add_formula(element, out, depth)
        elif name == "alternatives":
            self._add_alternatives(element, out, depth)
        elif name == "tex-math":
            out.append(_dollars(tex_of(letters_of(element))))
        elif name == "math":
            out.append(_dollars(mathml_to_tex(element)))
        elif name in ("break", "hr"):
            out.append(" ")
        elif name in _BLOCKS:
            out.append(" ")
            self.add_content(element, out, depth)
            out.append(" ")
        else:
            self.add_content(element, out, depth)

    def _add_xref(self, element: etree._Element, out: list[str], depth: int) -> None:
        kind = element.get("ref-type")
        if kind in _CITATIONS:
            out.append(" []" if element.find("sup") is not None else "[]")
        elif kind not in _NOTE_MARKS:
            if len(element) or (element.text or "").strip():
                self.add_content(element, out, depth)
            else:
                out.append(self._labels.get(element.get("rid", ""), ""))

    def _add_script(self, element: etree._Element, out: list[str], depth: int, *, raised: bool) -> None:
        inner: list[str] = []
        self.add_content(element, inner, depth)
        text = "".join(inner).strip()
        forms = _RAISED if raised else _LOWERED
        if "[]" in text:
            out.append(f" {text}")
        elif text and all(character in forms for character in text):
            out.append("".join(forms[character] for character in text))
        else:
            out.append(text)

    def _add_formula(self, element: etree._Element, out: list[str], depth: int) -> None:
        """A formula: its TeX, else its MathML, else its text; a picture of it says nothing."""
        coded = next(element.iter("tex-math"), None)
        if coded is None:
            coded = next(element.iter("{*}math"), None)
        if coded is not None:
            self._add(coded, out, depth)
        else:
            self.add_content(element, out, depth)

    def _add_alternatives(self, element: etree._Element, out: list[str], depth: int) -> None:
        """Forms of one thing: as for a formula, and one of the textual forms only."""
        if next(element.iter("tex-math", "{*}math"), None) is not None:
            self._add_formula(element, out, depth)
            return
        for child in element:
            inner: list[str] = []
            self._add(child, inner, depth)
            if "".join(inner).strip():
                out.extend(inner)
                return


def _dollars(tex: str) -> str:
    return f"${tex}$" if tex else ""


def _entity(node: etree._Element) -> str:
    """A named character whose DTD was not read, such as `&nbsp;`; nothing for comments and instructions."""
    if not isinstance(node, etree._Entity):
        return ""
    return html.entities.html5.get(f"{node.name};", "")

"""Which paragraphs speak of a figure, and how a reference prints."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from s1_mmalign.builder.formats.latex.events import Document, Paragraph, Reference, Target

_NAMES = {
    "figure": "figure", "table": "table", "equation": "equation", "section": "section", "subsection": "section",
    "subsubsection": "section", "chapter": "chapter", "subfigure": "figure", "algorithm": "algorithm",
    "scheme": "scheme", "enumi": "item", "appendix": "appendix",
}  # fmt: skip
_SILENT = frozenset(("hyperref", "nameref", "pageref", "cpageref", "vpageref", "zref"))
_NAMING = re.compile(r"(?:[aA]uto|[cCzZvV]c?|[fF]ig?|[fF])ref|[cC]refrange")
_SEVERAL = re.compile(r"\s*,\s*")
_ONE_NUMBER = r"(?:SI?\.?|[A-H]\.?)?\s?\d+(?:\.\d+)?(?:\s?\(?[a-z]\)?(?![a-z]))?"
_TYPED = re.compile(
    r"(?<!supplementary )(?<!supplemental )(?<!supporting )(?<!suppl\. )(?<!supp\. )(?<!extended data )"
    rf"\bfig(?:ure)?s?\b\.?\s*({_ONE_NUMBER}(?:\s*(?:,|–|-|—|and|&|to|or|through)+\s*(?:{_ONE_NUMBER}|\(?[a-z]\)?(?![a-z])))*)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?:SI?\.?|[A-H]\.?)?\d+(?:\.\d+)?")


@dataclass(slots=True)
class Numbers:
    """What every label of a document prints, the figures' corrected by what was found of them."""

    targets: dict[str, Target] = field(default_factory=dict)

    def split(self, labels: str) -> list[str]:
        """Return the labels that a reference names: commas separate, unless the whole is a label."""
        if labels in self.targets or "," not in labels:
            return [labels]
        return [label for label in _SEVERAL.split(labels.strip()) if label]

    def __call__(self, reference: Reference) -> str:
        """Return what a reference prints, `??` for an unknown label as LaTeX does."""
        if reference.command in _SILENT:
            return ""
        labels = self.split(reference.labels) + ([reference.to] if reference.to else [])
        targets = [self.targets.get(label) for label in labels]
        numbers = [target.number if target and target.number else "??" for target in targets]
        if reference.command == "subref":
            return re.sub(r"^.*\d", "", numbers[0]) or numbers[0]
        text = _join(numbers, "to" if reference.to else "and")
        if reference.command == "eqref":
            return f"({text})"
        known = next((target for target in targets if target), None)
        if not _NAMING.fullmatch(reference.command) or known is None:
            return text
        name = _NAMES.get(known.counter, "")
        if len(numbers) > 1 and name:
            name += "s"
        if reference.command[0].isupper() or reference.command == "autoref":
            name = name.capitalize()
        return f"{name} {text}".strip()


def _join(numbers: list[str], last: str) -> str:
    return numbers[0] if len(numbers) == 1 else f"{', '.join(numbers[:-1])} {last} {numbers[-1]}"


def citing_paragraphs(document: Document, numbers: Numbers) -> dict[str, list[Paragraph]]:
    """Return, for each label, the paragraphs that refer to it by a command, in reading order.

    A range counts for its two ends.
    """
    citing: dict[str, list[Paragraph]] = {}
    for paragraph in document.paragraphs:
        labels = [
            label
            for reference in paragraph.references
            for label in (*numbers.split(reference.labels), reference.to)
            if label
        ]
        for label in dict.fromkeys(labels):
            citing.setdefault(label, []).append(paragraph)
    return citing


def may_mention_figures(paragraph: Paragraph) -> bool:
    """Whether a paragraph has the word "figure" in it; quick, before anything is printed."""
    return any(isinstance(node, str) and "fig" in node.lower() for node in paragraph.nodes)


def typed_numbers(text: str) -> set[str]:
    """Return the figure numbers that a text mentions in words: "Figs. 2-4 and 6(b)" is 2, 3, 4 and 6.

    >>> sorted(typed_numbers("see Figs. 2-4 and 6(b), and Figure S1a"))
    ['2', '3', '4', '6', 'S1']
    """
    found: set[str] = set()
    for match in _TYPED.finditer(text):
        numbers = [number.replace(" ", "") for number in _NUMBER.findall(match[1])]
        found.update(numbers)
        for first, last in re.findall(r"\b(\d+)\s*(?:-|–|—|to|through)\s*(\d+)\b", match[1]):
            if int(first[:4]) < int(last[:4]) <= int(first[:4]) + 30:
                found.update(str(number) for number in range(int(first[:4]), int(last[:4]) + 1))
    return found

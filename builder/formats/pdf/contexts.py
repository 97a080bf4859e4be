"""Which paragraphs of the text refer to which figure."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

from s1_mmalign.builder.formats.pdf.index import PREFIX, reference_key

ONE = r"(?:SI?|[A-Z]{1,2})?[-.]?\d+(?:\.\d+)*(?:\s?[—–-]\s?figure supplements? \d+)?"
PANELS = r"(?:\s?\(?[a-zA-Z](?![a-zA-Z])(?:\s?[,–—&-]\s?[a-zA-Z](?![a-zA-Z]))*\)?)*"
MENTION = re.compile(
    PREFIX + r"\b(?P<kind>Fig(?:ure|ura|\.)?s?|Abb(?:ildung)?|Scheme|Chart|Plate|Illustration|Graph)s?\.?\s*"
    rf"(?P<list>{ONE}{PANELS}(?:\s*(?:,\s*(?:and|or)?|and|or|&|–|—|-|to|through)\s*(?:Figs?\.?\s*|Figures?\s*)?{ONE}{PANELS})*)",
    re.I,
)
ITEM = re.compile(rf"(?P<joint>–|—|-|\bto\b|\bthrough\b)?\s*(?P<one>{ONE})", re.I)
LONGEST_RANGE = 30

Key = tuple[str, str, str]


def mentions(text: str) -> set[Key]:
    """The keys (`captions.reference_key`) of all figures that `text` names; ranges are written out.

    >>> sorted(key[2] for key in mentions("as Figs. 2-4 and 6(b) show"))
    ['2', '3', '4', '6']
    """
    found: set[Key] = set()
    for match in MENTION.finditer(text):
        kind = re.sub(r"[.s]+$", "", match["kind"].lower())
        last = ""
        for item in ITEM.finditer(match["list"]):
            number = item["one"].strip()
            found.add(reference_key(kind, match["prefix"], number))
            if item["joint"] and last.isdecimal() and number.isdecimal():
                for between in range(int(last) + 1, min(int(number), int(last) + LONGEST_RANGE)):
                    found.add(reference_key(kind, match["prefix"], str(between)))
            last = number
    return found


def citing(paragraphs: Iterable[str], keys: set[Key]) -> dict[Key, list[str]]:
    """For each key the paragraphs that mention it, in reading order, none twice.

    Where captions say "Extended Data Fig. 1" or "Supplementary Figure 1" and the text never does, its plain
    "Figure 1" is meant, unless another caption has that number.
    """
    found: defaultdict[Key, list[str]] = defaultdict(list)
    for text in paragraphs:
        for key in mentions(text):
            if text not in found[key]:
                found[key].append(text)
    cited = {(kind, prefix) for kind, prefix, _ in found.keys() & keys}
    plain = Counter((kind, number) for kind, _, number in keys)
    result = {}
    for kind, prefix, number in keys:
        own = found.get((kind, prefix, number), [])
        if not own and (kind, prefix) not in cited and plain[kind, number] == 1:
            own = found.get((kind, "", number), [])
        if own:
            result[kind, prefix, number] = own
    return result

"""The index of a figure: "Figure 3", "FIG. S1", "Extended Data Fig. 2"."""

from __future__ import annotations

import re

PREFIX = (
    r"(?P<prefix>(?:Extended\s+Data|SI|Supplementa(?:ry|l)|Supporting(?:\s+Information)?|Suppl?\.|Appendix|Online)\s+)?"
)
NUMBER = (
    r"(?P<number>(?:SI?|[A-Z]{1,2})?[-.\s]?\d+(?:[.-]\d+)*(?:[a-z](?![a-z]))?(?:\s?[—–-]\s?figure supplement \d+)?"
    r"|(?-i:[IVX]+)(?![a-z]))"
)
START = re.compile(
    r"[■▲▼◀▶◄►•*\s]{0,3}"
    + PREFIX
    + r"(?P<kind>Figure|Fig|F\s?IG(?:URE)?|Figura|Abbildung|Abb|Scheme|Chart|Plate|Illustration|Graph|Table|Tab|"
    r"Algorithm|Listing|Box)"
    rf"(?P<dot>\.?)[\s\u00a0]*{NUMBER}(?P<mark>\s*[.:|\uff1a—–)\]]+|\s+[-–—•■|]|(?=\s|$))(?P<rest>.*)",
    re.I,
)
FIGURE_WORDS = {"fig", "figure", "figura", "abbildung", "abb"}
NOT_FIGURES = {"table", "tab", "algorithm", "listing", "box"}
CONTINUED = re.compile(r"\W*\(?\s*cont(inued|'d|d|\.)\s*\.?\)?\W*$|\W*\(cont(inued|'d|d|\.)", re.I)
LEGENDS = re.compile(
    r"(?:[a-z ]{1,30} )?(?:figure|fig\.?)s?\s*(?:titles? and )?(?:legends?|captions?)(?: list)?:?"
    r"|legends?(?: (?:to|of|for) (?:the )?figures?)?:?|captions?:?",
    re.I,
)
"""The heading of a list of captions at the end of a manuscript."""


def reference_key(kind: str, prefix: str | None, number: str) -> tuple[str, str, str]:
    """One spelling for a reference: ("figure", "extended", "1"); a supplement's "S" counts as its prefix.

    >>> reference_key("Fig", None, "3") == reference_key("FIGURE", "", "3")
    True
    >>> reference_key("Fig", "Supplementary ", "1") == reference_key("Figure", None, "S1")
    True
    """
    kind = re.sub(r"\s", "", kind).lower().rstrip("s")
    kind = "figure" if kind in FIGURE_WORDS else kind
    number = re.sub(r"\s+", "", number).replace("–", "-").replace("—", "-")
    word = (prefix or "").strip().lower()[:3]
    supplement = re.fullmatch(r"(?:SI?)[-.]?(\d.*)", number)
    if supplement:
        return kind, "sup", supplement[1]
    return kind, word, number if number[:1] in "IVX" else re.sub(r"(?<=\d)[a-z]$", "", number)

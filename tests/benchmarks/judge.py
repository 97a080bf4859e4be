"""The rule by which all readers are judged: what share of the true figures, images and mentions each finds.

A true figure is found when an extracted one has its caption (similarity of at least 0.85 on lower-case letters and
digits alone, so that signs of mathematics hardly count). A figure that is drawn in the source, or whose file the
package lacks, can be found by nobody and counts neither way.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from rapidfuzz import fuzz

from s1_mmalign.builder.formats.latex.graphics import IMAGE_ENDINGS
from tests.benchmarks.papers import BenchmarkPaper, TrueFigure

SIMILAR = 0.85
_COMMANDS = re.compile(r"\\[a-zA-Z]+")


@dataclass(slots=True)
class Score:
    """Counts over papers; shares are of what is true, so what is missed counts as missed everywhere."""

    figures: int = 0
    found: int = 0
    extracted: int = 0
    matched: int = 0
    images: int = 0
    images_found: int = 0
    mentions: int = 0
    mentions_found: int = 0

    def add(self, other: Score) -> None:
        """Add another paper's counts."""
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def shares(self) -> dict[str, float | None]:
        """Return the shares: figures and images and mentions found, and extracted figures that are true."""
        return {
            "figures": _share(self.found, self.figures),
            "precise": _share(self.matched, self.extracted),
            "images": _share(self.images_found, self.images),
            "mentions": _share(self.mentions_found, self.mentions),
        }


def judge(paper: BenchmarkPaper, extracted: list[dict[str, Any]]) -> Score:
    """Compare a reader's figures (`caption`, `images`, `contexts`) with the true ones."""
    score = Score(extracted=len(extracted))
    taken = _match(paper.figures, extracted)
    for index, true in enumerate(paper.figures):
        found = extracted[taken[index]] if index in taken else None
        expected = bool(true.images or true.page)
        score.matched += found is not None
        score.figures += expected
        score.found += expected and found is not None
        wanted = {f"page:{true.page}"} if true.page else set(map(_stem, true.images))
        seen = {_stem(image.split("#")[0]) for image in found["images"]} if found else set()
        score.images += len(wanted)
        score.images_found += len(wanted & seen)
        if expected:
            score.mentions += true.mentions
            score.mentions_found += min(true.mentions, len(set(found["contexts"]))) if found else 0
    return score


def _match(true: list[TrueFigure], extracted: list[dict[str, Any]]) -> dict[int, int]:
    """Pair true figures with extracted ones, best first, each once."""
    pairs = sorted(
        ((_likeness(t, e), ti, ei) for ti, t in enumerate(true) for ei, e in enumerate(extracted)), reverse=True
    )
    taken: dict[int, int] = {}
    for value, ti, ei in pairs:
        if value >= SIMILAR and ti not in taken and ei not in taken.values():
            taken[ti] = ei
    return taken


def _likeness(true: TrueFigure, extracted: dict[str, Any]) -> float:
    wanted, given = _letters(true.caption), _letters(extracted["caption"])
    if true.beginning:
        given = given[: len(wanted)]
    if not wanted or not given:
        return 1.0 if wanted == given else 0.0
    same_image = {_stem(i) for i in true.images} & {_stem(i) for i in extracted["images"]}
    return fuzz.ratio(wanted, given) / 100 + (0.001 if same_image else 0)


def _letters(text: str) -> str:
    text = unicodedata.normalize("NFKD", _COMMANDS.sub(" ", text or "")).lower()
    return "".join(char for char in text if char.isalnum() and ord(char) < 0x370)


def _stem(path: str) -> str:
    """A file's name without folder and ending: peers name images as the source does, often without either."""
    if path.startswith("page:"):
        return path
    name = PurePosixPath(path).name.lower()
    for ending in IMAGE_ENDINGS:
        name = name.removesuffix(ending)
    return name.removesuffix("-eps-converted-to")


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None

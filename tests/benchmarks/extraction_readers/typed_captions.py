"""The caption heuristic that all PDF peers are given, since none of them pairs pictures with captions."""

from __future__ import annotations

import re

_KIND = r"(?:(?:extended data |supplementary )?fig(?:ure)?s?\.?|scheme|chart)"
CAPTION = re.compile(rf"\W*({_KIND})\s*([A-Z]{{0,3}}\.?\d+)\s*[.:|—–-]*\s*", re.I)
MENTION = re.compile(rf"\b{_KIND}\s*([A-Z]{{0,3}}\.?\d+)", re.I)


def figures_of(paragraphs: list[tuple[int, str]], pictures: set[int]) -> list[dict]:
    """Take paragraphs (page, text) that begin "Figure 3" for captions, of the pictures on their page.

    Of several that begin so, the longest is the caption (the others are sentences or labels); paragraphs that name
    the number elsewhere cite the figure. `pictures` are the pages that show one.
    """
    best: dict[str, tuple[int, str]] = {}
    for page, text in paragraphs:
        match = CAPTION.match(text)
        if match and page in pictures and len(text) > len(best.get(match[2], (0, ""))[1]):
            best[match[2]] = page, text
    figures = []
    for number, (page, text) in best.items():
        caption = text[CAPTION.match(text).end() :]  # type: ignore[union-attr]  # it matched above
        citing = [other for _, other in paragraphs if other != text and number in MENTION.findall(other)]
        figures.append({"caption": caption, "images": [f"page:{page}"], "contexts": citing})
    return figures

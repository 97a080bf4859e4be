"""From what was found of a figure to its record: caption, number, panels, and the drops of what is missing."""

from __future__ import annotations

import re

from s1_mmalign.builder.formats.latex.assemble import Found, Panel
from s1_mmalign.builder.formats.latex.draw import Drawing
from s1_mmalign.builder.formats.latex.rendered import Rendered
from s1_mmalign.builder.formats.latex.to_text import TextPrinter
from s1_mmalign.builder.records import Drop, Figure, Graphic

_INDEX = re.compile(
    r"(?:(?:Supplementary|Supplemental|Supporting|Extended Data|Online|Appendix)\s+)?"
    r"(?:Fig(?:ure)?|FIG(?:URE)?|Scheme|SCHEME|Chart)\b\.?\s*"
    r"((?:SI?\.?|[A-H]\.?)?\s?\d+(?:\.\d+)?)\s*(?:[.:|—–]+|-\s)\s*"
)
LEGEND = re.compile(r"(?:Fig(?:ure)?|FIG(?:URE)?)\b\s?\.?\s*(\d{1,3})\b(\s*[.:|—–)]+|\s+-\s)?\s*(?=\S)")
"""How a typed legend begins: group 1 is the number, group 2 what separates it from the words, if anything."""
_LEADING_LETTER = re.compile(r"(?:\(([A-Za-z])\)|([A-Za-z])\))\s*[:.]?\s*")
_MARKED_LETTER = re.compile(r"(?<![\w$\\])\(([a-z])\)")
_LAYOUT = re.compile(r"picture\*?|tab.*|tblr")
"""Environments that only arrange pictures or write on them, where there are pictures."""


def record(found: Found, printer: TextPrinter, figure_id: str, rendered: Rendered) -> tuple[Figure | None, list[Drop]]:
    """Return the figure's record, None where nothing stands for a caption, and a drop for all that is missing.

    `rendered` holds the drawings that TeX made.
    """
    caption, number = _caption(found, printer)
    if not caption:
        pictures = [panel.picture for panel in found.panels]
        detail = f"in a float {found.float_name}"
        return None, [
            Drop("", picture.path or picture.asked, "no_caption" if picture.path else "image_missing", detail)
            for picture in pictures
        ]
    main = [label for label in found.labels if label not in found.panel_labels]
    figure = Figure(figure_id, caption, label=next(iter(main or found.labels), None), number=number)
    drops: list[Drop] = []
    for panel, letter, subcaption in _panels(found, printer):
        picture = panel.picture
        if picture.path is None:
            drops.append(
                Drop("", f"{figure_id} {picture.asked}", "image_missing", f"the source asks for {picture.asked}")
            )
            continue
        figure.graphics.append(
            Graphic(
                picture.path, letter, subcaption, page=picture.page, trim=picture.trim, viewport=picture.viewport,
                clip=picture.clip, angle=picture.angle,
            )
        )  # fmt: skip
    failed = _add_drawings(figure, found, printer, rendered)
    if failed or not any(panel.drawn in rendered for panel in found.drawings):
        drops.extend(_undrawn(found, printer, figure_id, failed))
    return figure, drops


def _add_drawings(figure: Figure, found: Found, printer: TextPrinter, rendered: Rendered) -> str:
    """Add the drawings that TeX made to the figure; return why others were not made."""
    failed = ""
    for index, panel in enumerate(found.drawings, 1):
        made = rendered.get(panel.drawn)
        if isinstance(made, Drawing):
            subcaption = printer.print(panel.caption) if panel.caption else None
            source = f"{panel.drawn.file}#drawing{index}"
            figure.graphics.append(Graphic(source, panel.letter, subcaption or None, data=made.pdf, page=made.page))
        elif made is not None:
            failed = failed or made
    if all(graphic.panel for graphic in figure.graphics):
        figure.graphics.sort(key=lambda graphic: graphic.panel or "")
    return failed


def _undrawn(found: Found, printer: TextPrinter, figure_id: str, failed: str) -> list[Drop]:
    """Return the drop for what the source draws itself, or for a float that shows nothing at all."""
    drawn = [name for name in dict.fromkeys(found.drawn) if not found.panels or not _LAYOUT.fullmatch(name)]
    if drawn:
        return [Drop("", figure_id, "drawn_in_source", ", ".join(drawn) + (f"; {failed}" if failed else ""))]
    if found.panels:
        return []
    if printer.print(found.text):
        return [Drop("", figure_id, "drawn_in_source", "text set as a figure")]
    return [Drop("", figure_id, "image_missing", "the float names no image")]


def _caption(found: Found, printer: TextPrinter) -> tuple[str, str | None]:
    """Return caption and number: of `\\caption`, else of the panels' captions, else typed below the picture."""
    number = found.caption.number if found.caption else None
    text = printer.print(found.caption.nodes) if found.caption else ""
    if not text and found.legend:
        typed = printer.print(found.legend)
        match = LEGEND.match(typed)
        return (typed[match.end() :], number or match[1]) if match else (typed, number)
    if not text:
        parts = [(letter, printer.print(nodes)) for letter, nodes in found.panel_captions]
        text = " ".join(f"({letter}) {part}" if letter else part for letter, part in parts if part)
    if not text and found.panels:
        typed = printer.print(found.text)
        match = _INDEX.search(typed)
        text = typed[match.start() :] if match and match.start() < 200 else ""
    if match := _INDEX.match(text):
        number = number or match[1].replace(" ", "")
        text = text[match.end() :]
    return text, number


def _panels(found: Found, printer: TextPrinter) -> list[tuple[Panel, str | None, str | None]]:
    """Return each picture with its panel's letter and caption."""
    result: list[tuple[Panel, str | None, str | None]] = []
    for panel in found.panels:
        letter = panel.letter
        subcaption = printer.print(panel.caption) if panel.caption else ""
        if match := _LEADING_LETTER.match(subcaption):
            letter = (match[1] or match[2]).lower()
            subcaption = subcaption[match.end() :]
        result.append((panel, letter, subcaption or None))
    if len(result) > 1 and not any(letter for _, letter, _ in result):
        typed = _MARKED_LETTER.findall(printer.print(found.text))
        if typed == [chr(97 + index) for index in range(len(result))]:
            return [(panel, letter, subcaption) for (panel, _, subcaption), letter in zip(result, typed, strict=True)]
    return result

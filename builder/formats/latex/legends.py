"""Captions that stand apart from their pictures: lists of legends, figures at the end, numbers in file names.

Manuscripts of journals that print figures themselves, and old preprints, hold pictures and captions in two places.
What is paired here has no float of its own to pair it: each rule asks for as many captions as pictures, for the
caption right below its picture, or for the figure's number in the file's name.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Sequence

from s1_mmalign.builder.formats.latex.assemble import LOOSE, Assembled, Found, Panel
from s1_mmalign.builder.formats.latex.events import Document, Paragraph, Picture
from s1_mmalign.builder.formats.latex.figures import LEGEND
from s1_mmalign.builder.formats.latex.graphics import IMAGE_ENDINGS
from s1_mmalign.builder.formats.latex.references import may_mention_figures
from s1_mmalign.builder.formats.latex.to_text import TextPrinter
from s1_mmalign.builder.formats.latex.tokens import Token

_NUMBER_IN_NAME = re.compile(r"(?:^|[^a-z])f(?:ig(?:ure)?s?)?[-_ .]*0*(\d{1,3})(?!\d)", re.IGNORECASE)
_LONGEST = 4000
"""Characters that a legend may have."""
_BLANKS_BETWEEN = 2
"""Paragraphs of nothing that may stand between a picture and the legend below it."""


def pair_apart(assembled: Assembled, document: Document, printer: TextPrinter, names: Sequence[str]) -> None:
    """Give pictures without a caption, and captions without a picture, to each other. `names`: the package's files."""
    bare = [f for f in assembled.figures if not (f.panels or f.drawn) and _has_caption(f, printer)]
    for figure in bare:
        figure.panels = _named_in(figure.text, names)
    bare = [figure for figure in bare if not figure.panels]
    floats = [f for f in assembled.figures if f.panels and not _has_caption(f, printer)]
    if not bare and not floats and not assembled.uncaptioned:
        return
    order = {id(event): index for index, event in enumerate(document.events)}
    units = sorted([*floats, *_loose(assembled)], key=lambda unit: order[id(unit.panels[0].picture)])
    taken = _with_legends(units, document, printer) if units else []
    left = [unit for unit in units if all(unit is not other for other in taken)]
    joined = _join(bare, left, order) if bare and left else []
    _keep(assembled, [*taken, *joined], joined, order)
    _find_by_number([f for f in bare if not f.panels and not printer.print(f.text)], assembled, document, names)


def _has_caption(figure: Found, printer: TextPrinter) -> bool:
    if figure.caption is not None and printer.print(figure.caption.nodes):
        return True
    return bool(figure.panel_captions) or bool(figure.panels and LEGEND.search(printer.print(figure.text)[:200]))


def _loose(assembled: Assembled) -> list[Found]:
    """Return each picture of the running text as a figure to be; one that is shown again and again is an icon."""
    shown = Counter(picture.asked for picture in assembled.uncaptioned)
    return [Found([Panel(p)], float_name=LOOSE) for p in assembled.uncaptioned if shown[p.asked] == 1]


def _with_legends(units: list[Found], document: Document, printer: TextPrinter) -> list[Found]:
    """Give units the paragraphs that are typed legends, and take these out of the text."""
    legends = _legends(document, printer)
    if not legends:
        return []
    place = {id(paragraph): index for index, paragraph in enumerate(document.paragraphs)}
    is_list = len(legends) > 1 and place[id(legends[-1][0])] - place[id(legends[0][0])] < 2 * len(legends)
    pairs = _in_order(units, legends) if is_list else []
    pairs = pairs or _below(units, legends, place, document, printer) or _in_order(units, legends)
    for unit, legend in pairs:
        unit.legend = legend.nodes
    used = {id(legend) for _, legend in pairs}
    document.paragraphs[:] = [paragraph for paragraph in document.paragraphs if id(paragraph) not in used]
    return [unit for unit, _ in pairs]


def _legends(document: Document, printer: TextPrinter) -> list[tuple[Paragraph, int]]:
    """Return paragraphs that begin "Figure 3." and, where several follow one another, also "Figure 3"."""
    found: list[tuple[Paragraph, int, bool]] = []
    for paragraph in filter(may_mention_figures, document.paragraphs):
        text = printer.print(paragraph.nodes)
        match = LEGEND.match(text)
        if match and len(text) < _LONGEST and (match[2] or text[match.end()].isupper()):
            found.append((paragraph, int(match[1]), bool(match[2])))
    if len(found) < 2 or [number for _, number, _ in found] != list(range(1, len(found) + 1)):
        found = [entry for entry in found if entry[2]]
    return [(paragraph, number) for paragraph, number, _ in found]


def _in_order(units: list[Found], legends: list[tuple[Paragraph, int]]) -> list[tuple[Found, Paragraph]]:
    """Pair legends numbered from 1 on with as many pictures."""
    if [number for _, number in legends] != list(range(1, len(legends) + 1)):
        return []
    return [(group, legend) for group, (legend, _) in zip(_groups(units, len(legends)), legends, strict=False)]


def _below(
    units: list[Found],
    legends: list[tuple[Paragraph, int]],
    place: dict[int, int],
    document: Document,
    printer: TextPrinter,
) -> list[tuple[Found, Paragraph]]:
    """Pair each legend with the pictures right above it."""
    pairs: list[tuple[Found, Paragraph]] = []
    free = list(units)
    for legend, _ in legends:
        at = place[id(legend)]
        first = at
        while first and at - first <= _BLANKS_BETWEEN and not printer.print(document.paragraphs[first - 1].nodes):
            first -= 1
        above = [unit for unit in free if first <= unit.panels[0].picture.paragraph <= at]
        if not above and first:
            above = [u for u in free if u.float_name != LOOSE and u.panels[0].picture.paragraph == first - 1][-1:]
        if above:
            above[0].panels = [panel for unit in above for panel in unit.panels]
            pairs.append((above[0], legend))
            free = [unit for unit in free if all(unit is not other for other in above)]
    return pairs


def _groups(units: list[Found], count: int) -> list[Found]:
    """Return `count` figures out of units: one each, or by the number in the files' names; none where neither fits."""
    if len(units) == count:
        return units
    numbered: dict[int, Found] = {}
    for unit in units:
        number = _number_of(unit.panels[0].picture.asked)
        if number is None or not 0 < number <= count:
            return []
        if number in numbered:
            numbered[number].panels.extend(unit.panels)
            numbered[number].labels.extend(unit.labels)
        else:
            numbered[number] = unit
    return [numbered[number] for number in sorted(numbered)] if len(numbered) == count else []


def _join(bare: list[Found], units: list[Found], order: dict[int, int]) -> list[Found]:
    """Give captions without pictures the pictures without captions, in order; return the units that went."""
    captions = [order[id(figure.caption)] for figure in bare if figure.caption is not None]
    pictures = [order[id(unit.panels[0].picture)] for unit in units]
    if len(captions) != len(bare) or not (max(captions) < min(pictures) or max(pictures) < min(captions)):
        return []
    groups = _groups(units, len(bare))
    for figure, group in zip(bare, groups, strict=False):
        figure.panels, figure.labels = group.panels, figure.labels + group.labels
    return list(units) if groups else []


def _keep(assembled: Assembled, used: list[Found], joined: list[Found], order: dict[int, int]) -> None:
    """Put what is paired into the figures, in reading order, and take its pictures out of what is not."""
    if not used:
        return
    shown = {id(panel.picture) for unit in used for panel in unit.panels}
    assembled.uncaptioned = [picture for picture in assembled.uncaptioned if id(picture) not in shown]
    gone = {id(unit) for unit in joined}
    figures = {id(figure): figure for figure in [*assembled.figures, *used] if id(figure) not in gone}
    kept = [f for f in figures.values() if f.caption or not f.panels or id(f) in {id(u) for u in used} or
            id(f.panels[0].picture) not in shown]  # fmt: skip
    assembled.figures = sorted(kept, key=lambda figure: _place(figure, order))


def _place(figure: Found, order: dict[int, int]) -> int:
    events = [figure.caption] if figure.caption else [panel.picture for panel in figure.panels]
    return min((order.get(id(event), 0) for event in events), default=0)


def _named_in(text: Sequence[Token], names: Sequence[str]) -> list[Panel]:
    """Return the pictures whose files an argument names that nobody explains: `\\ourfigure{plots/a.eps}`."""
    groups = (str(inside).strip() for before, inside, after in zip(text, text[1:], text[2:], strict=False)
              if before == "{" and after == "}" and isinstance(inside, str))  # fmt: skip
    endings = ("", *IMAGE_ENDINGS)
    spelt = [[name for ending in endings if (name := group.removeprefix("./") + ending) in names] for group in groups]
    return [Panel(Picture(found[0], found[0])) for found in spelt if found and found[0].lower().endswith(IMAGE_ENDINGS)]


def _find_by_number(bare: list[Found], assembled: Assembled, document: Document, names: Sequence[str]) -> None:
    """Give captions whose floats name no file the unused one (or fig2a, fig2b…) that has the figure's number."""
    bare = [figure for figure in bare if figure.caption and (figure.caption.number or "").isdigit()]
    if not bare:
        return
    asked = {event.path for event in document.events if isinstance(event, Picture)}
    files: dict[int, dict[str, str]] = {}
    for name in names:
        number = _number_of(name) if name.lower().endswith(IMAGE_ENDINGS) and name not in asked else None
        if number is not None:
            files.setdefault(number, {}).setdefault(posixpath.splitext(name)[0], name)
    for figure in bare:
        found = files.get(int(figure.caption.number or 0), {}) if figure.caption else {}
        if len(found) == 1 or (found and all(re.search(r"\d[-_]?[a-zA-Z]$", stem) for stem in found)):
            figure.panels = [Panel(Picture(found[stem], found[stem])) for stem in sorted(found)]


def _number_of(name: str) -> int | None:
    match = _NUMBER_IN_NAME.search(posixpath.basename(name))
    return int(match[1]) if match else None

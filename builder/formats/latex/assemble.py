"""From events to figures: which pictures, labels and panels belong to which caption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from s1_mmalign.builder.formats.latex.events import (
    Break,
    Caption,
    Close,
    Drawn,
    Event,
    Label,
    Open,
    Picture,
)
from s1_mmalign.builder.formats.latex.nodes import Item, Node, demote_starred, is_figure_caption, split_float
from s1_mmalign.builder.formats.latex.tokens import Token


@dataclass(slots=True)
class Panel:
    """A picture of a figure with its panel's letter and caption, and the labels that mean the panel."""

    picture: Picture
    letter: str | None = None
    caption: list[Token] | None = None


@dataclass(slots=True)
class DrawnPanel:
    """A drawing of a figure that a TeX could make, with its panel's letter and caption."""

    drawn: Drawn
    letter: str | None = None
    caption: list[Token] | None = None


@dataclass(slots=True)
class Found:
    """A figure as found: what `reader` turns into a record."""

    panels: list[Panel] = field(default_factory=list)
    caption: Caption | None = None
    labels: list[str] = field(default_factory=list)
    panel_labels: dict[str, str] = field(default_factory=dict)
    """Label of a panel to the panel's letter."""
    panel_captions: list[tuple[str | None, list[Token]]] = field(default_factory=list)
    drawn: list[str] = field(default_factory=list)
    drawings: list[DrawnPanel] = field(default_factory=list)
    text: list[Token] = field(default_factory=list)
    float_name: str = "figure"
    legend: list[Token] | None = None
    """A paragraph "Figure 3. Words" of the running text that is its caption."""


@dataclass(slots=True)
class Assembled:
    """All that one document's events come to."""

    figures: list[Found] = field(default_factory=list)
    in_other_floats: list[tuple[str, Picture]] = field(default_factory=list)
    """Pictures in floats of tables and the like, with the float's name."""
    uncaptioned: list[Picture] = field(default_factory=list)
    """Pictures that stand alone in the text."""


_DEEPEST = 200
LOOSE = "text"
"""The name of what stands in no float at all."""


def assemble(events: Sequence[Event]) -> Assembled:
    """Group the events of a document into figures."""
    result = Assembled()
    root = _tree(events)
    _collect(root, result)
    shown = {panel.picture.path for figure in result.figures if figure.caption for panel in figure.panels}
    result.figures = [figure for figure in result.figures if figure.caption or not _all_in(figure, shown)]
    result.uncaptioned = [picture for picture in result.uncaptioned if picture.path not in shown]
    return result


def _all_in(figure: Found, shown: set[str | None]) -> bool:
    paths = {panel.picture.path for panel in figure.panels}
    return None not in paths and not figure.panel_captions and paths <= shown


def _tree(events: Sequence[Event]) -> Node:
    root = Node(Open("box", "document"))
    stack = [root]
    too_deep = 0
    for event in events:
        if isinstance(event, Open):
            if len(stack) > _DEEPEST:
                too_deep += 1
                continue
            node = Node(event)
            stack[-1].items.append(node)
            stack.append(node)
        elif isinstance(event, Close):
            if too_deep:
                too_deep -= 1
            elif len(stack) > 1:
                stack.pop().text = event.text
        else:
            stack[-1].items.append(event)
    return root


def _collect(scope: Node, result: Assembled) -> None:
    """Take the floats out of a scope; what stands outside floats with a caption of its own is a figure too."""
    loose: list[Item] = []
    for item in scope.items:
        if isinstance(item, Break):
            _close_loose(loose, result)
        elif not isinstance(item, Node):
            loose.append(item)
        elif item.opened.scope == "figure":
            result.figures.extend(_figures(item, result))
        elif item.opened.scope == "other":
            _from_other(item, result)
        elif any(isinstance(i, Node) and i.opened.scope in ("figure", "other") for i in item.walk()):
            _collect(item, result)
        elif any(is_figure_caption(i) for i in item.walk()) and any(isinstance(i, Picture) for i in item.walk()):
            result.figures.extend(_figures(item, result))
        else:
            loose.append(item)
    _close_loose(loose, result)


def _from_other(node: Node, result: Assembled) -> None:
    """Deal with a float of tables: its pictures are none of a figure, unless a figure's caption stands beside."""
    if any(isinstance(i, Caption) and i.counter == "figure" for i in node.walk()):
        result.figures.extend(_figures(node, result))
    else:
        result.in_other_floats.extend((node.opened.name, i) for i in node.walk() if isinstance(i, Picture))


def _close_loose(loose: list[Item], result: Assembled) -> None:
    """Pair pictures and captions that stand in the running text, outside any float or box."""
    node = Node(Open("box", LOOSE), list(loose))
    loose.clear()
    if any(is_figure_caption(i) for i in node.walk()):
        found = _figures(node, result)
        for figure in found:
            if figure.caption is None:
                result.uncaptioned.extend(panel.picture for panel in figure.panels)
            else:
                result.figures.append(figure)
    else:
        result.uncaptioned.extend(i for i in node.walk() if isinstance(i, Picture) and not i.spare)


def _figures(node: Node, result: Assembled) -> list[Found]:
    """Return the figures of a float or box: one for each caption, or one without."""
    demote_starred(node)
    captions = [i for i in node.walk(into_panels=False) if is_figure_caption(i)]
    groups = split_float(node) if len(captions) > 1 else [node.items]
    figures = [_figure(items) for items in groups]
    for figure in figures:
        figure.float_name = node.opened.name
        if len(figures) == 1:
            figure.text = node.text
    return [figure for figure in figures if figure.panels or figure.caption or figure.panel_captions]


def _figure(items: Sequence[Item]) -> Found:
    """Return the figure that items with at most one caption make."""
    figure = Found()
    _fill(figure, items, None)
    spare = [panel for panel in figure.panels if panel.picture.spare]
    if spare and len(spare) < len(figure.panels):
        figure.panels = [panel for panel in figure.panels if not panel.picture.spare]
    _adopt_trailing_captions(figure)
    return figure


def _fill(figure: Found, items: Sequence[Item], panel: Node | None) -> None:
    for item in items:
        if isinstance(item, Picture):
            figure.panels.append(_panel(item, panel))
        elif isinstance(item, Caption):
            if panel is None and is_figure_caption(item) and figure.caption is None:
                figure.caption = item
        elif isinstance(item, Label):
            figure.labels.append(item.name)
            if panel is not None and panel.opened.letter:
                figure.panel_labels[item.name] = panel.opened.letter
        elif isinstance(item, Drawn):
            figure.drawn.append(item.name)
            if item.source:
                inside = (panel.opened.letter, _panel_caption(panel)) if panel is not None else (None, None)
                figure.drawings.append(DrawnPanel(item, *inside))
        elif isinstance(item, Node) and item.opened.scope != "other":
            inner = item if item.opened.scope == "panel" else panel
            if inner is item:
                inner_caption = _panel_caption(item)
                if inner_caption:
                    figure.panel_captions.append((item.opened.letter, inner_caption))
                elif not any(isinstance(i, Picture | Drawn) for i in item.walk()):
                    figure.panel_captions.append((item.opened.letter, []))
            _fill(figure, item.items, inner)


def _panel(picture: Picture, panel: Node | None) -> Panel:
    if panel is None:
        return Panel(picture, caption=picture.caption)
    return Panel(picture, panel.opened.letter, _panel_caption(panel) or picture.caption)


def _panel_caption(panel: Node) -> list[Token] | None:
    if panel.opened.caption:
        return panel.opened.caption
    return next((i.nodes for i in panel.items if isinstance(i, Caption)), None) or next(
        (i.nodes for i in panel.walk() if isinstance(i, Caption)), None
    )


def _adopt_trailing_captions(figure: Found) -> None:
    """Give pictures without a panel the panels that `\\subcaption` sets below or beside them, in order."""
    bare = [panel for panel in figure.panels if panel.letter is None]
    used = {panel.letter for panel in figure.panels}
    free = [(letter, nodes) for letter, nodes in figure.panel_captions if letter not in used]
    if bare and len(bare) == len(free):
        for panel, (letter, nodes) in zip(bare, free, strict=True):
            panel.letter, panel.caption = letter, nodes or None

"""From events to figures: which pictures, labels and panels belong to which caption."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

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
from s1_mmalign.builder.formats.latex.tokens import Token

Item = "Picture | Caption | Label | Drawn | Break | Node"


@dataclass(slots=True)
class Node:
    """A scope with what it holds, in order."""

    opened: Open
    items: list[Picture | Caption | Label | Drawn | Break | Node] = field(default_factory=list)
    text: list[Token] = field(default_factory=list)

    def walk(self, *, into_panels: bool = True) -> Iterator[Picture | Caption | Label | Drawn | Break | Node]:
        """Yield all that is in it, scopes before their content."""
        for item in self.items:
            yield item
            if isinstance(item, Node) and (into_panels or item.opened.scope != "panel"):
                yield from item.walk(into_panels=into_panels)


@dataclass(slots=True)
class Panel:
    """A picture of a figure with its panel's letter and caption, and the labels that mean the panel."""

    picture: Picture
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
    text: list[Token] = field(default_factory=list)
    float_name: str = "figure"


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
    _pair_by_order(result)
    shown = {panel.picture.path for figure in result.figures if figure.caption for panel in figure.panels}
    result.figures = [figure for figure in result.figures if figure.caption or not _all_in(figure, shown)]
    result.uncaptioned = [picture for picture in result.uncaptioned if picture.path not in shown]
    return result


def _all_in(figure: Found, shown: set[str | None]) -> bool:
    paths = {panel.picture.path for panel in figure.panels}
    return None not in paths and not figure.panel_captions and paths <= shown


def _pair_by_order(result: Assembled) -> None:
    """Give captions that stand apart from the pictures, as in old manuscripts, the floats without one in order."""
    captions = [
        figure for figure in result.figures if figure.caption and figure.float_name == LOOSE and not figure.panels
    ]
    floats = [f for f in result.figures if not f.caption and f.panels and not f.panel_captions]
    if captions and len(captions) == len(floats):
        for caption, pictures in zip(captions, floats, strict=True):
            caption.panels, caption.labels = pictures.panels, caption.labels + pictures.labels
        result.figures = [figure for figure in result.figures if all(figure is not other for other in floats)]
    elif captions and not floats and len(captions) == len(result.uncaptioned):
        for caption, picture in zip(captions, result.uncaptioned, strict=True):
            caption.panels = [Panel(picture)]
        result.uncaptioned = []


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
    loose: list[Picture | Caption | Label | Drawn | Break | Node] = []
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
        elif any(_is_figure_caption(i) for i in item.walk()) and any(isinstance(i, Picture) for i in item.walk()):
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


def _close_loose(loose: list[Picture | Caption | Label | Drawn | Break | Node], result: Assembled) -> None:
    """Pair pictures and captions that stand in the running text, outside any float or box."""
    node = Node(Open("box", LOOSE), list(loose))
    loose.clear()
    if any(_is_figure_caption(i) for i in node.walk()):
        found = _figures(node, result)
        for figure in found:
            if figure.caption is None:
                result.uncaptioned.extend(panel.picture for panel in figure.panels)
            else:
                result.figures.append(figure)
    else:
        result.uncaptioned.extend(i for i in node.walk() if isinstance(i, Picture) and not i.spare)


def _is_figure_caption(item: object) -> bool:
    return isinstance(item, Caption) and item.counter not in (
        "subfigure",
        "table",
        "algorithm",
        "lstlisting",
        "listing",
    )


def _figures(node: Node, result: Assembled) -> list[Found]:
    """Return the figures of a float or box: one for each caption, or one without."""
    captions = [i for i in node.walk(into_panels=False) if _is_figure_caption(i)]
    groups = _split(node) if len(captions) > 1 else [node.items]
    figures = [_figure(items) for items in groups]
    for figure in figures:
        figure.float_name = node.opened.name
        if len(figures) == 1:
            figure.text = node.text
    return [figure for figure in figures if figure.panels or figure.caption or figure.panel_captions]


def _split(node: Node) -> list[list[Picture | Caption | Label | Drawn | Break | Node]]:
    """Split a float with several captions into a group of items for each.

    A box (minipage) with pictures and captions of its own is dealt with by itself. Of the rest, where a caption
    comes before any picture each takes the pictures that follow, else those before it; pictures that all come
    before all captions are dealt out evenly.
    """
    groups: list[list[Picture | Caption | Label | Drawn | Break | Node]] = []
    rest: list[Picture | Caption | Label | Drawn | Break | Node] = []
    for item in node.items:
        if isinstance(item, Node) and item.opened.scope == "other":
            continue
        if not isinstance(item, Node) or item.opened.scope == "panel":
            rest.append(item)
            continue
        captions = sum(_is_figure_caption(i) for i in item.walk(into_panels=False))
        if captions and any(isinstance(i, Picture | Drawn) for i in item.walk()):
            groups.extend(_split(item) if captions > 1 else [item.items])
        elif captions:
            rest.extend(item.items)
        else:
            rest.append(item)
    return groups + _split_in_order(rest)


def _split_in_order(
    items: list[Picture | Caption | Label | Drawn | Break | Node],
) -> list[list[Picture | Caption | Label | Drawn | Break | Node]]:
    at = [index for index, item in enumerate(items) if _is_figure_caption(item)]
    content = [index for index, item in enumerate(items) if isinstance(item, Picture | Drawn | Node)]
    if len(at) < 2:
        return [items] if at or content else []
    if content and content[-1] < at[0] and len(content) >= len(at) and len(content) % len(at) == 0:
        share = len(content) // len(at)
        groups = []
        for number, index in enumerate(at):
            end = at[number + 1] if number + 1 < len(at) else len(items)
            groups.append([items[i] for i in content[number * share : (number + 1) * share]] + items[index:end])
        return groups
    if content and at[0] < content[0]:
        starts = [0, *at[1:], len(items)]
        return [items[start:end] for start, end in pairwise(starts)]
    groups = []
    start = 0
    for index in at:
        end = index + 1
        while end < len(items) and isinstance(items[end], Label):
            end += 1
        groups.append(items[start:end])
        start = end
    groups[-1].extend(items[start:])
    return groups


def _figure(items: Sequence[Picture | Caption | Label | Drawn | Break | Node]) -> Found:
    """Return the figure that items with at most one caption make."""
    figure = Found()
    _fill(figure, items, None)
    spare = [panel for panel in figure.panels if panel.picture.spare]
    if spare and len(spare) < len(figure.panels):
        figure.panels = [panel for panel in figure.panels if not panel.picture.spare]
    _adopt_trailing_captions(figure)
    return figure


def _fill(figure: Found, items: Sequence[Picture | Caption | Label | Drawn | Break | Node], panel: Node | None) -> None:
    for item in items:
        if isinstance(item, Picture):
            figure.panels.append(_panel(item, panel))
        elif isinstance(item, Caption):
            if panel is None and _is_figure_caption(item) and figure.caption is None:
                figure.caption = item
        elif isinstance(item, Label):
            figure.labels.append(item.name)
            if panel is not None and panel.opened.letter:
                figure.panel_labels[item.name] = panel.opened.letter
        elif isinstance(item, Drawn):
            figure.drawn.append(item.name)
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

"""Floats with several captions: which pictures, labels and panels stand with which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from s1_mmalign.builder.formats.latex.events import Break, Caption, Drawn, Label, Open, Picture
from s1_mmalign.builder.formats.latex.tokens import Token


@dataclass(slots=True)
class Node:
    """A scope with what it holds, in order."""

    opened: Open
    items: list[Item] = field(default_factory=list)
    text: list[Token] = field(default_factory=list)

    def walk(self, *, into_panels: bool = True) -> Iterator[Item]:
        """Yield all that is in it, scopes before their content."""
        for item in self.items:
            yield item
            if isinstance(item, Node) and (into_panels or item.opened.scope != "panel"):
                yield from item.walk(into_panels=into_panels)


def is_figure_caption(item: object) -> bool:
    """Whether this is a caption, and not one of a panel, table or listing."""
    return isinstance(item, Caption) and item.counter not in (
        "subfigure",
        "table",
        "algorithm",
        "lstlisting",
        "listing",
    )


def demote_starred(node: Node) -> None:
    """Where a float has a caption, make its boxes with a picture and a starred caption panels; others are notes.

    Frontiers' class letters all captions of boxes in its float `subfigure`.
    """
    lettered = node.opened.name == "subfigure"
    main = [i for i in node.items if is_figure_caption(i)] or [
        i
        for box in _boxes(node)
        if not any(isinstance(i, Picture) for i in box.walk())
        for i in box.items
        if is_figure_caption(i)
    ]
    if all(_is_starred(caption) for caption in main):
        return
    for box in _boxes(node):
        captions = [i for i in box.walk(into_panels=False) if is_figure_caption(i)]
        if (
            captions
            and (lettered or all(map(_is_starred, captions)))
            and any(isinstance(i, Picture) for i in box.walk())
        ):
            box.opened.scope = "panel"
    node.items = [item for item in node.items if not _is_starred(item)]


def _boxes(node: Node) -> list[Node]:
    return [item for item in node.items if isinstance(item, Node) and item.opened.scope == "box"]


def _is_starred(item: object) -> bool:
    return isinstance(item, Caption) and item.starred and is_figure_caption(item)


def split_float(node: Node) -> list[list[Item]]:
    """Split a float with several captions into a group of items for each.

    A box (minipage) with pictures and captions of its own is dealt with by itself. Of the rest, where a caption
    comes before any picture each takes the pictures that follow, else those before it; pictures that all come
    before all captions are dealt out evenly.
    """
    groups: list[list[Item]] = []
    rest: list[Item] = []
    for item in node.items:
        if isinstance(item, Node) and item.opened.scope == "other":
            continue
        if not isinstance(item, Node) or item.opened.scope == "panel":
            rest.append(item)
            continue
        captions = sum(is_figure_caption(i) for i in item.walk(into_panels=False))
        if captions and any(isinstance(i, Picture | Drawn) for i in item.walk()):
            groups.extend(split_float(item) if captions > 1 else [item.items])
        elif captions:
            rest.extend(item.items)
        else:
            rest.append(item)
    return groups + _split_in_order(rest)


def _split_in_order(
    items: list[Item],
) -> list[list[Item]]:
    at = [index for index, item in enumerate(items) if is_figure_caption(item)]
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
    if content and at[-1] < content[0] and len(content) >= len(at) and len(content) % len(at) == 0:
        share = len(content) // len(at)
        ends = [*at[1:], content[0]]
        pictures = [items[i] for i in content]
        return [
            items[index : ends[number]] + pictures[number * share : (number + 1) * share]
            for number, index in enumerate(at)
        ]
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


Item = Picture | Caption | Label | Drawn | Break | Node

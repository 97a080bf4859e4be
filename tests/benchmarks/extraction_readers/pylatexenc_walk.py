"""pylatexenc: parse the source to nodes and walk them for figure environments."""

from __future__ import annotations

from collections.abc import Iterator

import pylatexenc
from latex_source import REFERENCES, cite, plain, source_of
from pylatexenc.latexwalker import LatexEnvironmentNode, LatexMacroNode, LatexWalker, get_default_latex_context_db
from pylatexenc.macrospec import MacroSpec

FLOATS = ("figure", "figure*", "wrapfigure", "sidewaysfigure", "SCfigure")


def version() -> str:
    """pylatexenc's version."""
    return pylatexenc.__version__


def read(request: dict) -> dict:
    """See `serve`."""
    source = source_of(request)
    context = get_default_latex_context_db()
    macros = [MacroSpec(name, "{") for name in (*REFERENCES, "plotone")]
    macros += [MacroSpec("plottwo", "{{"), MacroSpec("caption", "[{")]
    context.add_context_category("figures", prepend=True, macros=macros)
    nodes, _, _ = LatexWalker(source, latex_context=context, tolerant_parsing=True).get_latex_nodes()
    figures: list[dict] = []
    references: list[tuple[str, int]] = []
    for node in _walk(nodes):
        if isinstance(node, LatexEnvironmentNode) and node.environmentname in FLOATS:
            figures.append(_figure(node))
        elif isinstance(node, LatexMacroNode) and node.macroname in REFERENCES:
            references.append((_argument(node), node.pos))
    return {"figures": cite(figures, references, source)}


def _walk(nodes: list) -> Iterator:
    """All nodes, outer ones first."""
    stack = list(reversed(nodes or []))
    while stack:
        node = stack.pop()
        if node is None:
            continue
        yield node
        arguments = getattr(getattr(node, "nodeargd", None), "argnlist", None) or []
        stack += reversed([*arguments, *(getattr(node, "nodelist", None) or [])])


def _argument(node: LatexMacroNode) -> str:
    """The last argument's source without its braces."""
    arguments = [part for part in (node.nodeargd.argnlist if node.nodeargd else None) or [] if part is not None]
    return arguments[-1].latex_verbatim().strip("{}") if arguments else ""


def _figure(node: LatexEnvironmentNode) -> dict:
    figure: dict = {"caption": "", "images": [], "labels": [], "span": (node.pos, node.pos + node.len)}
    for part in _walk(node.nodelist):
        name = part.macroname if isinstance(part, LatexMacroNode) else ""
        if name in ("includegraphics", "plotone"):
            figure["images"].append(_argument(part))
        elif name == "plottwo" and part.nodeargd:
            figure["images"] += [argument.latex_verbatim().strip("{}") for argument in part.nodeargd.argnlist]
        elif name == "caption":
            figure["caption"] = plain(_argument(part))
        elif name == "label":
            figure["labels"].append(_argument(part))
    return figure

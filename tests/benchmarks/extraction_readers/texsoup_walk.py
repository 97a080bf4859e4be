"""TexSoup: parse the source to a tree and search it for figure environments."""

from __future__ import annotations

from importlib.metadata import version as version_of

from latex_source import REFERENCES, cite, plain, source_of
from TexSoup import TexSoup

FLOATS = ["figure", "figure*", "wrapfigure", "sidewaysfigure", "SCfigure"]


def version() -> str:
    """TexSoup's version."""
    return version_of("texsoup")


def read(request: dict) -> dict:
    """See `serve`."""
    source = source_of(request)
    soup = TexSoup(source, tolerance=1)
    figures = [_figure(node) for node in soup.find_all(FLOATS)]
    references = [(str(node.args[-1].string), node.position) for node in soup.find_all(list(REFERENCES)) if node.args]
    return {"figures": cite(figures, references, source)}


def _figure(node) -> dict:
    plots = node.find_all(["includegraphics", "plotone", "plottwo"])
    names = [name for plot in plots for name in _braced(plot)]
    captions = [text for caption in node.find_all("caption") for text in _braced(caption)]
    return {
        "caption": plain(captions[-1]) if captions else "",
        "images": names,
        "labels": [text for label in node.find_all("label") for text in _braced(label)],
        "span": (node.position, node.position + len(str(node))),
    }


def _braced(node) -> list[str]:
    """The arguments in braces, as source."""
    return [text[1:-1] for text in map(str, node.args) if text.startswith("{")]

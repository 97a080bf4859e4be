"""Pandoc: its JSON tree has `Figure` nodes with captions and images, and links for references."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pypandoc

PANDOC = pypandoc.get_pandoc_path()
TEXT_BLOCKS = ("Para", "Plain")


def version() -> str:
    """Pandoc's version."""
    return str(pypandoc.get_pandoc_version())


def read(request: dict) -> dict:
    """See `serve`."""
    main = Path(request["folder"]) / request["main"]
    command = [PANDOC, "-f", request["kind"], "-t", "json", main.name]
    done = subprocess.run(command, cwd=main.parent, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.decode("utf-8", "replace").strip()[-200:])
    blocks = json.loads(done.stdout)["blocks"]
    figures = [_figure(node) for node in _nodes(blocks, "Figure")]
    by_label = {label: figure for figure in figures for label in figure.pop("labels")}
    for index, paragraph in enumerate(_paragraphs(blocks)):
        for label in {label for link in _nodes(paragraph, "Link") for label in _targets(link)}:
            if label in by_label:
                by_label[label]["contexts"].append(f"{index}: {_text(paragraph)}")
    return {"figures": figures}


def _nodes(tree: object, kind: str) -> Iterator[dict]:
    """The outermost nodes of a kind, in reading order."""
    if isinstance(tree, list):
        for item in tree:
            yield from _nodes(item, kind)
    elif isinstance(tree, dict):
        if tree.get("t") == kind:
            yield tree
        else:
            yield from _nodes(tree.get("c", []), kind)


def _figure(node: dict) -> dict:
    (name, _, _), (_, caption), blocks = node["c"]
    inner = [part["c"][0][0] for part in _nodes(blocks, "Figure")]
    return {
        "labels": [label for label in (name, *inner) if label],
        "caption": _text(caption),
        "images": [image["c"][2][0] for image in _nodes(blocks, "Image")],
        "contexts": [],
    }


def _paragraphs(tree: object) -> Iterator[list]:
    """The text of all paragraphs outside figures."""
    if isinstance(tree, list):
        for item in tree:
            yield from _paragraphs(item)
    elif isinstance(tree, dict) and tree.get("t") in TEXT_BLOCKS:
        yield tree["c"]
    elif isinstance(tree, dict) and tree.get("t") != "Figure":
        yield from _paragraphs(tree.get("c", []))


def _targets(link: dict) -> list[str]:
    """What a reference points at: `\\cref{a,b}` keeps its list in an attribute."""
    (_, _, attributes), _, (url, _) = link["c"]
    listed = dict(attributes).get("reference", "").split(",")
    return [label.strip() for label in (*listed, url.removeprefix("#")) if label.strip()]


def _text(tree: object) -> str:
    if isinstance(tree, list):
        return "".join(map(_text, tree))
    if not isinstance(tree, dict):
        return ""
    kind, content = tree.get("t"), tree.get("c")
    if kind == "Str":
        return content
    if kind in ("Space", "SoftBreak", "LineBreak"):
        return " "
    if kind == "Math":
        return content[1]
    if kind in ("Cite", "Code", "RawInline", "Note"):
        return ""
    return _text(content)

"""For one paper, each figure: what became of it and why. Nothing is written."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterator

from s1_mmalign.builder.extract import extract_package
from s1_mmalign.builder.extraction import Extraction, Row
from s1_mmalign.builder.options import ExtractOptions
from s1_mmalign.builder.printable import printable
from s1_mmalign.builder.records import DISCIPLINES, LICENCE_CLASSES, SOURCES, Drop, Figure
from s1_mmalign.builder.sources.packages import Package

WIDTH = 100
"""Letters of a line."""


def explain_package(package: Package, options: ExtractOptions) -> list[str]:
    """Read one package and tell what was found, as lines for a person."""
    return list(explain(package, extract_package(package, options, keep_figures=True)))


def explain(package: Package, extraction: Extraction) -> Iterator[str]:
    """Tell what one package gave: the paper, its figures in order with their rows and drops, and all other drops.

    What a stranger's paper says goes to a terminal: control characters in it are spelt out.
    """
    return map(printable, _lines(package, extraction))


def _lines(package: Package, extraction: Extraction) -> Iterator[str]:
    yield f"{package.key}  ({package.bytes:,} bytes, paper {package.paper_id})"
    if extraction.rows:
        yield from _paper(extraction.rows[0])
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in extraction.rows:
        rows[row["figure_id"]].append(row)
    drops: dict[str, list[Drop]] = defaultdict(list)
    for drop in extraction.drops:
        drops[drop.where.partition(" ")[0]].append(drop)
    for figure in extraction.figures:
        yield ""
        yield from _figure(figure, rows[figure.figure_id], drops.pop(figure.figure_id, []))
    if drops:
        yield ""
        yield "Beside the figures:"
        for dropped in drops.values():
            yield from (_drop(drop) for drop in dropped)
    shown = sum(bool(rows[figure.figure_id]) for figure in extraction.figures)
    yield ""
    yield (
        f"{len(extraction.figures)} figures, {shown} of them with rows; "
        f"{len(extraction.rows)} rows, {len(extraction.drops)} drops."
    )


def _paper(row: Row) -> Iterator[str]:
    discipline = DISCIPLINES[row["discipline"]] if row["discipline"] is not None else "unknown discipline"
    licence = f"{row['licence'] or 'no licence given'} ({LICENCE_CLASSES[row['licence_class']]})"
    yield f"  title     {_short(row['title'] or 'none found')}"
    yield f"  abstract  {_short(row['abstract'] or 'none found')}"
    yield f"  known as  {SOURCES[row['source']]}, {discipline}, {licence}"


def _figure(figure: Figure, rows: list[Row], drops: list[Drop]) -> Iterator[str]:
    label = f", label {_short(figure.label)}" if figure.label else ""
    yield f"Figure {_short(figure.number or '(unnumbered)')}  [{figure.figure_id}{label}]"
    yield f"  caption   {_short(figure.caption or 'none; only its panels have one')}"
    contexts = figure.contexts
    yield f"  cited by  {len(contexts)} paragraphs" + (f": {_short(contexts[0], 60)}" if contexts else "")
    for row in rows:
        panel = f"panel {row['panel'] or '?'}: " if row["panels"] > 1 else ""
        words = f"  {_short(row['subcaption'], 50)}" if row["subcaption"] else ""
        yield f"  row       {panel}{row['image_source']} -> {row['image_path']} {row['width']} x {row['height']}{words}"
    yield from (_drop(drop) for drop in drops)


def _drop(drop: Drop) -> str:
    detail = f" ({_short(drop.detail)})" if drop.detail else ""
    return f"  drop      {_short(drop.where) or 'the whole paper'}: {drop.reason}{detail}"


def _short(text: str, width: int = WIDTH - 12) -> str:
    plain = "".join(character if character.isprintable() else " " for character in text)
    return textwrap.shorten(plain, width, placeholder=" …")

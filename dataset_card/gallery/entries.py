"""The rows of a dataset as the gallery shows them: texts with their marks, scores, and a small picture."""

from __future__ import annotations

import base64
import io
import os
import random
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image

from s1_mmalign.builder.records import DISCIPLINES, LICENCE_CLASSES, RECAPTION_COLUMNS, SOURCES
from s1_mmalign.builder.shards import FolderError, Manifest, iter_tables
from s1_mmalign.dataset_card.gallery.marks import mark_claims, mark_references
from s1_mmalign.dataset_card.judgements import text_mark

MAX_CONTEXTS = 6
"""Citing paragraphs shown of one row."""
THREADS = min(8, os.cpu_count() or 1)
"""That make the small pictures."""
_LABELLED = {"source": SOURCES, "discipline": DISCIPLINES, "licence_class": LICENCE_CLASSES}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row lies."""

    shard: str
    row: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One row for the page: `data` goes into its JSON, `picture` is a data URI, "" where the image is unreadable."""

    data: dict[str, Any]
    picture: str


def choose_rows(manifest: Manifest, limit: int, seed: int) -> list[Place]:
    """Return at most `limit` rows, drawn evenly at random over all shards, in the order of the dataset."""
    counts = [(shard.path, shard.rows) for shard in sorted(manifest.shards, key=lambda shard: shard.path)]
    total = sum(rows for _, rows in counts)
    chosen = sorted(random.Random(seed).sample(range(total), min(limit, total)))
    places, start, index = [], 0, 0
    for path, rows in counts:
        while index < len(chosen) and chosen[index] < start + rows:
            places.append(Place(path, chosen[index] - start))
            index += 1
        start += rows
    return places


def read_entries(folder: Path, places: Sequence[Place], columns: Sequence[str], side: int) -> Iterator[Entry]:
    """Yield the chosen rows with pictures of at most `side` pixels on the longer side.

    Args:
        folder: the dataset folder.
        places: rows in order of shard and row.
        columns: the caption columns to show beside the raw caption, `recaption` first.
        side: pixels.

    Raises:
        FolderError: a shard that cannot be read, or that lacks one of the columns.
    """
    wanted: dict[str, list[int]] = {}
    for place in places:
        wanted.setdefault(place.shard, []).append(place.row)
    rows = (row for shard, places in wanted.items() for row in _rows(folder / shard, places, columns))
    with ThreadPoolExecutor(THREADS) as pool:  # Pillow lets go of the interpreter while it decodes and encodes
        waiting: deque[tuple[dict[str, Any], Future[str]]] = deque()
        for row in rows:
            picture = pool.submit(thumbnail, (row.pop("image") or {}).get("bytes"), side)
            waiting.append((_data(row, columns), picture))
            if len(waiting) > 2 * THREADS:
                yield _entry(*waiting.popleft())
        while waiting:
            yield _entry(*waiting.popleft())


def _entry(data: dict[str, Any], picture: Future[str]) -> Entry:
    return Entry(data, picture.result())


def thumbnail(data: bytes | None, side: int) -> str:
    """Return a small WebP picture as a data URI; "" where the bytes are no image that can be read."""
    if not data:
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                image.draft("RGB", (side, side))
                small = _on_white(image)
        small.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return ""
    out = io.BytesIO()
    small.save(out, "WEBP", quality=62, method=2)
    return "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode()


def _on_white(image: Image.Image) -> Image.Image:
    """A picture without transparency: figures are drawn for white paper, and black lines would vanish on black."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    drawn = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", drawn.size, "white"), drawn).convert("RGB")


def _rows(path: Path, rows: Sequence[int], columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    start, index = 0, 0
    for table in iter_tables(path):
        if missing := [name for name in columns if name not in table.column_names]:
            raise FolderError(f"{path}: no column {missing[0]!r}; it has {', '.join(table.column_names)}")
        inside = []
        while index < len(rows) and rows[index] < start + table.num_rows:
            inside.append(rows[index] - start)
            index += 1
        start += table.num_rows
        yield from table.take(pa.array(inside, pa.int64())).to_pylist() if inside else ()
        if index == len(rows):
            return


def _data(row: dict[str, Any], columns: Sequence[str]) -> dict[str, Any]:
    contexts = (row["citation_contexts"] or [])[:MAX_CONTEXTS]
    paper = [row["caption"], row["subcaption"], *(row["citation_contexts"] or []), row["title"], row["abstract"]]
    known = [text for text in paper if text]
    return {
        "id": row["image_path"],
        **{name: names[row[name]] if row[name] is not None else None for name, names in _LABELLED.items()},
        **{
            name: row[name] for name in ("title", "url", "licence", "panel", "subcaption", "caption", "width", "height")
        },
        "label": f"Figure {row['figure_number']}" if row["figure_number"] else row["figure_id"],
        "number": row["figure_number"],
        "captions": {
            name: {
                "text": row[name],
                "marks": mark_claims(row[name], known) if row[name] else [],
                "flags": row.get(f"{name}_flags") or [],
                "model": row.get(f"{name}_model"),
                "mark": text_mark(row[name]),
            }
            for name in columns
        },
        "contexts": [{"text": text, "marks": mark_references(text, row["figure_number"])} for text in contexts],
        "scores": _scores(row),
    }


def _scores(row: dict[str, Any]) -> dict[str, float]:
    """Every number of the row that is a score: the floating point columns."""
    return {
        name: round(value, 4)
        for name, value in row.items()
        if isinstance(value, float) and name not in RECAPTION_COLUMNS and value == value
    }

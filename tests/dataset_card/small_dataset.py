"""Small dataset folders with real pictures, written as the stage `build` leaves them."""

from __future__ import annotations

import hashlib
import io
import json
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image

from s1_mmalign.builder.records import LICENCE_CLASSES, SOURCES, Drop
from s1_mmalign.builder.shards import DROPS_NAME, SCHEMA, Manifest, Shard, write_shard
from s1_mmalign.processing.journal import Entry, encode

CC_BY = "http://creativecommons.org/licenses/by/4.0/"
ARXIV = "http://arxiv.org/licenses/nonexclusive-distrib/1.0/"


def picture(seed: int, kind: str = "PNG", side: int = 24) -> bytes:
    """A small picture that differs from seed to seed."""
    image = Image.effect_mandelbrot((side, side + 2), (-2, -1.5, 1 + seed / 50, 1.5), 20).convert("RGB")
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


def row(number: int, source: str = "arxiv", **changes: Any) -> dict[str, Any]:
    """One row; `number` makes image, paper and figure differ (two rows a paper)."""
    data = picture(number, "JPEG" if number % 3 == 2 else "PNG")
    paper = f"2{number % 4}01.{number // 2:05d}" if source == "arxiv" else f"10.1101_{number // 2}"
    file = f"fig{number}.{'jpg' if number % 3 == 2 else 'png'}"
    base = dict.fromkeys(SCHEMA.names) | {
        "image": {"bytes": data, "path": file},
        "image_path": f"{source}/{paper}/{file}",
        "caption": f"Caption of figure {number}. " * (number % 5 + 1),
        "paper_id": paper,
        "arxiv_id": paper if source == "arxiv" else None,
        "doi": None if source == "arxiv" else f"10.1101/{number // 2}",
        "title": f"On the figure {number // 2}",
        "abstract": "We show figures.",
        "categories": ["cs.CV", "stat.ML"],
        "discipline": number % 9 if number % 10 else None,
        "source": SOURCES.index(source),
        "licence": CC_BY if number % 2 else ARXIV,
        "licence_class": LICENCE_CLASSES.index("open" if number % 2 else "restricted"),
        "figure_id": f"fig{number}",
        "panels": 1,
        "image_source": file,
        "citation_contexts": [f"As Figure {number} shows, it holds."] if number % 4 else [],
        "width": 24,
        "height": 26,
        "image_sha256": hashlib.sha256(data).hexdigest(),
        "phash": f"{number:016x}",
    }
    return base | changes


def recaptioned(one: dict[str, Any], model: str = "tiny/model", **changes: Any) -> dict[str, Any]:
    """The same row after the stage `recaption`."""
    return one | {
        "recaption": f"A fractal set, drawn in colour. {one['caption']}",
        "recaption_model": model,
        "recaption_prompt": "dense-v1",
        "recaption_key": "0" * 64,
        "recaption_finish_reason": "stop",
        "recaption_flags": [],
        **changes,
    }


def default_rows() -> list[dict[str, Any]]:
    """Twenty rows of two sources."""
    return [row(number) for number in range(12)] + [row(number, "biorxiv") for number in range(12, 20)]


def make_folder(
    folder: Path, rows: list[dict[str, Any]] | None = None, drops: list[Drop] | None = None, shard_rows: int = 4
) -> Path:
    """Write a dataset folder: shards by source, licence class and split (every fifth row is of `test`)."""
    rows = default_rows() if rows is None else rows
    if drops is None:
        drops = [Drop("2001.00099", "", "no_figures"), Drop("2001.00098", "fig1 a.eps", "image_missing")]
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for number, one in enumerate(rows):
        split = "test" if number % 5 == 4 else "train"
        groups[SOURCES[one["source"]], LICENCE_CLASSES[one["licence_class"]], split].append(one)
    shards = []
    for (source, licence_class, split), members in groups.items():
        parts = [members[start : start + shard_rows] for start in range(0, len(members), shard_rows)]
        for index, part in enumerate(parts):
            path = f"data/{source}/{licence_class}/{split}-{index:05d}-of-{len(parts):05d}.parquet"
            written = write_shard(folder / path, [pa.Table.from_pylist(part, schema=SCHEMA)])
            shards.append(Shard(path, *written, source, licence_class, split))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DROPS_NAME).write_text("".join(json.dumps(asdict(drop)) + "\n" for drop in drops), encoding="utf-8")
    with_rows = len({one["paper_id"] for one in rows})
    dropped = len({drop.paper_id for drop in drops})
    counts: dict[str, int] = defaultdict(int)
    for drop in drops:
        counts[drop.reason] += 1
    papers = {"in": with_rows + dropped, "with_rows": with_rows, "dropped": dropped}
    Manifest(shards, papers, dict(counts)).save(folder)
    (folder / ".s1-mmalign" / "journal").mkdir(parents=True, exist_ok=True)
    (folder / ".s1-mmalign" / "journal" / "0.jsonl").write_bytes(encode(Entry("0" * 32, "private", "private")))
    return folder

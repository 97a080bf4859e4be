"""Dataset folders for tests: small figures whose captions name them, so that a server's log tells who was asked for."""

from __future__ import annotations

import hashlib
import io
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

from s1_mmalign.builder.shards import SCHEMA, Manifest, Shard, write_shard

FIGURES_A_PAPER = 3


def png(seed: int, size: tuple[int, int] = (160, 120)) -> bytes:
    """Return a picture of a few lines; another seed, another picture."""
    draw = random.Random(seed)
    image = Image.new("RGB", size, "white")
    for _ in range(6):
        ends = [draw.randrange(size[axis % 2]) for axis in range(4)]
        ImageDraw.Draw(image).line(ends, fill=tuple(draw.randrange(256) for _ in range(3)), width=3)
    output = io.BytesIO()
    image.save(output, "PNG")
    return output.getvalue()


def figure_row(index: int, **changes: Any) -> dict[str, Any]:
    """Return a row as `build` writes it; its caption says "sample <index>."."""
    paper, number = index // FIGURES_A_PAPER, index % FIGURES_A_PAPER + 1
    row = {
        "image": {"bytes": png(index), "path": None},
        "image_path": f"arxiv/paper-{paper}/figure-{number}.png",
        "caption": f"Rate of the reaction against temperature for sample {index}. Bars are one standard deviation.",
        "paper_id": f"paper-{paper}",
        "title": f"Reaction rates in series {paper}",
        "abstract": "We measure how fast the reaction runs. A model with two barriers explains the rates.",
        "categories": ["physics.chem-ph"],
        "source": 0,
        "licence_class": 0,
        "figure_id": f"fig{number}",
        "figure_number": str(number),
        "panels": 1,
        "citation_contexts": [
            f"We varied the temperature. As Fig. {number} shows, the rate of sample {index} grows until it saturates. "
            "The growth follows an Arrhenius law with one barrier."
        ],
        "width": 160,
        "height": 120,
    } | changes
    data = row["image"]["bytes"] if row["image"] else b""
    return {"image_sha256": hashlib.sha256(data or b"").hexdigest()} | row


def write_dataset(folder: Path, rows: list[dict[str, Any]], shards: int = 2, group_rows: int = 8) -> Path:
    """Write rows as a dataset folder of so many shards, in row groups of at most `group_rows`."""
    manifest = Manifest(papers={"in": 1, "with_rows": 1, "dropped": 0})
    size = -(-len(rows) // max(shards, 1))
    for number in range(shards):
        part = rows[number * size : (number + 1) * size]
        tables = [_table(part[start : start + group_rows]) for start in range(0, len(part), group_rows)]
        path = f"data/arxiv/open/train-{number:05d}-of-{shards:05d}.parquet"
        manifest.shards.append(Shard(path, *write_shard(folder / path, tables), "arxiv", "open", "train"))
    manifest.save(folder)
    return folder


def read_rows(folder: Path, columns: list[str] | None = None) -> list[dict[str, Any]]:
    """Return the rows of a dataset folder, in the order of its shards."""
    shards = sorted(Manifest.load(folder).shards, key=lambda shard: shard.path)
    return [row for shard in shards for row in pq.read_table(folder / shard.path, columns=columns).to_pylist()]


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.table({field.name: pa.array([row.get(field.name) for row in rows], field.type) for field in SCHEMA})

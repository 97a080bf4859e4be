"""Small dataset folders for the tests of the report."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from s1_mmalign.builder.records import SOURCES
from s1_mmalign.builder.shards import SCHEMA, Manifest, Shard, write_shard

OFF = {"clip_model": None, "perplexity_model": None, "resamples": 50}
QUICK = {"resamples": 50, "plots": False, "tokens_per_batch": 4096}


def figure(seed: int) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (30, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def make_row(source: str, number: int, **changes) -> dict:
    row = dict.fromkeys(SCHEMA.names)
    row |= {
        "image": {"bytes": figure(number), "path": None},
        "image_path": f"{source}/p{number // 2}/f{number}.png",
        "paper_id": f"{source}-{number // 2}",
        "caption": f"Plot of the loss in run {number}.",
        "recaption": f"Plot of the loss in run {number}. The temperature is 300 K and the pressure 5 Pa in each cell.",
        "title": "On the loss",
        "abstract": "We measure the temperature, 300 K.",
        "citation_contexts": ["As the figure shows, the pressure is high."],
        "categories": [],
        "source": SOURCES.index(source),
        "discipline": number // 2 % 2,
        "licence_class": 0,
        "figure_id": f"fig{number}",
        "recaption_model": "extractive",
        "recaption_prompt": "v1",
    }
    return row | changes


def write_dataset(folder: Path, rows: dict[str, list[dict]]) -> Path:
    """One shard a source, as `build` writes them."""
    shards = []
    for source, group in rows.items():
        path = f"data/{source}/open/train-00000-of-00001.parquet"
        halves = [group[: len(group) // 2], group[len(group) // 2 :]]
        tables = [pa.Table.from_pylist(half, schema=SCHEMA) for half in halves if half]
        written = write_shard(folder / path, tables)
        shards.append(Shard(path, *written, source, "open", "train"))
    Manifest(shards, {"in": 3, "with_rows": 3, "dropped": 0}, {}).save(folder)
    return folder

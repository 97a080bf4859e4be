"""Dataset folders for tests of the stream: many shards of several row groups, rows that are little more than an id."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from s1_mmalign.builder.shards import SCHEMA, Manifest, Shard, write_shard
from tests.dataset_card.small_dataset import picture

PICTURE = picture(1)


def id_row(number: int, **changes: Any) -> dict[str, Any]:
    """A row with an id, two texts and a picture."""
    base = dict.fromkeys(SCHEMA.names) | {
        "image": {"bytes": PICTURE, "path": "a.png"},
        "image_path": f"arxiv/{number:05d}/fig1.png",
        "paper_id": f"{number:05d}",
        "caption": f"Caption {number}.",
        "recaption": f"First of {number}. Second of {number}. Third of {number}.",
        "title": "T",
        "source": 0,
        "licence_class": 0,
        "width": number,
        "recaption_flags": [],
    }
    return base | changes


def write_rows(folder: Path, layout: Sequence[Sequence[list[dict[str, Any]]]], licence_class: str = "open") -> Path:
    """Write shards; `layout` holds the rows of each row group of each shard."""
    shards = []
    for index, groups in enumerate(layout):
        path = f"data/arxiv/{licence_class}/train-{index:05d}-of-{len(layout):05d}.parquet"
        written = write_shard(folder / path, [pa.Table.from_pylist(group, schema=SCHEMA) for group in groups])
        shards.append(Shard(path, *written, "arxiv", licence_class, "train"))
    before = Manifest.load(folder).shards if (folder / "manifest.json").is_file() else []
    Manifest([*before, *shards], {"in": 0, "with_rows": 0, "dropped": 0}, {}).save(folder)
    return folder


def write_ids(folder: Path, layout: Sequence[Sequence[int]]) -> set[str]:
    """Write a dataset whose shards have row groups of these numbers of rows; return all ids."""
    numbers = iter(range(10**6))
    rows = [[[id_row(next(numbers)) for _ in range(count)] for count in groups] for groups in layout]
    write_rows(folder, rows)
    return {row["image_path"] for groups in rows for group in groups for row in group}

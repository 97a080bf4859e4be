"""What a second push costs after every row was captioned anew: bytes that land in a loopback Xet store.

    python -m tests.benchmarks.recaption_bytes [--papers FOLDER] [--mb 100]

Builds the papers, repeats their rows with pictures that are cut and encoded anew until there are so many MB, pushes,
writes new recaptions into all rows, and pushes again, the second time from a machine that never saw the data. The
same rows in other Parquet layouts stand beside it. Bound: 1.2 x the changed columns as they are in the file + 2 % of
the image bytes.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset
from PIL import Image

from s1_mmalign.builder.records import RECAPTION_COLUMNS
from s1_mmalign.builder.shards import (
    DROPS_NAME,
    SCHEMA,
    WORK_FOLDER,
    Manifest,
    Shard,
    full_row_groups,
    iter_tables,
    write_shard,
)
from s1_mmalign.processing.shard_columns import write_columns
from tests.hub.server import LoopbackHub

SAMPLES = Path(__file__).parents[2] / "samples" / "papers"
SHARD = "data/arxiv/open/train-00000-of-00001.parquet"
UPLOAD = """
import sys
from huggingface_hub import HfApi
from huggingface_hub.utils import disable_progress_bars
disable_progress_bars()
api = HfApi()
api.create_repo("tester/figures", repo_type="dataset", exist_ok=True)
api.upload_folder(repo_id="tester/figures", repo_type="dataset", folder_path=sys.argv[1], allow_patterns="data/**")
"""
Write = Callable[[Path, pa.Table], None]


def rows_of(papers: Path, work: Path, image_bytes: int) -> pa.Table:
    """Return real rows, varied until their images have so many bytes."""
    from s1_mmalign.builder.build import build_dataset  # the readers: nothing else here needs them
    from s1_mmalign.builder.options import BuildOptions

    build_dataset(BuildOptions(papers=(papers,)), work)
    base = [row for shard in Manifest.load(work).shards for table in iter_tables(work / shard.path)
            for row in table.to_pylist()]  # fmt: skip
    chance = random.Random(0)
    rows: list[dict[str, Any]] = []
    total = 0
    while total < image_bytes:
        row = base[len(rows) % len(base)]
        data = _varied(row["image"]["bytes"], chance)
        number = len(rows)
        same = {"source": 0, "licence_class": 0, "image_sha256": f"{number:064x}", "paper_id": f"{number // 6}"}
        image = {"bytes": data, "path": f"{number}.jpg"}
        rows.append(row | same | {"image": image, "image_path": f"arxiv/{number // 6}/{number}.jpg"})
        total += len(data)
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _varied(data: bytes, chance: random.Random) -> bytes:
    """The picture, cut at random and encoded anew."""
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
        box = (chance.randrange(width // 5 + 1), chance.randrange(height // 5 + 1), width, height)
        stream = io.BytesIO()
        image.convert("RGB").crop(box).save(stream, "JPEG", quality=chance.randrange(85, 96))
        return stream.getvalue()


def new_captions(rows: int, seed: int, words: list[str]) -> dict[str, list[Any]]:
    """Recaption columns for so many rows: about 1,000 characters each, no two alike."""
    chance = random.Random(seed)
    return {
        "recaption": [" ".join(chance.choices(words, k=160)) for _ in range(rows)],
        "recaption_model": [f"model-{seed}"] * rows,
        "recaption_prompt": ["dense-v1"] * rows,
        "recaption_key": [chance.randbytes(32).hex() for _ in range(rows)],
        "recaption_finish_reason": ["stop"] * rows,
        "recaption_flags": [[] for _ in range(rows)],
    }


def column_bytes(folder: Path, columns: tuple[str, ...]) -> int:
    """Bytes of columns as they are in the shards of a folder (compressed)."""
    total = 0
    for path in (folder / "data").rglob("*.parquet"):
        metadata = pq.read_metadata(path)
        for group in range(metadata.num_row_groups):
            chunks = [metadata.row_group(group).column(index) for index in range(metadata.num_columns)]
            total += sum(
                chunk.total_compressed_size for chunk in chunks if chunk.path_in_schema.split(".")[0] in columns
            )
    return total


def as_published(folder: Path, table: pa.Table) -> None:
    """Write rows as `build` does: one shard, full row groups."""
    written = write_shard(folder / SHARD, full_row_groups([table]))
    (folder / DROPS_NAME).write_text("")
    papers = len(set(table["paper_id"].to_pylist()))
    shard = Shard(SHARD, *written, "arxiv", "open", "train")
    Manifest([shard], {"in": papers, "with_rows": papers, "dropped": 0}).save(folder)


def recaption_as_published(folder: Path, captions: dict[str, list[Any]]) -> None:
    """Write new recaptions as `recaption` does."""
    (folder / WORK_FOLDER).mkdir(exist_ok=True)
    rows = Dataset.from_dict({**captions, "outcome": ["new"] * len(captions["recaption"])})
    write_columns(folder, Manifest.load(folder), rows, RECAPTION_COLUMNS)


def layouts() -> Iterator[tuple[str, Write]]:
    """Other ways to lay out the same rows: name, and what writes the file."""
    for size in (32, 16, 8):
        yield f"row groups of {size} MiB", _writer(SCHEMA.names, size << 20)
    early = [name for name in SCHEMA.names if name not in RECAPTION_COLUMNS]
    early[4:4] = RECAPTION_COLUMNS
    yield "recaption amid the text, 64 MiB", _writer(early, 64 << 20)
    yield "recaption amid the text, 16 MiB", _writer(early, 16 << 20)
    yield "images last, 64 MiB", _writer([*SCHEMA.names[1:], "image"], 64 << 20)
    yield "pyarrow as it comes", lambda path, table: pq.write_table(table, path)


def _writer(order: list[str], group_bytes: int) -> Write:
    def write(path: Path, table: pa.Table) -> None:
        schema = pa.schema([SCHEMA.field(name) for name in order])
        lists = [name for name in order if pa.types.is_list(SCHEMA.field(name).type)]
        leaves = [f"{name}.list.element" if name in lists else name for name in order if name != "image"]
        compression = {"image.bytes": "NONE"} | dict.fromkeys([*leaves, "image.path"], "ZSTD")
        with pq.ParquetWriter(path, schema, compression=compression, use_content_defined_chunking=True) as writer:
            for group in full_row_groups([table], group_bytes):
                writer.write_table(group.select(order), row_group_size=group.num_rows)

    return write


def upload(hub: LoopbackHub, folder: Path, home: Path) -> int:
    """Send a folder's shards from a process with caches of its own; return the bytes that landed in the store."""
    before = hub.store.xet.stored_bytes
    environment = {**os.environ, **hub.environment(home), "USE_TORCH": "0"}
    subprocess.run([sys.executable, "-c", UPLOAD, str(folder)], env=environment, check=True)
    return hub.store.xet.stored_bytes - before


def measure(table: pa.Table, write: Write | None, work: Path) -> tuple[int, int, int, int]:
    """Return bytes sent first, the changed columns' bytes, and bytes sent again: same machine, and another one."""
    words = sorted({word for text in table["caption"].to_pylist() for word in text.split()})
    folder = work / "dataset"
    sent: list[int] = []
    for push, home in enumerate(("own", "own", "other")):
        captions = new_captions(table.num_rows, push, words)
        if write is not None:
            path = folder / SHARD
            path.parent.mkdir(parents=True, exist_ok=True)
            for name in RECAPTION_COLUMNS:
                place = SCHEMA.get_field_index(name)
                table = table.set_column(place, SCHEMA.field(name), pa.array(captions[name], SCHEMA.field(name).type))
            write(path, table)
        elif push == 0:
            as_published(folder, table)
        else:
            recaption_as_published(folder, captions)
        if push == 0:
            hub = LoopbackHub(work / "hub").__enter__()
        sent.append(upload(hub, folder, work / home))
    hub.__exit__()
    return sent[0], column_bytes(folder, RECAPTION_COLUMNS), sent[1], sent[2]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--papers", type=Path, default=SAMPLES)
    parser.add_argument("--mb", type=int, default=100)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        table = rows_of(arguments.papers, work / "built", arguments.mb * 10**6)
        images = sum(len(image["bytes"]) for image in table["image"].to_pylist())
        print(f"{table.num_rows:,} rows, {images / 1e6:,.1f} MB of images; all sizes in MB\n")
        print(
            "| layout | first push | changed columns | bound | second push | from another machine | over the columns |"
        )
        print("|---|---|---|---|---|---|---|")
        for label, write in [("as published (64 MiB)", None), *layouts()]:
            with tempfile.TemporaryDirectory(dir=work) as place:
                first, text, second, other = measure(table, write, Path(place))
            bound = 1.2 * text + 0.02 * images
            cells = [f"{value / 1e6:,.2f}" for value in (first, text, bound, second, other)]
            over = f"{(max(second, other) - text) / images:.2%} of the images"
            print(f"| {label} | {' | '.join(cells)} | {over} |", flush=True)


if __name__ == "__main__":
    main()

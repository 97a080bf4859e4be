"""How fast are rows for training? This project's stream beside webdataset and `datasets`, on the same images.

    python -m tests.benchmarks.streaming --folder /tmp/streaming --rounds 5

Makes a dataset of drawn photographs (JPEG) and, with `--png`, plots, exports it to tars, and measures every reader in
processes of its own, in turns, so that what else the machine does falls on all of them: rows a second from the first
batch to the last (the best round counts), whole images and resized ones; seconds from the start of the process to the
first row; bytes read for the texts alone. Processor time a row, which other work on the machine disturbs less, is
measured beside.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from s1_mmalign import training_stream
from s1_mmalign.builder.shards import SCHEMA, Manifest, Shard, write_shard
from s1_mmalign.processing.export import ExportOptions, export_dataset
from s1_mmalign.processing.streaming.store import Store
from tests.benchmarks.tables import table

READERS = Path(__file__).parent / "streaming_readers"
NAMES = ("ours", "ours_shuffled", "webdataset_tars", "datasets_parquet", "bare_tar")
SHARDS = 8
RESIZED = 256
RUNS = (("whole", 0, 1 << 30), ("resized", RESIZED, 1 << 30), ("first", RESIZED, 1))
"""What is measured: name, size (0: as stored), rows."""
WORDS = ("phase", "wave", "field", "energy", "the", "of", "over", "shows", "decays", "as", "rate", "grows", "with")


def make_dataset(folder: Path, rows: int, png_share: float) -> None:
    """Write `parquet/` (a dataset folder) and `tars/` with the same rows."""
    random.seed(1)
    made = [_row(number, png_share) for number in range(rows)]
    shards = []
    for index in range(SHARDS):
        path = f"data/arxiv/open/train-{index:05d}-of-{SHARDS:05d}.parquet"
        part = pa.Table.from_pylist(made[index::SHARDS], schema=SCHEMA)
        shards.append(Shard(path, *write_shard(folder / "parquet" / path, [part]), "arxiv", "open", "train"))
    Manifest(shards, {"in": rows, "with_rows": rows, "dropped": 0}, {}).save(folder / "parquet")
    size = sum(shard.bytes for shard in shards)
    export_dataset(folder / "parquet", folder / "tars", ExportOptions("webdataset", shard_bytes=size // SHARDS + 1))


def _row(number: int, png_share: float) -> dict[str, Any]:
    data, extension = _picture(number, number % 100 < 100 * png_share)
    text = " ".join(random.choices(WORDS, k=120))
    return dict.fromkeys(SCHEMA.names) | {
        "image": {"bytes": data, "path": f"{number}.{extension}"},
        "image_path": f"arxiv/{number // 4}/{number}.{extension}",
        "caption": text[:250],
        "recaption": text,
        "abstract": text * 2,
        "citation_contexts": [text, text],
        "paper_id": f"{number // 4}",
        "source": 0,
        "licence_class": 0,
    }


def _picture(number: int, png: bool) -> tuple[bytes, str]:
    """A JPEG of 512 to 1024 pixels with the detail of a photograph, or a PNG of as many with flat areas."""
    state = np.random.default_rng(number)
    width, height = (int(state.integers(4, 9)) * 128 for _ in range(2))
    coarse = state.integers(0, 256, (height // 16, width // 16, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    if png:
        image.quantize(32).convert("RGB").save(stream, "PNG", compress_level=3)
        return stream.getvalue(), "png"
    noise = state.integers(-12, 13, (height, width, 1))
    pixels = np.clip(np.asarray(image).astype(int) + noise, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(stream, "JPEG", quality=85)
    return stream.getvalue(), "jpg"


def measure(reader: str, folder: Path, size: int, limit: int) -> dict[str, float]:
    """Run a reader once; return `first` (seconds to the first row), `rate` (rows a second), `cpu` (seconds a row)."""
    command = [sys.executable, "-u", str(READERS / "loop.py"), reader, str(folder), str(size), str(limit)]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if process.stdout.readline() != "first\n":
            raise RuntimeError(f"{reader} gave no row; try: {' '.join(command)}")
        first = time.perf_counter() - started
        result = json.loads(process.stdout.readline())
    return {"first": first, "rate": result["rows"] / max(result["seconds"], 1e-9), "cpu": result["cpu"]}


class CountedFile(io.FileIO):
    """A file that counts the bytes that are read."""

    total = 0

    def readinto(self, buffer: Any) -> int:
        """Read, and count."""
        count = super().readinto(buffer)
        CountedFile.total += count or 0
        return count or 0

    def read(self, size: int | None = -1) -> bytes:
        """Read, and count."""
        data = super().read(-1 if size is None else size)
        CountedFile.total += len(data)
        return data


def share_read_for_texts(folder: Path) -> float:
    """Bytes read when only texts are streamed, by the bytes of the shards."""

    class CountedStore(Store):
        """Opens files that count."""

        def open(self, path: str) -> Any:
            """A counting file."""
            return CountedFile(f"{self.folder}/{path}")

    stream = training_stream(folder / "parquet", image="none")
    store = stream._store
    stream._store = CountedStore(store.name, store.shards, store.fingerprint, store.folder)
    CountedFile.total = 0
    rows = sum(1 for _ in stream)
    assert rows == stream.rows
    return CountedFile.total / sum(path.stat().st_size for path in (folder / "parquet").rglob("*.parquet"))


def comparison(found: dict[tuple[str, str], list[dict[str, float]]], readers: Sequence[str]) -> str:
    """The best round of each reader, and how it stands to the first reader's."""
    lines = []
    for reader in readers:
        cells = [reader]
        for what, _, _ in RUNS:
            for measured, best in (("first", min),) if what == "first" else (("rate", max), ("cpu", min)):
                own, other = (best(run[measured] for run in found[name, what]) for name in (readers[0], reader))
                shown = (
                    f"{other:,.0f}"
                    if measured == "rate"
                    else f"{other:.2f}"
                    if what == "first"
                    else f"{other * 1e3:.2f}"
                )
                times = own / other if measured == "rate" else other / own
                cells.append(f"{shown} ({times:.2f})")
        lines.append(cells)
    columns = [f"{what}, {unit}" for what in ("whole", "resized") for unit in ("rows/s", "CPU ms/row")]
    return table(["reader (times ours)", *columns, "first row, s"], lines)


def main() -> None:
    """Make the dataset where it is missing, measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the dataset is made, or lies already")
    parser.add_argument("--rows", type=int, default=2400)
    parser.add_argument("--png", type=float, default=0.0, help="share of the images that are PNG")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=NAMES, choices=NAMES)
    arguments = parser.parse_args()
    if not (arguments.folder / "tars").exists():
        make_dataset(arguments.folder, arguments.rows, arguments.png)
    found: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    for _ in range(arguments.rounds):
        for reader in arguments.only:
            for what, size, limit in RUNS:
                measured = measure(reader, arguments.folder, size, limit)
                found[reader, what].append(measured)
                print(reader, what, measured, file=sys.stderr, flush=True)
    print(comparison(found, arguments.only))
    print(f"\nbytes read for the texts alone: {share_read_for_texts(arguments.folder):.1%} of the shards")


if __name__ == "__main__":
    main()

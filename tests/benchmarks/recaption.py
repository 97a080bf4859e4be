"""Recaptioning, measured: what `map` costs beside the bare engine, restarts, memory, and the prefix cache.

    python -m tests.benchmarks.recaption rate [--rows 400] [--rounds 3]     (a) through `map` against the bare engine
    python -m tests.benchmarks.recaption restart [--rows 100000]            (c) a finished run started again
    python -m tests.benchmarks.recaption memory [--rows 1000000]            (d) rate and memory over a long run
    python -m tests.benchmarks.recaption prefix [--rows 300]                rows ordered by paper against shuffled

`rate` and `prefix` run vLLM with a tiny Qwen3-VL of random weights on the CPU, or any other model (--model) on a GPU.
Kills are a campaign: `python -m tests.campaigns.recaption_kills`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa

from s1_mmalign.builder.shards import SCHEMA, Manifest, Shard, write_shard
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.recaption import recaption_dataset
from tests.benchmarks.recaption_engine import WARM_NOTE
from tests.models.shared import tiny_qwen3_vl
from tests.processing.figure_rows import figure_row, png, write_dataset

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # two processes less on each side: a CPU has no GPU to keep busy
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}
ENGINE = "tests.benchmarks.recaption_engine:WarmVLLMCaptioner"
SHARD_ROWS = 50_000


def vllm_options(chosen: argparse.Namespace) -> dict[str, Any]:
    """Return the options of both sides; the tiny model is given what a CPU needs."""
    if chosen.model:
        return {"model": chosen.model, "max_tokens": chosen.max_tokens, "retries": 0}
    return {
        "model": str(tiny_qwen3_vl()),
        "max_tokens": chosen.max_tokens,
        "retries": 0,  # the bare engine is asked once, too
        "dtype": "float32",
        "max_model_len": 4096,
        "engine": {"enforce_eager": True, "max_num_seqs": 16},
    }


def rate(chosen: argparse.Namespace, work: Path) -> None:
    """Run both in turns, each in processes of its own, with the engine warm before the clock runs."""
    os.environ.update(ENVIRONMENT | {WARM_NOTE: str(work / "warm.json")})
    options = vllm_options(chosen)
    rows = [figure_row(index) for index in range(chosen.rows)]
    ratios = []
    for number in range(chosen.rounds):
        folder = write_dataset(work / f"dataset-{number}", rows)
        bare = run_bare(folder, options)
        mapped = run_mapped(folder, options)
        ratios.append(bare["seconds"] / mapped["seconds"])
        print(
            f"round {number + 1}: bare {chosen.rows / bare['seconds']:.1f} rows/s ({bare['cpu']:.1f} s of processor), "
            f"through map {chosen.rows / mapped['seconds']:.1f} rows/s ({mapped['cpu']:.1f} s): "
            f"ratio {ratios[-1]:.3f} on the clock",
            flush=True,
        )
    print(f"median ratio {statistics.median(ratios):.3f}, best {max(ratios):.3f}, worst {min(ratios):.3f}")


def run_bare(folder: Path, options: dict[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.recaption_engine", str(folder), json.dumps(options)]
    before = children_seconds()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1]) | {"cpu": children_seconds() - before}


def run_mapped(folder: Path, options: dict[str, Any]) -> dict[str, Any]:
    """The clock runs from when the engine is warm until it is told that all is answered."""
    before, own = children_seconds(), time.process_time()
    summary = recaption_dataset(folder, RecaptionOptions(ENGINE, **options), say=lambda text: None)
    assert summary.failed == 0
    note = json.loads(Path(os.environ[WARM_NOTE]).read_text())
    cpu = children_seconds() - before + time.process_time() - own
    return {"seconds": note["closed"] - note["ready"], "cpu": cpu}


def children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def restart(chosen: argparse.Namespace, work: Path) -> None:
    """The command line, from its start to its end, on a dataset whose rows are all done."""
    folder = write_synthetic(work / "dataset", chosen.rows)
    old = shutil.copytree(folder, work / "old")
    command = [str(Path(sys.executable).with_name("s1-mmalign")), "recaption", str(folder)]
    command += ["--num-proc", str(chosen.num_proc)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    measure_restart("recaptions in the shards", command, chosen)
    for number in range(chosen.rounds):
        shutil.copytree(old / "data", folder / "data", dirs_exist_ok=True)
        shutil.copy(old / "manifest.json", folder / "manifest.json")
        measure_restart("recaptions in the journal only, shards written", command, chosen, 1)
        del number


def measure_restart(what: str, command: list[str], chosen: argparse.Namespace, rounds: int | None = None) -> None:
    for _ in range(rounds or chosen.rounds):
        started, before = time.monotonic(), children_seconds()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds, cpu = time.monotonic() - started, children_seconds() - before
        said = " ".join(done.stdout.split("\n")[1].split())
        print(
            f"{what}: {chosen.rows / seconds:,.0f} rows/s with the start of Python, {cpu:.1f} s of processor; {said}",
            flush=True,
        )


def memory(chosen: argparse.Namespace, work: Path) -> None:
    """Every process's memory and the rate, in tenths of the run."""
    folder = write_synthetic(work / "dataset", chosen.rows)
    samples: list[tuple[float, int, dict[int, int]]] = []
    done = [0]
    ended = threading.Event()

    def watch() -> None:
        own = psutil.Process()
        while not ended.wait(1.0):
            sizes = {}
            for process in (own, *own.children(recursive=True)):
                try:
                    sizes[process.pid] = private_bytes(process)
                except psutil.Error:
                    continue
            samples.append((time.monotonic(), done[0], sizes))

    def progress(what: str, rows: int, total: int) -> None:
        if what == "rows":
            done[0] = rows

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    options = RecaptionOptions(num_proc=chosen.num_proc)
    summary = recaption_dataset(folder, options, progress, say=lambda text: None)
    ended.set()
    thread.join()
    print(f"{summary.rows:,} rows, {summary.engine:,} now, {summary.seconds:,.0f} s")
    for tenth in range(10):
        within = [one for one in samples if tenth <= 10 * one[1] / chosen.rows < tenth + 1 and one[1]]
        if len(within) > 1:
            seconds, rows = within[-1][0] - within[0][0], within[-1][1] - within[0][1]
            peaks = sorted({pid: max(one[2].get(pid, 0) for one in within) for pid in within[-1][2]}.values())
            sizes = ", ".join(f"{peak / 2**20:,.0f}" for peak in reversed(peaks))
            print(f"{tenth * 10:3d}-{tenth * 10 + 10} %: {rows / seconds:,.0f} rows/s; MiB of each process: {sizes}")


def private_bytes(process: psutil.Process) -> int:
    """Memory that is the process's own: mapped files, which the system can drop, are not counted."""
    info = process.memory_info()
    return info.rss - getattr(info, "shared", 0)


def prefix(chosen: argparse.Namespace, work: Path) -> None:
    """The share of prompt tokens that vLLM's prefix cache held, rows of a paper together or shuffled."""
    os.environ.update(ENVIRONMENT)
    options = vllm_options(chosen)
    abstract = " ".join(f"Sentence {number} of what the paper measures and concludes." for number in range(20))
    rows = [figure_row(index) for index in range(chosen.rows)]
    for row in rows:
        row["abstract"] = f"{row['paper_id']}. {abstract}"
    for name in ("by paper", "shuffled"):
        if name == "shuffled":
            random.Random(0).shuffle(rows)
        folder = write_dataset(work / name.replace(" ", "-"), rows)
        done = run_bare(folder, options | {"engine": options.get("engine", {}) | chosen_cache(chosen)})
        share = done["cached_tokens"] / done["prompt_tokens"]
        print(f"{name}: {share:.1%} of {done['prompt_tokens']:,} prompt tokens from the prefix cache", flush=True)


def chosen_cache(chosen: argparse.Namespace) -> dict[str, Any]:
    """A cache that is small beside the data, as a GPU's is beside a million papers."""
    return {"num_gpu_blocks_override": chosen.blocks} if chosen.blocks else {}


def write_synthetic(folder: Path, rows: int) -> Path:
    """Write a dataset of many rows with one small image, shard by shard."""
    image = {"bytes": png(0, (64, 48)), "path": None}
    manifest = Manifest(papers={"in": 1, "with_rows": 1, "dropped": 0})
    total = -(-rows // SHARD_ROWS)
    for number in range(total):
        first = number * SHARD_ROWS
        made = (figure_row(index, image=image) for index in range(first, min(first + SHARD_ROWS, rows)))
        path = f"data/arxiv/open/train-{number:05d}-of-{total:05d}.parquet"
        manifest.shards.append(Shard(path, *write_shard(folder / path, tables(made)), "arxiv", "open", "train"))
    manifest.save(folder)
    return folder


def tables(rows: Any, group: int = 2000) -> Any:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == group:
            yield table_of(batch)
            batch = []
    if batch:
        yield table_of(batch)


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.table({field.name: pa.array([row.get(field.name) for row in rows], field.type) for field in SCHEMA})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    defaults = {"rate": 400, "restart": 100_000, "memory": 1_000_000, "prefix": 300}
    parser.add_argument("what", choices=defaults)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", help="a folder or a name on the Hub; default: the tiny model")
    parser.add_argument("--max-tokens", type=int, default=60)
    parser.add_argument("--num-proc", type=int, default=1)
    parser.add_argument("--blocks", type=int, default=256, help="prefix: blocks of the KV cache; 0: all that fit")
    parser.add_argument("--work", type=Path, help="folder for the data; default: a temporary one")
    chosen = parser.parse_args()
    chosen.rows = chosen.rows or defaults[chosen.what]
    with tempfile.TemporaryDirectory(prefix="recaption-benchmark-", dir=chosen.work) as work:
        {"rate": rate, "restart": restart, "memory": memory, "prefix": prefix}[chosen.what](chosen, Path(work))


if __name__ == "__main__":
    main()

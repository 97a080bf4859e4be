"""Near copies among a million perceptual hashes: seconds, memory, and whether all that were planted are found.

python -m tests.benchmarks.deduplicate                       # 1,000,000 hashes, on one core
python -m tests.benchmarks.deduplicate --hashes 15000000     # the whole dataset's rows
python -m tests.benchmarks.deduplicate --dataset my-dataset  # hashes of a real dataset, repeated with flipped bits
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from s1_mmalign.builder.deduplicate.near import Hashes, near_leaders


def planted(count: int, bits: int, share: float, seed: int, real: Hashes | None) -> tuple[Hashes, np.ndarray]:
    """Return hashes, a `share` of which are earlier ones with up to `bits` bits flipped, and where these stand.

    Without `real` ones the hashes are uniform; with, they are drawn from these and a quarter of their bits made anew,
    which keeps how unevenly the bits of real figures fall.
    """
    random = np.random.default_rng(seed)
    hashes = random.integers(0, 1 << 64, count, dtype=np.uint64)
    if real is not None:
        kept = random.integers(0, 1 << 64, count, dtype=np.uint64) | random.integers(0, 1 << 64, count, dtype=np.uint64)
        hashes = (random.choice(real, count) & kept) | (hashes & ~kept)
    copies = np.sort(random.choice(np.arange(count // 2, count), int(count * share), replace=False))
    hashes[copies] = hashes[random.integers(0, count // 2, len(copies))]
    for _ in range(bits):
        hashes[copies] ^= np.uint64(1) << random.integers(0, 64, len(copies), dtype=np.uint64)
    return hashes, copies


def hashes_of(dataset: Path) -> Hashes:
    """The perceptual hashes of a dataset folder."""
    from s1_mmalign.builder.shards import Manifest, iter_tables

    texts = [
        text
        for shard in Manifest.load(dataset).shards
        for table in iter_tables(dataset / shard.path, ["phash"])
        for text in table["phash"].to_pylist()
    ]
    return np.frombuffer(bytes.fromhex("".join(texts)), ">u8").astype(np.uint64)


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hashes", type=int, default=1_000_000)
    parser.add_argument("--bits", type=int, default=2)
    parser.add_argument("--copies", type=float, default=0.1, help="share of the hashes that are near copies")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dataset", type=Path, help="draw from the hashes of this dataset folder")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    real = hashes_of(arguments.dataset) if arguments.dataset else None
    with tempfile.TemporaryDirectory() as folder:
        hashes, copies = planted(arguments.hashes, arguments.bits, arguments.copies, arguments.seed, real)
        hashes.tofile(Path(folder) / "hashes")
        on_disk = np.memmap(Path(folder) / "hashes", np.uint64, "r")
        began, cpu = time.perf_counter(), time.process_time()
        leaders = near_leaders(on_disk, arguments.bits, np.zeros(len(hashes), np.int16), Path(folder))
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    gone = leaders != np.arange(len(leaders))
    apart = int(np.bitwise_count(hashes[gone] ^ hashes[leaders[gone]]).max(initial=0))
    print(
        json.dumps({
            "hashes": len(hashes), "bits": arguments.bits, "seconds": round(wall, 2), "cpu_seconds": round(cpu, 2),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1 if sys.platform == "darwin" else 1024),
            "planted": len(copies), "found": int(gone[copies].sum()), "dropped": int(gone.sum()),
            "farthest_bits": apart,
        })
    )  # fmt: skip
    if not gone[copies].all() or apart > arguments.bits:
        raise SystemExit("near copies were missed, or what is no near copy was dropped")


if __name__ == "__main__":
    main()

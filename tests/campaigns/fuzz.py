"""Feed changed papers to real workers for a while, and say what became of them.

    python tests/campaigns/fuzz.py [--seconds 600] [--seed 0] [--kinds latex,jats,pdf] [--timeout 60] [--keep FOLDER]

Each paper is a real one with faults (`tests/hostile/mutants.py`), read by a worker of a build as any paper is. The
table says how many gave rows, how many were refused as a whole, and what must not be: `reader_error` (a fault of the
readers), `worker_crashed` (a fault of a C library, which costs that paper alone) and papers that took longer than a
tenth of the limit. Papers of these kinds are kept in FOLDER; kind and seed make them again. Exit code 1: a fault.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from s1_mmalign.builder.options import BuildOptions, ExtractOptions
from s1_mmalign.builder.sources.package import Package
from s1_mmalign.builder.workers import read_package, reading_pool
from tests.hostile.mutants import CORPUS, mutant, seeds

FAULTS = ("reader_error", "worker_crashed", "out_of_memory", "timeout", "slow")


def main() -> int:
    """Run the campaign; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default="latex,jats,pdf")
    parser.add_argument("--timeout", type=float, default=60.0)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    kinds = options.kinds.split(",")
    print(
        f"papers to change: { {kind: len(seeds()[kind]) for kind in kinds} }, real ones: {CORPUS.is_dir()}", flush=True
    )
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in kinds}
    with tempfile.TemporaryDirectory() as folder:
        build = BuildOptions(papers=(Path(folder),), workers=1, timeout_s=options.timeout, memory_bytes=4 << 30)
        end, seed = time.monotonic() + options.seconds, options.seed
        with reading_pool(build) as pool:
            while time.monotonic() < end:
                for kind in kinds:
                    one(pool, kind, seed, Path(folder), options, counts[kind])
                seed += 1
    report(counts)
    return int(any(counts[kind][fault] for kind in kinds for fault in FAULTS[:-1]))  # slow may be the machine


def one(pool, kind: str, seed: int, folder: Path, options: argparse.Namespace, counts: Counter[str]) -> None:
    """Make one paper, read it, count what came of it."""
    name, data = mutant(kind, seed)
    path = folder / name
    path.write_bytes(data)
    package = Package(name, name.partition(".")[0], path, len(data), path.stat().st_mtime_ns)
    began = time.monotonic()
    extraction = read_package(pool, package, ExtractOptions())
    took = time.monotonic() - began
    path.unlink()
    whole = [drop.reason for drop in extraction.drops if not drop.where]
    found = "rows" if extraction.rows else whole[0] if whole else "drops of figures"
    if took > options.timeout / 10 and found not in FAULTS:
        counts["slow"] += 1
        print(f"{kind} {seed}: {took:.1f} s ({name})", flush=True)
    counts[found] += 1
    if found in FAULTS:
        print(f"{kind} {seed}: {found} {[drop.detail for drop in extraction.drops][:1]} ({name})", flush=True)
        if options.keep:
            options.keep.mkdir(parents=True, exist_ok=True)
            (options.keep / f"{kind}-{seed}-{name}").write_bytes(data)


def report(counts: dict[str, Counter[str]]) -> None:
    """Print a row for each kind."""
    columns = ["rows", "drops of figures", *FAULTS]
    print("| kind | papers | " + " | ".join(columns) + " | refused |")
    for kind, found in counts.items():
        papers = sum(found.values()) - found["slow"]
        refused = papers - sum(found[name] for name in columns) + found["slow"]
        print(f"| {kind} | {papers} | " + " | ".join(str(found[name]) for name in columns) + f" | {refused} |")


if __name__ == "__main__":
    sys.exit(main())

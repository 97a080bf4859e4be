"""Build, recaption and stream in a loop, in one process: memory, file handles, threads and temporary files stay flat.

    python -m tests.campaigns.soak --minutes 60

A line for each round, and at the end what was judged: the middle of the last quarter of the rounds against that of the
second quarter (the first warms up). Exit code 1 where something grew.
"""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from s1_mmalign.builder.build import build_dataset
from s1_mmalign.builder.options import BuildOptions
from s1_mmalign.processing.commands.stages import finish_stage
from s1_mmalign.processing.recaption import RecaptionOptions, recaption_dataset
from s1_mmalign.processing.streaming.stream import training_stream
from tests.builder.small_papers import write_papers

ALLOWED = {"rss_mb": 0.05, "handles": 0.0, "threads": 0.0, "children": 0.0, "temporary": 0.0, "work_files": 0.0}
"""By what share each may be higher at the end; memory by so many MB, too."""
ALLOWED_MB = 16.0


def measure(temporary: Path, dataset: Path) -> dict[str, float]:
    """What must stay flat: resident memory, handles, threads, child processes, files left in the temporary folder."""
    gc.collect()
    own = psutil.Process()
    return {
        "rss_mb": own.memory_info().rss / 1e6,
        "handles": float(own.num_fds()),
        "threads": float(threading.active_count()),
        "children": float(len(own.children(recursive=True))),
        "temporary": float(sum(1 for _ in temporary.rglob("*"))),
        "work_files": float(sum(path.is_file() for path in dataset.rglob("*"))),
    }


def one_round(papers: Path, dataset: Path) -> int:
    """Build anew, recaption, stream all rows; then build and recaption once more, which finds all done."""
    shutil.rmtree(dataset, ignore_errors=True)
    for _ in range(2):
        options = BuildOptions((papers,), workers=2)
        build_dataset(options, dataset)
        finish_stage(dataset, "build", options, {})
        recaption_dataset(dataset, RecaptionOptions(), say=lambda text: None)
        finish_stage(dataset, "recaption", RecaptionOptions(), {})
    return sum(1 for _ in training_stream(dataset, epochs=1, image="array"))


def grown(rounds: Sequence[Mapping[str, float]]) -> list[str]:
    """What was not flat."""
    quarter = max(len(rounds) // 4, 1)
    found = []
    for name, share in ALLOWED.items():
        before = statistics.median(one[name] for one in rounds[quarter : 2 * quarter])
        after = statistics.median(one[name] for one in rounds[-quarter:])
        room = before * share + (ALLOWED_MB if name == "rss_mb" else 0)
        verdict = "flat" if after <= before + room else "GREW"
        print(f"{name}: {before:,.1f} -> {after:,.1f}: {verdict}")
        found += [name] if verdict == "GREW" else []
    return found


def soak(work: Path, papers: int, minutes: float) -> bool:
    """Go round until the time is up; return whether all was flat."""
    rounds: list[dict[str, float]] = []
    write_papers(work / "papers", papers)
    end = time.monotonic() + minutes * 60
    while time.monotonic() < end or len(rounds) < 4:
        rows = one_round(work / "papers", work / "dataset")
        assert rows > 0
        rounds.append(measure(work / "tmp", work / "dataset"))
        values = "  ".join(f"{name} {value:,.1f}" for name, value in rounds[-1].items())
        print(f"round {len(rounds)}: {rows} rows streamed  {values}", flush=True)
    return not grown(rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--papers", type=int, default=20)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.work:
        sys.exit(not soak(chosen.work, chosen.papers, chosen.minutes))
    with tempfile.TemporaryDirectory(prefix="soak-") as name:  # a process of its own, whose temporary files are counted
        (Path(name) / "tmp").mkdir()
        command = [sys.executable, "-m", "tests.campaigns.soak", "--work", name]
        options = ["--minutes", str(chosen.minutes), "--papers", str(chosen.papers)]
        code = subprocess.run([*command, *options], env=os.environ | {"TMPDIR": f"{name}/tmp"}, check=False).returncode
    sys.exit(code)


if __name__ == "__main__":
    main()

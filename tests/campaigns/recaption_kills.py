"""SIGKILL at many random moments of a recaption run: in the end each row once, and what was journaled stays.

    python -m tests.campaigns.recaption_kills [--rows 2000] [--kills 50] [--workers 2] [--seed 0]
    python -m tests.campaigns.recaption_kills --captioner vllm --rows 200 --kills 8 --workers 1

With `openai`, a server of ours counts who is asked for; the run itself or one of its workers is killed. With `vllm`
(a tiny model, on the CPU) the run or its engine is killed; a run whose engine was killed goes on by itself.
Each failed promise is an AssertionError; the last line says what was seen.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import psutil

from tests.processing.caption_server import asked, caption_server
from tests.processing.figure_rows import figure_row, read_rows, write_dataset
from tests.processing.test_recaption_crash import finish, journaled, name_of, start, whole

IN_FLIGHT = 8
VLLM_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"} | {
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
}


class Campaign:
    """One dataset, and the runs over it that are killed."""

    def __init__(self, work: Path, chosen: argparse.Namespace, options: dict[str, Any]) -> None:
        self.work = work
        self.chosen = chosen
        self.options = options
        self.draw = random.Random(chosen.seed)
        self.log = work / "log"
        rows = [figure_row(index) for index in range(chosen.rows)]
        self.folder = write_dataset(work / "dataset", rows, shards=8, group_rows=50)
        self.kills = {"run": 0, "worker": 0, "engine": 0}
        self.most_open = 0

    def run(self) -> dict[str, int]:
        """Kill runs until there were enough kills, then let one end; return what its summary says."""
        process = None
        while sum(self.kills.values()) < self.chosen.kills and len(journaled(self.folder)) < self.chosen.rows:
            known, before = set(journaled(self.folder)), len(asked(self.log))
            if process is None:
                process = start(self.folder, self.options, self.work / "run.py", subprocess.DEVNULL)  # type: ignore[arg-type]
            if self._wait(process, len(known)):
                killed = self._kill(process)
                self.kills[killed] += 1
                if killed != "engine":
                    process.communicate(timeout=120)
                    process = None
            else:
                process = None
            self._look(known, before)
        if process is not None:
            process.communicate(timeout=3600)
        return finish(start(self.folder, self.options, self.work / "run.py"))

    def check(self) -> None:
        """Hold the dataset to the promise."""
        rows = read_rows(self.folder, ["image_path", "recaption", "recaption_flags"])
        assert len({row["image_path"] for row in rows}) == len(rows) == self.chosen.rows
        assert all(row["recaption"] is not None for row in rows)
        names = journaled(self.folder)
        assert len(names) == len(set(names)) == self.chosen.rows
        assert whole(self.folder)
        if self.options["captioner"] == "openai":
            assert all(f"for sample {index}," in row["recaption"] for index, row in enumerate(rows))

    def _wait(self, process: subprocess.Popen[str], known: int) -> bool:
        """Wait for a random moment: seconds after the start, or so many new captions; False where the run ended."""
        per_kill = max(self.chosen.rows // self.chosen.kills, 2)
        rows = known + self.draw.randint(1, per_kill) if self.draw.random() < 0.8 else self.chosen.rows * 2
        end = time.monotonic() + (600 if rows < self.chosen.rows else self.draw.uniform(0, 6))
        while process.poll() is None:
            if time.monotonic() > end or len(journaled(self.folder)) >= rows:
                time.sleep(self.draw.uniform(0, 0.2))
                return process.poll() is None
            time.sleep(0.01)
        process.communicate()
        return False

    def _kill(self, process: subprocess.Popen[str]) -> str:
        """Kill the run, or a process that it started; say which."""
        below = psutil.Process(process.pid).children(recursive=True)
        engines = [child for child in below if "engine_child" in " ".join(command(child))]
        workers = [child for child in below if "multiprocess.spawn" in " ".join(command(child))]
        choices: dict[str, list[int]] = {"run": [process.pid]}
        if engines:
            choices["engine"] = [child.pid for child in engines]
        if workers:
            choices["worker"] = [child.pid for child in workers]
        what = self.draw.choice(sorted(choices))
        try:
            os.kill(self.draw.choice(choices[what]), signal.SIGKILL)
        except ProcessLookupError:
            process.kill()
            return "run"
        return what

    def _look(self, known: set[str], before: int) -> None:
        """No caption may be lost, none of the journal asked for again, and of the others only those in flight."""
        now = set(journaled(self.folder))
        assert known <= now, "journaled captions were lost"
        everybody = asked(self.log)
        again = {name_of(sample) for sample in everybody[before:]} & known
        assert not again, f"rows of the journal were asked for again: {again}"
        unanswered = {name_of(sample) for sample in everybody[before:]} - now
        self.most_open = max(self.most_open, len(unanswered))
        assert self.most_open <= IN_FLIGHT * self.chosen.workers, "a kill costs the answers that are under way, no more"
        print(f"{sum(self.kills.values())} kills, {len(now)} rows journaled", file=sys.stderr, flush=True)


def command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captioner", choices=["openai", "vllm"], default="openai")
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    options: dict[str, Any] = {"captioner": chosen.captioner, "in_flight": IN_FLIGHT, "num_proc": chosen.workers}
    with tempfile.TemporaryDirectory(prefix="recaption-kills-") as temporary:
        work = Path(temporary)
        server = caption_server(work / "log", "--delay", "0.05") if chosen.captioner == "openai" else nullcontext("")
        with server as url:
            if url:
                options |= {"model": "m", "base_url": [url]}
            else:
                from tests.models.shared import tiny_qwen3_vl

                os.environ.update(VLLM_ENVIRONMENT)
                options |= {"model": str(tiny_qwen3_vl()), "dtype": "float32", "max_model_len": 4096, "max_tokens": 24}
                options |= {"engine": {"enforce_eager": True, "max_num_seqs": 16}}
            campaign = Campaign(work, chosen, options)
            started = time.monotonic()
            last = campaign.run()
            campaign.check()
        everybody = asked(campaign.log)
        again = len(everybody) - len(set(everybody))
        print(
            f"{chosen.rows} rows, {chosen.workers} workers, killed: {campaign.kills}; each row once; "
            f"{len(everybody)} requests, {again} of them again; unanswered at most {campaign.most_open} at one kill; "
            f"the last run: {last}; {time.monotonic() - started:.0f} s"
        )


if __name__ == "__main__":
    main()

"""SIGKILL at many moments of a run: in the end each row is captioned once, and nobody is asked for what was done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import psutil

from s1_mmalign.builder.shards import Manifest, sha256_of
from tests.processing.caption_server import asked, caption_server
from tests.processing.figure_rows import figure_row, read_rows, write_dataset

ROWS = 60
IN_FLIGHT = 4

RUN = """
import json, sys
from pathlib import Path
from s1_mmalign.processing.recaption import RecaptionOptions, recaption_dataset

if __name__ == "__main__":
    summary = recaption_dataset(Path(sys.argv[1]), RecaptionOptions(**json.loads(sys.argv[2])), say=lambda text: None)
    print(json.dumps({"engine": summary.engine, "journal": summary.journal, "kept": summary.kept}))
"""


def start(
    folder: Path, options: dict, script: Path, stderr: IO[str] | None = None, group: bool = False
) -> subprocess.Popen[str]:
    script.write_text(RUN)
    command = [sys.executable, str(script), str(folder), json.dumps(options)]
    # USE_TORCH=0: `datasets` imports torch where it finds it, a second and more that most of these runs can spare
    torch = {} if options["captioner"] in ("vllm", "transformers") else {"USE_TORCH": "0"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=os.environ | torch, start_new_session=group
    )


def finish(process: subprocess.Popen[str]) -> dict[str, int]:
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 0
    return json.loads(output.splitlines()[-1])


def kill_when(process: subprocess.Popen[str], reached: Callable[[], bool]) -> bool:
    """Kill the process as soon as something is so; False where it ended before."""
    while process.poll() is None:
        if reached():
            process.send_signal(signal.SIGKILL)
            process.communicate()
            return True
        time.sleep(0.002)
    process.communicate()
    return False


def journaled(folder: Path) -> list[str]:
    """Names of the rows in the journal, whole lines only."""
    lines = [line for path in (folder / ".s1-mmalign" / "journal").glob("*.jsonl") for line in path.open("rb")]
    return [json.loads(line)["row"] for line in lines if line.endswith(b'"}\n')]


def name_of(sample: int) -> str:
    return figure_row(sample)["image_path"]


def whole(folder: Path) -> bool:
    shards = Manifest.load(folder).shards
    return all(sha256_of(folder / shard.path) == shard.sha256 for shard in shards)


def assert_each_row_once(folder: Path, rows: int) -> None:
    done = read_rows(folder)
    assert len({row["image_path"] for row in done}) == len(done) == rows
    assert all(f"for sample {index}," in row["recaption"] for index, row in enumerate(done))
    names = journaled(folder)
    assert len(names) == len(set(names)) == rows
    assert whole(folder)


def test_a_run_killed_at_many_moments_ends_with_each_row_captioned_once(tmp_path: Path):
    folder = write_dataset(tmp_path / "dataset", [figure_row(index) for index in range(ROWS)], shards=12)
    log = tmp_path / "log"
    first = folder / Manifest.load(folder).shards[0].path
    last = folder / Manifest.load(folder).shards[-1].path
    untouched = first.stat().st_mtime_ns, last.stat().st_mtime_ns
    moments: list[Callable[[], bool]] = [
        lambda: any((folder / ".s1-mmalign").glob("recaption-*.tmp")),
        lambda: len(asked(log)) >= 1,
        lambda: len(journaled(folder)) >= 25,
        lambda: len(journaled(folder)) >= ROWS,
        lambda: first.stat().st_mtime_ns != untouched[0],
        lambda: (folder / ".s1-mmalign" / "replacing.json").exists(),
    ]
    with caption_server(log, "--delay", "0.03") as url:
        options = {"captioner": "openai", "model": "m", "base_url": [url], "in_flight": IN_FLIGHT, "batch_size": 8}
        kills = 0
        for moment in moments:
            before, known = len(asked(log)), set(journaled(folder))
            kills += kill_when(start(folder, options, tmp_path / "run.py"), moment)
            again = {name_of(sample) for sample in asked(log)[before:]} & known
            assert not again, "rows of the journal were asked for again"
        result = finish(start(folder, options, tmp_path / "run.py"))
        assert kills >= 5
        assert sum(result.values()) == ROWS
        assert_each_row_once(folder, ROWS)
        assert len(asked(log)) <= ROWS + kills * IN_FLIGHT
        total = len(asked(log))
        assert finish(start(folder, options, tmp_path / "run.py")) == {"engine": 0, "journal": 0, "kept": ROWS}
        assert len(asked(log)) == total
    left = {path.name for path in (folder / ".s1-mmalign").iterdir()}
    assert left <= {"journal", "lock"}


def test_a_killed_worker_ends_the_run_and_a_killed_run_ends_its_workers(tmp_path: Path):
    """With two workers: one is killed, then the next run is, and a third with one process finishes."""
    folder = write_dataset(tmp_path / "dataset", [figure_row(index) for index in range(ROWS)])
    log = tmp_path / "log"
    with caption_server(log, "--delay", "0.1") as url:
        options = {"captioner": "openai", "model": "m", "base_url": [url], "in_flight": 2, "num_proc": 2}
        with (tmp_path / "stderr").open("w+") as stderr:
            process = start(folder, options, tmp_path / "run.py", stderr)
            while len(journaled(folder)) < 6:
                assert process.poll() is None
                time.sleep(0.01)
            worker = max((folder / ".s1-mmalign" / "journal").iterdir(), key=lambda path: path.stat().st_mtime_ns)
            os.kill(int(worker.stem.split("-")[-2]), signal.SIGKILL)
            process.communicate(timeout=120)
            stderr.seek(0)
            said = stderr.read()
        assert process.returncode == 1 and "a worker process died" in said and "run the same command" in said

        known, before = set(journaled(folder)), len(asked(log))
        assert kill_when(start(folder, options, tmp_path / "run.py"), lambda: len(journaled(folder)) >= len(known) + 6)
        time.sleep(1.5)
        quiet = len(asked(log))
        time.sleep(0.5)
        assert len(asked(log)) == quiet, "a worker outlived its run"
        assert not {name_of(sample) for sample in asked(log)[before:]} & known

        known = set(journaled(folder))
        result = finish(start(folder, options | {"num_proc": 1}, tmp_path / "run.py"))
    assert result == {"engine": ROWS - len(known), "journal": len(known), "kept": 0}
    assert not {name_of(sample) for sample in asked(log)[quiet:]} & known
    assert_each_row_once(folder, ROWS)


def test_a_worker_that_is_killed_after_its_share_ends_the_run_too(tmp_path: Path):
    """It waits for a task then, and holds the lock on the tasks: nobody may wait for that."""
    folder, log = write_dataset(tmp_path / "dataset", [figure_row(index) for index in range(8)]), tmp_path / "log"
    with caption_server(log, "--hang", "sample 6.") as url, (tmp_path / "stderr").open("w+") as stderr:
        options = {"captioner": "openai", "model": "m", "base_url": [url], "in_flight": 2, "num_proc": 2}
        process = start(folder, options, tmp_path / "run.py", stderr)
        while len(journaled(folder)) < 7:
            assert process.poll() is None
            time.sleep(0.01)
        (first,) = (
            path
            for path in (folder / ".s1-mmalign" / "journal").glob("*.jsonl")
            if json.loads(path.open().readline())["row"] in {name_of(sample) for sample in range(4)}
        )
        time.sleep(1)
        os.kill(int(first.stem.split("-")[-2]), signal.SIGKILL)
        process.communicate(timeout=120)
        stderr.seek(0)
        assert process.returncode == 1 and "a worker process died" in stderr.read()


def test_the_loss_of_the_process_that_hands_on_the_answers_is_told(tmp_path: Path):
    folder, log = write_dataset(tmp_path / "dataset", [figure_row(index) for index in range(40)]), tmp_path / "log"
    with caption_server(log, "--delay", "0.3") as url, (tmp_path / "stderr").open("w+") as stderr:
        options = {"captioner": "openai", "model": "m", "base_url": [url], "in_flight": 2, "num_proc": 2}
        process = start(folder, options, tmp_path / "run.py", stderr)
        journal = folder / ".s1-mmalign" / "journal"
        while len(list(journal.glob("*.jsonl"))) < 2:
            assert process.poll() is None
            time.sleep(0.01)
        workers = {int(path.stem.split("-")[-2]) for path in journal.glob("*.jsonl")}
        children = psutil.Process(process.pid).children()
        started = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
        (queue,) = {child.pid for child in started} - workers
        os.kill(queue, signal.SIGKILL)
        process.communicate(timeout=120)
        stderr.seek(0)
        assert process.returncode == 1 and "a worker process died" in stderr.read()


def test_ctrl_c_ends_the_run_and_its_workers_at_once(tmp_path: Path):
    folder = write_dataset(tmp_path / "dataset", [figure_row(index) for index in range(ROWS)])
    log = tmp_path / "log"
    with caption_server(log, "--delay", "1.0") as url, (tmp_path / "stderr").open("w+") as stderr:
        options = {"captioner": "openai", "model": "m", "base_url": [url], "in_flight": 2, "num_proc": 2}
        process = start(folder, options, tmp_path / "run.py", stderr, group=True)
        while len(journaled(folder)) < 4:
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)
        stderr.seek(0)
        said = stderr.read()
        quiet = len(asked(log))
        time.sleep(0.5)
        assert len(asked(log)) == quiet < ROWS
    assert process.returncode != 0 and said.rstrip().endswith("KeyboardInterrupt")
    left = {path.name for path in (folder / ".s1-mmalign").iterdir()}
    assert left <= {"journal", "lock"}

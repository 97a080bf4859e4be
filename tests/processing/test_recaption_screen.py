"""What a run tells while it goes, on the screen and to machines; and how it ends when it is interrupted."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from s1_mmalign.processing import gpu_use as gpus
from s1_mmalign.processing.commands.recaption import recaption_folder
from s1_mmalign.processing.recaption import RecaptionOptions, recaption_dataset
from s1_mmalign.processing.run_counters import FIELDS, RunCounters
from s1_mmalign.processing.run_status import JsonLog, RunMeter, RunStatus
from tests.processing.caption_server import caption_server
from tests.processing.figure_rows import figure_row, write_dataset
from tests.processing.scripted_captioner import NAME

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "dataset", [figure_row(index) for index in range(40)])


def events(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_counters_of_several_processes_add_up(tmp_path: Path):
    total = RunCounters.create(tmp_path / "counters", 2)
    for rank in (0, 1):
        RunCounters(tmp_path / "counters", rank).add(rows=3, prompt_tokens=None, flagged=True)
    assert total.totals() == dict.fromkeys(FIELDS, 0) | {"rows": 6, "flagged": 2}


def test_rates_are_those_of_the_last_minute_and_shares_those_of_the_run(monkeypatch):
    monkeypatch.setattr("s1_mmalign.processing.run_status.gpu_use", lambda: [(87, 1, 2), (3, 1, 2)])
    now = [0.0]
    meter = RunMeter(10_000, lambda: now[0])
    counts = dict.fromkeys(FIELDS, 0)
    meter.status(counts)
    counts = counts | {"rows": 5000, "flagged": 50}  # at once, from the journal
    now[0] = 0.5
    meter.status(counts)
    a_second = (10, 10, 0, 1, 11, 900, 200, 900, 630)
    for second in range(1, 200):
        now[0] = float(second)
        counts = {name: counts[name] + step for name, step in zip(FIELDS, a_second, strict=True)}
        status = meter.status(counts)
    assert status.rows_per_s == pytest.approx(10, rel=0.05)
    assert status.eta_s == pytest.approx((5000 - 1990) / 10, rel=0.05)
    assert status.prompt_tokens_per_s == pytest.approx(900, rel=0.05)
    assert status.completion_tokens_per_s == pytest.approx(200, rel=0.05)
    assert status.cached_share == pytest.approx(0.7) and status.flagged_share == pytest.approx(249 / 6990)
    assert status.gpu_percent == (87, 3)
    assert status.line() == "tokens/s 900 in 200 out, cached 70%, flagged 3.6%, GPU 87% 3%"


def test_what_is_not_known_is_left_out(monkeypatch):
    monkeypatch.setattr("s1_mmalign.processing.run_status.gpu_use", list)
    status = RunMeter(10).status(dict.fromkeys(FIELDS, 0))
    assert status.line() == "" and status.eta_s is None and status.gpu_percent is None


def test_the_drivers_program_is_read_and_its_absence_is_no_error(tmp_path: Path, monkeypatch):
    assert gpus.parse_use("97, 70123, 81559\n[N/A], 1, 2\n0, 4, 81559\n") == [(97, 70123, 81559), (0, 4, 81559)]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus.gpu_use() == []
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho '12, 3, 4'\n")
    program.chmod(0o755)
    assert gpus.gpu_use() == [(12, 3, 4)]
    program.write_text("#!/bin/sh\necho broken driver; exit 9\n")
    assert gpus.gpu_use() == []


def test_a_run_tells_tokens_cache_hits_and_flags(folder: Path):
    seen: list[RunStatus] = []
    recaption_dataset(folder, RecaptionOptions(NAME), say=lambda text: None, watch=seen.append)
    last = seen[-1]
    assert (last.rows, last.total, last.captioned, last.failed) == (40, 40, 40, 0)
    assert last.asked == 44 and last.prompt_tokens == 4400 and last.completion_tokens == 2200
    assert last.cached_share == pytest.approx(0.6) and last.flagged_share == pytest.approx(5 / 40)


def test_a_log_for_machines_has_start_progress_and_end(folder: Path, tmp_path: Path, capsys):
    log = tmp_path / "log.jsonl"
    (folder / "drops.jsonl").write_text("")
    recaption_folder(folder, RecaptionOptions(NAME), log)
    lines = events(log)
    assert lines[0]["event"] == "start" and lines[-1]["event"] == "end"
    assert lines[0]["options"]["captioner"] == NAME
    progress = [line for line in lines if line["event"] == "progress"]
    assert progress[-1]["rows"] == progress[-1]["total"] == 40 and "completion_tokens_per_s" in progress[-1]
    assert lines[-1]["captioned"] == 40 and lines[-1]["flags"]["cut_off"] == 1
    recaption_folder(folder, RecaptionOptions(NAME), log)
    assert len(events(log)) > len(lines), "a second run appends"
    with pytest.raises(OSError, match="nowhere"):
        JsonLog(tmp_path / "nowhere" / "log")


@pytest.mark.parametrize("num_proc", ["1", "2"])
def test_ctrl_c_ends_with_130_and_says_how_to_go_on(folder: Path, tmp_path: Path, num_proc: str):
    journal, log = folder / ".s1-mmalign" / "journal", tmp_path / "log.jsonl"
    (folder / "drops.jsonl").write_text("")
    with caption_server(tmp_path / "asked", "--delay", "0.2") as url:
        command = [sys.executable, str(ROOT / "processing" / "process.py"), "recaption", str(folder)]
        command += ["--captioner", "openai", "--base-url", url, "--num-proc", num_proc, "--in-flight", "2"]
        run = subprocess.Popen(
            [*command, "--log-json", str(log)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True, env=os.environ | {"USE_TORCH": "0"},
        )  # fmt: skip
        while sum(path.stat().st_size > 1000 for path in journal.glob("*.jsonl")) < int(num_proc):
            assert run.poll() is None, run.communicate()
            time.sleep(0.02)
        os.killpg(run.pid, signal.SIGINT)
        _, said = run.communicate(timeout=60)
        assert run.returncode == 130 and "Traceback" not in said
        assert "rows captioned by this run are in the journal" in said
        assert "interrupted. Run the same command again to go on." in said
        assert events(log)[-1]["event"] == "interrupted"
        done = sum(path.read_bytes().count(b"\n") for path in journal.glob("*.jsonl"))
        assert 0 < done < 40
        again = subprocess.run(
            [*command, "--limit", "40"], capture_output=True, text=True, check=True, env=os.environ | {"USE_TORCH": "0"}
        )
    assert f"{done:,} from the journal of an interrupted run" in again.stdout and "40 of 40 rows" in again.stdout
    assert not list((folder / ".s1-mmalign").glob("recaption-*.tmp"))

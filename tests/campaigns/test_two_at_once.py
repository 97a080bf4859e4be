"""Two commands in one folder: readers go side by side, else the second waits, or refuses and names the owner."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from s1_mmalign.builder import folder_lock
from s1_mmalign.builder.build import build_dataset
from s1_mmalign.builder.folder_lock import locked, reading
from s1_mmalign.builder.options import BuildOptions
from s1_mmalign.builder.shards import FolderError, Manifest
from s1_mmalign.eval.report import EvaluateOptions, evaluate_dataset
from s1_mmalign.processing.export import ExportOptions, export_dataset
from s1_mmalign.processing.recaption import RecaptionOptions, recaption_dataset
from s1_mmalign.processing.verify import verify_folder
from tests.builder.small_papers import write_papers
from tests.dataset_card.small_dataset import make_folder
from tests.processing.caption_server import asked, caption_server
from tests.processing.figure_rows import figure_row, write_dataset
from tests.processing.publishing import hub_of_this_process, push

HOLD = """
import sys, time
from pathlib import Path
from s1_mmalign.builder.folder_lock import locked, reading
with (reading if sys.argv[2] == "reading" else locked)(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[3]))
"""
COMMAND = [sys.executable, "-m", "s1_mmalign.processing.process"]


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(folder_lock, "LOCK_SECONDS", 0.1)


def hold(folder: Path, how: str = "locked", seconds: float = 60) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLD, str(folder), how, str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_while_a_recaption_runs_every_other_stage_refuses_and_names_it(tmp_path, quick):
    folder = write_dataset(tmp_path / "dataset", [figure_row(number) for number in range(20)])
    write_papers(tmp_path / "papers", 1)
    log = tmp_path / "log"
    with caption_server(log, "--delay", "60") as url, hub_of_this_process(tmp_path):
        options = ["--captioner", "openai", "--model", "m", "--base-url", url, "--in-flight", "1"]
        environment = os.environ | {"USE_TORCH": "0"}
        command = [*COMMAND, "recaption", str(folder), *options]
        first = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            while not asked(log):
                assert first.poll() is None
                time.sleep(0.02)
            _others_refuse(folder, tmp_path, first.pid)
        finally:
            os.killpg(first.pid, signal.SIGKILL)  # a dead owner leaves no lock
            first.wait()
    assert recaption_dataset(folder, RecaptionOptions(), say=lambda text: None).engine == 20


def _others_refuse(folder: Path, tmp_path: Path, owner: int) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    others = {
        "build": lambda: build_dataset(BuildOptions((tmp_path / "papers",)), folder),
        "recaption": lambda: recaption_dataset(folder, RecaptionOptions(), say=lambda text: None),
        "evaluate": lambda: evaluate_dataset(folder, EvaluateOptions(clip_model=None, perplexity_model=None)),
        "export": lambda: export_dataset(folder, tmp_path / "out.jsonl", ExportOptions("jsonl")),
        "push": lambda: push(folder),
        "verify": lambda: verify_folder(folder),
    }
    for name, other in others.items():
        with pytest.raises(FolderError) as refused:
            other()
        who = f"process {owner} on {socket.gethostname()}, since 20"
        assert who in str(refused.value) and "recaption" in str(refused.value), name
    assert sorted(path for path in folder.rglob("*") if path.is_file()) == files


def test_a_second_command_waits_for_the_first_to_end(tmp_path):
    folder = make_folder(tmp_path / "dataset")
    first = hold(folder, seconds=1)
    assert recaption_dataset(folder, RecaptionOptions(), say=lambda text: None).engine == 20
    assert first.wait() == 0
    first.communicate()


def test_two_builds_that_begin_at_once_make_one_dataset(tmp_path):
    write_papers(tmp_path / "papers", 3)
    build = [*COMMAND, "build", str(tmp_path / "papers"), "--out", str(tmp_path / "out"), "--workers", "1"]
    both = [
        subprocess.Popen(build, env=os.environ | {"USE_TORCH": "0"}, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [one.communicate()[1] for one in both]
    codes = [one.returncode for one in both]
    assert sorted(codes) in ([0, 0], [0, 2]), said
    assert all("another process works in this folder" in text for code, text in zip(codes, said, strict=True) if code)
    assert Manifest.load(tmp_path / "out").rows == 6
    assert verify_folder(tmp_path / "out").ok


def test_readers_go_side_by_side_and_keep_writers_away(tmp_path, quick):
    folder = make_folder(tmp_path / "dataset")
    reader = hold(folder, "reading")
    export_dataset(folder, tmp_path / "out.jsonl", ExportOptions("jsonl"))
    with pytest.raises(FolderError, match="another process works in this folder"):
        recaption_dataset(folder, RecaptionOptions(), say=lambda text: None)
    end(reader)
    with locked(folder):
        pass


def test_a_lock_of_another_machine_says_what_happens_if_that_is_gone(tmp_path, quick):
    folder = make_folder(tmp_path / "dataset")
    owner = hold(folder)
    lock = folder / ".s1-mmalign" / "lock"
    lock.write_text(json.dumps(json.loads(lock.read_text()) | {"host": "node-7"}))
    with (
        pytest.raises(FolderError, match=r"process \d+ on node-7, since .* its file server lets go of the lock"),
        locked(folder),
    ):
        pass
    end(owner)
    with locked(folder):  # what the file says decides nothing
        assert json.loads(lock.read_text())["host"] == socket.gethostname()


def test_a_folder_that_cannot_be_written_to_is_read_without_a_lock(tmp_path):
    folder = make_folder(tmp_path / "dataset")
    if os.getuid() == 0:
        mounted = subprocess.run(["mount", "--bind", "-o", "ro", folder, folder], capture_output=True, check=False)
        if mounted.returncode:
            pytest.skip("a read-only file system can be mounted by root only")
    else:
        folder.chmod(0o555)
    try:
        with reading(folder):
            assert verify_folder(folder).ok
        with pytest.raises(FolderError, match="cannot be written to"), locked(folder):
            pass
    finally:
        if os.getuid() == 0:
            subprocess.run(["umount", folder], check=True)


def test_what_a_killed_process_left_half_written_is_gone_with_the_next_lock(tmp_path):
    folder = make_folder(tmp_path / "dataset")
    left = [folder / "data" / "arxiv" / ".x.parquet.7.tmp", folder / ".README.md.7.tmp"]
    for path in left:
        path.write_text("half")
    (folder / ".s1-mmalign" / "scores-x.tmp").mkdir()
    with locked(folder):
        assert not any(path.exists() for path in [*left, folder / ".s1-mmalign" / "scores-x.tmp"])

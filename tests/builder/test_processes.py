"""Bounds of the programs that the builder starts."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

from s1_mmalign.builder.processes import bounded, end_group, is_alive

MEMORY = 4 << 30


def run(code: str, seconds: float = 30, memory: int = MEMORY, file_bytes: int | None = None, **kwargs):
    command = bounded([sys.executable, "-c", code], seconds, memory, file_bytes)
    return subprocess.run(command, capture_output=True, text=True, check=False, start_new_session=True, **kwargs)


def test_a_program_that_asks_for_too_much_memory_does_not_get_it():
    code = "b = bytearray(700 << 20); print(len(b))"
    assert run(code).stdout == f"{700 << 20}\n"
    refused = run(code, memory=600 << 20)
    assert refused.returncode == 1 and "MemoryError" in refused.stderr


def test_a_program_that_never_ends_is_ended_though_nobody_watches_it():
    ended = run("while True: pass", seconds=-5, timeout=60)
    assert ended.returncode in (-signal.SIGXCPU, -signal.SIGKILL)


def test_files_may_grow_to_the_bound_and_no_further(tmp_path):
    code = "open('out', 'wb').write(bytes(300_000))"
    assert run(code, file_bytes=400_000, cwd=tmp_path).returncode == 0
    assert run(code, cwd=tmp_path).returncode == 0
    assert run(code, file_bytes=200_000, cwd=tmp_path).returncode != 0
    assert (tmp_path / "out").stat().st_size <= 200_000


def test_a_bound_that_is_lower_already_stays():
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_CPU)[0])"
    lower = run(code, seconds=50, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (20, 20)))
    assert (run(code, seconds=50).stdout, lower.stdout, lower.stderr) == ("52\n", "20\n", "")


def test_arguments_are_not_read_by_the_shell():
    words = ["a b", "$HOME", "'", '"', "`id`", "-n", ""]
    command = bounded([sys.executable, "-c", "import sys; print(sys.argv[1:])", *words], 30, MEMORY)
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"{words}\n"


def test_a_group_ends_with_all_that_it_started():
    code = "import subprocess, sys, time; print(subprocess.Popen(['sleep', '600']).pid, flush=True); time.sleep(600)"
    process = subprocess.Popen(
        bounded([sys.executable, "-c", code], 30, MEMORY), stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    assert is_alive(process.pid) and is_alive(child)
    end_group(process)
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    deadline = time.monotonic() + 10
    while is_alive(child) and _state(child) != "Z" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_alive(child) or _state(child) == "Z"
    end_group(process)  # a second time: its number may be another's


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""

"""Processes for strangers' files: what a task does to its process costs that task alone."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from s1_mmalign.builder import landlock
from s1_mmalign.builder.confined_pool import ConfinedPool, TaskLost

MEMORY = 4 << 30


def double(number: int) -> int:
    return 2 * number


def end_by(number: int) -> None:
    os.kill(os.getpid(), number)


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def take_memory() -> int:
    return len(bytearray(5 << 30))


def write_to(path: Path) -> None:
    path.write_text("here")


def test_results_and_errors_of_many_threads_come_back_to_each():
    with ConfinedPool(2, MEMORY, 30) as pool, ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda number: pool.run(double, number), range(50))) == [2 * n for n in range(50)]
        with pytest.raises(MemoryError):
            pool.run(take_memory)
        with pytest.raises(ZeroDivisionError):
            pool.run(divmod, 1, 0)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_task_that_ends_its_process_is_lost_and_the_others_are_not(number: int):
    with ConfinedPool(2, MEMORY, 30) as pool, ThreadPoolExecutor(4) as threads:
        good = [threads.submit(pool.run, double, index) for index in range(10)]
        with pytest.raises(TaskLost, match=f"exit code -{int(number)}") as lost:
            pool.run(end_by, number)
        assert lost.value.reason == "worker_crashed"
        assert [future.result() for future in good] == [2 * index for index in range(10)]


def test_a_task_that_takes_too_long_is_lost():
    with ConfinedPool(1, MEMORY, 4.0) as pool:
        with pytest.raises(TaskLost, match="over 4 s") as lost:
            pool.run(sleep, 60)
        assert lost.value.reason == "timeout"
        assert pool.run(double, 4) == 8


def test_idle_processes_that_are_ended_from_outside_are_replaced():
    with ConfinedPool(2, MEMORY, 30) as pool:
        assert pool.run(double, 1) == 2
        # Other tests of this process may leave children that have just ended, or end meanwhile.
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if "resource_tracker" not in " ".join(child.cmdline()):
                    child.kill()
        assert pool.run(double, 2) == 4


@pytest.mark.skipif(not landlock.version(), reason="this kernel has no Landlock")
def test_a_task_writes_nowhere_but_to_its_scratch_folder(tmp_path: Path):
    with ConfinedPool(1, MEMORY, 30) as pool, pytest.raises(PermissionError):
        pool.run(write_to, tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_started_before_the_first_task():
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with ConfinedPool(2, MEMORY, 30):
        assert {child.pid for child in psutil.Process().children(recursive=True)} <= before

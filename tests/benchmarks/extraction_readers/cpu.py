"""Processor seconds of this process together with the processes that it started, to the microsecond (Linux)."""

from __future__ import annotations

import resource
import subprocess
import time

_started: list[subprocess.Popen] = []


class _Noted(subprocess.Popen):
    """A started process that is remembered, so that its seconds count while it lives."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        _started.append(self)


subprocess.Popen = _Noted  # type: ignore[misc]


def cpu_seconds() -> float:
    """Return the seconds so far: own, of children that ended (and were waited for), of children that live."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.process_time() + ended.ru_utime + ended.ru_stime
    _started[:] = [process for process in _started if process.returncode is None]
    return seconds + sum(_seconds_of(process.pid) for process in _started)


def _seconds_of(pid: int) -> float:
    clock = (~pid << 3) | 2  # Linux' MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED): clock_getcpuclockid(3)
    try:
        return time.clock_gettime(clock)
    except OSError:  # it ended, and nobody has waited for it yet
        return 0.0

"""Processes of the system: bounded from their start, ended with all that they started, known to live."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence

_FILE_BLOCK = 512
"""Bytes of the unit of `ulimit -f` (POSIX.1-2017, ulimit)."""


def bounded(command: Sequence[str], seconds: float, memory: int, file_bytes: int | None = None) -> list[str]:
    """Return the same command with bounds that are set before it begins, where the system has them.

    So they hold whenever our own process is killed: before its clock rings, and before it could set them from outside.

    Args:
        command: the program and its arguments; it is to be started in a session of its own.
        seconds: after which somebody will end it; its processor time is bounded by a little more.
        memory: bytes of address space.
        file_bytes: of each file that it writes; None: no bound.
    """
    if os.name != "posix":
        return list(command)
    limits = {"t": max(1, int(seconds) + 2), "v": memory >> 10}
    if file_bytes is not None:
        limits["f"] = file_bytes // _FILE_BLOCK
    # A limit of our own that is lower cannot be raised, and need not be.
    script = "".join(f"ulimit -{name} {value} 2>&-; " for name, value in limits.items())
    return ["/bin/sh", "-c", script + 'exec "$@"', "sh", *command]


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that leads a session of its own, and all that it started; it is still to be waited for."""
    if process.returncode is not None:  # reaped: its number may be another's by now
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def is_alive(pid: int) -> bool:
    """Say whether this machine has a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # there, and another user's
        return True
    return True

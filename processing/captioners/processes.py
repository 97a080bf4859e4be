"""What a worker process sees to: its own GPU, and that neither it nor its engine outlives its parent.

A process that is killed outright (SIGKILL, the out-of-memory killer) ends nothing behind it: vLLM's engine runs
in a child that would hold the GPU's memory for ever, and the run that is started again would find no room.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import wait
from typing import Any

DEVICES = "CUDA_VISIBLE_DEVICES"

LOOK_SECONDS = 0.3
"""How often this process's children are looked up: they are started deep inside the engine."""

_WATCH = """
import os, signal, sys
children = []
for line in sys.stdin:
    if line == "bye\\n":
        sys.exit()
    children.append(int(line))
for child in children:
    try:
        os.kill(child, signal.SIGKILL)
    except ProcessLookupError:
        pass
"""


class Reaper:
    """Kills the children that this process starts from now on, should it die without closing them.

    A small process reads their numbers from a pipe whose other end only this process holds. "bye" (`close`)
    sends it home; the pipe's end without it means that this process is dead.
    """

    def __init__(self, children: Callable[[], list[Any]] = multiprocessing.active_children) -> None:
        """`children` lists the processes that live: of `multiprocessing`, or of its like."""
        self._children = children
        self._before = {child.pid for child in children()}
        self._closed = threading.Event()
        self._watcher = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _WATCH], stdin=subprocess.PIPE, text=True, start_new_session=True
        )
        self._thread = threading.Thread(target=self._tell, name="reaper", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Send the watcher home: the children were ended in good order."""
        self._closed.set()
        self._thread.join()
        with contextlib.suppress(BrokenPipeError):
            self._watcher.communicate("bye\n")

    def __enter__(self) -> Reaper:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _tell(self) -> None:
        told = self._before
        while not self._closed.wait(LOOK_SECONDS):
            for child in self._children():
                if child.pid not in told and self._watcher.stdin is not None:
                    told.add(child.pid)
                    self._watcher.stdin.write(f"{child.pid}\n")
                    self._watcher.stdin.flush()


def pin_device(rank: int, size: int) -> None:
    """Let this process see only its own GPUs: `size` of them, the `rank`-th group. Call before torch is imported.

    Of GPUs that the environment already narrows down (CUDA_VISIBLE_DEVICES=4,5), the rank-th of those.
    """
    visible = [device for device in os.environ.get(DEVICES, "").split(",") if device]
    first = rank * size
    mine = visible[first : first + size] if visible else [str(first + index) for index in range(size)]
    if len(mine) == size:
        os.environ[DEVICES] = ",".join(mine)


def follow_parent() -> None:
    """Leave Ctrl-C to the process that started this one, and end as soon as that one is gone."""
    import multiprocess

    parent = multiprocess.parent_process()
    if parent is None:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="follow-parent", daemon=True).start()

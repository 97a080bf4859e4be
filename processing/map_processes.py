"""The processes that `datasets.map` starts for a run: afresh, ended with this one, and not waited for once dead.

`map` works through a `multiprocess.Pool`. A worker that is killed while it waits for its next task (it has done its
share, and the others work on) takes the lock on the queue of tasks with it, and the pool, when it ends, would wait for
that lock for ever: the run would hang where it should say that a worker died.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import multiprocess
import multiprocess.pool

from s1_mmalign.processing.captioners.processes import Reaper

LOCK_SECONDS = 5.0
"""How long a pool that ends waits for the lock; a worker that lives gives it back at once."""


@contextmanager
def spawned_processes() -> Iterator[None]:
    """Have `map` start its processes afresh, and end with this one.

    CUDA, and locks that another thread holds, do not survive a fork.
    """
    pool = multiprocess.pool.Pool
    before, finish = multiprocess.get_start_method(allow_none=True), pool.__dict__["_help_stuff_finish"]
    multiprocess.set_start_method("spawn", force=True)
    pool._help_stuff_finish = staticmethod(_empty_tasks)
    try:
        with Reaper(multiprocess.active_children):
            yield
    finally:
        pool._help_stuff_finish = finish
        multiprocess.set_start_method(before, force=True)


def _empty_tasks(tasks: Any, handler: Any, size: int) -> None:
    """Take the tasks that are left out of a pool's queue, so that the thread that puts them there can end.

    Stands in for the pool's own function, which takes the same arguments.
    """
    tasks._rlock.acquire(timeout=LOCK_SECONDS)  # not had: who held it is dead, and nobody else reads without it
    while handler.is_alive() and tasks._reader.poll():
        tasks._reader.recv()
        time.sleep(0)
    del size

"""Processes for strangers' files: confined, bounded, and each lost at the cost of one task.

A process may crash, hang or run out of memory over a task; the pool tells which task it was, and goes on. Where the
pool itself is lost (idle processes were ended from outside), another is opened and the tasks begin again.
"""

from __future__ import annotations

import ctypes
import logging
import math
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures import wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from pebble import ProcessExpired, ProcessPool

from s1_mmalign.builder.sandbox import Confinement, confine, confinement_of, missing, scratch_folder

LOOK_S = 2.0
"""How often a pool is looked at while an answer is waited for."""
TASKS_PER_PROCESS = 500
"""A process is replaced after so many tasks: what C libraries leak stays bounded."""
STARTS = 3
"""Processes that may end before their first task until the pool gives up."""
START_S = 60.0
"""Seconds in which the first process must be there."""
CRASHES = 2
"""A task over which so many processes crashed is lost: once may have been none of its doing."""
ATTEMPTS = 5
"""Pools that may be lost over a task."""
SCRATCH_FILE_BYTES = 4 << 30
"""The largest file that a process, or a program that it runs, may write."""
_SPARE_CPU_S = 10
"""Processor time of one task beyond its time limit, after which a process that nobody looks after ends itself."""
_DEATH_SIGNAL = 1
"""prctl's PR_SET_PDEATHSIG."""
_PRELOADED = ("s1_mmalign.builder.workers",)
"""What the server that processes are forked from has imported for all of them."""

_LOG = logging.getLogger(__name__)
_told = False


class WorkersError(OSError):
    """No process can start on this machine; else every paper would be a drop."""


class TaskLost(Exception):
    """A task has no result: its process was lost over it, or took too long. `reason` is that of a drop."""

    def __init__(self, reason: Literal["timeout", "worker_crashed"], detail: str) -> None:
        super().__init__(detail)
        self.reason: Literal["timeout", "worker_crashed"] = reason
        self.detail = detail


class _PoolLost(Exception):
    """The pool as a whole does not go on."""


class ConfinedPool:
    """Confined processes that run tasks, for several threads at the same time; a context manager.

    Args:
        processes: how many.
        memory_bytes: address space of each.
        timeout_s: seconds that a task may take.
        inputs: folders and files that the tasks read, besides the system's; URLs open the network.

    The processes are started with the first task.
    """

    def __init__(self, processes: int, memory_bytes: int, timeout_s: float, inputs: Sequence[Path] = ()) -> None:
        self.processes = processes
        self.timeout_s = timeout_s
        self._memory_bytes = memory_bytes
        self._inputs = inputs
        self._stack = ExitStack()
        self._opening = Lock()
        self._pool: ProcessPool | None = None

    def __enter__(self) -> ConfinedPool:
        return self

    def __exit__(self, *exc: object) -> None:
        """Stop all processes at once."""
        self._stack.close()

    def run(self, task: Callable[..., Any], *arguments: Any) -> Any:
        """Run `task(*arguments)` in one of the processes; return what it returned, or raise what it raised.

        Raises:
            TaskLost: it took too long, or processes crashed over it.
            WorkersError: not one process starts.
        """
        crashes = 0
        pool = self._pool or self._open(None)
        for _ in range(ATTEMPTS):
            try:
                return self._result(pool, task, arguments)
            except _PoolLost:
                pool = self._open(pool)
            except ProcessExpired as error:
                crashes += 1
                if crashes == CRASHES:
                    raise TaskLost("worker_crashed", f"exit code {error.exitcode}") from error
        raise TaskLost("worker_crashed", f"{ATTEMPTS} pools were lost")

    def _result(self, pool: ProcessPool, task: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        try:
            future = pool.schedule(_bounded, args=[self.timeout_s, task, *arguments], timeout=self.timeout_s)
        except RuntimeError as error:
            raise _PoolLost(str(error)) from error
        while not wait([future], LOOK_S).done:
            if not pool.active:  # what was queued then is never answered
                raise _PoolLost("the pool ended")
        try:
            return future.result()
        except BrokenProcessPool as error:
            raise _PoolLost(str(error)) from error
        except FutureTimeoutError as error:
            raise TaskLost("timeout", f"over {self.timeout_s:g} s") from error

    def _open(self, lost: ProcessPool | None) -> ProcessPool:
        """Open a pool in the place of none or of one that was lost, unless another thread has."""
        with self._opening:
            if self._pool is lost or self._pool is None:
                self._stack.close()
                self._pool = self._stack.enter_context(self._opened())
            return self._pool

    @contextmanager
    def _opened(self) -> Iterator[ProcessPool]:
        # Forking a process that holds Arrow's threads can deadlock, hence a clean server to fork from.
        method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        context = multiprocessing.get_context(method)
        if method == "forkserver":
            context.set_forkserver_preload(list(_PRELOADED))
        _tell_what_is_missing()
        with scratch_folder() as scratch:
            confinement = confinement_of(self._inputs, scratch)
            pool = ProcessPool(
                max_workers=self.processes,
                max_tasks=TASKS_PER_PROCESS,
                initializer=_prepare,
                initargs=[self._memory_bytes, dict(os.environ), confinement, method == "forkserver"],
                context=context,
            )
            try:
                _await_a_process(pool)
                yield pool
                pool.close()
            finally:
                pool.stop()
                pool.join()


def _await_a_process(pool: ProcessPool) -> None:
    error: Exception | None = None
    for _ in range(STARTS):
        try:
            pool.schedule(_ready).result(START_S)
            return
        except ProcessExpired as caught:  # perhaps ended from outside
            error = caught
        except (BrokenProcessPool, FutureTimeoutError, MemoryError, RuntimeError) as caught:
            error = caught
            break
    raise WorkersError(
        f"the processes that read papers do not start here ({type(error).__name__}: {error}). "
        "What they wrote above says why; too little for --memory-gb is one reason."
    ) from error


def _ready() -> int:
    """What a worker does first: needs a process that can run, and some memory."""
    return len(bytearray(256 << 20))  # address space; no page of it is touched


def _tell_what_is_missing() -> None:
    global _told
    lacks = [] if _told else missing()
    _told = True
    if lacks:
        _LOG.warning("papers are read without all protections here: %s. See SECURITY.md.", "; ".join(lacks))


def _bounded(timeout_s: float, task: Callable[..., Any], *arguments: Any) -> Any:
    """What a process runs."""
    _limit_processor_time(timeout_s)
    return task(*arguments)


def _prepare(memory_bytes: int, environment: dict[str, str], confinement: Confinement, forked: bool) -> None:
    """Bound and confine this process, and keep its libraries to one thread.

    The server that workers are forked from has the environment of when it was started, which may be long before
    somebody set the credentials of a bucket in a notebook. That server ends with the process that asked for it, and
    `forked` processes with the server: a build that is killed leaves none behind that goes on reading.
    """
    os.environ.update(environment)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.setrecursionlimit(3000)
    if forked and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, ctypes.c_ulong(signal.SIGKILL))
    try:
        import resource
    except ImportError:  # Windows has no such limits; the pool's time limit still holds there
        pass
    else:
        _set_limit(resource.RLIMIT_AS, memory_bytes)
        _set_limit(resource.RLIMIT_FSIZE, SCRATCH_FILE_BYTES)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    confine(confinement)


def _set_limit(kind: int, value: int) -> None:
    import resource

    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _limit_processor_time(timeout_s: float) -> None:
    """Bound what one task may compute by more than its time limit allows on all processors."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = used.ru_utime + used.ru_stime + timeout_s * (os.cpu_count() or 1) + _SPARE_CPU_S
    _set_limit(resource.RLIMIT_CPU, math.ceil(seconds))

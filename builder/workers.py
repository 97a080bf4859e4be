"""Read packages in processes that may crash, hang or run out of memory at the cost of one paper each."""

from __future__ import annotations

import ctypes
import logging
import math
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures import wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from s1_mmalign.builder.extract import Extraction, extract_package
from s1_mmalign.builder.options import BuildOptions, ExtractOptions
from s1_mmalign.builder.records import Drop
from s1_mmalign.builder.sandbox import Confinement, confine, confinement_of, missing, scratch_folder
from s1_mmalign.builder.sources.errors import InputError
from s1_mmalign.builder.sources.package import Package

LOOK_S = 2.0
"""How often a pool is looked at while an answer is waited for."""
PACKAGES_PER_WORKER = 500
"""A worker is replaced after so many papers: what C libraries leak stays bounded."""
STARTS = 3
"""Workers that may end before their first paper until the build gives up."""
START_S = 60.0
"""Seconds in which the first worker must be there."""
SCRATCH_FILE_BYTES = 4 << 30
"""The largest file that a worker, or a program that it runs, may write."""
_SPARE_CPU_S = 10
"""Processor time of one paper beyond its time limit, after which a worker that nobody looks after ends itself."""
_DEATH_SIGNAL = 1
"""prctl's PR_SET_PDEATHSIG."""

_LOG = logging.getLogger(__name__)
_told = False


class PoolLost(Exception):
    """The pool as a whole does not go on: workers that were idle were ended from outside."""


class WorkersError(OSError):
    """No process that reads papers can start on this machine; else every paper would be a drop."""


class WorkerPool:
    """A pool whose tasks are packages; every task ends in an `Extraction`, whatever happened to its process."""

    def __init__(self, pool: ProcessPool, options: BuildOptions) -> None:
        self._pool = pool
        self._options = options

    def submit(self, package: Package, *, keep_figures: bool = False) -> PendingExtraction:
        """Queue one package, to bring its figures as they were read, too, if asked for; raises `PoolLost`."""
        try:
            future = self._pool.schedule(
                _extract,
                args=[package, self._options.extract, self._options.timeout_s, keep_figures],
                timeout=self._options.timeout_s,
            )
        except RuntimeError as error:
            raise PoolLost(str(error)) from error
        return PendingExtraction(package, future, self._pool, self._options.timeout_s)


class PendingExtraction:
    """A package that is being read."""

    def __init__(self, package: Package, future: ProcessFuture, pool: ProcessPool, timeout_s: float) -> None:
        self.package = package
        self._future = future
        self._pool = pool
        self._timeout_s = timeout_s

    def result(self) -> Extraction:
        """Wait for the package; a worker that was lost over it comes back as a drop.

        Raises:
            PoolLost: the package was not read, and only a new pool can.
        """
        while not wait([self._future], LOOK_S).done:
            if not self._pool.active:  # what was queued then is never answered
                raise PoolLost("the pool ended")
        try:
            return self._future.result()
        except BrokenProcessPool as error:
            raise PoolLost(str(error)) from error
        except FutureTimeoutError:
            drop = Drop(self.package.paper_id, "", "timeout", f"over {self._timeout_s:g} s")
        except ProcessExpired as error:
            drop = Drop(self.package.paper_id, "", "worker_crashed", f"exit code {error.exitcode}")
        return Extraction(drops=[drop])


@contextmanager
def worker_pool(options: BuildOptions) -> Iterator[WorkerPool]:
    """Open a pool of `options.worker_count` confined processes; leaving it early stops them all at once.

    Raises:
        WorkersError: not one of them starts.
    """
    # Forking a process that holds Arrow's threads can deadlock, hence a clean server to fork from.
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload([__name__])
    _tell_what_is_missing()
    with scratch_folder() as scratch:
        confinement = confinement_of(options.papers, scratch)
        pool = ProcessPool(
            max_workers=options.worker_count,
            max_tasks=PACKAGES_PER_WORKER,
            initializer=_prepare_worker,
            initargs=[options.memory_bytes, dict(os.environ), confinement, method == "forkserver"],
            context=context,
        )
        try:
            _await_a_worker(pool)
            yield WorkerPool(pool, options)
            pool.close()
        finally:
            pool.stop()
            pool.join()


def _await_a_worker(pool: ProcessPool) -> None:
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


def _extract(package: Package, options: ExtractOptions, timeout_s: float, keep_figures: bool) -> Extraction:
    """Read one package; this is where a fault of our own becomes a drop instead of the end of a long run."""
    _limit_processor_time(timeout_s)
    began = time.perf_counter()
    try:
        extraction = extract_package(package, options, keep_figures=keep_figures)
        extraction.seconds = time.perf_counter() - began
        return extraction
    except InputError:  # what could not be fetched is no fault of the paper: the build stops and can go on
        raise
    except MemoryError:
        return Extraction(drops=[Drop(package.paper_id, "", "out_of_memory", "over the worker's limit")])
    except Exception as error:  # noqa: BLE001 - the isolation boundary: one paper, one drop, named as our fault
        frame = traceback.extract_tb(error.__traceback__)[-1]
        detail = f"{type(error).__name__}: {error} ({os.path.basename(frame.filename)}:{frame.lineno})"  # noqa: PTH119
        return Extraction(drops=[Drop(package.paper_id, "", "reader_error", detail[:500])])


def _prepare_worker(memory_bytes: int, environment: dict[str, str], confinement: Confinement, forked: bool) -> None:
    """Bound the worker, and keep its libraries to one thread.

    The server that workers are forked from has the environment of when it was started, which may be long before
    somebody set the credentials of a bucket in a notebook. That server ends with the process that asked for it, and
    `forked` workers with the server: a build that is killed leaves none behind that goes on reading.
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
    """Bound what one paper may compute by more than its time limit allows on all processors."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = used.ru_utime + used.ru_stime + timeout_s * (os.cpu_count() or 1) + _SPARE_CPU_S
    _set_limit(resource.RLIMIT_CPU, math.ceil(seconds))

"""Read packages in processes that may crash, hang or run out of memory at the cost of one paper each."""

from __future__ import annotations

import multiprocessing
import os
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
from s1_mmalign.builder.sources.errors import InputError
from s1_mmalign.builder.sources.package import Package

LOOK_S = 2.0
"""How often a pool is looked at while an answer is waited for."""
PACKAGES_PER_WORKER = 500
"""A worker is replaced after so many papers: what C libraries leak stays bounded."""


class PoolLost(Exception):
    """The pool as a whole does not go on: workers that were idle were ended from outside."""


class WorkerPool:
    """A pool whose tasks are packages; every task ends in an `Extraction`, whatever happened to its process."""

    def __init__(self, pool: ProcessPool, options: BuildOptions) -> None:
        self._pool = pool
        self._options = options

    def submit(self, package: Package) -> PendingExtraction:
        """Queue one package; raises `PoolLost` where the pool has ended."""
        try:
            future = self._pool.schedule(
                _extract, args=[package, self._options.extract], timeout=self._options.timeout_s
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
    """Open a pool of `options.worker_count` processes; leaving it early stops them all at once."""
    # Forking a process that holds Arrow's threads can deadlock, hence a clean server to fork from.
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload([__name__])
    pool = ProcessPool(
        max_workers=options.worker_count,
        max_tasks=PACKAGES_PER_WORKER,
        initializer=_prepare_worker,
        initargs=[options.memory_bytes, dict(os.environ)],
        context=context,
    )
    try:
        yield WorkerPool(pool, options)
        pool.close()
    finally:
        pool.stop()
        pool.join()


def _extract(package: Package, options: ExtractOptions) -> Extraction:
    """Read one package; this is where a fault of our own becomes a drop instead of the end of a long run."""
    began = time.perf_counter()
    try:
        extraction = extract_package(package, options)
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


def _prepare_worker(memory_bytes: int, environment: dict[str, str]) -> None:
    """Bound the worker's memory, keep its libraries to one thread.

    The server that workers are forked from has the environment of when it was started, which may be long before
    somebody set the credentials of a bucket in a notebook.
    """
    os.environ.update(environment)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.setrecursionlimit(3000)
    try:
        import resource
    except ImportError:  # Windows has no such limits; the pool's time limit still holds there
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

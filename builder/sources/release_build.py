"""The published release -> units, its parts in parallel: what `build` makes the dataset of."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from multiprocessing.queues import SimpleQueue
from pathlib import Path

from s1_mmalign.builder.confined_pool import ConfinedPool
from s1_mmalign.builder.options import BuildOptions
from s1_mmalign.builder.sources.errors import InputError
from s1_mmalign.builder.sources.release import Part, Root, find_parts, open_root
from s1_mmalign.builder.sources.release_units import make_part
from s1_mmalign.builder.units import Unit, read_drops

POLL_S = 0.2
"""How often progress is looked at."""
REPORT_BYTES = 8 << 20
"""A process tells of its progress after so many bytes."""

_reports: SimpleQueue[int] | None = None
"""In a worker process: where it tells of its progress."""


def extract_release(
    options: BuildOptions, folder: Path, progress: Callable[[str, int, int], None] = lambda what, done, total: None
) -> tuple[list[Unit], dict[str, int]]:
    """Make every unit of a release that `folder` does not hold yet.

    Args:
        options: `papers` names one folder or repository; `extract.source` the one source to read, if not all.
        folder: where units are kept.
        progress: called with ("bytes", read, of all archives).

    Returns:
        the units in order, and the papers: `in`, `with_rows`, `dropped`.

    Raises:
        InputError: no release is there, a volume is missing or damaged.
    """
    if len(options.papers) != 1:
        raise InputError("a release is one folder or repository; build others into folders of their own")
    root = open_root(options.papers[0])
    parts = find_parts(root, options.extract.source)
    folder.mkdir(parents=True, exist_ok=True)
    make = _in_processes if min(options.worker_count, len(parts)) > 1 else _in_this_process
    units = make(root, parts, options, folder, progress)
    with_rows = {paper for unit in units for paper in unit.papers}
    # Every row of the JSONL gives a row or a drop, so these two are all papers that it names.
    only_dropped = {
        drop.paper_id
        for unit in units
        for drop in read_drops(unit, folder)
        if drop.reason != "image_without_row" and drop.paper_id
    } - with_rows
    papers = {"in": len(with_rows) + len(only_dropped), "with_rows": len(with_rows), "dropped": len(only_dropped)}
    return units, papers


def _in_this_process(
    root: Root, parts: list[Part], options: BuildOptions, folder: Path, progress: Callable[[str, int, int], None]
) -> list[Unit]:
    total = sum(part.bytes for part in parts)
    done = 0

    def count(read: int) -> None:
        nonlocal done
        done += read
        progress("bytes", min(done, total), total)

    with _decoders(options, 1) as pool:
        return [unit for part in parts for unit in make_part(root, part, options, folder, pool, count)]


def _in_processes(
    root: Root, parts: list[Part], options: BuildOptions, folder: Path, progress: Callable[[str, int, int], None]
) -> list[Unit]:
    context = multiprocessing.get_context("spawn")
    reports: SimpleQueue[int] = context.SimpleQueue()
    total = sum(part.bytes for part in parts)
    done = 0
    errors = []
    readers = min(options.worker_count, len(parts))
    with ProcessPoolExecutor(readers, context, _begin, (reports,)) as pool:
        # The largest first: a part is read by one process, and the last one should not be the longest.
        order = sorted(parts, key=lambda part: -part.bytes)
        tasks = {part.name: pool.submit(_make_part, root, part, options, folder, readers) for part in order}
        waiting: set[Future[list[Unit]]] = set(tasks.values())
        while waiting:
            finished, waiting = wait(waiting, POLL_S, FIRST_COMPLETED)
            while not reports.empty():
                done += reports.get()
            progress("bytes", min(done, total), total)
            errors += [error for task in finished if (error := task.exception()) is not None]
    for error in errors:  # a damaged archive of one year keeps no other from being read
        if isinstance(error, BrokenProcessPool):
            raise InputError(
                f"{root.name}: a process that read it was ended (memory?). Run the same command again to go on, "
                "with fewer --workers perhaps."
            ) from error
        raise error
    return [unit for part in parts for unit in tasks[part.name].result()]


def _begin(reports: SimpleQueue[int]) -> None:
    """Begin a worker process: note where to report, and end with the parent, even if that is killed."""
    global _reports
    _reports = reports
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=[parent.sentinel], daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


def _decoders(options: BuildOptions, readers: int) -> ConfinedPool:
    """The processes that decode the images of one of so many readers; their bytes are handed to them, so no inputs."""
    return ConfinedPool(max(1, options.worker_count // readers), options.memory_bytes, options.timeout_s)


def _make_part(root: Root, part: Part, options: BuildOptions, folder: Path, readers: int) -> list[Unit]:
    pending = 0

    def count(read: int) -> None:
        nonlocal pending
        pending += read
        if pending >= REPORT_BYTES and _reports is not None:
            _reports.put(pending)
            pending = 0

    with _decoders(options, readers) as pool:
        units = make_part(root, part, options, folder, pool, count)
    if _reports is not None:
        _reports.put(pending)
    return units

"""Make the units that are missing, with the processes of this machine.

Papers are the tasks, so that a unit with a slow paper holds up none of the others: they go on while at most
`OPEN_UNITS` units wait for their last papers, and a unit is written as soon as it has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from s1_mmalign.builder.confined_pool import ConfinedPool
from s1_mmalign.builder.extraction import Extraction
from s1_mmalign.builder.options import BuildOptions
from s1_mmalign.builder.sources.inventory import Inventory
from s1_mmalign.builder.sources.package import Package, check_unchanged, input_of
from s1_mmalign.builder.units import Unit, load_unit, write_unit
from s1_mmalign.builder.workers import read_package, reading_pool

OPEN_UNITS = 4
"""Beside one for each worker: how many units wait in memory for papers that are still being read."""
LOADING_THREADS = 8

OnPapers = Callable[[int], None]


@dataclass(slots=True)
class _OpenUnit:
    unit: Unit
    packages: list[Package]
    extractions: dict[int, Extraction] = field(default_factory=dict)


def make_units(
    units: Sequence[Unit],
    inventory: Inventory,
    folder: Path,
    options: BuildOptions,
    on_papers: OnPapers = lambda count: None,
) -> None:
    """Make those of `units` that `folder` does not hold yet, and load what they all gave.

    `on_papers` is called with the number of papers that were done since (those of units found on disk, too).

    Raises:
        InputError: an input changed while it was read, or cannot be fetched; finished units stay.
        FolderError: the disk is full.
    """
    with ThreadPoolExecutor(LOADING_THREADS) as pool:  # their files are read whole, to check them
        there = pool.map(lambda unit: load_unit(unit, folder), units)
        missing = [unit for unit, found in zip(units, there, strict=True) if not _found(unit, found, on_papers)]
    if not missing:
        return
    if options.engine == "ray":
        from s1_mmalign.builder.ray_engine import make_units_on_ray

        make_units_on_ray(missing, inventory, folder, options, on_papers)
        return
    with UnitMaker(options) as maker:
        waiting = ((unit, inventory.load(unit.first, unit.last)) for unit in missing)
        maker.make(waiting, folder, on_papers)


class UnitMaker:
    """A pool of worker processes that makes units; a context manager."""

    _pool: ConfinedPool

    def __init__(self, options: BuildOptions) -> None:
        self._options = options
        self._slots = options.worker_count + 1  # one ahead, so that no worker waits for this process
        self._stack = self._opened()

    def __enter__(self) -> UnitMaker:
        self._stack.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.__exit__(*exc)  # type: ignore[arg-type]

    def make(
        self, units: Iterator[tuple[Unit, list[Package]]], folder: Path, on_papers: OnPapers = lambda count: None
    ) -> None:
        """Make units in the order in which they get ready; each is written to `folder` and loaded."""
        running: dict[Future[Extraction], tuple[_OpenUnit, int]] = {}
        tasks = self._tasks(units)
        open_units: set[str] = set()
        more = True
        while running or more:
            while more and len(running) < self._slots and len(open_units) <= self._slots + OPEN_UNITS:
                task = next(tasks, None)
                if task is None:
                    more = False
                    break
                opened, index = task
                open_units.add(opened.unit.name)
                running[self._threads.submit(self._read, opened.packages[index])] = task
            if not running:
                continue
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                opened, index = running.pop(future)
                opened.extractions[index] = future.result()
                on_papers(1)
                if len(opened.extractions) == len(opened.packages):
                    self._write(opened, folder)
                    open_units.discard(opened.unit.name)

    @staticmethod
    def _tasks(units: Iterator[tuple[Unit, list[Package]]]) -> Iterator[tuple[_OpenUnit, int]]:
        for unit, packages in units:
            opened = _OpenUnit(unit, packages)
            for index in range(len(packages)):
                yield opened, index

    def _read(self, package: Package) -> Extraction:
        return read_package(self._pool, package, self._options.extract)

    def _write(self, opened: _OpenUnit, folder: Path) -> None:
        seen: set[object] = set()
        for package in opened.packages:
            where = (package.remote.url if package.remote else package.path, package.offset is None and package.key)
            if where not in seen:
                seen.add(where)
                check_unchanged(package)
        extractions = [opened.extractions.pop(index) for index in range(len(opened.packages))]
        # A worker that was lost over a paper told no digest: such a package is read once more, for that alone.
        inputs = [input_of(*pair) for pair in zip(opened.packages, (e.digest for e in extractions), strict=True)]
        write_unit(opened.unit, extractions, folder, self._options.extract, inputs)
        opened.unit.papers = {}  # on disk; millions of ids need not be here

    @contextmanager
    def _opened(self) -> Iterator[None]:
        with reading_pool(self._options) as self._pool:
            self._threads = ThreadPoolExecutor(self._slots)
            try:
                yield
            finally:
                self._threads.shutdown(wait=False, cancel_futures=True)


def _found(unit: Unit, found: bool, on_papers: OnPapers) -> bool:
    if found:
        unit.papers = {}
        on_papers(unit.count)
    return found

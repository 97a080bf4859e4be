"""Make units on the nodes of a Ray cluster that share the dataset's folder.

Each actor is one worker with a reading process of its own, so a paper that crashes it costs itself alone, and writes
its units where the others do. An actor or node that is lost gives its units to others. The cluster is that of
`RAY_ADDRESS`; without one, Ray is started on this machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from s1_mmalign.builder.options import BuildOptions
from s1_mmalign.builder.shards import FolderError
from s1_mmalign.builder.sources.errors import InputError
from s1_mmalign.builder.sources.inventory import Inventory
from s1_mmalign.builder.sources.package import Package
from s1_mmalign.builder.units import Unit, code_version, load_unit

UNITS_EACH = 2
"""Units at an actor at once: while one is written, papers of the other are read."""
ATTEMPTS = 3
"""A unit whose actor is lost so often ends the build: the fault is the unit's then, or the cluster's."""


class UnitActor:
    """What runs on a node: makes one unit after the other."""

    def __init__(self, options: BuildOptions, version: str) -> None:
        """Open the reading process; the node's code must be the driver's, as units are named by it."""
        from s1_mmalign.builder.unit_runner import UnitMaker

        if code_version() != version:
            raise RuntimeError("the package on this node is another version than on the driver; install the same")
        self._maker = UnitMaker(replace(options, engine="local", workers=1))
        self._maker.__enter__()

    def make(self, unit: Unit, packages: list[Package], folder: Path) -> str:
        """Make one unit in the shared folder, unless another run of it was first; return its name."""
        if not load_unit(unit, folder):
            self._maker.make(iter([(unit, packages)]), folder)
        return unit.name


def make_units_on_ray(
    units: Sequence[Unit], inventory: Inventory, folder: Path, options: BuildOptions, on_papers: Callable[[int], None]
) -> None:
    """Make units on a cluster and load what they gave.

    Raises:
        InputError: as the local engine.
        FolderError: as the local engine, or the nodes do not see the folder.
        RuntimeError: Ray is not installed, or a unit was lost `ATTEMPTS` times.
    """
    try:
        import ray
    except ImportError as error:
        raise RuntimeError("--engine ray: Ray is not installed. pip install 's1-mmalign[ray]'") from error
    if not ray.is_initialized():
        import os

        # "local": without it Ray joins whatever cluster was last started on this machine, by whomever
        own = {"address": "local", "num_cpus": options.worker_count, "include_dashboard": False}
        ray.init(log_to_driver=False, **({} if os.environ.get("RAY_ADDRESS") else own))
    _Cluster(ray, inventory, folder.resolve(), options, on_papers).run(list(units))


class _Cluster:
    """The driver's side: which unit is where."""

    def __init__(
        self, ray: Any, inventory: Inventory, folder: Path, options: BuildOptions, on_papers: Callable[[int], None]
    ) -> None:
        self._ray = ray
        self._inventory = inventory
        self._folder = folder
        self._options = options
        self._on_papers = on_papers
        self._kind = ray.remote(num_cpus=1, max_concurrency=UNITS_EACH)(UnitActor)
        self._lost = Counter[str]()

    def run(self, units: list[Unit]) -> None:
        count = self._options.workers or max(int(self._ray.cluster_resources().get("CPU", 1)), 1)
        actors = [self._actor() for _ in range(min(count, len(units)))]
        running: dict[Any, tuple[Unit, int]] = {}
        free = [place for _ in range(UNITS_EACH) for place in range(len(actors))]
        waiting = units[::-1]
        try:
            while waiting or running:
                while waiting and free:
                    unit, place = waiting.pop(), free.pop(0)
                    packages = self._inventory.load(unit.first, unit.last)
                    running[actors[place].make.remote(unit, packages, self._folder)] = unit, place
                (task,), _ = self._ray.wait(list(running), num_returns=1)
                unit, place = running.pop(task)
                if not self._finish(task, unit):
                    waiting.append(unit)
                    actors[place] = self._actor()
                free.append(place)
        finally:
            for actor in actors:
                self._ray.kill(actor)

    def _actor(self) -> Any:
        return self._kind.remote(self._options, code_version())

    def _finish(self, task: Any, unit: Unit) -> bool:
        """Load a unit that was made; False where its actor was lost."""
        try:
            self._ray.get(task)
        except self._ray.exceptions.RayActorError as error:
            self._lost[unit.name] += 1
            if self._lost[unit.name] >= ATTEMPTS:
                raise RuntimeError(
                    f"the unit of {unit.first} was lost {ATTEMPTS} times with its worker ({error}). Run the same "
                    "command again to go on, perhaps with less --memory-gb or on larger nodes."
                ) from error
            return False
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, (InputError, OSError)):
                raise error.cause from error
            raise
        if not load_unit(unit, self._folder):
            raise FolderError(
                f"{self._folder}: a node wrote a unit that is not here. All nodes must share this folder."
            )
        unit.papers = {}
        self._on_papers(unit.count)
        return True

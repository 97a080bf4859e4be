"""Who scores: this process, the processes of `accelerate launch` (or `torchrun`), or the actors of a Ray cluster."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Protocol

from s1_mmalign.eval.score_cache import ScoreCache, Task, Value

ENGINES = ("local", "ray")
WAIT = timedelta(days=30)
"""How long one process waits for the others: one may have many hours of work left, and the launcher ends all when
one fails."""

Score = Callable[[Sequence[Task]], Iterator[list[tuple[Task, Value]]]]
"""Yields scores of the tasks, batch by batch, in any order."""


class RowScorer(Protocol):
    """One metric with its settings: small, and can be sent to another process."""

    ray_from: ClassVar[int]
    """Fewer tasks than this are scored in the driver: actors take some seconds to start."""

    @property
    def name(self) -> str:
        """What is scored, for the progress bar."""

    def load(self) -> Score:
        """Return the function that scores; the model is loaded once per process."""

    def order(self, tasks: list[Task]) -> list[Task]:
        """Return the tasks in the order in which they are best worked off."""


@dataclass(frozen=True, slots=True)
class Workers:
    """This process among those that were launched together, and the engine that it scores with."""

    engine: str = "local"
    num_proc: int = 1
    """Actors, with the engine "ray"."""
    rank: int = 0
    world: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes the report."""
        return self.rank == 0

    def share(self, tasks: Sequence[Task]) -> list[Task]:
        """Return this process's part, by a hash of the group: whatever the others have done in the meantime."""
        if self.world == 1:
            return list(tasks)
        return [task for task in tasks if zlib.crc32((task.group or task.key).encode()) % self.world == self.rank]

    def wait(self) -> None:
        """Return when all processes have come here."""
        if self.world > 1:
            import torch.distributed

            torch.distributed.barrier()

    def device(self, device: str | None) -> str | None:
        """Return the device of this process: as named, else an accelerator of its own where there is one."""
        if device is not None or self.world == 1:
            return device
        import torch

        if not torch.accelerator.is_available():
            return None
        kind = torch.accelerator.current_accelerator()
        local = int(os.environ.get("LOCAL_RANK", self.rank))
        return f"{kind.type}:{local % torch.accelerator.device_count()}" if kind else None


@contextmanager
def launched(engine: str = "local", num_proc: int = 1) -> Iterator[Workers]:
    """Find out, from the variables that `accelerate launch` and `torchrun` set, which process this is."""
    world = int(os.environ.get("WORLD_SIZE") or 1)
    if world <= 1 or "RANK" not in os.environ:
        yield Workers(engine, num_proc)
        return
    import torch.distributed

    torch.distributed.init_process_group("gloo", timeout=WAIT)
    try:
        yield Workers(engine, num_proc, torch.distributed.get_rank(), torch.distributed.get_world_size())
    finally:
        torch.distributed.destroy_process_group()


def score_missing(
    scorer: RowScorer,
    tasks: Sequence[Task],
    cache: ScoreCache,
    workers: Workers,
    progress: Callable[[str, int, int], Any] | None = None,
) -> None:
    """Score what the cache lacks of `tasks`; what is done is in the cache at once, batch by batch."""
    missing = scorer.order(cache.missing(tasks))
    if workers.engine == "ray" and len(missing) >= scorer.ray_from:
        from s1_mmalign.eval.ray_engine import score_on_ray

        batches = score_on_ray(scorer, missing, workers.num_proc)
    else:
        missing = workers.share(missing)
        batches = scorer.load()(missing) if missing else iter(())
    done = 0
    for batch in batches:
        cache.add(batch)
        done += len(batch)
        if progress:
            progress(scorer.name, done, len(missing))

"""The options of `build`: one object that the API, the command line and the recipe all read."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from s1_mmalign.builder.archives import ArchiveLimits
from s1_mmalign.builder.formats.pdf import PdfOptions
from s1_mmalign.builder.images import ImageOptions
from s1_mmalign.builder.records import SOURCES


@dataclass(frozen=True, slots=True)
class ExtractOptions:
    """What decides which rows one package gives; part of the name of every unit."""

    source: str | None = None
    """The source of all packages; None: told by each paper's identifiers, journal and form."""
    image: ImageOptions = field(default_factory=ImageOptions)
    pdf: PdfOptions = field(default_factory=PdfOptions)
    limits: ArchiveLimits = field(default_factory=ArchiveLimits)
    splits: tuple[float, float, float] = (0.98, 0.01, 0.01)
    """Shares of train, validation and test, by hashed paper group."""

    def __post_init__(self) -> None:
        """Reject what cannot be meant."""
        if self.source is not None and self.source not in SOURCES:
            raise ValueError(f"source={self.source!r}: one of {', '.join(SOURCES)} is expected")
        if len(self.splits) != 3 or min(self.splits) < 0 or abs(sum(self.splits) - 1) > 1e-6:
            raise ValueError(f"splits={self.splits!r}: three shares that add up to 1 are expected")


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """Papers in, dataset folder out."""

    papers: tuple[Path, ...]
    metadata: tuple[Path, ...] = ()
    """JSONL files in the format of arXiv's metadata snapshot, joined by id."""
    extract: ExtractOptions = field(default_factory=ExtractOptions)
    workers: int = 0
    """Processes that read papers; 0: one for each CPU that this process may use."""
    timeout_s: float = 300.0
    """Seconds that one paper may take."""
    memory_bytes: int = 8 << 30
    """Address space of one worker."""
    unit_papers: int = 32
    unit_bytes: int = 256 << 20
    """A unit is at most so many papers, or so many packed bytes, whichever comes first."""
    shard_bytes: int = 500 << 20
    """Images in one Parquet shard, in bytes."""

    def __post_init__(self) -> None:
        """Reject what cannot be meant."""
        if not self.papers:
            raise ValueError("papers: at least one file or folder is expected")
        for name in ("timeout_s", "memory_bytes", "unit_papers", "unit_bytes", "shard_bytes"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}={getattr(self, name)!r}: a positive number is expected")
        if self.workers < 0:
            raise ValueError(f"workers={self.workers!r}: 0 (one for each CPU) or more is expected")

    @property
    def worker_count(self) -> int:
        """`workers`, with 0 resolved for this machine."""
        return self.workers or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else [0])

    def recipe(self) -> dict[str, Any]:
        """Return what the recipe records: every option that shapes the result, paths as they were given."""
        return {
            "papers": [path.name for path in self.papers],
            "metadata": [path.name for path in self.metadata],
            "extract": asdict(self.extract),
            "timeout_s": self.timeout_s,
            "memory_bytes": self.memory_bytes,
            "shard_bytes": self.shard_bytes,
        }

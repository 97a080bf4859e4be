"""The options of `build`: one object that the API, the command line and the recipe all read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from s1_mmalign.builder.archives import ArchiveLimits
from s1_mmalign.builder.formats.latex import LatexOptions
from s1_mmalign.builder.formats.pdf import PdfOptions
from s1_mmalign.builder.images import ImageOptions
from s1_mmalign.builder.records import SOURCES
from s1_mmalign.builder.sources.locations import shown_url


@dataclass(frozen=True, slots=True)
class ExtractOptions:
    """What decides which rows one package gives; part of the name of every unit."""

    source: str | None = None
    """The source of all packages; None: told by each paper's identifiers, journal and form."""
    image: ImageOptions = field(default_factory=ImageOptions)
    latex: LatexOptions = field(default_factory=LatexOptions)
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
class DeduplicateOptions:
    """What counts as there twice, and which one stays. What goes is a line of the drop ledger that names what stays."""

    papers: Literal["all", "first", "latest", "journal"] = "all"
    """Of papers with one DOI, arXiv id or (30 letters or more) title: all, in one split, or the first in order of key
    (what a finished dataset holds already goes first), the latest by date, the journal's version."""
    images: Literal["exact", "near", "none"] = "exact"
    """Of images with one sha256 the first stays; in one paper, those under another caption, too: they are a pair of
    their own. `near`: also of those whose perceptual hashes are close the first alone stays."""
    near_bits: int = 2
    """How many of the 64 bits of two perceptual hashes may differ (0 to 12)."""
    near_scope: Literal["paper", "all"] = "paper"
    """Where near copies are looked for: within each paper, or in all papers."""

    def __post_init__(self) -> None:
        """Reject what cannot be meant."""
        for name in ("papers", "images", "near_scope"):
            allowed = get_args(get_type_hints(DeduplicateOptions)[name])
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name}={getattr(self, name)!r}: one of {', '.join(allowed)} is expected")
        if not 0 <= self.near_bits <= 12:
            raise ValueError(f"near_bits={self.near_bits!r}: 0 to 12 is expected")


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """Papers in, dataset folder out."""

    papers: tuple[Path, ...]
    metadata: tuple[Path, ...] = ()
    """JSONL files in the format of arXiv's metadata snapshot or of a server's API, PMC's file list; joined by id."""
    extract: ExtractOptions = field(default_factory=ExtractOptions)
    workers: int = 0
    """Processes that read papers; 0: one for each CPU that this process may use."""
    timeout_s: float = 300.0
    """Seconds that one paper may take."""
    memory_bytes: int = 8 << 30
    """Address space of one worker."""
    unit_papers: int = 32
    unit_bytes: int = 128 << 20
    """A unit is at most so many papers, or so many packed bytes, whichever comes first."""
    shard_bytes: int = 500 << 20
    """Images in one Parquet shard, in bytes."""
    deduplicate: DeduplicateOptions = field(default_factory=DeduplicateOptions)
    evaluation_sets: tuple[Path, ...] = ()
    """Files that list arXiv ids, DOIs and image hashes, one a line, that must not be in the dataset."""
    removed: tuple[Path, ...] = ()
    """Lists of papers that must not be in the dataset; they are added to its `removed.jsonl`, see `tombstones`."""
    on_bad_tar: Literal["error", "skip"] = "error"
    """What a bulk tar that breaks off, or is not the one of the manifest, does to the build."""
    refresh_metadata: bool = True
    """Read a paper again when its metadata changed; else only when its package did."""
    storage: Mapping[str, Any] = field(default_factory=dict)
    """fsspec's options for inputs that are URLs, such as `{"requester_pays": True}`."""
    engine: Literal["local", "ray"] = "local"
    """Who makes the units: processes of this machine, or the nodes of a Ray cluster that share the folder."""
    release: bool = False
    """`papers` is one folder or repository in the layout of the published S1-MMAlign; `extract.source`, where given,
    is the only source that is read of it."""

    def __post_init__(self) -> None:
        """Reject what cannot be meant."""
        if not self.papers:
            raise ValueError("papers: at least one file or folder is expected")
        for name in ("timeout_s", "memory_bytes", "unit_papers", "unit_bytes", "shard_bytes"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}={getattr(self, name)!r}: a positive number is expected")
        for name, allowed in (("on_bad_tar", ("error", "skip")), ("engine", ("local", "ray"))):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name}={getattr(self, name)!r}: one of {', '.join(allowed)} is expected")
        if self.workers < 0:
            raise ValueError(f"workers={self.workers!r}: 0 (one for each CPU) or more is expected")

    @property
    def worker_count(self) -> int:
        """`workers`, with 0 resolved for this machine."""
        return self.workers or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else [0])

    def recipe(self) -> dict[str, Any]:
        """Return what the recipe records: every option that shapes the result, of paths the last part."""
        return {
            "papers": [str(path) if self.release and not path.is_dir() else _last_part(path) for path in self.papers],
            "metadata": [_last_part(path) for path in self.metadata],
            "extract": asdict(self.extract),
            "timeout_s": self.timeout_s,
            "memory_bytes": self.memory_bytes,
            "unit_papers": self.unit_papers,
            "unit_bytes": self.unit_bytes,
            "shard_bytes": self.shard_bytes,
            "deduplicate": asdict(self.deduplicate),
            "evaluation_sets": [_last_part(path) for path in self.evaluation_sets],
            "removed": [_last_part(path) for path in self.removed],
            "on_bad_tar": self.on_bad_tar,
            "refresh_metadata": self.refresh_metadata,
            "release": self.release,
        }


def _last_part(path: Path) -> str:
    """A file's or folder's name; of a URL without user, password and query, which may be keys."""
    return Path(shown_url(path)).name

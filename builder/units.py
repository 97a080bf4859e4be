"""The unit of extraction: a batch of papers -> one Parquet file, a drop ledger and a manifest.

A unit is named by a hash of its packages, the code and the options, so a finished unit is found again after
any crash, and a change of any of them makes new ones. Parquet and ledger are written first, the manifest
last: the unit is done when the manifest is there. Rows lie in *slices*, one for each (source, licence class,
split), each in row groups of its own, so that shards are put together without sorting anything again.
"""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from s1_mmalign.builder.extract import Extraction, Row
from s1_mmalign.builder.options import BuildOptions, ExtractOptions
from s1_mmalign.builder.records import LICENCE_CLASSES, SOURCES, Drop
from s1_mmalign.builder.shards import SCHEMA, split_by_bytes, write_atomically, write_shard
from s1_mmalign.builder.sources.packages import Package
from s1_mmalign.builder.splits import group_of, split_of
from s1_mmalign.builder.workers import PendingExtraction, WorkerPool, worker_pool

UNIT_ROW_GROUP_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows of one unit that go to the same shards: `row_groups` of the unit's Parquet file."""

    unit: str
    source: str
    licence_class: str
    split: str
    rows: int
    bytes: int
    row_groups: tuple[int, ...]


@dataclass(slots=True)
class Unit:
    """A batch of papers and, once done, what they gave."""

    name: str
    packages: list[Package] = field(default_factory=list)
    slices: list[Slice] = field(default_factory=list)
    papers: dict[str, str] = field(default_factory=dict)
    """Papers with rows: id -> source."""


def plan_units(packages: Sequence[Package], options: BuildOptions) -> list[Unit]:
    """Cut packages (in order of key) into units that never cross a folder, so a new folder leaves old units alone."""
    units: list[Unit] = []
    for _, group in groupby(packages, key=lambda package: package.key.rpartition("/")[0]):
        batch: list[Package] = []
        size = 0
        for package in group:
            if batch and (len(batch) >= options.unit_papers or size + package.bytes > options.unit_bytes):
                units.append(Unit(_unit_name(batch, options.extract), batch))
                batch, size = [], 0
            batch.append(package)
            size += package.bytes
        units.append(Unit(_unit_name(batch, options.extract), batch))
    return units


def make_units(
    units: Sequence[Unit], folder: Path, options: BuildOptions, on_paper: Callable[[Package], None] = lambda _: None
) -> None:
    """Make those of `units` that `folder` does not hold yet, and load what they all gave.

    `on_paper` is called for every paper as it is done (those of units found on disk, too).
    """
    missing = []
    for unit in units:
        if _load_unit(unit, folder):
            for package in unit.packages:
                on_paper(package)
        else:
            missing.append(unit)
    if not missing:
        return
    with worker_pool(options) as pool:
        for unit, pending in _submit_ahead(missing, pool, ahead=4 * options.worker_count):
            extractions = []
            for task in pending:
                extractions.append(task.result())
                on_paper(task.package)
            _write_unit(unit, extractions, folder, options.extract)


def read_slice(piece: Slice, folder: Path) -> Iterator[pa.Table]:
    """Yield the rows of a slice, a row group at a time."""
    with pq.ParquetFile(folder / f"{piece.unit}.parquet") as file:
        for group in piece.row_groups:
            yield file.read_row_group(group)


def read_drops(unit: Unit, folder: Path) -> Iterator[Drop]:
    """Yield the unit's lines of the drop ledger."""
    for line in (folder / f"{unit.name}.drops.jsonl").read_text(encoding="utf-8").splitlines():
        yield Drop(**json.loads(line))


@functools.cache
def code_version() -> str:
    """Return a hash of the code that decides what rows a paper gives: every file of `builder`, and of its data."""
    import pymupdf
    from PIL import __version__ as pillow_version

    digest = hashlib.sha256(f"{pymupdf.__version__} {pillow_version} {shutil.which('gs') is not None}".encode())
    root = Path(__file__).parent
    for path in sorted(path for path in root.rglob("*") if path.suffix in (".py", ".json")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _submit_ahead(
    units: Sequence[Unit], pool: WorkerPool, ahead: int
) -> Iterator[tuple[Unit, Sequence[PendingExtraction]]]:
    """Yield units in order, each with its tasks, while the tasks of the next ones (`ahead` papers) already run."""
    waiting = deque(units)
    running: deque[tuple[Unit, list[PendingExtraction]]] = deque()
    while waiting or running:
        while waiting and (not running or sum(len(tasks) for _, tasks in running) < ahead):
            unit = waiting.popleft()
            running.append((unit, [pool.submit(package) for package in unit.packages]))
        yield running.popleft()


def _write_unit(unit: Unit, extractions: Sequence[Extraction], folder: Path, options: ExtractOptions) -> None:
    """Write Parquet and ledger, then the manifest that makes the unit done."""
    slices: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for extraction in extractions:
        for row in extraction.rows:
            unit.papers[row["paper_id"]] = SOURCES[row["source"]]
            split = split_of(group_of(row["title"], row["paper_id"]), options.splits)
            slices[SOURCES[row["source"]], LICENCE_CLASSES[row["licence_class"]], split].append(row)
    tables: list[pa.Table] = []
    for (source, licence_class, split), rows in sorted(slices.items()):
        groups = list(split_by_bytes(pa.Table.from_pylist(rows, schema=SCHEMA), UNIT_ROW_GROUP_BYTES))
        numbers = tuple(range(len(tables), len(tables) + len(groups)))
        size = sum(len(row["image"]["bytes"]) for row in rows)
        unit.slices.append(Slice(unit.name, source, licence_class, split, len(rows), size, numbers))
        tables += groups
    ledger = [asdict(drop) for extraction in extractions for drop in extraction.drops]
    lines = "".join(json.dumps(drop, ensure_ascii=False) + "\n" for drop in ledger)
    lines = lines.encode("utf-8", "replace").decode("utf-8")  # names in broken encodings hold lone surrogates
    written = write_shard(folder / f"{unit.name}.parquet", tables)
    write_atomically(folder / f"{unit.name}.drops.jsonl", lines)
    manifest = {
        "packages": [package.key for package in unit.packages],
        "papers": unit.papers,
        "slices": [asdict(piece) for piece in unit.slices],
        "bytes": written.bytes,
        "sha256": written.sha256,
        "drops_sha256": hashlib.sha256(lines.encode()).hexdigest(),
    }
    write_atomically(folder / f"{unit.name}.json", json.dumps(manifest, indent=1) + "\n")


def _load_unit(unit: Unit, folder: Path) -> bool:
    """Load a finished unit's manifest; False where it is missing or the files are not those it speaks of."""
    try:
        manifest = json.loads((folder / f"{unit.name}.json").read_text(encoding="utf-8"))
        lines = (folder / f"{unit.name}.drops.jsonl").read_bytes()
        if (folder / f"{unit.name}.parquet").stat().st_size != manifest["bytes"]:
            return False
    except (OSError, ValueError, KeyError):
        return False
    if hashlib.sha256(lines).hexdigest() != manifest["drops_sha256"]:
        return False
    unit.papers = manifest["papers"]
    unit.slices = [Slice(**piece | {"row_groups": tuple(piece["row_groups"])}) for piece in manifest["slices"]]
    return True


def _unit_name(packages: Sequence[Package], options: ExtractOptions) -> str:
    content = [
        code_version(),
        asdict(options),
        [(package.key, package.bytes, package.mtime_ns, asdict(package.metadata)) for package in packages],
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]

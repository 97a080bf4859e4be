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
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from s1_mmalign.builder.extraction import Extraction, Row
from s1_mmalign.builder.options import ExtractOptions
from s1_mmalign.builder.records import LICENCE_CLASSES, SOURCES, Drop
from s1_mmalign.builder.sealed_json import seal, unseal
from s1_mmalign.builder.shards import SCHEMA, sha256_of, split_by_bytes, write_atomically, write_shard
from s1_mmalign.builder.sources.digests import Input
from s1_mmalign.builder.splits import group_of, split_of
from s1_mmalign.builder.unit_statistics import unit_statistics

UNIT_ROW_GROUP_BYTES = 32 << 20

_AFTER = (
    "build.py", "caption_columns.py", "deduplicate/", "disk_space.py", "explain.py", "folder_lock.py", "funnel",
    "inputs.py", "layout.py", "listed_files.py", "mirror.py", "options.py", "plot_style.py", "ray_engine.py",
    "s1_mmalign.py", "sources/bulk_tars.py", "sources/inventory.py", "sources/locations.py", "sources/packages.py",
    "sources/release", "tombstones.py", "unit_plan.py", "unit_runner.py",
)  # fmt: skip
"""What finds packages or works on finished units: a change there must not have weeks of papers read again."""


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
    """A batch of papers and, once done, what they gave.

    The packages themselves are not held: `first` and `last` are their keys in the inventory, `count` their number.
    """

    name: str
    first: str = ""
    last: str = ""
    count: int = 0
    unknown: int = 0
    """Papers that no metadata file knows."""
    slices: list[Slice] = field(default_factory=list)
    papers: dict[str, str] = field(default_factory=dict)
    """Papers with rows: id -> source."""
    statistics: dict[str, Any] = field(default_factory=dict)
    """Counts for the report of the build: see `unit_statistics`."""


def read_slice(piece: Slice, folder: Path) -> Iterator[pa.Table]:
    """Yield the rows of a slice, a row group at a time."""
    with pq.ParquetFile(folder / f"{piece.unit}.parquet") as file:
        for group in piece.row_groups:
            yield file.read_row_group(group)


def read_drops(unit: Unit, folder: Path) -> Iterator[Drop]:
    """Yield the unit's lines of the drop ledger."""
    for line in (folder / f"{unit.name}.drops.jsonl").read_text(encoding="utf-8").splitlines():
        yield Drop(**json.loads(line))


def read_unit_inputs(unit: Unit, folder: Path) -> Iterator[Input]:
    """Yield the unit's packages, in order of key."""
    manifest = json.loads((folder / f"{unit.name}.json").read_text(encoding="utf-8"))
    yield from (Input(*fields) for fields in manifest["inputs"])


@functools.cache
def code_version() -> str:
    """Return a hash of the code that decides what rows a paper gives: the files of `builder` but those of `_AFTER`."""
    import pymupdf
    from PIL import __version__ as pillow_version

    digest = hashlib.sha256(f"{pymupdf.__version__} {pillow_version} {shutil.which('gs') is not None}".encode())
    root = Path(__file__).parent
    for path in sorted(path for path in root.rglob("*") if path.suffix in (".py", ".json")):
        if path.relative_to(root).as_posix().startswith(_AFTER):
            continue
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def write_unit(
    unit: Unit,
    extractions: Sequence[Extraction],
    folder: Path,
    options: ExtractOptions,
    inputs: Sequence[Input] = (),
) -> None:
    """Write Parquet and ledger, then the manifest that makes the unit done; it carries what was read, `inputs`."""
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
    unit.statistics = unit_statistics(extractions)
    manifest = {
        "packages": [unit.first, unit.last, unit.count],
        "papers": unit.papers,
        "slices": [asdict(piece) for piece in unit.slices],
        "bytes": written.bytes,
        "rows_sha256": written.sha256,
        "statistics": unit.statistics,
        "inputs": [astuple(line) for line in inputs],
        "drops_sha256": hashlib.sha256(lines.encode()).hexdigest(),
    }
    write_atomically(folder / f"{unit.name}.json", seal(manifest, indent=None))


def sound_unit(path: Path) -> dict[str, Any] | None:
    """Return what a unit's manifest says, None where it is missing or damaged, or the files that it names are."""
    rows = path.with_suffix(".parquet")
    try:
        manifest = unseal(path.read_bytes())
        if rows.stat().st_size != manifest["bytes"] or sha256_of(rows) != manifest["rows_sha256"]:
            return None
        drops = sha256_of(path.with_suffix(".drops.jsonl"))
    except (OSError, ValueError, KeyError):
        return None
    return manifest if drops == manifest["drops_sha256"] else None


def load_unit(unit: Unit, folder: Path) -> bool:
    """Load a finished unit's manifest; False where it is missing, or the files are not those it speaks of."""
    manifest = sound_unit(folder / f"{unit.name}.json")
    if manifest is None:
        return False
    unit.papers = manifest["papers"]
    unit.statistics = manifest.get("statistics", {})
    unit.slices = [Slice(**piece | {"row_groups": tuple(piece["row_groups"])}) for piece in manifest["slices"]]
    return True

"""Is the dataset folder whole? Every shard against the manifest, every row against itself.

manifest -> size and sha256 -> schema and row counts -> ids and labels -> images (all, or a sample) -> ledger
"""

from __future__ import annotations

import hashlib
import io
import json
import random
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from datasets import Features
from PIL import Image

from s1_mmalign.builder.records import DROP_REASONS, FEATURES, LICENCE_CLASSES, SOURCES
from s1_mmalign.builder.shards import (
    DROPS_NAME,
    MANIFEST_NAME,
    SCHEMA,
    FolderError,
    Manifest,
    Shard,
    iter_tables,
    sha256_of,
)

Progress = Callable[[str, int, int], None]
"""Called as (what, done, total)."""

SAMPLE_SEED = 0
_ID_COLUMNS = ("image_path", "paper_id", "source", "licence_class")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: the file it is in, and what it is."""

    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


@dataclass(slots=True)
class VerifyReport:
    """What was looked at, and what is wrong with it."""

    shards: int = 0
    rows: int = 0
    bytes: int = 0
    images: int = 0
    """Images that were decoded."""
    problems: list[Problem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def add(self, path: str, what: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(path, what))


def verify_folder(
    folder: Path, images: Literal["all"] | int = "all", progress: Progress = lambda what, done, total: None
) -> VerifyReport:
    """Check a dataset folder and return what was found; the data being wrong raises nothing.

    Args:
        folder: the dataset folder.
        images: how many images to decode and compare with their row: every one, or a sample (drawn with a fixed
            seed, so that a second look sees the same ones).
        progress: called with ("bytes", read, of all shards).

    Raises:
        FolderError: no dataset folder, or a manifest that cannot be read.
        ValueError: `images` is neither "all" nor a number of 0 or more.
    """
    if images != "all" and (not isinstance(images, int) or images < 0):
        raise ValueError(f"images={images!r}: 'all' or a number of images (0 or more) is expected")
    manifest = Manifest.load(folder)
    report = VerifyReport(len(manifest.shards), manifest.rows, sum(shard.bytes for shard in manifest.shards))
    _check_files(folder, manifest, report)
    chosen = _sample(manifest, images)
    seen = _Ids()
    read = unread = 0
    for shard in manifest.shards:
        progress("bytes", read, report.bytes)
        if _check_file(folder, shard, report):
            _check_rows(folder, shard, chosen.get(shard.path), seen, report)
        else:
            unread += 1
        read += shard.bytes
    progress("bytes", read, report.bytes)
    for path in seen.repeated(folder, manifest):
        report.add(path, "image_path is in more than one row")
    _check_papers(manifest, None if unread else len(seen.papers), report)
    _check_ledger(folder, manifest, report)
    return report


class _Ids:
    """Image paths (as 8-byte hashes, so that millions fit) and paper ids that were seen."""

    def __init__(self) -> None:
        self._hashes: list[np.ndarray] = []
        self.papers: set[str] = set()

    def add(self, paths: list[str], papers: list[str]) -> None:
        self._hashes.append(np.array([_hash(path) for path in paths], dtype=np.uint64))
        self.papers.update(papers)

    def repeated(self, folder: Path, manifest: Manifest) -> list[str]:
        """Paths that more than one row has; the shards are read again only where hashes collide."""
        if not self._hashes:
            return []
        values, counts = np.unique(np.concatenate(self._hashes), return_counts=True)
        suspects = {int(value) for value in values[counts > 1]}
        if not suspects:
            return []
        found: Counter[str] = Counter()
        for shard in manifest.shards:
            for table in _readable_tables(folder / shard.path, ["image_path"]):
                found.update(path for path in table["image_path"].to_pylist() if path and _hash(path) in suspects)
        return sorted(path for path, count in found.items() if count > 1)


def _hash(path: str) -> int:
    return int.from_bytes(hashlib.blake2b(path.encode(), digest_size=8).digest(), "big")


def _readable_tables(path: Path, columns: list[str]) -> Iterator[pa.Table]:
    """`iter_tables` of a shard that may be broken, which was reported already."""
    try:
        yield from iter_tables(path, columns)
    except FolderError:
        return


def _sample(manifest: Manifest, images: Literal["all"] | int) -> dict[str, set[int] | None]:
    """Which rows of each shard have their image decoded, by the shard's path; None: all of them."""
    if images == "all":
        return {shard.path: None for shard in manifest.shards}
    drawn = sorted(random.Random(SAMPLE_SEED).sample(range(manifest.rows), min(images, manifest.rows)))
    chosen: dict[str, set[int] | None] = {}
    first = 0
    for shard in manifest.shards:
        chosen[shard.path] = {number - first for number in drawn if first <= number < first + shard.rows}
        first += shard.rows
    return chosen


def _check_files(folder: Path, manifest: Manifest, report: VerifyReport) -> None:
    """Files that the manifest does not name, and names that it gives twice or outside `data/`."""
    named = Counter(shard.path for shard in manifest.shards)
    for name, count in named.items():
        if count > 1:
            report.add(name, "the manifest names it more than once")
    for shard in manifest.shards:
        if not shard.path.startswith(f"data/{shard.source}/{shard.licence_class}/{shard.split}-"):
            report.add(shard.path, "is not where its source, licence class and split belong")
    for path in sorted((folder / "data").rglob("*")):
        relative = path.relative_to(folder).as_posix()
        if path.is_file() and relative not in named and not path.name.startswith("."):
            report.add(relative, "the manifest does not name it; remove it, `datasets` would read it as data")


def _check_file(folder: Path, shard: Shard, report: VerifyReport) -> bool:
    """Size, sha256, schema and row count of one shard; whether its rows are worth a look."""
    path = folder / shard.path
    if not path.is_file():
        report.add(shard.path, "is missing; run `s1-mmalign build` again")
        return False
    problems = len(report.problems)
    size = path.stat().st_size
    if size != shard.bytes:
        report.add(shard.path, f"has {size:,} bytes where the manifest says {shard.bytes:,}")
    elif sha256_of(path) != shard.sha256:
        report.add(shard.path, "its bytes are not those that the manifest vouches for (sha256 differs)")
    _check_footer(path, shard, report)
    return len(report.problems) == problems


def _check_footer(path: Path, shard: Shard, report: VerifyReport) -> None:
    """Row count and schema; a damaged footer can fail in any of these ways."""
    try:
        with pq.ParquetFile(path) as file:
            rows, schema = file.metadata.num_rows, file.schema_arrow
            same = schema.equals(SCHEMA) and Features.from_arrow_schema(schema) == FEATURES
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        report.add(shard.path, f"is no readable Parquet file: {error}")
        return
    if rows != shard.rows:
        report.add(shard.path, f"has {rows:,} rows where the manifest says {shard.rows:,}")
    if not same:
        report.add(shard.path, f"its columns are not the dataset's: {_schema_difference(schema)}")


def _schema_difference(schema: pa.Schema) -> str:
    for name in dict.fromkeys([*SCHEMA.names, *schema.names]):
        if name not in schema.names:
            return f"{name} is missing"
        if name not in SCHEMA.names:
            return f"{name} is not known"
        if schema.field(name) != SCHEMA.field(name):
            return f"{name} is {schema.field(name).type}, not {SCHEMA.field(name).type}"
    return "their order" if schema.names != SCHEMA.names else "the features in the file's metadata differ"


def _check_rows(folder: Path, shard: Shard, chosen: set[int] | None, seen: _Ids, report: VerifyReport) -> None:
    """Ids and labels of every row, and the images of the chosen ones (None: all)."""
    first = 0
    path = folder / shard.path
    try:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                ids = file.read_row_group(group, columns=list(_ID_COLUMNS))
                _check_labels(ids, shard, first, report)
                seen.add(ids["image_path"].drop_null().to_pylist(), ids["paper_id"].drop_null().to_pylist())
                rows = [row for row in range(ids.num_rows) if chosen is None or first + row in chosen]
                if rows:
                    columns = ["image", "image_path", "image_sha256", "width", "height"]
                    for row in file.read_row_group(group, columns=columns).take(rows).to_pylist():
                        _check_image(row, shard, report)
                first += ids.num_rows
    except (pa.ArrowException, OSError) as error:
        report.add(shard.path, f"rows from {first:,} on cannot be read: {error}")


def _check_labels(ids: pa.Table, shard: Shard, first: int, report: VerifyReport) -> None:
    for name in ("image_path", "paper_id"):
        if ids[name].null_count:
            report.add(shard.path, f"{ids[name].null_count:,} rows from row {first:,} on have no {name}")
    for name, label in (
        ("source", SOURCES.index(shard.source) if shard.source in SOURCES else -1),
        ("licence_class", LICENCE_CLASSES.index(shard.licence_class) if shard.licence_class in LICENCE_CLASSES else -1),
    ):
        wrong = ids.num_rows - (pc.sum(pc.equal(ids[name], label)).as_py() or 0)
        if wrong:
            report.add(shard.path, f"{wrong:,} rows from row {first:,} on are of another {name}")


def _check_image(row: dict, shard: Shard, report: VerifyReport) -> None:
    """One image: its bytes, and its size as the row gives them."""
    report.images += 1
    data = (row["image"] or {}).get("bytes")
    if not data:
        report.add(shard.path, f"{row['image_path']}: has no image")
        return
    if hashlib.sha256(data).hexdigest() != row["image_sha256"]:
        report.add(shard.path, f"{row['image_path']}: the image is not the one that image_sha256 names")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                image.load()
                size = image.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        report.add(shard.path, f"{row['image_path']}: the image cannot be decoded ({error})")
        return
    if size != (row["width"], row["height"]):
        report.add(shard.path, f"{row['image_path']}: is {size[0]} x {size[1]} pixels, the row says otherwise")


def _check_papers(manifest: Manifest, counted: int | None, report: VerifyReport) -> None:
    """Papers in = papers with rows + papers dropped; `counted`: papers in the rows, None where not all were read."""
    papers = manifest.papers
    total, with_rows, dropped = (papers.get(name, 0) for name in ("in", "with_rows", "dropped"))
    if total != with_rows + dropped:
        report.add(MANIFEST_NAME, f"{total:,} papers in, but {with_rows:,} with rows + {dropped:,} dropped")
    if counted is not None and with_rows != counted:
        report.add(MANIFEST_NAME, f"says {with_rows:,} papers with rows; the rows have {counted:,}")


def _check_ledger(folder: Path, manifest: Manifest, report: VerifyReport) -> None:
    """The drop ledger has the lines that the manifest counts."""
    path = folder / DROPS_NAME
    if not path.is_file():
        report.add(DROPS_NAME, "is missing; run `s1-mmalign build` again")
        return
    counts: Counter[str] = Counter()
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            try:
                reason = json.loads(line)["reason"]
            except (ValueError, KeyError, TypeError):
                report.add(DROPS_NAME, f"line {number} is not a line of the ledger")
                continue
            counts[reason] += 1
    for reason in sorted(set(counts) | set(manifest.drops)):
        if counts[reason] != manifest.drops.get(reason, 0):
            named = manifest.drops.get(reason, 0)
            report.add(DROPS_NAME, f"has {counts[reason]:,} lines {reason}; the manifest says {named:,}")
        if reason not in DROP_REASONS:
            report.add(DROPS_NAME, f"{reason!r} is no drop reason")

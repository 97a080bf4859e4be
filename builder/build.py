"""The stage `build`: papers in, dataset folder out.

    find packages -> join metadata -> make units (resumable) -> plan shards -> write the missing ones -> manifest

Every step can be repeated: what is done is found again, so after any crash the same call goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from s1_mmalign.builder.folder_lock import locked
from s1_mmalign.builder.options import BuildOptions
from s1_mmalign.builder.records import Drop
from s1_mmalign.builder.shards import (
    DROPS_NAME,
    MANIFEST_NAME,
    WORK_FOLDER,
    Manifest,
    Shard,
    sha256_of,
    write_atomically,
    write_shard,
)
from s1_mmalign.builder.sources.metadata import join_metadata
from s1_mmalign.builder.sources.packages import Inputs, Package, find_packages
from s1_mmalign.builder.units import Slice, Unit, make_units, plan_units, read_drops, read_slice

Progress = Callable[[str, int, int], None]
"""Called as (what, done, total): "papers" while reading, "shards" while writing."""


@dataclass(slots=True)
class ShardPlan:
    """A shard to be: where it goes, and the slices that it is made of."""

    path: str
    source: str
    licence_class: str
    split: str
    slices: list[Slice] = field(default_factory=list)

    @property
    def fingerprint(self) -> str:
        """A hash of what the shard is made of, so a finished one is known without reading it."""
        return hashlib.sha256(json.dumps([asdict(piece) for piece in self.slices]).encode()).hexdigest()[:24]


@dataclass(slots=True)
class Extracted:
    """Every unit done: what shards are planned from."""

    units: list[Unit]
    folder: Path
    """Where the units' files lie."""
    drops: list[Drop]
    inputs: Inputs


def build_dataset(options: BuildOptions, out: Path, progress: Progress = lambda what, done, total: None) -> Manifest:
    """Build (or go on building) the dataset folder `out`.

    Raises:
        InputError: nothing to read, or metadata that cannot be read.
        FolderError: `out` holds something else, or another build works in it.
    """
    with locked(out):
        extracted = extract_papers(options, out / WORK_FOLDER / "units", progress)
        return write_dataset(extracted, options, out, progress)


def extract_papers(
    options: BuildOptions, folder: Path, progress: Progress = lambda what, done, total: None
) -> Extracted:
    """Find the packages, and make every unit that `folder` does not hold yet."""
    inputs = known_packages(options)
    packages, drops = _without_repeated_ids(inputs.packages)
    units = plan_units(packages, options)
    done = 0

    def count(package: Package) -> None:
        nonlocal done
        done += 1
        progress("papers", done, len(packages))

    folder.mkdir(parents=True, exist_ok=True)
    make_units(units, folder, options, count)
    for unit in units:
        drops += read_drops(unit, folder)
    return Extracted(units, folder, drops, inputs)


def known_packages(options: BuildOptions) -> Inputs:
    """Find the packages that the options name, with what their metadata files know of them."""
    inputs = find_packages(options.papers)
    ids = [package.paper_id for package in inputs.packages]
    known = join_metadata([*options.metadata, *inputs.metadata_files], ids)
    inputs.packages = [
        replace(package, metadata=known[package.paper_id]) if package.paper_id in known else package
        for package in inputs.packages
    ]
    return inputs


def write_dataset(
    extracted: Extracted, options: BuildOptions, out: Path, progress: Progress = lambda what, done, total: None
) -> Manifest:
    """Write the shards that are not there yet, the drop ledger, and last the manifest."""
    before = Manifest.load(out) if (out / MANIFEST_NAME).is_file() else Manifest()
    old = {shard.path: shard for shard in before.shards}
    plans = plan_shards([piece for unit in extracted.units for piece in unit.slices], options.shard_bytes)
    shards: list[Shard] = []
    for index, plan in enumerate(plans):
        progress("shards", index, len(plans))
        shard = _finished(plan, old, before, out) or _write(plan, extracted, out)
        if shard.rows:
            shards.append(shard)
    progress("shards", len(plans), len(plans))
    drops = sorted(extracted.drops, key=lambda drop: (drop.paper_id, drop.where, drop.reason, drop.detail))
    lines = "".join(json.dumps(asdict(drop), ensure_ascii=False) + "\n" for drop in drops)
    write_atomically(out / DROPS_NAME, lines)
    manifest = Manifest(
        shards=shards,
        papers=_count_papers(extracted),
        drops=dict(Counter(drop.reason for drop in drops)),
        build={"shards": {plan.path: plan.fingerprint for plan in plans}},
    )
    manifest.save(out)
    _remove_stale(out, {shard.path for shard in shards})
    return manifest


def plan_shards(slices: Sequence[Slice], shard_bytes: int) -> list[ShardPlan]:
    """Put slices, in their order, into shards of about `shard_bytes` bytes of images; a slice is never cut."""
    groups: dict[tuple[str, str, str], list[list[Slice]]] = defaultdict(list)
    for piece in slices:
        shards = groups[piece.source, piece.licence_class, piece.split]
        if not shards or sum(other.bytes for other in shards[-1]) + piece.bytes > shard_bytes:
            shards.append([])
        shards[-1].append(piece)
    return [
        ShardPlan(
            f"data/{source}/{licence_class}/{split}-{number:05d}-of-{len(shards):05d}.parquet",
            source,
            licence_class,
            split,
            pieces,
        )
        for (source, licence_class, split), shards in sorted(groups.items())
        for number, pieces in enumerate(shards)
    ]


def _write(plan: ShardPlan, extracted: Extracted, out: Path) -> Shard:
    written = write_shard(
        out / plan.path, (table for piece in plan.slices for table in read_slice(piece, extracted.folder))
    )
    return Shard(plan.path, *written, plan.source, plan.licence_class, plan.split)


def _finished(plan: ShardPlan, old: dict[str, Shard], before: Manifest, out: Path) -> Shard | None:
    """The shard of an earlier run (recaptioned since, perhaps) if it was made of the same slices and is intact."""
    shard = old.get(plan.path)
    if shard is None or before.build.get("shards", {}).get(plan.path) != plan.fingerprint:
        return None
    path = out / plan.path
    if not path.is_file() or path.stat().st_size != shard.bytes or sha256_of(path) != shard.sha256:
        return None
    return shard


def _without_repeated_ids(packages: Sequence[Package]) -> tuple[list[Package], list[Drop]]:
    """Keep the first package of each id: two files with one id are one paper twice, and ids name rows."""
    kept: dict[str, Package] = {}
    drops = []
    for package in packages:
        first = kept.setdefault(package.paper_id, package)
        if first is not package:
            detail = f"{package.key} has the id of {first.key}"
            drops.append(Drop(package.paper_id, "", "duplicate_paper", detail))
    return list(kept.values()), drops


def _count_papers(extracted: Extracted) -> dict[str, int]:
    """Papers in = papers with rows + papers dropped."""
    total = len(extracted.inputs.packages)
    with_rows = sum(len(unit.papers) for unit in extracted.units)
    return {"in": total, "with_rows": with_rows, "dropped": total - with_rows}


def _remove_stale(out: Path, current: set[str]) -> None:
    """Remove shards of an earlier build that the manifest no longer names, so that globs do not read them."""
    for path in (out / "data").rglob("*.parquet"):
        if path.relative_to(out).as_posix() not in current:
            path.unlink()

"""Which packages make a unit: of bounded number and bytes, alike in size, and the same when others are added."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

from s1_mmalign.builder.options import BuildOptions
from s1_mmalign.builder.sources.inventory import Inventory
from s1_mmalign.builder.sources.package import Package
from s1_mmalign.builder.units import Unit, code_version

FILLED = 0.8
"""How full of its limits a unit of a tar is on average: without room, a last one of leftovers would follow."""


def plan_units(inventory: Inventory, options: BuildOptions, folder: Path) -> list[Unit]:
    """Cut the packages of an inventory into units; `folder` holds those that are made.

    A unit is named by its packages, the code and the options, and after a dash by its papers' metadata.
    """
    kept = (
        {} if options.refresh_metadata else {path.stem.partition("-")[0]: path.stem for path in folder.glob("*-*.json")}
    )
    units = []
    for batch in batches(inventory.packages(), options):
        name = _name(batch, options)
        digests = [inventory.metadata_digest(package) for package in batch]
        name = kept.get(name) or f"{name}-{hashlib.sha256(' '.join(digests).encode()).hexdigest()[:8]}"
        units.append(Unit(name, batch[0].key, batch[-1].key, len(batch), digests.count("")))
    return units


def batches(packages: Iterable[Package], options: BuildOptions) -> Iterator[list[Package]]:
    """Cut packages, in order of key, into the batches of units.

    A batch never crosses a bulk tar or the first folder of the keys (a month), so that new ones leave old batches
    alone. A tar is cut into parts of like bytes. Elsewhere a batch also ends where the hash of a key says so: a package
    that is added changes the batch that it falls into, not all that follow.
    """
    for (_, is_tar), group in groupby(packages, key=_group):
        if is_tar:
            yield from _alike(list(group), options)
        else:
            yield from _by_content(group, options)


def _group(package: Package) -> tuple[str, bool]:
    in_tar = package.offset is not None
    return (str(package.remote.url if package.remote else package.path), True) if in_tar else (_folder(package), False)


def _folder(package: Package) -> str:
    return package.key.partition("/")[0] if "/" in package.key else ""


def _alike(packages: Sequence[Package], options: BuildOptions) -> Iterator[list[Package]]:
    """Cut a tar's packages into batches of like bytes, few, but so many that the limits are not often met."""
    total = sum(package.bytes for package in packages)
    count = math.ceil(max(len(packages) / options.unit_papers, total / options.unit_bytes) / FILLED)
    batch: list[Package] = []
    size = done = cuts = 0
    for package in packages:
        full = len(batch) >= options.unit_papers or size + package.bytes > options.unit_bytes
        if batch and (full or done + package.bytes / 2 > total * (cuts + 1) / count):
            yield batch
            batch, size, cuts = [], 0, cuts + 1
        batch.append(package)
        size += package.bytes
        done += package.bytes
    yield batch


def _by_content(packages: Iterable[Package], options: BuildOptions) -> Iterator[list[Package]]:
    batch: list[Package] = []
    size = 0
    for package in packages:
        full = len(batch) >= options.unit_papers or size + package.bytes > options.unit_bytes
        if batch and (full or _cuts(package.key, options.unit_papers)):
            yield batch
            batch, size = [], 0
        batch.append(package)
        size += package.bytes
    if batch:
        yield batch


def _cuts(key: str, unit_papers: int) -> bool:
    """Whether a batch begins here whatever came before: one key in `unit_papers`, told by its hash."""
    return (
        int.from_bytes(hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=4).digest(), "big") % unit_papers
        == 0
    )


def _name(packages: Sequence[Package], options: BuildOptions) -> str:
    content = [
        code_version(),
        asdict(options.extract),
        [(package.key, package.bytes, package.state or package.mtime_ns) for package in packages],
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]

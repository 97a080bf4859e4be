"""The stage `build`: papers in, dataset folder out.

    find packages -> make units (resumable) -> leave out what is there twice -> plan shards -> write the missing ones
    -> manifest -> report

Every step can be repeated: what is done is found again, so after any crash the same call goes on.
"""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from s1_mmalign.builder.deduplicate.decisions import Decisions, decide
from s1_mmalign.builder.deduplicate.removed import find_removed
from s1_mmalign.builder.disk_space import full_disk_explained
from s1_mmalign.builder.folder_lock import locked
from s1_mmalign.builder.funnel import Funnel
from s1_mmalign.builder.inputs import INPUTS_NAME, Files, InputSummary, write_lines
from s1_mmalign.builder.layout import ShardPlan, layout_of, load_layout, plan_shards, save_layout, select
from s1_mmalign.builder.listed_files import LEDGERS, digests_of
from s1_mmalign.builder.options import BuildOptions
from s1_mmalign.builder.records import Drop
from s1_mmalign.builder.shards import (
    DROPS_NAME,
    MANIFEST_NAME,
    WORK_FOLDER,
    Manifest,
    Shard,
    full_row_groups,
    sha256_of,
    write_shard,
)
from s1_mmalign.builder.sources.digests import Input
from s1_mmalign.builder.sources.inventory import Inventory
from s1_mmalign.builder.sources.metadata import join_metadata
from s1_mmalign.builder.sources.packages import Inputs, find_packages
from s1_mmalign.builder.tombstones import Tombstones, load_tombstones, read_removed
from s1_mmalign.builder.unit_plan import plan_units
from s1_mmalign.builder.unit_runner import make_units
from s1_mmalign.builder.units import Unit, read_drops, read_unit_inputs

Progress = Callable[[str, int, int], None]
"""Called as (what, done, total): "papers" while reading, "shards" while writing."""

INPUTS_FOLDER = "inputs"
"""Beside the units: what was found, and the index of its metadata."""


@dataclass(slots=True)
class Extracted:
    """Every unit done: what shards are planned from."""

    units: list[Unit]
    folder: Path
    """Where the units' files lie."""
    unread: list[Drop]
    """What is not in any unit: second packages of one paper."""
    papers: dict[str, int]
    """`in`, `with_rows`, `dropped`."""
    unread_inputs: list[Input] = field(default_factory=list)
    """The packages of `unread`, in order of key."""
    files: Files = field(default_factory=dict)
    """Files of the input that are no packages and decide what is in the dataset, by kind."""

    def inputs(self) -> Iterator[Input]:
        """Yield every package that was found, in order of key."""
        units = (line for unit in self.units for line in read_unit_inputs(unit, self.folder))
        return heapq.merge(units, self.unread_inputs, key=lambda line: line.key)

    def drops(self) -> Iterator[Drop]:
        """Yield all drops, those of the units in their order."""
        yield from self.unread
        for unit in self.units:
            yield from sorted(read_drops(unit, self.folder), key=_ledger_order)


def build_dataset(options: BuildOptions, out: Path, progress: Progress = lambda what, done, total: None) -> Manifest:
    """Build (or go on building) the dataset folder `out`.

    Raises:
        InputError: nothing to read, input that is not whole or changed while it was read, metadata that cannot be read.
        FolderError: `out` holds something else, another build works in it, or the disk is full.
    """
    with locked(out), full_disk_explained(out):
        extracted = extract_papers(options, out / WORK_FOLDER / "units", progress)
        return write_dataset(extracted, options, out, progress)


def extract_papers(
    options: BuildOptions, folder: Path, progress: Progress = lambda what, done, total: None
) -> Extracted:
    """Find the packages (or the parts of a release), and make every unit that `folder` does not hold yet."""
    if options.release:
        from s1_mmalign.builder.sources.release_build import extract_release

        made, papers = extract_release(options, folder, progress)
        return Extracted(made, folder, [], papers, files={"metadata": [(one.name, one) for one in options.metadata]})
    folder.mkdir(parents=True, exist_ok=True)
    inventory = Inventory(options, folder.parent / INPUTS_FOLDER)
    try:
        units = plan_units(inventory, options, folder)
        total, done = inventory.kept, 0

        def count(papers: int) -> None:
            nonlocal done
            done += papers
            progress("papers", done, total)

        make_units(units, inventory, folder, options, count)
        unread, found = list(inventory.drops()), len(inventory)
        unread_inputs, files = list(inventory.unread()), inventory.files
    finally:
        inventory.close()
    with_rows = sum(counts["with_rows"] for unit in units for counts in unit.statistics["sources"].values())
    papers = {"in": found, "with_rows": with_rows, "dropped": found - with_rows}
    files["evaluation_sets"] = [(path.name, path) for path in options.evaluation_sets]
    return Extracted(units, folder, unread, papers, unread_inputs, files)


def known_packages(options: BuildOptions) -> Inputs:
    """Find the packages that the options name, with what their metadata files know of them, in memory."""
    inputs = find_packages(options.papers, options.storage)
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
    """Write the shards that are not there yet, ledger and inputs, and last the manifest and the report."""
    before = Manifest.load(out) if (out / MANIFEST_NAME).is_file() else Manifest()
    layout = load_layout(out, before)
    removed = load_tombstones(out).with_more(read_removed(options.removed))
    done = {unit for pieces in layout.values() for unit, _ in pieces}
    decisions = _decide(extracted, options, done, out, removed)
    plans = plan_shards(select(extracted.units, decisions), options.shard_bytes, layout)
    old = {before.build.get("shards", {}).get(shard.path): shard for shard in before.shards}
    written: dict[str, str] = before.build.get("written", {})
    shards: list[Shard] = []
    for index, plan in enumerate(plans):
        progress("shards", index, len(plans))
        shard = _finished(plan, old, out)
        if shard is None:
            shard = _write(plan, extracted, out)
            written = written | {plan.fingerprint: shard.sha256}
        shards.append(shard)
    progress("shards", len(plans), len(plans))
    counts = Counter[str]()
    inputs = InputSummary()
    drops_sha256 = write_lines(out / DROPS_NAME, _counted(_lines(extracted, decisions), counts))
    lines = sorted(extracted.inputs(), key=lambda line: line.key) if options.release else extracted.inputs()
    write_lines(out / INPUTS_NAME, inputs.count(lines))
    inputs.hash_files(extracted.files)
    lost = decisions.papers_lost
    manifest = Manifest(
        shards=shards,
        papers=extracted.papers | {
            "with_rows": extracted.papers["with_rows"] - lost, "dropped": extracted.papers["dropped"] + lost
        },
        drops=dict(counts),
        build={
            "shards": {plan.path: plan.fingerprint for plan in plans},
            "written": {plan.fingerprint: written[plan.fingerprint] for plan in plans if plan.fingerprint in written},
            "grown": bool(layout) and _alone(extracted, decisions, options) != {plan.fingerprint for plan in plans},
            "inputs": asdict(inputs),
            "drops_sha256": drops_sha256,
        },
    )  # fmt: skip
    removed.save(out)
    manifest.files = before.files | digests_of(out, LEDGERS)
    save_layout(out, [layout, layout_of(plans)])
    manifest.save(out)
    _remove_stale(out, {shard.path for shard in shards})
    if not options.release:
        Funnel.of(extracted.units, extracted.unread, decisions, manifest).write(out)
    return manifest


def _decide(extracted: Extracted, options: BuildOptions, done: set[str], out: Path, removed: Tombstones) -> Decisions:
    found = find_removed(extracted.units, extracted.folder, removed)
    if options.release:  # but for that it stays as it was published
        rows = sum(map(len, found.places.values()))
        counts = Counter({"removed": rows} if rows else {})
        return Decisions(found.places, {}, len(found.papers), counts, list(found.drops()))
    return decide(extracted.units, extracted.folder, options, done, out / WORK_FOLDER / INPUTS_FOLDER, found)


def _write(plan: ShardPlan, extracted: Extracted, out: Path) -> Shard:
    tables = (table for selection in plan.selections for table in selection.read(extracted.folder))
    return Shard(plan.path, *write_shard(out / plan.path, full_row_groups(tables)), *plan.group)


def _finished(plan: ShardPlan, old: dict[str | None, Shard], out: Path) -> Shard | None:
    """The shard of an earlier run (recaptioned since, perhaps) if it was made of the same rows and is intact.

    As shards are added its number of them in the name changes: it is renamed. A run that was ended between that and
    the manifest finds it under the new name.
    """
    shard = old.get(plan.fingerprint)
    if shard is None:
        return None
    for path in dict.fromkeys((plan.path, shard.path)):
        file = out / path
        if file.is_file() and file.stat().st_size == shard.bytes and sha256_of(file) == shard.sha256:
            if path != plan.path:
                file.replace(out / plan.path)
            return replace(shard, path=plan.path)
    return None


def _alone(extracted: Extracted, decisions: Decisions, options: BuildOptions) -> set[str]:
    """The shards (by fingerprint) that the same papers would give where nothing had been built before."""
    return {plan.fingerprint for plan in plan_shards(select(extracted.units, decisions), options.shard_bytes)}


def _lines(extracted: Extracted, decisions: Decisions) -> Iterator[Drop]:
    yield from extracted.drops()
    yield from sorted(decisions.drops, key=_ledger_order)


def _counted(drops: Iterable[Drop], counts: Counter[str]) -> Iterator[str]:
    for drop in drops:
        counts[drop.reason] += 1
        yield json.dumps(asdict(drop), ensure_ascii=False)


def _ledger_order(drop: Drop) -> tuple[str, ...]:
    return drop.paper_id, drop.where, drop.reason, drop.detail


def _remove_stale(out: Path, current: set[str]) -> None:
    """Remove shards of an earlier build that the manifest no longer names, so that globs do not read them."""
    for path in (out / "data").rglob("*.parquet"):
        if path.relative_to(out).as_posix() not in current:
            path.unlink()

"""Papers taken out of a dataset folder for good: on the list, out of the shards, a line each in the ledger.

    list -> ledger -> shards without their rows -> counts of the manifest

Killed at any moment, the same call goes on: the list is written first, and what is still in the shards tells what is
left to do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from s1_mmalign.builder.disk_space import full_disk_explained
from s1_mmalign.builder.folder_lock import locked
from s1_mmalign.builder.listed_files import write_listed
from s1_mmalign.builder.records import Drop, DropReason
from s1_mmalign.builder.shards import DROPS_NAME, FolderError, Manifest, Shard, iter_tables
from s1_mmalign.builder.tombstones import (
    ID_COLUMNS,
    REMOVED_NAME,
    Tombstone,
    Tombstones,
    listed_papers,
    load_tombstones,
)
from s1_mmalign.processing.shard_columns import finish_replacement, put_in_place

REASON: DropReason = "removed"
Progress = Callable[[str, int, int], None]
"""Called as (what, done, total)."""


@dataclass(frozen=True, slots=True)
class RemovalResult:
    """What went: papers that had rows (by paper_id), rows, shards that were written anew or fell away."""

    papers: tuple[str, ...]
    rows: int
    shards: int
    listed: int
    """Papers on the list."""


def remove_papers(
    folder: Path,
    papers: Iterable[Tombstone] = (),
    progress: Progress = lambda what, done, total: None,
) -> RemovalResult:
    """Put papers on a dataset's list of removed ones, and take the rows of all that are on it out of the shards.

    Args:
        folder: the dataset folder.
        papers: further papers for the list; without any, what the list names already is taken out.
        progress: called with ("shards", done, of all).

    Raises:
        FolderError: no dataset folder, or another process works in it.
        InputError: the list cannot be read.
    """
    Manifest.load(folder)
    with locked(folder), full_disk_explained(folder):
        manifest = Manifest.load(folder)
        finish_replacement(folder, manifest)
        removed = load_tombstones(folder).with_more(papers)
        found = listed_papers(folder, manifest, removed)
        ledger, lines = _with_lines(folder, found)
        write_listed(folder, {REMOVED_NAME: removed.to_text(), DROPS_NAME: ledger})
        manifest = Manifest.load(folder)
        rows, written = _take_out(folder, manifest, removed, progress)
        manifest.papers |= _paper_counts(folder, manifest)
        manifest.drops |= {REASON: lines} if lines else {}
        manifest.save(folder)
    return RemovalResult(tuple(sorted(found)), rows, written, len(removed.papers))


def refuse_removed(folder: Path, manifest: Manifest, removed: Tombstones | None = None) -> None:
    """See that no row is of a removed paper: `removed`, or the folder's own list where it is None.

    Raises:
        FolderError: there are rows of such papers.
    """
    own = load_tombstones(folder) if removed is None else removed
    if found := listed_papers(folder, manifest, own):
        names = ", ".join(sorted(found)[:5])
        more = f" and {len(found) - 5:,} more" if len(found) > 5 else ""
        how = f"s1-mmalign remove {folder}" + (f" {' '.join(sorted(found)[:5])}" if removed is not None else "")
        raise FolderError(f"{folder}: holds rows of removed papers ({names}{more}). `{how}` takes them out.")


def _with_lines(folder: Path, found: dict[str, Tombstone]) -> tuple[str, int]:
    """Return the ledger with a line for each paper, and how many lines of removed papers it has."""
    path = folder / DROPS_NAME
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    try:
        known = [line["paper_id"] for line in map(json.loads, text.splitlines()) if line["reason"] == REASON]
    except (ValueError, KeyError, TypeError) as error:
        raise FolderError(f"{path}: not a drop ledger ({error!r}). `s1-mmalign build` writes it anew.") from error
    new = [Drop(name, "", REASON, entry.reason) for name, entry in sorted(found.items()) if name not in known]
    return text + "".join(json.dumps(asdict(drop), ensure_ascii=False) + "\n" for drop in new), len(known) + len(new)


def _take_out(folder: Path, manifest: Manifest, removed: Tombstones, progress: Progress) -> tuple[int, int]:
    """Write the shards that have rows of removed papers without them; return the rows and the shards."""
    gone = written = 0
    shards = list(manifest.shards)
    for number, shard in enumerate(shards):
        progress("shards", number, len(shards))
        lost = sum(int(removed.find(table)[0].sum()) for table in iter_tables(folder / shard.path, ID_COLUMNS))
        if not lost:
            continue
        gone, written = gone + lost, written + 1
        if lost == shard.rows:
            manifest.shards.remove(shard)
            manifest.save(folder)
            (folder / shard.path).unlink()
        else:
            index = manifest.shards.index(shard)
            schema = pq.read_schema(folder / shard.path)
            put_in_place(folder, manifest, index, _left(folder, shard, removed), schema)
    progress("shards", len(shards), len(shards))
    return gone, written


def _left(folder: Path, shard: Shard, removed: Tombstones) -> Iterator[pa.Table]:
    for table in iter_tables(folder / shard.path):
        mask, _ = removed.find(table)
        left = table.filter(pa.array(~mask)) if mask.any() else table
        if left.num_rows:
            yield left


def _paper_counts(folder: Path, manifest: Manifest) -> dict[str, int]:
    """Return how many papers have rows now; of all that came in, the others are dropped."""
    left: set[str] = set()
    for shard in manifest.shards:
        for table in iter_tables(folder / shard.path, ["paper_id"]):
            left.update(table["paper_id"].unique().to_pylist())
    return {"with_rows": len(left), "dropped": manifest.papers.get("in", 0) - len(left)}


def told(result: RemovalResult, folder: Path) -> str:
    """Return what was done as a line of text."""
    rows, papers = _count(result.rows, "row"), _count(len(result.papers), "paper")
    return (
        f"{folder}: {rows} of {papers} taken out of {_count(result.shards, 'shard')}; "
        f"{_count(result.listed, 'paper')} on {REMOVED_NAME}, which every later build, push and export honours."
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"

"""Some columns of a dataset's shards replaced, the others (the images) copied as they are.

Each shard is written beside the dataset and then put in its place, and the manifest is saved after every one. A note
of what is being replaced lies on disk before the rename, so that a kill between rename and manifest is understood.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset

from s1_mmalign.builder.shards import (
    WORK_FOLDER,
    Manifest,
    Shard,
    iter_tables,
    sha256_of,
    write_atomically,
    write_shard,
)

NOTE_NAME = "replacing.json"
STAGED_NAME = "replacing.parquet"


def write_columns(
    folder: Path,
    manifest: Manifest,
    rows: Dataset,
    columns: Sequence[str],
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> int:
    """Write new values of `columns` into the shards; return how many shards were written.

    Args:
        folder: the dataset folder, locked by the caller.
        manifest: of the folder; its shards are brought up to date, and it is saved.
        rows: the new values, in the order of the manifest's shards, of all rows or of the first so many. A column
            `outcome` tells which apply: of rows that say "kept" nothing is changed, and a row that says "failed"
            keeps what it has if it has a recaption.
        columns: names of the columns.
        progress: told of each shard.
    """
    written = start = 0
    shards = list(enumerate(manifest.shards))
    for index, shard in shards:
        progress("shards", index, len(shards))
        part = rows.with_format("arrow")[start : min(start + shard.rows, len(rows))] if start < len(rows) else None
        if part is not None and _concerns(part):
            manifest.shards[index] = _replace(folder, manifest, index, part, columns)
            written += 1
        start += shard.rows
    progress("shards", len(shards), len(shards))
    return written


def finish_replacement(folder: Path, manifest: Manifest) -> None:
    """Bring the manifest up to date where a run was killed between putting a shard in place and saying so."""
    note = folder / WORK_FOLDER / NOTE_NAME
    if note.is_file():
        new = Shard(**json.loads(note.read_text(encoding="utf-8")))
        path = folder / new.path
        if path.is_file() and path.stat().st_size == new.bytes and sha256_of(path) == new.sha256:
            manifest.shards = [new if shard.path == new.path else shard for shard in manifest.shards]
            manifest.save(folder)
        note.unlink()
    (folder / WORK_FOLDER / STAGED_NAME).unlink(missing_ok=True)


def _concerns(part: pa.Table) -> bool:
    return pc.any(pc.not_equal(part["outcome"], "kept")).as_py() is True


def _replace(folder: Path, manifest: Manifest, index: int, part: pa.Table, columns: Sequence[str]) -> Shard:
    """Write one shard anew, put it in place, and save the manifest."""
    old = manifest.shards[index]
    staged, note = folder / WORK_FOLDER / STAGED_NAME, folder / WORK_FOLDER / NOTE_NAME
    written = write_shard(staged, _merged(folder / old.path, part, columns))
    new = Shard(old.path, *written, old.source, old.licence_class, old.split)
    write_atomically(note, json.dumps(asdict(new)))
    staged.replace(folder / old.path)
    manifest.shards[index] = new
    manifest.save(folder)
    note.unlink()
    return new


def _merged(path: Path, part: pa.Table, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yield a shard's row groups with the new values in place of the old, where they apply."""
    start = 0
    for table in iter_tables(path):
        new = part.slice(start, table.num_rows)
        start += table.num_rows
        if new.num_rows < table.num_rows:  # the run was limited to the first rows: the others stay
            rest = table.num_rows - new.num_rows
            new = pa.concat_tables([new, pa.table({"outcome": ["kept"] * rest})], promote_options="default")
        outcome = new["outcome"]
        lost = pc.and_(pc.equal(outcome, "failed"), pc.is_valid(table["recaption"]))
        applies = pc.and_(pc.not_equal(outcome, "kept"), pc.invert(lost))
        for name in columns:
            place = table.schema.get_field_index(name)
            column = new[name].cast(table.schema.field(name).type)
            table = table.set_column(place, name, pc.if_else(applies, column, table[name]))
        yield table

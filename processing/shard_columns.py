"""Some columns of a dataset's shards replaced, the others (the images) copied as they are.

Each shard is written beside the dataset and then put in its place, and the manifest is saved after every one. A note
of what is being replaced lies on disk before the rename, so that a kill between rename and manifest is understood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from datasets import Dataset

from s1_mmalign.builder.caption_columns import names_in, schema_with
from s1_mmalign.builder.folder_lock import locked
from s1_mmalign.builder.listed_files import check_shards, is_whole
from s1_mmalign.builder.records import SCORE_COLUMNS
from s1_mmalign.builder.sealed_json import SealError, seal, unseal
from s1_mmalign.builder.shards import (
    SCHEMA,
    WORK_FOLDER,
    Manifest,
    Shard,
    iter_tables,
    write_atomically,
    write_shard,
)

NOTE_NAME = "replacing.json"
STAGED_NAME = "replacing.parquet"


Places = Mapping[str, tuple[int, np.ndarray]]
"""By path of a shard: where its rows begin among the new values, and which row of the shard each of them is for."""


def write_columns(
    folder: Path,
    manifest: Manifest,
    rows: Dataset,
    columns: Sequence[str],
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
    places: Places | None = None,
    names: Mapping[str, str] | None = None,
) -> int:
    """Write new values of `columns` into the shards; return how many shards were written.

    Args:
        folder: the dataset folder, locked by the caller.
        manifest: of the folder; its shards are brought up to date, and it is saved.
        rows: the new values, in the order of the manifest's shards. A column `outcome` tells which apply: of rows
            that say "kept" nothing is changed, and a row that says "failed" (or "rejected", of another caption than
            it has) keeps what it has if it has a recaption.
        columns: names of the columns in `rows`.
        progress: told of each shard.
        places: which rows they are for; None: all, or the first so many.
        names: names of the columns in the shards where they have others; a shard without them gets them.
    """
    names = names or {name: name for name in columns}
    places = places if places is not None else _in_order(manifest, len(rows))
    written = 0
    values = rows.with_format("arrow")
    shards = list(enumerate(manifest.shards))
    for index, shard in shards:
        progress("shards", index, len(shards))
        start, targets = places.get(shard.path, (0, np.zeros(0, np.int64)))
        part = values[start : start + len(targets)] if len(targets) else None
        wanting = not set(names.values()) <= set(pq.read_schema(folder / shard.path).names)
        if wanting or (part is not None and _concerns(part)):
            new = _NewValues(part, targets, tuple(columns), names)
            manifest.shards[index] = _replace(folder, manifest, index, new)
            written += 1
    progress("shards", len(shards), len(shards))
    return written


def _in_order(manifest: Manifest, rows: int) -> Places:
    places, start = {}, 0
    for shard in manifest.shards:
        places[shard.path] = start, np.arange(min(shard.rows, max(rows - start, 0)))
        start += shard.rows
    return places


def settle(folder: Path) -> None:
    """`finish_replacement` for those who only read: nothing is done where no run was killed.

    Raises:
        FolderError: another process works in the folder.
    """
    if (folder / WORK_FOLDER / NOTE_NAME).is_file():
        with locked(folder):
            finish_replacement(folder, Manifest.load(folder))


def finish_replacement(folder: Path, manifest: Manifest) -> None:
    """Bring the manifest up to date where a run was killed between putting a shard in place and saying so."""
    note = folder / WORK_FOLDER / NOTE_NAME
    if note.is_file():
        new = _noted(note)
        if new is not None and is_whole(folder, new):
            manifest.shards = [new if shard.path == new.path else shard for shard in manifest.shards]
            manifest.save(folder)
        note.unlink()
    (folder / WORK_FOLDER / STAGED_NAME).unlink(missing_ok=True)


def _noted(note: Path) -> Shard | None:
    """The shard that a note tells of, None where the note is damaged: the check of the shards tells then."""
    try:
        return Shard(**unseal(note.read_bytes()))
    except (SealError, TypeError):
        return None


def _concerns(part: pa.Table) -> bool:
    return pc.any(pc.not_equal(part["outcome"], "kept")).as_py() is True


@dataclass(frozen=True, slots=True)
class _NewValues:
    """What is put into one shard: `part` has a row for each of `targets`, or is None where there is none."""

    part: pa.Table | None
    targets: np.ndarray
    columns: tuple[str, ...]
    names: Mapping[str, str]

    def of_rows(self, start: int, stop: int) -> pa.Table:
        """Return the new values of rows `start` to `stop` of the shard; of rows without, "kept"."""
        here = np.flatnonzero((self.targets >= start) & (self.targets < stop))
        if self.part is None or not len(here):
            return pa.table({"outcome": ["kept"] * (stop - start)})
        if np.array_equal(self.targets[here], np.arange(start, stop)) and here[-1] - here[0] == len(here) - 1:
            table = self.part.slice(here[0], len(here))  # all of them, in order: nothing needs to be copied
        else:
            source = np.full(stop - start, -1)
            source[self.targets[here] - start] = here
            table = self.part.take(pa.array(source, mask=source < 0))
        place = table.schema.get_field_index("outcome")
        return table.set_column(place, "outcome", pc.fill_null(table["outcome"], "kept"))


def _replace(folder: Path, manifest: Manifest, index: int, new_values: _NewValues) -> Shard:
    """Write one shard anew, put it in place, and save the manifest."""
    old = manifest.shards[index]
    sets = set(names_in(pq.read_schema(folder / old.path).names)) | set(names_in(new_values.names.values()))
    schema = schema_with(sets) if sets else SCHEMA
    return put_in_place(folder, manifest, index, _merged(folder / old.path, new_values, schema), schema)


def put_in_place(folder: Path, manifest: Manifest, index: int, tables: Iterable[pa.Table], schema: pa.Schema) -> Shard:
    """Write a shard of other content in the place of one, and save the manifest.

    Args:
        folder: the dataset folder, locked by the caller.
        manifest: of the folder; it is brought up to date.
        index: of the shard in the manifest.
        tables: the shard's new rows.
        schema: of the rows.
    """
    old = manifest.shards[index]
    check_shards(folder, [old])  # its images are copied: what is wrong with them would be vouched for from now on
    staged, note = folder / WORK_FOLDER / STAGED_NAME, folder / WORK_FOLDER / NOTE_NAME
    written = write_shard(staged, tables, schema)
    new = Shard(old.path, *written, old.source, old.licence_class, old.split)
    write_atomically(note, seal(asdict(new)))
    staged.replace(folder / old.path)
    manifest.shards[index] = new
    manifest.save(folder)
    note.unlink()
    return new


def _merged(path: Path, new_values: _NewValues, schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield a shard's row groups with the new values in place of the old, where they apply."""
    names, start = new_values.names, 0
    for table in iter_tables(path):
        new = new_values.of_rows(start, start + table.num_rows)
        start += table.num_rows
        for name in names.values():
            if name not in table.column_names:
                table = table.append_column(schema.field(name), pa.nulls(table.num_rows, schema.field(name).type))
        if len(new.column_names) > 1:
            applies = _applies(table, new, names)
            for column in new_values.columns:
                table = _set_where(table, names[column], applies, new[column])
            if names.get("recaption") == "recaption":
                table = _unscored(table, applies)
        yield table


def _applies(table: pa.Table, new: pa.Table, names: Mapping[str, str]) -> pa.ChunkedArray:
    """Say of each row whether its new values take the place of the old."""
    outcome = new["outcome"]
    applies = pc.not_equal(outcome, "kept")
    if "recaption" not in names:
        return applies
    has = pc.is_valid(table[names["recaption"]])
    other = pc.fill_null(pc.not_equal(table[names["recaption_key"]], new["recaption_key"]), True)
    rejected = pc.and_(pc.equal(outcome, "rejected"), other)
    lost = pc.and_(has, pc.or_(pc.equal(outcome, "failed"), rejected))
    return pc.and_(applies, pc.invert(lost))


def _set_where(table: pa.Table, name: str, rows: pa.ChunkedArray, values: pa.ChunkedArray) -> pa.Table:
    place, field = table.schema.get_field_index(name), table.schema.field(name)
    return table.set_column(place, field, pc.if_else(rows, values.cast(field.type), table[name]))


def _unscored(table: pa.Table, rows: pa.ChunkedArray) -> pa.Table:
    """Take away the scores of rows whose recaption is a new one."""
    for name in SCORE_COLUMNS:
        place, field = table.schema.get_field_index(name), table.schema.field(name)
        table = table.set_column(place, field, pc.if_else(rows, pa.scalar(None, field.type), table[name]))
    return table

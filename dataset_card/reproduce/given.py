"""Parts of the dataset taken as they are: its build, its captions, or all of it, for the stages after them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from s1_mmalign.builder.caption_columns import caption_columns, names_in, schema_with
from s1_mmalign.builder.folder_lock import locked
from s1_mmalign.builder.listed_files import LEDGERS, digests_of
from s1_mmalign.builder.records import RECAPTION_COLUMNS, SCORE_COLUMNS
from s1_mmalign.builder.shards import SCHEMA, FolderError, Manifest, Shard, iter_tables, write_shard
from s1_mmalign.dataset_card.recipe import record_stage
from s1_mmalign.dataset_card.reproduce.recorded import BUILD_REPORT, Recorded
from s1_mmalign.processing.shard_columns import finish_replacement, put_in_place

Progress = Callable[[str, int, int], None]


def place_dataset(recorded: Recorded, out: Path, keep_captions: bool, progress: Progress) -> None:
    """Copy the dataset into `out`: as the build left it, or with its captions.

    Raises:
        FolderError: its shards are not here.
    """
    manifest = recorded.manifest
    if manifest is None or not recorded.has_rows():
        raise FolderError(
            f"{recorded.name}: its shards are not here; start from the papers (--from build --inputs DIR)."
        )
    release = bool((recorded.stage("build") or {})["options"].get("release"))
    with locked(out):
        shards, build = [], dict(manifest.build)
        for done, shard in enumerate(manifest.shards):
            progress("shards", done, len(manifest.shards))
            source = recorded.folder / shard.path
            if keep_captions:
                (out / shard.path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, out / shard.path)
                shards.append(shard)
            else:
                written = write_shard(out / shard.path, _bare(source, keep_recaption=release))
                name = build.get("shards", {}).get(shard.path)
                build["written"] = {**build.get("written", {}), name: written.sha256}
                shards.append(Shard(shard.path, *written, shard.source, shard.licence_class, shard.split))
        progress("shards", len(shards), len(shards))
        copy_small(recorded.folder, out, (*LEDGERS, f"{BUILD_REPORT}/*"))
        Manifest(shards, manifest.papers, manifest.drops, build, digests_of(out, LEDGERS)).save(out)
        stages = recorded.stages if keep_captions else [recorded.stage("build") or {}]
        for stage in stages:
            if stage["stage"] == "build" or (keep_captions and stage["stage"] in recorded.caption_stages):
                record_given(stage, out)


def copy_small(source: Path, target: Path, globs: Sequence[str]) -> None:
    """Copy the files beside the shards that match."""
    for glob in globs:
        for path in source.glob(glob):
            if path.is_file():
                copy = target / path.relative_to(source)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)


def record_given(stage: Mapping[str, Any], out: Path) -> None:
    """Take an entry of the recipe over as it is, with the versions that made it."""
    record_stage(out, stage["stage"], stage["options"], stage["results"], stage)


def _bare(path: Path, keep_recaption: bool) -> Iterator[pa.Table]:
    """A shard's row groups without what later stages wrote."""
    names = [*(() if keep_recaption else RECAPTION_COLUMNS), *SCORE_COLUMNS]
    for table in iter_tables(path):
        columns = {
            field.name: pa.nulls(table.num_rows, field.type) if field.name in names else table[field.name]
            for field in SCHEMA
        }
        yield pa.table(columns, schema=SCHEMA)


def place_captions(recorded: Recorded, stage: Mapping[str, Any], out: Path, progress: Progress) -> None:
    """Give the rows in `out` the captions that the dataset has; rows that it lacks stay without.

    Raises:
        FolderError: its shards are not here.
    """
    manifest = recorded.manifest
    if manifest is None or not recorded.has_rows():
        raise FolderError(f"{recorded.name}: its shards are not here, and with them its captions.")
    names = list(caption_columns(stage["options"].get("column")).values())
    given = _Captions(recorded.folder, manifest, names)
    with locked(out):
        own = Manifest.load(out)
        finish_replacement(out, own)
        for index, shard in enumerate(own.shards):
            progress("shards", index, len(own.shards))
            sets = set(names_in([*pq.read_schema(out / shard.path).names, *names]))
            schema = schema_with(sets) if sets else SCHEMA
            put_in_place(out, own, index, given.in_shard(out / shard.path, shard.path, schema), schema)
        progress("shards", len(own.shards), len(own.shards))
        record_given(stage, out)


class _Captions:
    """The dataset's captions: by shard where the rows are the same, else by the row's name."""

    def __init__(self, folder: Path, manifest: Manifest, names: Sequence[str]) -> None:
        self._folder, self._manifest, self._names = folder, manifest, list(names)
        self._by_row: dict[str, list[Any]] | None = None

    def in_shard(self, path: Path, name: str, schema: pa.Schema) -> Iterator[pa.Table]:
        """Yield the row groups of a shard in `out` with the captions in them."""
        twin = self._twin(path, name)
        start = 0
        for table in iter_tables(path):
            if twin is not None:
                part = twin.slice(start, table.num_rows)
            else:
                rows = [self._row(key) for key in table["image_path"].to_pylist()]
                columns = {one: [row[place] for row in rows] for place, one in enumerate(self._names)}
                part = pa.table({one: pa.array(columns[one], schema.field(one).type) for one in self._names})
            start += table.num_rows
            for one in self._names:
                values = part[one].cast(schema.field(one).type)
                place = table.schema.get_field_index(one)
                if place < 0:
                    table = table.append_column(schema.field(one), values)
                else:
                    table = table.set_column(place, schema.field(one), values)
            yield table

    def _twin(self, path: Path, name: str) -> pa.Table | None:
        """The same shard of the dataset, if it has the same rows in the same order."""
        if not (self._folder / name).is_file():
            return None
        columns = ["image_path", *self._names]
        twin = pa.concat_tables(iter_tables(self._folder / name, columns))
        own = pa.concat_tables(iter_tables(path, ["image_path"]))
        return twin if twin["image_path"].equals(own["image_path"]) else None

    def _row(self, key: str) -> list[Any]:
        if self._by_row is None:
            self._by_row = {}
            for shard in self._manifest.shards:
                for table in iter_tables(self._folder / shard.path, ["image_path", *self._names]):
                    values = [table[name].to_pylist() for name in self._names]
                    self._by_row.update(
                        zip(table["image_path"].to_pylist(), map(list, zip(*values, strict=True)), strict=True)
                    )
        return self._by_row.get(key, [None] * len(self._names))

"""The rows of a run: their words, and where their images are, in one Arrow file that is mapped into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from datasets import Dataset

from s1_mmalign.builder.records import FEATURES
from s1_mmalign.builder.shards import Manifest, iter_tables
from s1_mmalign.processing.row_answers import text_crc
from s1_mmalign.processing.row_selection import Chosen

ROWS_NAME = "rows.arrow"
_OWN = ("recaption", "recaption_key", "recaption_flags")
_WORDS = (
    "image_path", "image_sha256", "caption", "subcaption", "title", "abstract", "citation_contexts",
    "figure_number", "panel",
)  # fmt: skip
_SCHEMA = pa.schema(
    [pa.field("index", pa.int64()), pa.field("shard", pa.string()), pa.field("shard_row", pa.int64())]
    + [pa.field("recaption_crc", pa.int64())]
    + [FEATURES.arrow_schema.field(name) for name in (*_WORDS, "recaption_key", "recaption_flags")]
)


def read_rows(
    folder: Path,
    manifest: Manifest,
    chosen: Chosen,
    names: Mapping[str, str],
    scratch: Path,
    progress: Callable[[str, int, int], None],
) -> tuple[Dataset, dict[str, tuple[int, np.ndarray]]]:
    """Copy the words of the chosen rows into a file; return them, and where they came from.

    Rows are in the order of the shards; those of a paper stand together as far as a row group holds them, so that an
    engine's prefix cache has their common words.

    Args:
        folder: the dataset folder.
        manifest: of the folder.
        chosen: rows of each shard.
        names: where the recaption columns are (`caption_columns`); a shard may lack them.
        scratch: folder for the file.
        progress: told how many rows were read.

    Returns:
        The rows, and `shard_columns.Places`.
    """
    path = scratch / ROWS_NAME
    places: dict[str, tuple[int, np.ndarray]] = {}
    total, index = sum(map(len, chosen)), 0
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, _SCHEMA) as writer:
        for shard, wanted in zip(manifest.shards, chosen, strict=True):
            begin, targets = index, [np.zeros(0, np.int64)]
            for start, table in _groups(folder / shard.path, wanted, names):
                rows = wanted[(wanted >= start) & (wanted < start + table.num_rows)]
                rows = rows[_by_paper(table["paper_id"].take(pa.array(rows - start)))]
                if not np.array_equal(rows, np.arange(start, start + table.num_rows)):
                    table = table.take(pa.array(rows - start))
                part = _part(table, names, shard.path, index, rows)
                writer.write_table(part, max_chunksize=1000)
                targets.append(rows)
                index += len(rows)
                progress("texts", index, total)
            places[shard.path] = begin, np.concatenate(targets)
    return Dataset.from_file(str(path)), places


def _groups(path: Path, wanted: np.ndarray, names: Mapping[str, str]) -> Iterator[tuple[int, pa.Table]]:
    """Yield the row groups that have wanted rows, each with the number of its first row."""
    if not len(wanted):
        return
    there = set(pq.read_schema(path).names)
    own = [names[name] for name in _OWN if names[name] in there]
    start = 0
    for table in iter_tables(path, [*_WORDS, "paper_id", *own]):
        if ((wanted >= start) & (wanted < start + table.num_rows)).any():
            yield start, table
        start += table.num_rows


def _by_paper(papers: pa.ChunkedArray) -> np.ndarray:
    """Return the order that brings the rows of a paper together and changes nothing else."""
    codes = papers.combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return np.argsort(codes, kind="stable")


def _part(table: pa.Table, names: Mapping[str, str], shard: str, index: int, rows: np.ndarray) -> pa.Table:
    """Return the rows as they are written."""
    size = table.num_rows
    columns = {
        "index": pa.array(np.arange(index, index + size)),
        "shard": pa.array([shard] * size, pa.string()),
        "shard_row": pa.array(rows),
        "recaption_crc": pa.nulls(size, pa.int64()),
    }
    columns |= {name: table[name] for name in _WORDS}
    for name in _OWN:
        there = names[name] in table.column_names
        columns[name] = table[names[name]] if there else pa.nulls(size, FEATURES.arrow_schema.field(name).type)
    texts = columns.pop("recaption")
    if pc.any(pc.is_valid(texts)).as_py():
        columns["recaption_crc"] = pa.array([text_crc(text) for text in texts.to_pylist()], pa.int64())
    return pa.table(columns).select(_SCHEMA.names).cast(_SCHEMA)

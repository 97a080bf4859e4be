"""Layout `webdataset`: `<source>/<split>-NNNNNN.tar`, each row as image, JSON and text with one key.

A key is a hash of the row's `image_path`: 24 hexadecimal digits, so it holds no dot (where WebDataset ends a
key), stays the same from export to export, and says which row it is only through the JSON beside it.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from s1_mmalign.builder.shards import Manifest, Shard, sha256_of, write_atomically
from s1_mmalign.processing.export_card import webdataset_card
from s1_mmalign.processing.export_resume import PartialExport
from s1_mmalign.processing.export_rows import Image, Progress, Row, add_member, iter_pairs, sorted_shards
from s1_mmalign.processing.streaming.texts import choose_text, draws

INDEX_NAME = "index.json"
Text = Literal["recaption", "caption", "mix"]

_BLOCK = 512
"""Tar pads headers and contents to blocks of this many bytes."""


@dataclass(frozen=True, slots=True)
class TarShard:
    """One tar file as the index lists it."""

    path: str
    source: str
    split: str
    rows: int
    bytes: int
    sha256: str


class _TarWriter:
    """Writes the rows of one source and split to tars of about `limit` bytes, after those that are done."""

    def __init__(self, partial: PartialExport, source: str, split: str, limit: int) -> None:
        self._partial, self._source, self._split, self._limit = partial, source, split, limit
        self._archive: tarfile.TarFile | None = None
        self._bytes = self._rows = 0
        notes = (TarShard(**note) for note in partial.done)
        self.shards = [shard for shard in notes if (shard.source, shard.split) == (source, split)]

    def write(self, key: str, files: dict[str, bytes]) -> None:
        """Write one row's files side by side, in a new tar where the current one would grow over the limit."""
        size = sum(_BLOCK + len(data) + -len(data) % _BLOCK for data in files.values())
        if self._archive and self._bytes + size > self._limit:
            self.close()
        if self._archive is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._archive = tarfile.TarFile(self._path, "w", format=tarfile.USTAR_FORMAT)
        for extension, data in files.items():
            add_member(self._archive, f"{key}.{extension}", data)
        self._bytes += size
        self._rows += 1

    def close(self) -> None:
        """End the current tar and note it."""
        if self._archive is None:
            return
        self._archive.close()
        name = self._path.relative_to(self._partial.folder).as_posix()
        size, digest = self._path.stat().st_size, sha256_of(self._path)
        shard = TarShard(name, self._source, self._split, self._rows, size, digest)
        self._partial.note(asdict(shard), [self._path])
        self.shards.append(shard)
        self._archive = None
        self._bytes = self._rows = 0

    @property
    def _path(self) -> Path:
        return self._partial.folder / self._source / f"{self._split}-{len(self.shards):06d}.tar"


def write_webdataset(
    folder: Path,
    manifest: Manifest,
    partial: PartialExport,
    weights: Mapping[str, float],
    seed: int,
    shard_bytes: int,
    progress: Progress,
) -> None:
    """Write every row to tars, `index.json` with their counts and sha256, and the card that `load_dataset` reads.

    Args:
        folder: the dataset folder.
        manifest: its manifest.
        partial: where to write.
        weights: of the columns that the `.txt` is drawn from.
        seed: of that draw.
        shard_bytes: size at which a tar ends.
        progress: called with ("rows", written, of all).
    """
    groups: dict[tuple[str, str], list[Shard]] = {}
    for shard in sorted_shards(manifest):
        groups.setdefault((shard.source, shard.split), []).append(shard)
    tars: list[TarShard] = []
    done = 0
    for (source, split), shards in groups.items():
        writer = _TarWriter(partial, source, split, shard_bytes)
        there = sum(tar.rows for tar in writer.shards)
        done += there
        for row, image in _after(there, folder, shards):
            writer.write(row_key(row["image_path"]), _files(row, image, weights, seed))
            done += 1
            progress("rows", done, manifest.rows)
        writer.close()
        tars += writer.shards
    index = {
        "version": 1,
        "text": dict(weights),
        "seed": seed,
        "rows": done,
        "shards": [asdict(tar) for tar in sorted(tars, key=lambda tar: tar.path)],
    }
    write_atomically(partial.folder / INDEX_NAME, json.dumps(index, indent=1, ensure_ascii=False) + "\n")
    write_atomically(partial.folder / "README.md", webdataset_card(groups, done))


def _after(rows: int, folder: Path, shards: list[Shard]) -> Iterator[tuple[Row, Image]]:
    """The rows of some shards after the first so many."""
    for shard in shards:
        if rows < shard.rows:
            yield from iter_pairs(folder, shard, rows)
        rows = max(rows - shard.rows, 0)


def row_key(image_path: str) -> str:
    """Return the key of a row: 96 bits of the SHA-256 of its `image_path`, in hexadecimal."""
    return hashlib.sha256(image_path.encode()).hexdigest()[:24]


def _files(row: Row, image: Image, weights: Mapping[str, float], seed: int) -> dict[str, bytes]:
    """Image, JSON and text of one row, by extension."""
    words = choose_text(row, weights, draws(row["image_path"], seed)[0])
    return {
        image.extension: image.data,
        "json": json.dumps(row, ensure_ascii=False).encode(),
        "txt": words.encode(),
    }

"""Layout `webdataset`: `<source>/<split>-NNNNNN.tar`, each row as image, JSON and text with one key.

A key is a hash of the row's `image_path`: 24 hexadecimal digits, so it holds no dot (where WebDataset ends a
key), stays the same from export to export, and says which row it is only through the JSON beside it.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from s1_mmalign.builder.shards import Manifest, sha256_of, write_atomically
from s1_mmalign.processing.export_rows import Image, Progress, add_member, iter_pairs, sorted_shards

INDEX_NAME = "index.json"
Text = Literal["recaption", "caption"]

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
    """Writes the rows of one source and split to tars of about `limit` bytes."""

    def __init__(self, out: Path, source: str, split: str, limit: int) -> None:
        self._out, self._source, self._split, self._limit = out, source, split, limit
        self._archive: tarfile.TarFile | None = None
        self._bytes = self._rows = 0
        self.shards: list[TarShard] = []

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
        name = self._path.relative_to(self._out).as_posix()
        size, digest = self._path.stat().st_size, sha256_of(self._path)
        self.shards.append(TarShard(name, self._source, self._split, self._rows, size, digest))
        self._archive = None
        self._bytes = self._rows = 0

    @property
    def _path(self) -> Path:
        return self._out / self._source / f"{self._split}-{len(self.shards):06d}.tar"


def write_webdataset(
    folder: Path, manifest: Manifest, out: Path, text: Text, shard_bytes: int, progress: Progress
) -> None:
    """Write every row to tars under `out`, and `index.json` with their counts and sha256.

    Args:
        folder: the dataset folder.
        manifest: its manifest.
        out: an empty folder.
        text: what the `.txt` holds; `recaption` is the raw caption where a row has none.
        shard_bytes: size at which a tar ends.
        progress: called with ("rows", written, of all).
    """
    writers: dict[tuple[str, str], _TarWriter] = {}
    done = 0
    for shard in sorted_shards(manifest):
        key = (shard.source, shard.split)
        writer = writers.setdefault(key, _TarWriter(out, *key, shard_bytes))
        for row, image in iter_pairs(folder, shard):
            writer.write(row_key(row["image_path"]), _files(row, image, text))
            done += 1
            progress("rows", done, manifest.rows)
    for writer in writers.values():
        writer.close()
    shards = sorted((shard for writer in writers.values() for shard in writer.shards), key=lambda shard: shard.path)
    index = {"version": 1, "text": text, "rows": done, "shards": [asdict(shard) for shard in shards]}
    write_atomically(out / INDEX_NAME, json.dumps(index, indent=1, ensure_ascii=False) + "\n")


def row_key(image_path: str) -> str:
    """Return the key of a row: 96 bits of the SHA-256 of its `image_path`, in hexadecimal."""
    return hashlib.sha256(image_path.encode()).hexdigest()[:24]


def _files(row: dict[str, Any], image: Image, text: Text) -> dict[str, bytes]:
    """Image, JSON and text of one row, by extension."""
    words = row["recaption"] if text == "recaption" and row["recaption"] is not None else row["caption"]
    return {
        image.extension: image.data,
        "json": json.dumps(row, ensure_ascii=False).encode(),
        "txt": (words or "").encode(),
    }

"""The rows of a part's JSONL files, looked up by image path: 17 bytes of memory a row, its text stays on disk."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from s1_mmalign.builder.sources.release_archives import member_path

_OFFSET_BITS = 44
"""A place is a file's number and, in the lower bits, the offset of the line: files of up to 16 TiB."""


class ReleaseRows:
    """Finds the row that an image belongs to, and knows which rows no image was found for."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = list(paths)
        self.unreadable: list[tuple[str, int]] = []
        """File name and line (from 1) of what is no JSON object with an `image_path`."""
        hashes, places = array("Q"), array("Q")
        for number, path in enumerate(self._paths):
            for key, offset in self._scan(path):
                hashes.append(key)
                places.append(number << _OFFSET_BITS | offset)
        order = np.argsort(np.frombuffer(hashes, np.uint64), kind="stable")  # equal paths: the first line first
        self._hashes = np.frombuffer(hashes, np.uint64)[order]
        self._places = np.frombuffer(places, np.uint64)[order]
        self._found = np.zeros(len(order), bool)
        self._files = [path.open("rb") for path in self._paths]

    def __len__(self) -> int:
        return len(self._hashes)

    def find(self, path: str) -> dict[str, Any] | None:
        """Return the row of an image, None where no row (or none any more) names it. Each row is found once."""
        for index in self._with_hash_of(path):
            if not self._found[index]:
                row = self._row(index)
                if member_path(row["image_path"]) == path:
                    self._found[index] = True
                    return row
        return None

    def known(self, path: str) -> bool:
        """Whether any row names this image, found already or not."""
        return bool(self._with_hash_of(path))

    def _with_hash_of(self, path: str) -> range:
        key = np.uint64(_hash(path))
        first, last = (int(np.searchsorted(self._hashes, key, side)) for side in ("left", "right"))
        return range(first, last)

    def left(self) -> Iterator[tuple[dict[str, Any], bool]]:
        """Yield the rows that no image was found for, in the order of the files; True: an equal row had it before."""
        taken = np.isin(self._hashes, self._hashes[self._found])
        indices = np.flatnonzero(~self._found)
        for index in indices[np.argsort(self._places[indices])]:
            yield self._row(int(index)), bool(taken[index])

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()

    def _scan(self, path: Path) -> Iterator[tuple[int, int]]:
        offset = 0
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    row = _parse(line)
                    if row is None:
                        self.unreadable.append((path.name, number))
                    else:
                        yield _hash(member_path(row["image_path"])), offset
                offset += len(line)

    def _row(self, index: int) -> dict[str, Any]:
        place = int(self._places[index])
        file = self._files[place >> _OFFSET_BITS]
        file.seek(place & ((1 << _OFFSET_BITS) - 1))
        row = _parse(file.readline())
        if row is None:
            raise OSError(f"{file.name}: has changed while it was read")
        return row


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    path = row.get("image_path") if isinstance(row, dict) else None
    # A path that leads out of its folder would be passed on to whoever unpacks an export.
    return row if isinstance(path, str) and ".." not in path.split("/") and not path.startswith("/") else None


def _hash(path: str) -> int:
    digest = hashlib.blake2b(path.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")

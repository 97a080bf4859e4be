"""The journal: captions that are done. It is what makes a run resumable per row.

    <dataset>/.s1-mmalign/journal/<time>-<host>-<pid>-<worker>.jsonl

One append-only file for every worker process, so that no two ever write to the same one (it works on a network
file system, and needs no locks). A line is one answer of an engine, with a checksum at its end:

    {"key":"<32 hex>","row":"…","text":"…","finish_reason":"stop","prompt_tokens":9,"completion_tokens":9,
     "crc":"<8 hex>"}    (on one line)

Only successes are written. A line that a kill or a full disk cut short fails its checksum and counts as absent.
Lines reach the operating system when they are written, and the disk (fsync) at least once a second and at the
end of every batch.
"""

from __future__ import annotations

import json
import os
import re
import time
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from s1_mmalign.processing.append_file import AppendFile, JournalError
from s1_mmalign.processing.in_flight import forget

__all__ = ["Entry", "Journal", "JournalError", "JournalWriter", "compact"]

SUFFIX = ".jsonl"
_MERGED = re.compile(rf"-(\d+)-merged{re.escape(SUFFIX)}$")
"""A file that `compact` wrote, with the number of its lines: nothing in it is there twice, and nobody appends to it."""
_HEAD = b'{"key":"'
_TAIL = len(b',"crc":"00000000"}\n')
SYNC_SECONDS = 1.0
OPEN_FILES = 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One answer: what the engine said (before any check), for the row of this `key`."""

    key: str
    row: str
    text: str
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class JournalWriter:
    """Append entries to a file of this process's own. The file is made with the first entry."""

    def __init__(self, folder: Path, worker: int = 0) -> None:
        self._file = AppendFile(folder, worker, SUFFIX)
        self.path = self._file.path
        self._synced = time.monotonic()

    def append(self, entries: Iterable[Entry]) -> None:
        """Write entries, so that they outlive this process; the disk may be a second behind.

        Raises:
            JournalError: the file cannot be written (disk full, no permission).
        """
        lines = b"".join(encode(entry) for entry in entries)
        if not lines:
            return
        self._file.write(lines)
        if time.monotonic() - self._synced > SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Have all entries on disk."""
        self._synced = time.monotonic()
        self._file.sync()

    def close(self) -> None:
        """Have all entries on disk and close the file."""
        self._file.close()


def encode(entry: Entry) -> bytes:
    """Return an entry as one line, checksum and line feed included."""
    fields = {name: getattr(entry, name) for name in Entry.__slots__}
    body = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))[:-1].encode("utf-8", "replace")
    return body + b',"crc":"%08x"}\n' % zlib.crc32(body)


def decode(line: bytes) -> Entry | None:
    """Return a line's entry, or None where the line is cut short or damaged."""
    if not intact(line):
        return None
    fields = json.loads(line)
    del fields["crc"]
    return Entry(**fields)


def intact(line: bytes) -> bool:
    """Say whether a line is whole: its head, its end, and the checksum between."""
    if not line.startswith(_HEAD) or not line.endswith(b'"}\n'):
        return False
    return line[-_TAIL:] == b',"crc":"%08x"}\n' % zlib.crc32(line[:-_TAIL])


class Journal:
    """Read access to all entries of a folder, by key.

    In memory is an index of 20 bytes an entry (half of the key, the file, the place in it), which
    `save` and `open` let several processes share; the texts stay on disk.
    """

    def __init__(self, files: list[Path], keys: np.ndarray, sources: np.ndarray, places: np.ndarray) -> None:
        self._files = files
        self._keys = keys
        self._sources = sources
        self._places = places
        self._open_files: dict[int, BinaryIO] = {}
        self.damaged = 0
        """Lines that were passed over."""

    @classmethod
    def load(cls, folder: Path) -> Journal:
        """Read the keys of all files of a folder; a folder that does not exist is an empty journal."""
        files, keys, sources, places, damaged = _scan(folder)
        order = np.argsort(keys, kind="stable")
        journal = cls(files, keys[order], sources[order], places[order])
        journal.damaged = damaged
        return journal

    def save(self, folder: Path) -> None:
        """Write the index into a folder, for `open` in other processes."""
        for name, values in (("keys", self._keys), ("sources", self._sources), ("places", self._places)):
            np.save(folder / f"journal-{name}.npy", values)
        (folder / "journal-files.json").write_text(json.dumps([str(path) for path in self._files]))

    @classmethod
    def open(cls, folder: Path) -> Journal:
        """Open an index that `save` wrote; its pages are shared between processes."""
        files = [Path(path) for path in json.loads((folder / "journal-files.json").read_text())]
        return cls(files, *(_map(folder / f"journal-{name}.npy") for name in ("keys", "sources", "places")))

    def __len__(self) -> int:
        return len(self._keys)

    def get(self, keys: Sequence[str]) -> dict[str, Entry]:
        """Return the entries of those keys that the journal has."""
        if not len(self._keys):
            return {}
        halves = np.fromiter((int(key[:16], 16) for key in keys), np.uint64, len(keys))
        first = np.searchsorted(self._keys, halves, "left")
        last = np.searchsorted(self._keys, halves, "right")
        found = {}
        for key, start, stop in zip(keys, first.tolist(), last.tolist(), strict=True):
            for index in range(start, stop):
                entry = self._read(index)
                if entry is not None and entry.key == key:
                    found[key] = entry
                    break
        return found

    def _read(self, index: int) -> Entry | None:
        number = int(self._sources[index])
        file = self._open_files.get(number)
        if file is None:
            if len(self._open_files) >= OPEN_FILES:
                self.close()
            file = self._open_files[number] = self._files[number].open("rb")
        file.seek(int(self._places[index]))
        return decode(file.readline())

    def close(self) -> None:
        """Close the files."""
        for file in self._open_files.values():
            file.close()
        self._open_files.clear()


def compact(folder: Path, ended: bool = True) -> int:
    """Merge the files of a journal into one, each key once, damaged lines left out; return how many entries it has.

    `ended`: a run has ended well, and no row is open any more; what dead runs had open is forgotten.

    The merged file has its name before the others are removed: a kill in between leaves entries twice, which
    does no harm.
    """
    if ended:
        forget(folder)
    files, keys, sources, places, damaged = _scan(folder)
    first = np.unique(keys, return_index=True)[1]
    if not files:
        return 0
    if len(files) == 1 and len(first) == len(keys) and not damaged:
        if entries_named(files[0]) != len(first):
            files[0].replace(_merged_name(folder, len(first)))
        return len(first)
    wanted = np.zeros(len(keys), bool)
    wanted[first] = True
    temporary = folder / f".{os.getpid()}.tmp"
    try:
        with temporary.open("wb") as merged:
            for number, path in enumerate(files):
                _copy_lines(path, places[(sources == number) & wanted].tolist(), merged)
            merged.flush()
            os.fsync(merged.fileno())
        temporary.replace(_merged_name(folder, len(first)))
        _sync_folder(folder)
    finally:
        temporary.unlink(missing_ok=True)
    for path in files:
        path.unlink()
    return len(first)


def entries_named(path: Path) -> int | None:
    """Return how many lines a merged file had when it was written; None for a file that a run appended to."""
    found = _MERGED.search(path.name)
    return int(found[1]) if found else None


def _merged_name(folder: Path, entries: int) -> Path:
    return folder / f"{time.time_ns():020d}-{entries}-merged{SUFFIX}"


def _sync_folder(folder: Path) -> None:
    """Have a new name on disk before the files that it stands for are removed."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy_lines(path: Path, places: list[int], target: BinaryIO) -> None:
    with path.open("rb") as file:
        for place in places:
            file.seek(place)
            target.write(file.readline())


def _scan(folder: Path) -> tuple[list[Path], np.ndarray, np.ndarray, np.ndarray, int]:
    """Return a folder's files and, for every whole line, half of its key, its file and its place; and the damaged."""
    files = sorted(folder.glob(f"*{SUFFIX}"))
    keys, sources, places = array("Q"), array("I"), array("Q")
    damaged = 0
    for number, path in enumerate(files):
        for place, line in _lines(path):
            if not intact(line):
                damaged += 1
                continue
            keys.append(int(line[len(_HEAD) : len(_HEAD) + 16], 16))
            sources.append(number)
            places.append(place)
    return files, np.array(keys, np.uint64), np.array(sources, np.uint32), np.array(places, np.uint64), damaged


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    place = 0
    with path.open("rb") as file:
        for line in file:
            yield place, line
            place += len(line)


def _map(path: Path) -> np.ndarray:
    """Map an array into memory; an empty one cannot be mapped."""
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        shape = np.lib.format.read_array_header_1_0(file)[0]
    return np.load(path, mmap_mode="r" if shape[0] else None)

"""The journal: captions that are done. It is what makes a run resumable per row.

    <dataset>/.s1-mmalign/journal/<time>-<host>-<pid>-<worker>.jsonl

One append-only file for every worker process, so that no two ever write to the same one (it works on a network
file system, and needs no locks). A line is one answer of an engine (`journal_entry`), with a checksum at its end:

    {"key":"<32 hex>","fingerprint":"<32 hex>","row":"…","text":"…","finish_reason":"stop","prompt_tokens":9,
     "completion_tokens":9,"flags":[],"crc":"<8 hex>"}    (on one line)

Only successes are written. A line that a kill or a full disk cut short fails its checksum and counts as absent.
Lines reach the operating system when they are written, and the disk (fsync) at least once a second and at the
end of every batch.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from s1_mmalign.processing.append_file import AppendFile, JournalError
from s1_mmalign.processing.in_flight import forget
from s1_mmalign.processing.journal_entry import Entry, decode, encode
from s1_mmalign.processing.journal_index import SUFFIX, JournalIndex, JournalLines

__all__ = ["SUFFIX", "Entry", "Journal", "JournalError", "JournalWriter", "compact", "decode", "encode"]

_MERGED = re.compile(rf"-(\d+)-merged{re.escape(SUFFIX)}$")
"""A file that `compact` wrote, with the number of its lines: nothing in it is there twice, and nobody appends to it."""
SYNC_SECONDS = 1.0
OPEN_FILES = 64


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


class Journal:
    """Read access to all entries of a folder, by key and by fingerprint.

    In memory is the index alone, which `save` and `open` let several processes share; the texts stay on disk.
    """

    def __init__(self, files: list[Path], index: JournalIndex) -> None:
        self._files = files
        self._index = index
        self._open_files: dict[int, BinaryIO] = {}
        self.damaged = 0
        """Lines that were passed over."""

    @classmethod
    def load(cls, folder: Path) -> Journal:
        """Read the index of all files of a folder; a folder that does not exist is an empty journal."""
        lines = JournalLines.scan(folder)
        journal = cls(lines.files, lines.index())
        journal.damaged = lines.damaged
        return journal

    def save(self, folder: Path) -> None:
        """Write the index into a folder, for `open` in other processes."""
        self._index.save(folder, self._files)

    @classmethod
    def open(cls, folder: Path) -> Journal:
        """Open an index that `save` wrote; its pages are shared between processes."""
        return cls(*JournalIndex.open(folder))

    def __len__(self) -> int:
        return len(self._index.keys)

    @property
    def merged_file(self) -> Path | None:
        """The one file that the journal is, where `compact` would change nothing of it."""
        whole = len(self._files) == 1 and not self.damaged and entries_named(self._files[0]) == len(self)
        return self._files[0] if whole else None

    def get(self, keys: Sequence[str]) -> dict[str, Entry]:
        """Return the entries of those keys that the journal has."""
        found = {}
        for key, lines in zip(keys, self._index.with_keys(keys), strict=True):
            entry = next((one for one in map(self._read, lines) if one is not None and one.key == key), None)
            if entry is not None:
                found[key] = entry
        return found

    def find(self, fingerprints: Sequence[str]) -> dict[str, Entry]:
        """Return the entries of those fingerprints that the journal has."""
        found = {}
        for fingerprint, lines in zip(fingerprints, self._index.with_fingerprints(fingerprints), strict=True):
            entries = map(self._read, lines)
            entry = next((one for one in entries if one is not None and one.fingerprint == fingerprint), None)
            if entry is not None:
                found[fingerprint] = entry
        return found

    def has_both(self, fingerprints: Sequence[str], keys: Sequence[str]) -> list[bool]:
        """Say of rows whether the journal has the key of each under its fingerprint; no line is read for it.

        Half of each is compared: 64 bits of the one and, of the entry that has them, 64 of the other.
        """
        index = self._index
        found = index.with_fingerprints(fingerprints)
        return [any(index.has_key(line, key) for line in lines) for key, lines in zip(keys, found, strict=True)]

    def _read(self, line: int) -> Entry | None:
        number = int(self._index.sources[line])
        file = self._open_files.get(number)
        if file is None:
            if len(self._open_files) >= OPEN_FILES:
                self.close()
            file = self._open_files[number] = self._files[number].open("rb")
        file.seek(int(self._index.places[line]))
        return decode(file.readline())

    def close(self) -> None:
        """Close the files."""
        for file in self._open_files.values():
            file.close()
        self._open_files.clear()


def compact(folder: Path, ended: bool = True, merged: Path | None = None) -> int:
    """Merge the files of a journal into one, each key once, damaged lines left out; return how many entries it has.

    The merged file has its name before the others are removed: a kill in between leaves entries twice, which
    does no harm.

    Args:
        folder: of the journal.
        ended: a run has ended well, and no row is open any more; what dead runs had open is forgotten.
        merged: the `Journal.merged_file` that was read before: where it still is the only one, it is not read again.
    """
    if ended:
        forget(folder)
    if merged is not None and list(folder.glob(f"*{SUFFIX}")) == [merged]:
        return entries_named(merged) or 0
    lines = JournalLines.scan(folder)
    first = np.unique(lines.keys, return_index=True)[1]
    if not lines.files:
        return 0
    if len(lines.files) == 1 and len(first) == len(lines.keys) and not lines.damaged:
        if entries_named(lines.files[0]) != len(first):
            lines.files[0].replace(_merged_name(folder, len(first)))
        return len(first)
    wanted = np.zeros(len(lines.keys), bool)
    wanted[first] = True
    temporary = folder / f".{os.getpid()}.tmp"
    try:
        with temporary.open("wb") as target:
            for number, path in enumerate(lines.files):
                _copy_lines(path, lines.places[(lines.sources == number) & wanted].tolist(), target)
            target.flush()
            os.fsync(target.fileno())
        temporary.replace(_merged_name(folder, len(first)))
        _sync_folder(folder)
    finally:
        temporary.unlink(missing_ok=True)
    for path in lines.files:
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

"""A dataset's journal seen from outside: what is in it, and captions that were made elsewhere put into it."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from s1_mmalign.builder.folder_lock import locked
from s1_mmalign.builder.shards import WORK_FOLDER, FolderError, Manifest, iter_tables
from s1_mmalign.processing.journal import SUFFIX, Entry, Journal, JournalWriter, compact, decode
from s1_mmalign.processing.quarantine import read_quarantine

JOURNAL_FOLDER = "journal"
AT_ONCE = 1000
FILES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class JournalFile:
    """One worker's file: who wrote it, since when, and what is in it."""

    name: str
    writer: str
    since: datetime | None
    bytes: int
    entries: int
    damaged: int


@dataclass(slots=True)
class JournalReport:
    """What a journal holds."""

    files: list[JournalFile] = field(default_factory=list)
    entries: int = 0
    """Different keys."""
    rows: int = 0
    """Different rows: fewer than entries where a row has captions by several models, prompts or tries."""
    rows_here: int = 0
    """Of `rows`, those of this dataset."""
    dataset_rows: int = 0
    cut_off: int = 0
    completion_tokens: int = 0
    quarantined: int = 0

    def lines(self) -> Iterator[str]:
        """Yield what a person should read."""
        damaged = sum(file.damaged for file in self.files)
        size = sum(file.bytes for file in self.files)
        yield f"{self.entries:,} captions of {self.rows:,} rows in {len(self.files):,} files, {size:,} bytes"
        yield f"  {self.rows_here:,} of the {self.dataset_rows:,} rows of the dataset have one"
        yield f"  {self.completion_tokens:,} tokens written, {self.cut_off:,} captions cut off"
        if damaged:
            yield f"  {damaged:,} lines cut short or damaged (they count as absent)"
        if self.quarantined:
            yield f"  {self.quarantined:,} rows quarantined: the engine died on them"
        for file in self.files[:FILES_SHOWN]:
            since = file.since.isoformat(sep=" ", timespec="seconds") if file.since else "?"
            yield f"  {since}  {file.entries:>9,}  {file.writer}"
        if len(self.files) > FILES_SHOWN:
            yield f"  … and {len(self.files) - FILES_SHOWN:,} files more"


def show_journal(folder: Path) -> JournalReport:
    """Read a dataset's journal; a run may be at work in it.

    Raises:
        FolderError: no dataset folder.
    """
    manifest = Manifest.load(folder)
    journal = folder / WORK_FOLDER / JOURNAL_FOLDER
    report = JournalReport(dataset_rows=manifest.rows, quarantined=len(read_quarantine(journal)))
    # four arrays of numbers: of millions of captions, nothing else is kept
    keys, rows, cut_off, tokens = array("Q"), array("Q"), array("b"), array("l")
    for path in sorted(journal.glob(f"*{SUFFIX}")):
        before, damaged = len(keys), 0
        for entry in _entries(path):
            if entry is None:
                damaged += 1
                continue
            keys.append(int(entry.key[:16], 16))
            rows.append(_hash(entry.row))
            cut_off.append(entry.finish_reason == "length")
            tokens.append(entry.completion_tokens or 0)
        report.files.append(_file(path, len(keys) - before, damaged))
    first = np.unique(np.array(keys, np.uint64), return_index=True)[1]
    report.entries = len(first)
    report.cut_off = int(np.array(cut_off, bool)[first].sum())
    report.completion_tokens = int(np.array(tokens, np.int64)[first].sum())
    named = np.unique(np.array(rows, np.uint64))
    report.rows = len(named)
    for shard in manifest.shards:
        for table in iter_tables(folder / shard.path, ["image_path"]):
            names = np.array([_hash(name) for name in table["image_path"].to_pylist()], np.uint64)
            report.rows_here += int(np.isin(names, named).sum())
    return report


def merge_journals(folder: Path, sources: Sequence[Path]) -> list[int]:
    """Add the captions of other journals that a dataset's own has not got; return how many each of them gave.

    Args:
        folder: the dataset folder.
        sources: journal folders, or dataset folders that have one; they stay as they are.

    Raises:
        FolderError: no dataset folder, or a source has no journal.
        JournalError: the journal cannot be written.
    """
    Manifest.load(folder)
    own = folder / WORK_FOLDER / JOURNAL_FOLDER
    found = [_journal_of(source) for source in sources]
    added = []
    with locked(folder):
        for source in found:
            known = Journal.load(own)
            writer = JournalWriter(own)
            added.append(sum(_add(batch, known, writer) for batch in _batches(source)))
            writer.close()
            known.close()
    return added


def compact_journal(folder: Path) -> tuple[int, int]:
    """Merge a dataset's journal files into one, each key once; return the number of files before, and of entries."""
    Manifest.load(folder)
    journal = folder / WORK_FOLDER / JOURNAL_FOLDER
    with locked(folder):
        files = len(list(journal.glob(f"*{SUFFIX}")))
        return files, compact(journal, ended=False)


def _hash(row: str) -> int:
    return int.from_bytes(hashlib.blake2b(row.encode("utf-8", "replace"), digest_size=8).digest(), "big")


def _journal_of(source: Path) -> Path:
    for folder in (source / WORK_FOLDER / JOURNAL_FOLDER, source):
        if any(folder.glob(f"*{SUFFIX}")):
            return folder
    raise FolderError(f"{source}: no journal there, neither {WORK_FOLDER}/{JOURNAL_FOLDER} nor files named *{SUFFIX}.")


def _entries(path: Path) -> Iterator[Entry | None]:
    with path.open("rb") as file:
        for line in file:
            yield decode(line)


def _batches(folder: Path) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        for entry in _entries(path):
            if entry is not None:
                batch.append(entry)
            if len(batch) >= AT_ONCE:
                yield batch
                batch = []
    yield batch


def _add(batch: list[Entry], known: Journal, writer: JournalWriter) -> int:
    new = {entry.key: entry for entry in batch}
    there = known.get(list(new)) if new else {}
    entries = [entry for key, entry in new.items() if key not in there]
    writer.append(entries)
    return len(entries)


def _file(path: Path, entries: int, damaged: int) -> JournalFile:
    time, _, writer = path.stem.partition("-")
    since = datetime.fromtimestamp(int(time) / 1e9, UTC) if time.isdigit() else None
    return JournalFile(path.name, writer or path.stem, since, path.stat().st_size, entries, damaged)

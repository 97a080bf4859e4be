"""Where a journal's entries are: 20 bytes an entry, 32 with a fingerprint, which several processes share."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from s1_mmalign.processing.journal_entry import half, halves, intact

SUFFIX = ".jsonl"
_FILES_NAME = "journal-files.json"


@dataclass(frozen=True, slots=True)
class JournalIndex:
    """The whole lines of a journal's files, in the order of their keys."""

    keys: np.ndarray
    """Half of each key, sorted."""
    sources: np.ndarray
    """Which file."""
    places: np.ndarray
    """Where in it, in bytes."""
    fingerprints: np.ndarray
    """Half of each fingerprint, sorted for themselves; lines may have none."""
    fingerprinted: np.ndarray
    """For each of `fingerprints`, which of the lines has it."""

    def save(self, folder: Path, files: Sequence[Path]) -> None:
        """Write the index into a folder, for `open` in other processes."""
        for field in fields(self):
            np.save(_array(folder, field.name), getattr(self, field.name))
        (folder / _FILES_NAME).write_text(json.dumps([str(path) for path in files]))

    @classmethod
    def open(cls, folder: Path) -> tuple[list[Path], JournalIndex]:
        """Open what `save` wrote, its pages shared between processes; return the journal's files, too."""
        files = [Path(path) for path in json.loads((folder / _FILES_NAME).read_text())]
        return files, cls(**{field.name: _map(_array(folder, field.name)) for field in fields(cls)})

    def with_keys(self, keys: Sequence[str]) -> list[range]:
        """Return for each key the lines that may have it."""
        return _between(self.keys, keys)

    def with_fingerprints(self, fingerprints: Sequence[str]) -> list[list[int]]:
        """Return for each fingerprint the lines that may have it."""
        return [
            [int(self.fingerprinted[index]) for index in found] for found in _between(self.fingerprints, fingerprints)
        ]

    def has_key(self, line: int, key: str) -> bool:
        """Say whether half of a line's key is this one's."""
        return f"{int(self.keys[line]):016x}" == key[:16]


@dataclass(frozen=True, slots=True)
class JournalLines:
    """All lines of a journal, in the order of its files."""

    files: list[Path]
    keys: np.ndarray
    fingerprints: np.ndarray
    sources: np.ndarray
    places: np.ndarray
    damaged: int
    """Lines that are cut short or damaged; they are not among the others."""

    @classmethod
    def scan(cls, folder: Path) -> JournalLines:
        """Read all files of a folder."""
        files = sorted(folder.glob(f"*{SUFFIX}"))
        keys, fingerprints, sources, places = array("Q"), array("Q"), array("I"), array("Q")
        damaged = 0
        for number, path in enumerate(files):
            for place, line in _lines(path):
                if not intact(line):
                    damaged += 1
                    continue
                key, fingerprint = halves(line)
                keys.append(key)
                fingerprints.append(fingerprint)
                sources.append(number)
                places.append(place)
        return cls(
            files,
            np.frombuffer(keys, np.uint64),
            np.frombuffer(fingerprints, np.uint64),
            np.frombuffer(sources, np.uint32),
            np.frombuffer(places, np.uint64),
            damaged,
        )

    def index(self) -> JournalIndex:
        """Return the lines in the order of their keys."""
        order = np.argsort(self.keys, kind="stable")
        fingerprints = self.fingerprints[order]
        lines = np.flatnonzero(fingerprints).astype(np.uint32)
        lines = lines[np.argsort(fingerprints[lines], kind="stable")]
        return JournalIndex(self.keys[order], self.sources[order], self.places[order], fingerprints[lines], lines)


def _between(values: np.ndarray, digits: Sequence[str]) -> list[range]:
    """Return for each hash of 32 hex digits the places in sorted values that have its first half."""
    if not len(values):
        return [range(0)] * len(digits)
    wanted = np.fromiter(map(half, digits), np.uint64, len(digits))
    first = np.searchsorted(values, wanted, "left").tolist()
    last = np.searchsorted(values, wanted, "right").tolist()
    return list(map(range, first, last))


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    place = 0
    with path.open("rb") as file:
        for line in file:
            yield place, line
            place += len(line)


def _array(folder: Path, name: str) -> Path:
    return folder / f"journal-{name}.npy"


def _map(path: Path) -> np.ndarray:
    """Map an array into memory; an empty one cannot be mapped. As a plain array, whose items are read faster."""
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        shape = np.lib.format.read_array_header_1_0(file)[0]
    return np.asarray(np.load(path, mmap_mode="r" if shape[0] else None))

"""Which rows an engine has: on disk before they are handed to it, so that a death names its suspects.

    <dataset>/.s1-mmalign/journal/<time>-<host>-<pid>-<worker>.open      a key a line; "-" and a key: refused

Captions that arrive are in the journal, so nothing is written for them here. A run that ends in good order takes
its file with it. The rows that a killed run leaves open are asked for again as all others are: it was killed by its
user, most often. Rows that were open in two runs that died are asked for apart from the others (`suspects`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from s1_mmalign.processing.append_file import AppendFile

SUFFIX = ".open"
DEATHS_TO_SUSPECT = 2
"""Runs that died while a row was open."""


class InFlightLog:
    """Notes the rows that an engine is given."""

    def __init__(self, folder: Path, worker: int = 0) -> None:
        self._file = AppendFile(folder, worker, SUFFIX)

    def opened(self, keys: Iterable[str]) -> None:
        """Have keys on disk: they are about to be submitted.

        Raises:
            JournalError: the file cannot be written.
        """
        self._file.write("".join(f"{key}\n" for key in keys).encode())
        self._file.sync()

    def refused(self, key: str) -> None:
        """Note that a row had an answer that is not in the journal: it did no harm."""
        self._file.write(f"-{key}\n".encode())

    def close(self, done: bool) -> None:
        """Close the file; where nothing is open any more, remove it."""
        if done:
            self._file.remove()
        else:
            self._file.close()


def read_suspects(folder: Path) -> frozenset[str]:
    """Return the keys that were open, as far as these files know, in DEATHS_TO_SUSPECT runs or more that died."""
    deaths: Counter[str] = Counter()
    for path in folder.glob(f"*{SUFFIX}"):
        lines = path.read_text(encoding="ascii", errors="replace").split("\n")[:-1]  # a torn last line is no key
        deaths.update({line for line in lines if not line.startswith("-")} - {line[1:] for line in lines})
    return frozenset(key for key, count in deaths.items() if count >= DEATHS_TO_SUSPECT)


def forget(folder: Path) -> None:
    """Remove the files of runs that died: all is answered."""
    for path in folder.glob(f"*{SUFFIX}"):
        path.unlink(missing_ok=True)

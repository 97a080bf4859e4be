"""Rows that killed an engine, by key: they are not asked for again, and cost nobody else anything.

    <dataset>/.s1-mmalign/journal/<time>-<host>-<pid>-<worker>.quarantine     a JSON object a line: key, row, why

The key holds the image, the prompt, the model and the sampling, so another model is given another chance. To have
rows tried again by the same model, delete the files.
"""

from __future__ import annotations

import json
from pathlib import Path

from s1_mmalign.processing.append_file import AppendFile

SUFFIX = ".quarantine"
FLAG = "quarantined"


class Quarantine:
    """The rows that are kept from the engine. New ones reach the disk when the engine has proved to work without."""

    def __init__(self, folder: Path | None, worker: int = 0) -> None:
        self._file = AppendFile(folder, worker, SUFFIX) if folder is not None else None
        self._known = read_quarantine(folder) if folder is not None else {}
        self._new: list[tuple[str, str, str]] = []

    def why(self, key: str) -> str | None:
        """Return why a row is not asked for, None where it may be."""
        return self._known.get(key)

    def add(self, key: str, row: str, why: str) -> int:
        """Keep a row from the engine; return how many there are that `confirm` has not written."""
        self._known[key] = why
        self._new.append((key, row, why))
        return len(self._new)

    def confirm(self) -> None:
        """Write the new ones: the engine answers others, so it was their fault.

        Raises:
            JournalError: the file cannot be written.
        """
        if self._new and self._file is not None:
            lines = [json.dumps({"key": key, "row": row, "why": why}) + "\n" for key, row, why in self._new]
            self._file.write("".join(lines).encode())
            self._file.sync()
        self._new = []

    def close(self) -> None:
        """Close the file. What `confirm` did not write is tried again by the next run."""
        self._new = []
        if self._file is not None:
            self._file.close()


def read_quarantine(folder: Path) -> dict[str, str]:
    """Return the quarantined keys of a journal's folder, each with the reason."""
    found: dict[str, str] = {}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        for line in path.read_text(encoding="utf-8").split("\n")[:-1]:  # a torn last line is no entry
            entry = json.loads(line)
            found[entry["key"]] = entry["why"]
    return found

"""A file that one process appends lines to, so that what it says outlives the process, and the machine."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import BinaryIO


class JournalError(Exception):
    """The journal cannot be written; the text names the file and the way out."""


class AppendFile:
    """Appends to a file that is this process's own: made with the first line, never locked, never shared.

    Its name begins with the time, so that files sort by age.
    """

    def __init__(self, folder: Path, worker: int, suffix: str) -> None:
        self.path = folder / f"{time.time_ns():020d}-{socket.gethostname()}-{os.getpid()}-{worker}{suffix}"
        self._file: BinaryIO | None = None

    def write(self, lines: bytes) -> None:
        """Hand lines to the operating system: they outlive this process.

        Raises:
            JournalError: the file cannot be written (disk full, no permission).
        """
        try:
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self.path.open("xb", buffering=0)
            written = self._file.write(lines)
            while written < len(lines):
                lines = lines[written:]
                written = self._file.write(lines)
        except OSError as error:
            raise self._error(error) from error

    def sync(self) -> None:
        """Have all that was written on disk: it outlives the machine.

        Raises:
            JournalError: the disk does not take it.
        """
        if self._file is not None:
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                raise self._error(error) from error

    def close(self) -> None:
        """Have all on disk, and close the file."""
        if self._file is not None:
            try:
                self.sync()
            finally:
                self._file.close()
                self._file = None

    def remove(self) -> None:
        """Close the file and delete it."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self.path.unlink(missing_ok=True)

    def _error(self, error: OSError) -> JournalError:
        return JournalError(
            f"{self.path}: cannot be written ({error.strerror}). What was written before is safe: "
            "make room and run the same command again."
        )

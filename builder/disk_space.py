"""A full disk as one clear error."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from s1_mmalign.builder.shards import FolderError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def full_disk_explained(folder: Path) -> Iterator[None]:
    """Turn what is raised when the disk of `folder` is full into a `FolderError` that says how to go on."""
    try:
        yield
    except (OSError, ValueError) as error:
        # `datasets` writes once more to a file that it could not write to the end: ValueError, "closed file"
        full = error.__context__ if type(error) is ValueError else error
        if not isinstance(full, OSError) or full.errno not in _FULL:
            raise
        raise _full(folder, full) from error
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):  # low byte: without detail
            raise
        raise _full(folder, error) from error


def _full(folder: Path, error: Exception) -> FolderError:
    return FolderError(
        f"{folder}: the disk is full, or fails ({error}). "
        "Make room and run the same command again: what is done is kept."
    )

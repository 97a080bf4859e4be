"""A full disk as one clear error."""

from __future__ import annotations

import errno
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from s1_mmalign.builder.shards import FolderError

_ERROR = re.compile(r"^OSError: \[Errno (\d+)\] (.*)$", re.MULTILINE)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def full_disk_explained(folder: Path) -> Iterator[None]:
    """Turn what is raised when the disk of `folder` is full into a `FolderError` that says how to go on."""
    try:
        yield
    except (OSError, ValueError) as error:
        cause = _behind(error)
        if cause is None or cause.errno not in _FULL:
            raise
        raise _full(folder, cause) from error
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):  # low byte: without detail
            raise
        raise _full(folder, error) from error


def _behind(error: OSError | ValueError) -> OSError | None:
    """Return what the system said.

    `datasets` writes once more to a file that it could not write to the end, which is a ValueError ("closed file"); out
    of a worker process it comes with the worker's traceback as text.
    """
    if isinstance(error, OSError):
        return error
    if isinstance(error.__context__, OSError):
        return error.__context__
    told = _ERROR.search(str(error.__cause__))
    return OSError(int(told[1]), told[2]) if told else None


def _full(folder: Path, error: Exception) -> FolderError:
    return FolderError(
        f"{folder}: the disk is full, or fails ({error}). "
        "Make room and run the same command again: what is done is kept."
    )

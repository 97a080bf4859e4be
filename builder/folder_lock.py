"""One process at a time in a dataset folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from s1_mmalign.builder.shards import MANIFEST_NAME, WORK_FOLDER, FolderError

LOCK_SECONDS = 5.0
"""How long is waited for the lock: the workers of a killed run may hold it for a moment more."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a dataset folder (made where it is missing) for this process; the lock goes with its owner, however it ends.

    Raises:
        FolderError: another process holds it, or the folder holds files of something else.
    """
    if folder.exists() and not folder.is_dir():
        raise FolderError(f"{folder}: is a file; name the folder of the dataset.")
    content = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    if content and not {MANIFEST_NAME, WORK_FOLDER} & content:
        raise FolderError(f"{folder}: is not empty and no dataset folder. Name a new or empty folder with --out.")
    (folder / WORK_FOLDER).mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(folder / WORK_FOLDER / "lock", timeout=LOCK_SECONDS):
            yield
    except filelock.Timeout as error:
        raise FolderError(f"{folder}: another process works in this folder. Wait for it, or end it.") from error

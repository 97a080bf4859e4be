"""A folder for one run's files, inside the dataset that it has locked."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def run_folder(work: Path, stage: str) -> Iterator[Path]:
    """Make a folder that is gone when the run ends (where it is killed, when the next one locks the dataset).

    Args:
        work: the work folder of a dataset that the caller has locked: no other run's folder is in it.
        stage: whose files they are; part of the folder's name.
    """

    def clear() -> None:
        for left in work.glob(f"{stage}-*.tmp"):
            shutil.rmtree(left, ignore_errors=True)

    try:
        try:
            yield Path(tempfile.mkdtemp(prefix=f"{stage}-", suffix=".tmp", dir=work))
        finally:
            clear()
    finally:
        clear()  # once more: Ctrl-C or SIGTERM may have cut the first short

"""Scores that are done, by content: what makes a run of `evaluate` resumable to the row and the metric.

    <dataset>/.s1-mmalign/scores/<time>-<host>-<pid>-0.jsonl      the format of `processing.journal`

A score's key is a hash of everything that decides it: the metric with its model, revision, dtype and settings, the
text, and the image or the sources that it is judged by. So a raw caption is scored once, whatever recaptions come and
go, and a changed text, model or setting never finds an old score.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s1_mmalign.builder.shards import WORK_FOLDER
from s1_mmalign.processing.journal import Entry, Journal, JournalWriter, compact

SCORES_FOLDER = "scores"

Value = dict[str, Any]
"""What a metric says of one text: numbers, and `reason` where there are none."""


@dataclass(frozen=True, slots=True)
class Task:
    """One text to score, with what it is judged by."""

    key: str
    row: str
    """`image_path` of the row that it came from: for a reader of the journal."""
    text: str
    shard: str = ""
    """Where the image is: path of the shard in the dataset folder, and row in that shard."""
    shard_row: int = 0
    group: str = ""
    """Tasks of one group are given to one process: those of one image, which is then read once."""
    sources: tuple[str, ...] = ()


def task_key(identity: str, *parts: str) -> str:
    """Return 32 hex digits for a metric's identity and the contents that one score depends on."""
    return hashlib.blake2b("\0".join((identity, *parts)).encode("utf-8", "replace"), digest_size=16).hexdigest()


def identity_of(settings: dict[str, Any]) -> str:
    """Return settings as text, the same for equal settings."""
    return json.dumps(settings, sort_keys=True, ensure_ascii=False)


class ScoreCache:
    """The scores of a dataset folder. Each process that writes has a file of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / WORK_FOLDER / SCORES_FOLDER
        self._writer = JournalWriter(self._folder)
        self._journal = Journal.load(self._folder)
        self.computed = 0
        """Scores that this process has added."""

    def get(self, keys: Sequence[str]) -> dict[str, Value]:
        """Return the scores that were there when the cache was opened, or last reloaded."""
        return {key: json.loads(entry.text) for key, entry in self._journal.get(keys).items()}

    def missing(self, tasks: Iterable[Task]) -> list[Task]:
        """Return the tasks that have no score yet, each key once, in order."""
        unique = {task.key: task for task in tasks}
        known = self._journal.get(list(unique))
        return [task for key, task in unique.items() if key not in known]

    def add(self, done: Sequence[tuple[Task, Value]]) -> None:
        """Write scores, so that they outlive this process; the disk may be a second behind.

        Raises:
            JournalError: the file cannot be written (disk full, no permission).
        """
        self._writer.append(Entry(task.key, task.row, json.dumps(value, ensure_ascii=False)) for task, value in done)
        self.computed += len(done)

    def reload(self) -> None:
        """Have all scores on disk, and read those that other processes have added."""
        self._writer.sync()
        self._journal.close()
        self._journal = Journal.load(self._folder)

    def close(self) -> None:
        """Have all scores on disk and close the files."""
        self._writer.close()
        self._journal.close()

    def compact(self) -> None:
        """Merge the files into one; for the one process that is left."""
        self.close()
        if self._folder.is_dir():
            compact(self._folder)

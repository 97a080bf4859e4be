"""Where an export writes until it is complete, and what of it is done: the resume of an export.

.<name>.partial/            beside the export; becomes it by one rename
    .export/job.json        of what and how this is an export; of anything else the folder is begun anew
    .export/done.jsonl      a line for each file (or group of files) that is complete, written after it
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from s1_mmalign.builder.shards import Manifest, write_atomically

EXPORT_VERSION = 2
"""Changes with the bytes that the same dataset and options give."""


class PartialExport:
    """The folder of an export that is being made."""

    def __init__(self, out: Path, manifest: Manifest, options: Mapping[str, Any]) -> None:
        """Go on in the folder if it is of the same dataset and options, else begin it anew."""
        self.folder = out.with_name(f".{out.name}.partial")
        self._notes = self.folder / ".export"
        shards = sorted((shard.path, shard.sha256) for shard in manifest.shards)
        content = json.dumps([EXPORT_VERSION, dict(options), shards], sort_keys=True, default=str)
        job = json.dumps({"job": hashlib.sha256(content.encode()).hexdigest()}) + "\n"
        if not self._is(job):
            _remove(self.folder)
            self.folder.mkdir(parents=True)
            write_atomically(self._notes / "job.json", job)
        self.done = self._load()

    def note(self, line: dict[str, Any]) -> None:
        """Note that something is complete."""
        with (self._notes / "done.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.done.append(line)

    def finish(self, out: Path, file: Path | None = None) -> None:
        """Put the whole folder, or the one `file` in it, under its name."""
        shutil.rmtree(self._notes)
        (file or self.folder).replace(out)
        _remove(self.folder)

    def _is(self, job: str) -> bool:
        try:
            return (self._notes / "job.json").read_text(encoding="utf-8") == job
        except OSError:
            return False

    def _load(self) -> list[dict[str, Any]]:
        try:
            lines = (self._notes / "done.jsonl").read_text(encoding="utf-8").split("\n")
        except OSError:
            return []
        # What follows the last line break was being written when the run was killed; the next note must not join it.
        write_atomically(self._notes / "done.jsonl", "".join(f"{line}\n" for line in lines[:-1]))
        return [json.loads(line) for line in lines[:-1]]


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

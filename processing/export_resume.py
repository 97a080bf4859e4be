"""Where an export writes until it is complete, and what of it is done: the resume of an export.

.<name>.partial/            beside the export; becomes it by one rename
    .export/job.json        of what and how this is an export; of anything else the folder is begun anew
    .export/done.jsonl      a line for each file (or group of files) that is complete, written after it: what it is, its
                            files with bytes and sha256, and a CRC of the line

A line counts where it is whole and its files are, byte for byte; what comes after one that does not is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from s1_mmalign.builder.shards import Manifest, sha256_of, write_atomically, write_bytes_atomically

DONE_NAME = "done.jsonl"

EXPORT_VERSION = 3
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
        for left in self.folder.rglob(".*.tmp"):  # a killed run's, half written
            left.unlink()
        self.done = self._load()

    def note(self, line: dict[str, Any], files: Sequence[Path] = ()) -> None:
        """Note that something is complete: on disk, with the files that it is made of."""
        for path in files:
            with path.open("rb") as content:
                os.fsync(content.fileno())
        whole = {path.relative_to(self.folder).as_posix(): [path.stat().st_size, sha256_of(path)] for path in files}
        with (self._notes / DONE_NAME).open("ab") as file:
            file.write(_encode({"note": line, "files": whole}))
            file.flush()
            os.fsync(file.fileno())
        self.done.append(line)

    def forget(self) -> None:
        """Begin anew: what is done has turned out not to be whole."""
        (self._notes / DONE_NAME).unlink(missing_ok=True)
        self.done = []

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
            lines = (self._notes / DONE_NAME).read_bytes().splitlines(keepends=True)
        except OSError:
            return []
        whole = list(takewhile(lambda note: note is not None and self._is_whole(note["files"]), map(_decode, lines)))
        # The line that was being written when the run was killed must not be joined by the next one.
        write_bytes_atomically(self._notes / DONE_NAME, b"".join(lines[: len(whole)]))
        return [note["note"] for note in whole if note]

    def _is_whole(self, files: Mapping[str, Sequence[Any]]) -> bool:
        for name, (size, digest) in files.items():
            path = self.folder / name
            if not path.is_file() or path.stat().st_size != size or sha256_of(path) != digest:
                return False
        return True


def _encode(note: dict[str, Any]) -> bytes:
    body = json.dumps(note).encode()
    return body + b"\t%08x\n" % zlib.crc32(body)


def _decode(line: bytes) -> dict[str, Any] | None:
    body, _, tail = line.rpartition(b"\t")
    return json.loads(body) if tail == b"%08x\n" % zlib.crc32(body) else None


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

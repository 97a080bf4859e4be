"""The dataset in other layouts: `jsonl`, `webdataset`, `release`. Equal input and options give equal bytes.

An export appears under its name when it is complete; until then it is made beside it (`export_resume.py`), and the
same call goes on there after an interruption.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from s1_mmalign.builder.disk_space import full_disk_explained
from s1_mmalign.builder.folder_lock import reading
from s1_mmalign.builder.listed_files import check_shards
from s1_mmalign.builder.shards import FolderError, Manifest
from s1_mmalign.builder.tombstones import REMOVED_NAME
from s1_mmalign.processing.export_release import write_release
from s1_mmalign.processing.export_resume import PartialExport
from s1_mmalign.processing.export_rows import Progress, iter_texts, sorted_shards
from s1_mmalign.processing.export_webdataset import Text, write_webdataset
from s1_mmalign.processing.remove import refuse_removed
from s1_mmalign.processing.shard_columns import settle

Layout = Literal["jsonl", "webdataset", "release"]
LAYOUTS: tuple[str, ...] = get_args(Layout)


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """Which layout, and what it looks like."""

    layout: Layout
    text: Text = "recaption"
    """webdataset: what the `.txt` holds: the recaption, the raw caption, or one of them, drawn row by row. Where a row
    lacks the one, it is the other."""
    mix: float = 0.5
    """`text="mix"`: the share of recaptions."""
    seed: int = 0
    """`text="mix"`: of the draw."""
    shard_bytes: int = 1 << 30
    """webdataset: bytes at which a tar ends."""
    volume_bytes: int | None = 30 << 30
    """release: bytes at which an archive is cut into volumes; None: never. The published one cuts at about 30 GB."""

    @property
    def weights(self) -> dict[str, float]:
        """`text` as weights by column."""
        return {"recaption": self.mix, "caption": 1 - self.mix} if self.text == "mix" else {self.text: 1.0}

    def __post_init__(self) -> None:
        """Reject what cannot be meant."""
        if self.layout not in LAYOUTS:
            raise ValueError(f"layout={self.layout!r}: one of {', '.join(LAYOUTS)} is expected")
        if self.text not in get_args(Text):
            raise ValueError(f"text={self.text!r}: one of {', '.join(get_args(Text))} is expected")
        if not 0 <= self.mix <= 1:
            raise ValueError(f"mix={self.mix!r}: a share from 0 to 1 is expected")
        if self.shard_bytes <= 0:
            raise ValueError(f"shard_bytes={self.shard_bytes!r}: a positive number is expected")
        if self.volume_bytes is not None and self.volume_bytes <= 0:
            raise ValueError(f"volume_bytes={self.volume_bytes!r}: a positive number, or None, is expected")


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What was written: rows, and the bytes of each file by its path under `out`."""

    rows: int
    files: dict[str, int]


def export_dataset(
    folder: Path, out: Path, options: ExportOptions, progress: Progress = lambda what, done, total: None
) -> ExportResult:
    """Write the dataset in another layout.

    Args:
        folder: the dataset folder.
        out: the file (`jsonl`; replaced if it exists) or the new folder (other layouts) to write.
        options: see `ExportOptions`.
        progress: called with ("checking shards", done, of all), then ("rows", written, of all).

    Raises:
        FolderError: `folder` is no dataset, a shard is damaged, or `out` exists and is not empty. What was written
            until then is gone on with by the next call.
    """
    Manifest.load(folder)
    _check_out(folder, out, options.layout)
    settle(folder)
    with reading(folder), full_disk_explained(out):
        return _export(folder, out, options, progress)


def _export(folder: Path, out: Path, options: ExportOptions, progress: Progress) -> ExportResult:
    manifest = Manifest.load(folder)
    check_shards(folder, manifest.shards, progress)
    refuse_removed(folder, manifest)
    partial = PartialExport(out, manifest, asdict(options))
    if options.layout == "jsonl":
        partial.finish(out, write_jsonl(folder, manifest, partial, progress))
    else:
        if options.layout == "webdataset":
            how = (options.weights, options.seed, options.shard_bytes)
            write_webdataset(folder, manifest, partial, *how, progress)
        else:
            write_release(folder, manifest, partial, options.volume_bytes, progress)
        if (folder / REMOVED_NAME).is_file():
            shutil.copyfile(folder / REMOVED_NAME, partial.folder / REMOVED_NAME)
        partial.finish(out)
    paths = sorted(path for path in out.rglob("*") if path.is_file()) if out.is_dir() else [out]
    names = {path: path.relative_to(out).as_posix() if out.is_dir() else out.name for path in paths}
    return ExportResult(manifest.rows, {names[path]: path.stat().st_size for path in paths})


def write_jsonl(folder: Path, manifest: Manifest, partial: PartialExport, progress: Progress) -> Path:
    """Write every row as one JSON object a line: all columns but the image, class labels as their names.

    Returns the file. Each shard whose lines are there is noted with where they end, and the sha256 up to there.
    """
    path = partial.folder / "rows.jsonl"
    path.touch()
    digest = _resumed(path, partial)
    os.truncate(path, partial.done[-1]["bytes"] if partial.done else 0)
    done = sum(note["rows"] for note in partial.done)
    with path.open("ab") as file:
        for shard in sorted_shards(manifest)[len(partial.done) :]:
            for row in iter_texts(folder, shard):
                line = json.dumps(row, ensure_ascii=False).encode("utf-8") + b"\n"
                digest.update(line)
                file.write(line)
                done += 1
                progress("rows", done, manifest.rows)
            file.flush()
            os.fsync(file.fileno())
            partial.note({"rows": shard.rows, "bytes": file.tell(), "sha256": digest.hexdigest()})
    return path


def _resumed(path: Path, partial: PartialExport) -> hashlib._Hash:
    """Return the hash of what is done, which is begun anew where the file does not hold it any more."""
    if not partial.done:
        return hashlib.sha256()
    digest, left = hashlib.sha256(), partial.done[-1]["bytes"]
    with path.open("rb") as file:
        while left and (data := file.read(min(left, 1 << 20))):
            digest.update(data)
            left -= len(data)
    if left or digest.hexdigest() != partial.done[-1]["sha256"]:
        partial.forget()
        return hashlib.sha256()
    return digest


def _check_out(folder: Path, out: Path, layout: Layout) -> None:
    if out.resolve() == folder.resolve() or folder.resolve() in out.resolve().parents:
        raise FolderError(f"{out}: is inside the dataset folder. Name a place beside it with --out.")
    if layout == "jsonl":
        if out.is_dir():
            raise FolderError(
                f"{out}: is a folder; the layout jsonl writes one file. Name it with --out {out}/rows.jsonl."
            )
    elif out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise FolderError(f"{out}: exists already. Remove it, or name a new folder with --out.")

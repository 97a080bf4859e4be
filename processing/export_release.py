"""Layout `release`: the one in which S1-MMAlign was published, so that tools written for it go on working.

    arxiv/jsonl/07_recaption.jsonl         arxiv/images_2007.tar.gz          one pair for each year
    biorxiv/jsonl/biorxiv_recaption.jsonl  biorxiv/images.tar.gz             likewise the other sources
    nature_comunication/…                                                    spelt as published

`image_path` in the JSONL is `images/<paper>/<file>`; the tar member is `<paper>/<file>`. An archive that grows
over the volume size is cut into `.partaa`, `.partab`, … (cat them to get the `.tar.gz`). That layout knows no
splits and one text column for each caption: what else a row holds stays behind.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
from contextlib import ExitStack
from pathlib import Path
from string import ascii_lowercase
from typing import Any

from s1_mmalign.builder.shards import FolderError, Manifest
from s1_mmalign.processing.export_rows import Image, Progress, add_member, iter_pairs, sorted_shards

FOLDERS = {"nature_communications": "nature_comunication"}
"""Sources whose folder is spelt otherwise."""

GZIP_LEVEL = 1
"""The images are compressed already; the layout asks for gzip all the same."""

_ARXIV_YEAR = re.compile(r"\D*(\d\d)(?:0[1-9]|1[0-2])")


class VolumeWriter(io.RawIOBase):
    """Writes a file, cut into volumes `<name>.partaa`, `.partab`, … of `limit` bytes unless it fits in one."""

    def __init__(self, path: Path, limit: int | None) -> None:
        self._path, self._limit = path, limit
        self._written = 0
        self._parts = [self._part(0)]
        self._file = self._parts[0].open("wb")

    def writable(self) -> bool:
        """Yes: this is what it is for."""
        return True

    def write(self, data: Any) -> int:
        """Write all of `data`, over as many volumes as it takes."""
        view = memoryview(data).cast("B")
        length = len(view)
        while len(view):
            if self._limit is not None and self._written == self._limit:
                self._next()
            room = len(view) if self._limit is None else min(len(view), self._limit - self._written)
            self._file.write(view[:room])
            self._written += room
            view = view[room:]
        return length

    def close(self) -> None:
        """End the last volume; a single one takes the whole file's name."""
        if self.closed:
            return
        self._file.close()
        if len(self._parts) == 1:
            self._parts[0].replace(self._path)
        super().close()

    def _next(self) -> None:
        self._file.close()
        self._parts.append(self._part(len(self._parts)))
        self._file = self._parts[-1].open("wb")
        self._written = 0

    def _part(self, number: int) -> Path:
        high, low = divmod(number, len(ascii_lowercase))
        if high >= len(ascii_lowercase):
            raise FolderError(f"{self._path}: needs more than 676 volumes. Export with a larger --volume-bytes.")
        return self._path.with_name(f"{self._path.name}.part{ascii_lowercase[high]}{ascii_lowercase[low]}")


class _Part:
    """The JSONL and the archive of one source (and year)."""

    def __init__(self, out: Path, source: str, year: str | None, volume_bytes: int | None, stack: ExitStack) -> None:
        name = FOLDERS.get(source, source)
        folder = out / name
        (folder / "jsonl").mkdir(parents=True, exist_ok=True)
        lines, archive = (
            f"{year or name}_recaption.jsonl",
            f"images_{_century(year)}.tar.gz" if year else "images.tar.gz",
        )
        self._lines = stack.enter_context((folder / "jsonl" / lines).open("w", encoding="utf-8", newline="\n"))
        volumes = stack.enter_context(VolumeWriter(folder / archive, volume_bytes))
        packed = stack.enter_context(gzip.GzipFile("", "wb", GZIP_LEVEL, volumes, mtime=0))
        self._archive = stack.enter_context(tarfile.TarFile(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT))

    def write(self, row: dict[str, Any], image: Image) -> None:
        """Write a row to both."""
        member = row["image_path"].partition("/")[2]
        identifier = "arxiv_id" if row["source"] == "arxiv" else "doi"
        line = {
            identifier: row[identifier],
            "title": row["title"],
            "image_path": f"images/{member}",
            "caption": row["caption"],
            "recaption": row["recaption"],
            "categories": row["categories"],
        }
        self._lines.write(json.dumps(line, ensure_ascii=False) + "\n")
        add_member(self._archive, member, image.data)


def write_release(folder: Path, manifest: Manifest, out: Path, volume_bytes: int | None, progress: Progress) -> None:
    """Write every row in the published layout.

    Args:
        folder: the dataset folder.
        manifest: its manifest.
        out: an empty folder.
        volume_bytes: size at which an archive is cut into volumes; None: never.
        progress: called with ("rows", written, of all).
    """
    parts: dict[tuple[str, str | None], _Part] = {}
    done = 0
    with ExitStack() as stack:
        for shard in sorted_shards(manifest):
            for row, image in iter_pairs(folder, shard):
                key = (row["source"], year_of(row))
                if key not in parts:
                    parts[key] = _Part(out, *key, volume_bytes, stack)
                parts[key].write(row, image)
                done += 1
                progress("rows", done, manifest.rows)


def year_of(row: dict[str, Any]) -> str | None:
    """Return the two digits of an arXiv row's year, from its id or its date; None for other sources.

    >>> year_of({"source": "arxiv", "arxiv_id": "math/0106220"}), year_of({"source": "arxiv", "arxiv_id": "2301.00001"})
    ('01', '23')
    """
    if row["source"] != "arxiv":
        return None
    if match := _ARXIV_YEAR.match(row["arxiv_id"] or ""):
        return match[1]
    published = row["published"] or ""
    return published[2:4] if re.match(r"(19|20)\d\d", published) else None


def _century(year: str) -> str:
    """Four digits; arXiv began in 1991."""
    return f"19{year}" if year >= "91" else f"20{year}"

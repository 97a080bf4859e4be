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
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from string import ascii_lowercase
from typing import Any

from s1_mmalign.builder.shards import FolderError, Manifest, Shard
from s1_mmalign.processing.export_resume import PartialExport
from s1_mmalign.processing.export_rows import Image, Progress, Row, add_member, iter_pairs, iter_texts, sorted_shards

FOLDERS = {"nature_communications": "nature_comunication"}
"""Sources whose folder is spelt otherwise."""

GZIP_LEVEL = 0
"""The images are compressed already, and the layout asks for gzip all the same: stored blocks are written and read as
fast as the disk goes, and every zlib makes the same of them."""

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

    def __init__(self, out: Path, source: str, year: str | None, volume_bytes: int | None) -> None:
        name = FOLDERS.get(source, source)
        self._folder = out / name
        self._lines_path = self._folder / "jsonl" / f"{year or name}_recaption.jsonl"
        self._archive_path = self._folder / (f"images_{_century(year)}.tar.gz" if year else "images.tar.gz")
        self._limit = volume_bytes

    def write(self, pairs: Iterator[tuple[Row, Image]]) -> list[Path]:
        """Write both files and return all there are; of an earlier, interrupted try nothing stays."""
        self._lines_path.parent.mkdir(parents=True, exist_ok=True)
        for old in self._folder.glob(f"{self._archive_path.name}*"):
            old.unlink()
        with ExitStack() as stack:
            lines = stack.enter_context(self._lines_path.open("w", encoding="utf-8", newline="\n"))
            volumes = stack.enter_context(VolumeWriter(self._archive_path, self._limit))
            packed = stack.enter_context(gzip.GzipFile("", "wb", GZIP_LEVEL, volumes, mtime=0))
            archive = stack.enter_context(tarfile.TarFile(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT))
            for row, image in pairs:
                member = row["image_path"].partition("/")[2]
                lines.write(json.dumps(_line(row, member), ensure_ascii=False) + "\n")
                add_member(archive, member, image.data)
        return [self._lines_path, *sorted(self._folder.glob(f"{self._archive_path.name}*"))]


def _line(row: Row, member: str) -> dict[str, Any]:
    """What the JSONL says of a row."""
    identifier = "arxiv_id" if row["source"] == "arxiv" else "doi"
    return {
        identifier: row[identifier],
        "title": row["title"],
        "image_path": f"images/{member}",
        "caption": row["caption"],
        "recaption": row["recaption"],
        "categories": row["categories"],
    }


def write_release(
    folder: Path, manifest: Manifest, partial: PartialExport, volume_bytes: int | None, progress: Progress
) -> None:
    """Write every row in the published layout, one source and year after the other; those that are done are left.

    Args:
        folder: the dataset folder.
        manifest: its manifest.
        partial: where to write.
        volume_bytes: size at which an archive is cut into volumes; None: never.
        progress: called with ("rows", written, of all).
    """
    written = {(note["source"], note["year"]): note["rows"] for note in partial.done}
    done = sum(written.values())
    for (source, year), shards in _parts(folder, manifest).items():
        if (source, year) in written:
            continue
        before = done

        def pairs(shards: list[Shard] = shards, year: str | None = year) -> Iterator[tuple[Row, Image]]:
            nonlocal done
            for shard in shards:
                for pair in iter_pairs(folder, shard, wanted=lambda row: year_of(row) == year):
                    yield pair
                    done += 1
                    progress("rows", done, manifest.rows)

        files = _Part(partial.folder, source, year, volume_bytes).write(pairs())
        partial.note({"source": source, "year": year, "rows": done - before}, files)


def _parts(folder: Path, manifest: Manifest) -> dict[tuple[str, str | None], list[Shard]]:
    """The shards that hold rows of each source and year; of the rows only ids and dates are read for this."""
    found: dict[tuple[str, str | None], list[Shard]] = {}
    for shard in sorted_shards(manifest):
        years = [None] if shard.source != "arxiv" else sorted(
            {year_of(row) for row in iter_texts(folder, shard, ["source", "arxiv_id", "published"])},
            key=lambda year: year or "",
        )  # fmt: skip
        for year in years:
            found.setdefault((shard.source, year), []).append(shard)
    return found


def year_of(row: Row) -> str | None:
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

"""Metadata of millions of papers, found by name through an index on disk.

The index holds, for each record of the files, where its line begins and a digest of what is used of it; the text stays
in the files. So memory is flat, and a unit's name can depend on its papers' metadata without reading them.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from s1_mmalign.builder.records import Metadata
from s1_mmalign.builder.sources.errors import InputError
from s1_mmalign.builder.sources.identify import arxiv_id_of, normalise_doi
from s1_mmalign.builder.sources.metadata import metadata_of_record
from s1_mmalign.builder.sources.record_forms import oa_list_record, plain_record

_FORM = 2
"""Of the index: raised when its content is computed otherwise."""
_OPEN_FILES = 64

_TABLES = """
CREATE TABLE record (number INTEGER PRIMARY KEY, file INTEGER, start INTEGER, bytes INTEGER, digest BLOB);
CREATE TABLE name (key INTEGER, record INTEGER);
"""


class MetadataIndex:
    """Records of metadata files by the names of their papers.

    A paper's record is the one whose id, DOI (whole, or what follows its registrant's prefix; punctuation does not
    count) or file name is the paper's id, or that names the same arXiv id. Of several the last one counts.
    """

    def __init__(self, files: Sequence[Path], folder: Path) -> None:
        """Open the index of `files` in `folder`; it is made where it is not there or the files changed.

        Raises:
            InputError: a file that cannot be read, or a line that is no JSON object (file and line named).
        """
        self._files = list(dict.fromkeys(files))
        self._readers: dict[int, BinaryIO] = {}
        self._headings: dict[int, list[str]] = {}
        state = [_FORM, *((str(path.resolve()), *_size_and_time(path)) for path in self._files)]
        name = hashlib.sha256(json.dumps(state).encode()).hexdigest()[:16]
        path = folder / f"metadata-{name}.sqlite"
        if not path.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            self._make(path)
        self._index = sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False)

    def digest(self, paper_id: str) -> str:
        """Return a digest of what is known of a paper, empty where nothing is."""
        found = self._find(paper_id)
        return found[3].hex() if found else ""

    def __getitem__(self, paper_id: str) -> Metadata:
        """Return what is known of a paper, empty metadata where nothing is."""
        found = self._find(paper_id)
        if not found:
            return Metadata()
        file, start, size, _ = found
        reader = self._readers.get(file)
        if reader is None:
            reader = self._readers[file] = self._files[file].open("rb")
        reader.seek(start)
        return metadata_of_record(_record(reader.read(size), self._heading(file)) or {})

    def close(self) -> None:
        """Close the index and the files."""
        self._index.close()
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()

    def _find(self, paper_id: str) -> tuple[int, int, int, bytes] | None:
        for name in _names_of_paper(paper_id):
            row = self._index.execute(
                "SELECT file, start, bytes, digest FROM record WHERE number = "
                "(SELECT max(record) FROM name WHERE key = ?)",
                [_key(name)],
            ).fetchone()
            if row:
                return row
        return None

    def _make(self, path: Path) -> None:
        """Read every file once and write the index, atomically."""
        temporary = path.with_suffix(".tmp")
        temporary.unlink(missing_ok=True)
        index = sqlite3.connect(temporary)
        try:
            index.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _TABLES)
            number = 0
            for file, _ in enumerate(self._files):
                for start, size, record in self._records(file):
                    number += 1
                    index.execute(
                        "INSERT INTO record VALUES (?, ?, ?, ?, ?)", (number, file, start, size, _digest(record))
                    )
                    keys = {_key(name) for name in _names_of_record(record)}
                    index.executemany("INSERT INTO name VALUES (?, ?)", [(key, number) for key in keys])
            index.execute("CREATE INDEX by_key ON name (key, record)")
            index.commit()
        except BaseException:
            index.close()
            temporary.unlink(missing_ok=True)
            raise
        index.close()
        temporary.replace(path)
        for old in path.parent.glob("metadata-*.sqlite"):
            if old != path:
                old.unlink(missing_ok=True)

    def _records(self, file: int) -> Iterator[tuple[int, int, dict[str, Any]]]:
        """Yield (start, bytes, record) for the lines of a file."""
        path = self._files[file]
        heading = self._heading(file)
        try:
            with path.open("rb") as lines:
                start = 0
                for number, line in enumerate(lines, 1):
                    if line.strip() and not (heading and number == 1):
                        try:
                            record = _record(line, heading)
                        except (ValueError, RecursionError) as error:
                            raise InputError(
                                f"{path}, line {number}: not JSON ({error}).{_hint(path, line)}"
                            ) from error
                        if record is None:
                            raise InputError(f"{path}, line {number}: a JSON object is expected.")
                        yield start, len(line), record
                    start += len(line)
        except OSError as error:
            raise InputError(f"{path}: cannot be read as metadata ({error}).") from error

    def _heading(self, file: int) -> list[str]:
        """The columns of a CSV, empty for JSON lines."""
        if self._files[file].suffix.lower() != ".csv":
            return []
        if file not in self._headings:
            with self._files[file].open("rb") as lines:
                self._headings[file] = next(csv.reader([lines.readline().decode("utf-8-sig", "replace")]), [])
        return self._headings[file]


def fetch(url_file: Any, folder: Path) -> Path:
    """Copy a remote metadata file into `folder` (once for each of its states) and return the copy."""
    suffix = Path(url_file.url).suffix
    path = folder / f"{hashlib.sha256(url_file.url.encode()).hexdigest()[:8]}-{url_file.state}{suffix}"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.tmp")
        with url_file.open(8 << 20) as source, temporary.open("wb") as target:
            shutil.copyfileobj(source, target, 8 << 20)
        temporary.replace(path)
    return path


def _record(line: bytes, heading: list[str]) -> dict[str, Any] | None:
    if heading:
        cells = next(csv.reader([line.decode("utf-8", "replace")]), [])
        return oa_list_record(dict(zip(heading, cells, strict=False)))
    record = json.loads(line)
    return record if isinstance(record, dict) else None


def _names_of_record(record: Mapping[str, Any]) -> Iterator[str]:
    plain = plain_record(dict(record))
    names = plain.get("names")
    for name in (plain.get("id"), plain.get("paper_id"), *(names if isinstance(names, list) else ())):
        if isinstance(name, str) and name:
            yield name
            if arxiv_id := arxiv_id_of(name):
                yield arxiv_id
    if doi := normalise_doi(str(plain.get("doi") or "")):
        yield doi
        yield doi.partition("/")[2]


def _names_of_paper(paper_id: str) -> Iterator[str]:
    yield paper_id
    if arxiv_id := arxiv_id_of(paper_id):
        yield arxiv_id
    plain = re.sub(r"v\d+$", "", paper_id)
    if plain != paper_id:
        yield plain


@lru_cache(maxsize=65_536)
def _key(name: str) -> int:
    """63 bits of a name's letters and digits: `10.1/a-b` and `10.1_a_b` are one, as files cannot bear a slash."""
    letters = "".join(character for character in name.lower() if character.isalnum())
    return int.from_bytes(hashlib.blake2b(letters.encode("utf-8", "replace"), digest_size=8).digest(), "big") >> 1


def _digest(record: dict[str, Any]) -> bytes:
    content = json.dumps(asdict(metadata_of_record(record)), sort_keys=True, ensure_ascii=True)
    return hashlib.blake2b(content.encode(), digest_size=8).digest()


def _size_and_time(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError as error:
        raise InputError(f"{path}: cannot be read as metadata ({error}).") from error
    return stat.st_size, stat.st_mtime_ns


def _hint(path: Path, line: bytes) -> str:
    if line[:2] in (b"PK", b"\x1f\x8b"):
        return " It is compressed: unpack it first, as lines are read where they lie."
    return " Its download may not be finished." if path.stat().st_size and not line.endswith(b"\n") else ""

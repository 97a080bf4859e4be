"""All packages of the input in a table on disk: what is found, in which order it is read, and what is there twice.

Millions of packages are planned from here a few at a time. The members of a bulk tar are read from its headers once and
kept for as long as the tar stays the same.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from s1_mmalign.builder.options import BuildOptions
from s1_mmalign.builder.records import Drop
from s1_mmalign.builder.sources.bulk_tars import ListedTar, check_listed, read_manifest
from s1_mmalign.builder.sources.digests import Input
from s1_mmalign.builder.sources.errors import InputError
from s1_mmalign.builder.sources.locations import RemoteFile
from s1_mmalign.builder.sources.metadata_index import MetadataIndex, fetch
from s1_mmalign.builder.sources.package import Container, Package
from s1_mmalign.builder.sources.packages import Found, find, nothing_found, packages_in

_TABLES = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS tar (key TEXT PRIMARY KEY, state TEXT, listed TEXT, content TEXT);
CREATE TABLE IF NOT EXISTS member (tar TEXT, name TEXT, paper_id TEXT, paper TEXT, version INTEGER, start INTEGER,
    bytes INTEGER);
CREATE INDEX IF NOT EXISTS by_tar ON member (tar);
DROP TABLE IF EXISTS package;
CREATE TABLE package (key TEXT PRIMARY KEY, paper_id TEXT, paper TEXT, version INTEGER, path TEXT, bytes INTEGER,
    mtime_ns INTEGER, start INTEGER, url TEXT, state TEXT, first TEXT) WITHOUT ROWID;
"""
_COLUMNS = "key, paper_id, path, bytes, mtime_ns, start, url, state"
_BATCH = 10_000


class Inventory:
    """The packages that `options` name, found anew; `folder` keeps the table and the metadata index.

    Raises:
        InputError: nothing is found, a tar breaks off or is another than the manifest says, metadata that cannot
            be read. With `options.on_bad_tar == "skip"` a bad tar is a line of the drop ledger instead.
    """

    def __init__(self, options: BuildOptions, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._options = options
        self._folder = folder
        self._table = sqlite3.connect(folder / "inventory.sqlite", check_same_thread=False)
        self._table.executescript(_TABLES)
        self._bad: list[Drop] = []
        self._bad_tars: list[Input] = []
        self.files: dict[str, list[tuple[str, Path]]] = {}
        """Files of the input that are no packages, name and place, by kind: `metadata`, `tar_manifests`."""
        self._metadata: MetadataIndex | None = None
        try:
            metadata = self._find()
            self._mark_duplicates()
            self._table.commit()
            if metadata:
                self._metadata = MetadataIndex(metadata, folder)
        except BaseException:
            self._table.close()  # an open change would keep the next one waiting
            raise

    def __len__(self) -> int:
        """Packages found, those that are there twice included, and tars that were skipped."""
        return self._table.execute("SELECT count(*) FROM package").fetchone()[0] + len(self._bad)

    @property
    def kept(self) -> int:
        """Packages that will be read."""
        return self._table.execute("SELECT count(*) FROM package WHERE first IS NULL").fetchone()[0]

    def packages(self) -> Iterator[Package]:
        """Yield the packages to read, in order of key, without metadata."""
        with closing(self._table.cursor()) as rows:
            rows.execute(f"SELECT {_COLUMNS} FROM package WHERE first IS NULL ORDER BY key")
            for row in rows:
                yield self._package(row)

    def load(self, first: str, last: str) -> list[Package]:
        """Return the packages to read from key `first` to key `last`, with what is known of their papers."""
        rows = self._table.execute(
            f"SELECT {_COLUMNS} FROM package WHERE first IS NULL AND key BETWEEN ? AND ? ORDER BY key", [first, last]
        ).fetchall()
        return [self._with_metadata(self._package(row)) for row in rows]

    def metadata_digest(self, package: Package) -> str:
        """Return a digest of what is known of a package's paper, empty where nothing is."""
        return self._metadata.digest(package.paper_id) if self._metadata else ""

    def drops(self) -> Iterator[Drop]:
        """Yield what is not read at all: second packages of one paper, and tars that were skipped."""
        yield from self._bad
        with closing(self._table.cursor()) as rows:
            rows.execute("SELECT paper_id, key, first FROM package WHERE first IS NOT NULL ORDER BY key")
            for paper_id, key, first in rows:
                yield Drop(paper_id, "", "duplicate_paper", f"{key} has the id of {first}")

    def unread(self) -> Iterator[Input]:
        """Yield the packages of `drops`, in order of key."""
        query = "SELECT key, paper_id, bytes FROM package WHERE first IS NOT NULL"
        packages = [Input(key, paper_id, size, None) for key, paper_id, size in self._table.execute(query)]
        yield from sorted([*packages, *self._bad_tars], key=lambda line: line.key)

    def close(self) -> None:
        """Close table and index."""
        self._table.close()
        if self._metadata:
            self._metadata.close()

    def _find(self) -> list[Path]:
        """Fill the table; return the metadata files."""
        options = self._options
        metadata = [(path.name, path) for path in options.metadata]
        manifests: list[tuple[str, Path]] = []
        tars: list[Container] = []
        waiting: list[Package] = []
        for found in find(options.papers, options.storage):
            if isinstance(found, Package):
                waiting.append(found)
                if len(waiting) >= _BATCH:
                    self._insert(waiting)
                    waiting = []
            elif isinstance(found, Container):
                tars.append(found)
            elif found.kind in ("metadata", "tar_manifest"):
                (metadata if found.kind == "metadata" else manifests).append((found.path.name, self._local(found)))
        self._insert(waiting)
        listed = {name: entry for _, path in manifests for name, entry in read_manifest(path).items()}
        self._add_tars(tars, listed)
        if not len(self):
            raise nothing_found(options.papers)
        self.files = {"metadata": metadata, "tar_manifests": manifests}
        return list(dict.fromkeys(path for _, path in metadata))

    def _local(self, found: Found) -> Path:
        return fetch(found.remote, self._folder) if found.remote else found.path

    def _insert(self, packages: Sequence[Package]) -> None:
        rows: list[tuple[Any, ...]] = []
        for package in packages:
            path = b"" if package.remote else os.fsencode(package.path)  # a file's name need not be text
            url = package.remote.url if package.remote else None
            rows.append((
                package.key, package.paper_id, package.paper, package.version, path, package.bytes,
                package.mtime_ns, package.offset, url, package.state, None,
            ))  # fmt: skip
        try:
            self._table.executemany(f"INSERT INTO package VALUES ({', '.join('?' * 11)})", rows)
        except sqlite3.IntegrityError as error:
            raise InputError(
                "two of the inputs hold files of the same relative path. Name the folder that holds both instead."
            ) from error

    def _add_tars(self, tars: Sequence[Container], listed: dict[str, ListedTar]) -> None:
        """Add the members of each tar; all bad ones are told at once, before anything is read."""
        bad: list[str] = []
        for tar in tars:
            try:
                self._add_tar(tar, listed.get(tar.path.name))
            except InputError as error:
                bad.append(str(error))
                self._bad.append(Drop(tar.key, "", "package_unreadable", str(error)[:500]))
                self._bad_tars.append(Input(tar.key, "", tar.bytes, None))
                self._table.execute("DELETE FROM package WHERE key BETWEEN ? AND ?", [f"{tar.key}/", f"{tar.key}0"])
        if bad and self._options.on_bad_tar == "error":
            raise InputError("\n".join([*bad, "(--on-bad-tar skip builds without them.)"]))

    def _add_tar(self, tar: Container, listed: ListedTar | None) -> None:
        url = tar.remote.url if tar.remote else None
        known = self._table.execute("SELECT state, listed, content FROM tar WHERE key = ?", [tar.key]).fetchone()
        content = self._read_tar(tar, listed) if known is None or known[:2] != (tar.state, repr(listed)) else known[2]
        self._table.execute(
            "INSERT INTO package SELECT ? || '/' || name, paper_id, paper, version, ?, bytes, ?, start, ?, ?, NULL "
            "FROM member WHERE tar = ? GROUP BY name",
            [tar.key, b"" if tar.remote else os.fsencode(tar.path), tar.mtime_ns, url, content, tar.key],
        )

    def _read_tar(self, tar: Container, listed: ListedTar | None) -> str:
        """Check a tar that is new or changed and note its members; return what its content is known by.

        With a manifest that is the md5, so that the same tar downloaded again is the same; else size and time.
        """
        content = tar.state
        if listed:
            with tar.open() as file:
                check_listed(str(tar.path), listed, tar.bytes, None if tar.remote else file)
            content = content if tar.remote else listed.md5
        self._table.execute("DELETE FROM member WHERE tar = ?", [tar.key])
        rows = [
            (tar.key, package.key.removeprefix(f"{tar.key}/"), package.paper_id, package.paper, package.version,
             package.offset, package.bytes)
            for package in packages_in(tar)
        ]  # fmt: skip
        self._table.executemany("INSERT INTO member VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        state = (tar.key, tar.state, repr(listed), content)
        self._table.execute("INSERT OR REPLACE INTO tar VALUES (?, ?, ?, ?)", state)
        return content

    def _mark_duplicates(self) -> None:
        """Of several packages of one paper keep the latest version, of one version the first by key."""
        self._table.executescript("""
            CREATE INDEX IF NOT EXISTS by_paper ON package (paper, version DESC, key);
            CREATE TEMP TABLE chosen AS SELECT paper, key FROM (
                SELECT paper, key, row_number() OVER (PARTITION BY paper ORDER BY version DESC, key) AS place
                FROM package WHERE paper IN (SELECT paper FROM package GROUP BY paper HAVING count(*) > 1)
            ) WHERE place = 1;
            UPDATE package SET first = (SELECT chosen.key FROM chosen WHERE chosen.paper = package.paper)
                WHERE paper IN (SELECT paper FROM chosen) AND key NOT IN (SELECT key FROM chosen);
            DROP TABLE chosen;
        """)

    def _with_metadata(self, package: Package) -> Package:
        if self._metadata is None:
            return package
        return replace(package, metadata=self._metadata[package.paper_id])

    def _package(self, row: tuple[Any, ...]) -> Package:
        key, paper_id, path, size, mtime_ns, start, url, state = row
        remote = RemoteFile(url, size, state, self._options.storage) if url else None
        return Package(
            key=key,
            paper_id=paper_id,
            path=Path(os.fsdecode(path) or key),
            bytes=size,
            mtime_ns=mtime_ns,
            offset=start,
            remote=remote,
            state=state,
        )

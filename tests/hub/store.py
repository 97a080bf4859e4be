"""What the loopback Hub holds: repositories of immutable commits, and content by its hash."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.hub.xet_store import XetStore


class HubError(Exception):
    """An answer that is an error: HTTP status, the Hub's error code, and words."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class File:
    """A file of a commit. `oid` is git's hash of it; `sha256` is given for large files only, `xet` if Xet holds it."""

    oid: str
    size: int
    sha256: str | None = None
    xet: str | None = None

    @property
    def key(self) -> str:
        """Name of its content in the store."""
        return self.sha256 or self.oid


@dataclass(frozen=True)
class Commit:
    """A state of all files of a repository."""

    id: str
    title: str
    parent: str | None
    files: dict[str, File]


@dataclass
class Repo:
    """A dataset repository; `refs` maps branches and pull requests to commits."""

    id: str
    private: bool
    commits: dict[str, Commit] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def head(self, revision: str) -> Commit:
        """Return the commit that a branch, a pull request or a commit's id names."""
        found = self.commits.get(self.refs.get(revision, revision))
        if found is None:
            raise HubError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return found

    def history(self, revision: str) -> list[Commit]:
        """Return the commits of a revision, newest first."""
        found = [self.head(revision)]
        while found[-1].parent:
            found.append(self.commits[found[-1].parent])
        return found


class Store:
    """All repositories; content lies in files under `root`, named by hash, or in Xet storage."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._root = root
        self._lock = threading.Lock()
        self.repos: dict[str, Repo] = {}
        self.xet = XetStore(root / "xet")
        self.xet_tokens: dict[str, tuple[str, int]] = {}
        """Kind ("read", "write") and end (Unix time) of the Xet tokens that were given."""
        self.xet_token_seconds = 3600

    def repo(self, name: str) -> Repo:
        """Return a repository."""
        if name not in self.repos:
            raise HubError(404, "RepoNotFound", "Repository not found")
        return self.repos[name]

    def create(self, name: str, private: bool) -> Repo:
        """Make a repository with the first commit that the Hub makes."""
        with self._lock:
            if name in self.repos:
                raise HubError(409, "", "You already created this dataset repo")
            self.repos[name] = repo = Repo(name, private)
            files = {".gitattributes": self.put_small(b"*.parquet filter=lfs diff=lfs merge=lfs -text\n")}
            self._add(repo, "main", None, files, "initial commit")
            return repo

    def open_pull_request(self, repo: Repo, revision: str) -> str:
        """Make the ref of a new pull request, which starts at a revision; return its name."""
        with self._lock:
            ref = f"refs/pr/{1 + sum(other.startswith('refs/pr/') for other in repo.refs)}"
            repo.refs[ref] = repo.head(revision).id
            return ref

    def commit(
        self, repo: Repo, ref: str, expected: str | None, title: str, change: Callable[[dict[str, File]], None]
    ) -> Commit:
        """Put a commit on a branch, or refuse where the branch is not at `expected` (None: anywhere)."""
        with self._lock:
            head = repo.head(ref)
            if expected is not None and expected != head.id:
                raise HubError(412, "", "A commit has happened since. Please refresh and try again.")
            files = dict(head.files)
            change(files)
            return self._add(repo, ref, head.id, files, title)

    def _add(self, repo: Repo, ref: str, parent: str | None, files: dict[str, File], title: str) -> Commit:
        listing = repr((parent, sorted(files.items()), title, len(repo.commits)))
        made = Commit(hashlib.sha1(listing.encode()).hexdigest(), title, parent, files)
        repo.commits[made.id] = made
        repo.refs[ref] = made.id
        return made

    def put_small(self, data: bytes) -> File:
        """Keep a file that git holds itself."""
        oid = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        (self._root / oid).write_bytes(data)
        return File(oid, len(data))

    def put_large(self, sha256: str, data: bytes) -> None:
        """Keep the content of a large file, which must have the hash that it was announced with."""
        if hashlib.sha256(data).hexdigest() != sha256:
            raise HubError(400, "", "content does not have the announced sha256")
        (self._root / sha256).write_bytes(data)

    def has_large(self, sha256: str) -> bool:
        """Whether the content of a large file is there, in Xet storage or as it is."""
        return sha256 in self.xet.file_of_sha256 or (self._root / sha256).is_file()

    def large(self, sha256: str) -> File:
        """Return the file of large content, as the pointer file stands in git."""
        if not self.has_large(sha256):
            raise HubError(400, "", f"LFS object {sha256} was never uploaded")
        xet = self.xet.file_of_sha256.get(sha256)
        size = self.xet.files[xet].size if xet else (self._root / sha256).stat().st_size
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()
        return File(hashlib.sha1(b"blob %d\0" % len(pointer) + pointer).hexdigest(), size, sha256, xet)

    def read(self, file: File, start: int, end: int) -> bytes:
        """Return bytes `start` to `end` (exclusive) of a file."""
        if file.xet:
            return self.xet.read(file.xet, start, end)
        with (self._root / file.key).open("rb") as stream:
            stream.seek(start)
            return stream.read(end - start)

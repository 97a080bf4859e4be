"""Where the shards to be checked are: in a folder, on the Hub read in parts, or on the Hub downloaded one by one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

import pyarrow.parquet as pq
from huggingface_hub import HfFileSystem, hf_hub_download

from s1_mmalign.builder.shards import Shard, sha256_of
from s1_mmalign.processing.publish_remote import Remote, Repository
from s1_mmalign.processing.ranged_file import RangedFile, RangedParquetFile
from s1_mmalign.processing.retry import with_retries


class Facts(NamedTuple):
    """A file's size in bytes and its sha256 (hex)."""

    bytes: int
    sha256: str


class ShardFiles(Protocol):
    """The files of a dataset, wherever they are."""

    def paths(self) -> list[str]:
        """Return the paths of all files under `data/`."""

    def facts(self, shard: Shard) -> Facts | None:
        """Return size and sha256 of a shard's file, None where it is missing.

        `full`: the bytes are read; else what stands for them is enough, and the sha256 "" where it takes reading and
        the size alone tells that the file is another one.
        """

    @contextmanager
    def open(self, shard: Shard) -> Iterator[pq.ParquetFile]:
        """Open a shard."""


class FolderFiles:
    """A dataset folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def paths(self) -> list[str]:
        """Return the paths of all files under `data/`, but for hidden ones."""
        found = (path for path in (self._folder / "data").rglob("*") if path.is_file())
        return sorted(path.relative_to(self._folder).as_posix() for path in found if not path.name.startswith("."))

    def facts(self, shard: Shard) -> Facts | None:
        """Return size and sha256; the file is read where it has the size that it should have."""
        path = self._folder / shard.path
        if not path.is_file():
            return None
        size = path.stat().st_size
        return Facts(size, sha256_of(path) if size == shard.bytes else "")

    @contextmanager
    def open(self, shard: Shard) -> Iterator[pq.ParquetFile]:
        """Open a shard."""
        with pq.ParquetFile(self._folder / shard.path) as file:
            yield file


class RepositoryFiles:
    """A revision of a repository; of its shards only footers and the columns that are asked for are read."""

    def __init__(self, repository: Repository, remote: Remote) -> None:
        self._repository, self._remote = repository, remote
        self._files = HfFileSystem(endpoint=repository.api.endpoint)

    def paths(self) -> list[str]:
        """Return the paths of all files under `data/`."""
        return [path for path in self._remote.paths if path.startswith("data/")]

    def facts(self, shard: Shard) -> Facts | None:
        """Return size and sha256 as the Hub gives them."""
        if shard.path not in self._remote.large:
            return Facts(0, "") if shard.path in self._remote.small else None
        return Facts(self._remote.sizes[shard.path], self._remote.large[shard.path])

    @contextmanager
    def open(self, shard: Shard) -> Iterator[pq.ParquetFile]:
        """Open a shard; each part that is read is a range request."""
        path = f"datasets/{self._repository.repo_id}/{shard.path}"
        with (
            self._files.open(path, revision=self._remote.commit, cache_type="none") as stream,
            RangedParquetFile(RangedFile(stream)) as file,
        ):
            yield file


class DownloadedFiles(RepositoryFiles):
    """A revision of a repository whose shards are downloaded, one at a time, so that their own bytes are checked."""

    def __init__(self, repository: Repository, remote: Remote, folder: Path) -> None:
        super().__init__(repository, remote)
        self._folder = folder
        self._here: Path | None = None

    def facts(self, shard: Shard) -> Facts | None:
        """Return size and sha256 of the bytes that a user gets."""
        if super().facts(shard) is None:
            return None
        path = self._download(shard)
        return Facts(path.stat().st_size, sha256_of(path))

    @contextmanager
    def open(self, shard: Shard) -> Iterator[pq.ParquetFile]:
        """Open the downloaded shard."""
        with pq.ParquetFile(self._download(shard)) as file:
            yield file

    def _download(self, shard: Shard) -> Path:
        path = self._folder / shard.path
        if self._here == path:
            return path
        if self._here:
            self._here.unlink()
            self._here = None

        def download() -> str:
            return hf_hub_download(
                self._repository.repo_id,
                shard.path,
                repo_type="dataset",
                revision=self._remote.commit,
                local_dir=self._folder,
                endpoint=self._repository.api.endpoint,
            )

        with_retries(download, self._repository.retry)
        self._here = path
        return path


@contextmanager
def downloaded(repository: Repository, remote: Remote) -> Iterator[DownloadedFiles]:
    """Give the files of a revision for a full check; the disk needs room for the largest of them."""
    with tempfile.TemporaryDirectory(prefix="s1-mmalign-verify-") as name:
        yield DownloadedFiles(repository, remote, Path(name))

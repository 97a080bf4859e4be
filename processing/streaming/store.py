"""A dataset folder or repository as a list of shards, and its files opened.

`datasets` is not imported here: a worker that only reads Parquet starts in a fraction of the time without it.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from s1_mmalign.processing.ranged_file import RangedFile, RangedParquetFile
from s1_mmalign.processing.streaming.errors import StreamError
from s1_mmalign.processing.streaming.options import StreamOptions

MANIFEST_NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class ShardEntry:
    """A Parquet file and its rows, as the manifest has it."""

    path: str
    rows: int


@dataclass(slots=True)
class Store:
    """Where the shards are. Holds no connection, so that it travels to worker processes."""

    name: str
    """As the user gave it."""
    shards: list[ShardEntry]
    fingerprint: str
    """A hash of the shards' names and content."""
    folder: Path | None = None
    repo: str | None = None
    commit: str | None = None
    token: str | None = field(default=None, repr=False)

    def open(self, path: str) -> pq.ParquetFile:
        """Open a shard: mapped into memory, or read from the repository by ranges."""
        if self.folder is not None:
            return pq.ParquetFile(str(self.folder / path), memory_map=True)
        # Exactly the ranges that are asked for: a read-ahead would fetch the images beside the captions.
        stream = _file_system(self.token).open(f"datasets/{self.repo}@{self.commit}/{path}", cache_type="none")
        return RangedParquetFile(RangedFile(stream))


def open_store(repo_or_dir: str | os.PathLike[str], options: StreamOptions) -> Store:
    """Find the shards that the options select.

    Raises:
        StreamError: no such folder, repository or revision, no manifest in it, or no row of what is asked for.
    """
    name = str(repo_or_dir)
    folder = Path(name)
    if folder.is_dir():
        if options.revision is not None:
            raise StreamError(f"revision={options.revision!r}: {name} is a folder; only a repository has revisions.")
        store = Store(name, [], "", folder)
        text = _local_manifest(folder)
    elif name.count("/") == 1 and not name.startswith((".", "/", "~")):
        commit, text = _remote_manifest(name, options)
        store = Store(name, [], "", repo=name, commit=commit, token=options.token)
    else:
        raise StreamError(f"{name}: no such folder, and no repository's name (owner/name).")
    chosen = _chosen(name, text, options)
    store.shards = [ShardEntry(shard["path"], shard["rows"]) for shard in chosen]
    content = [(shard["path"], shard["rows"], shard["sha256"]) for shard in chosen]
    store.fingerprint = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
    return store


def _local_manifest(folder: Path) -> str:
    try:
        return (folder / MANIFEST_NAME).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise StreamError(
            f"{folder}: not a dataset folder ({MANIFEST_NAME} is missing). `s1-mmalign build` makes one."
        ) from None


def _remote_manifest(repo: str, options: StreamOptions) -> tuple[str, str]:
    """The commit that the revision means now, and the manifest there."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    revision = options.revision or "main"
    try:
        commit = HfApi(token=options.token).dataset_info(repo, revision=revision).sha
        path = f"datasets/{repo}@{commit}/{MANIFEST_NAME}"
        return str(commit), _file_system(options.token).read_text(path, encoding="utf-8")
    except RevisionNotFoundError:
        raise StreamError(f"revision={revision!r}: {repo} has no such branch, tag or commit.") from None
    except RepositoryNotFoundError:
        raise StreamError(
            f"{repo}: no such folder, and no such dataset on the Hub (or a private one: set HF_TOKEN, or log in)."
        ) from None
    except FileNotFoundError:
        raise StreamError(
            f"{repo} at {revision}: has no {MANIFEST_NAME}, so it was not published by `s1-mmalign push`. "
            "`datasets.load_dataset` may open it; the layout of the original release is read by "
            f"`s1-mmalign build --source release {repo}`."
        ) from None
    except (HfHubHTTPError, OSError) as error:
        raise StreamError(f"{repo}: cannot be read ({error}).") from error


def _chosen(name: str, text: str, options: StreamOptions) -> list[dict[str, Any]]:
    try:
        shards = json.loads(text)["shards"]
        found = [
            shard
            for shard in sorted(shards, key=lambda shard: shard["path"])
            if shard["split"] == options.split
            and (not options.sources or shard["source"] in options.sources)
            and (not options.licences or shard["licence_class"] in options.licences)
        ]
        held = {key: sorted({shard[key] for shard in shards}) for key in ("split", "source", "licence_class")}
    except (ValueError, KeyError, TypeError) as error:
        raise StreamError(f"{name}/{MANIFEST_NAME}: cannot be read ({error!r}).") from error
    if not sum(shard["rows"] for shard in found):
        wanted = f"split {options.split}, sources {options.sources or 'all'}, licences {options.licences or 'all'}"
        has = "; ".join(f"{key}: {', '.join(values)}" for key, values in held.items())
        raise StreamError(f"{name}: no row of {wanted}. It has {has}.")
    return found


def _file_system(token: str | None) -> Any:
    from huggingface_hub import HfFileSystem

    return HfFileSystem(token=token)

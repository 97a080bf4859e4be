"""Where papers lie: local paths and any fsspec URL (`s3://`, `gs://`, `hf://`, `https://`), read by ranges."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from s1_mmalign.builder.sources.errors import InputError

_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_COLLAPSED = re.compile(r"^([a-z][a-z0-9+.-]+):/(?!/)", re.IGNORECASE)
RETRY_SECONDS = (1.0, 4.0, 16.0)
"""Waits between the attempts to fetch something."""
HEADER_BLOCK = 64 << 10
"""Bytes read at once where only a tar's headers are wanted; small members beside one come along."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file at a URL. `storage` are fsspec's options for its protocol (`requester_pays`, `anon`, …)."""

    url: str
    size: int
    state: str
    """Changes when the file's content does: etag, or time of change."""
    storage: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def read(self, start: int | None = None, end: int | None = None) -> bytes:
        """Return bytes `start` to `end`, fetching only these where the protocol can; passing faults are waited out."""
        with _explained(self.url):
            for wait_s in RETRY_SECONDS:
                try:
                    return self._fetch(start, end)
                except (FileNotFoundError, PermissionError, MemoryError):
                    raise
                except Exception:  # noqa: BLE001 - each protocol has errors of its own, of no common kind
                    time.sleep(wait_s)
            return self._fetch(start, end)

    def _fetch(self, start: int | None, end: int | None) -> bytes:
        data = filesystem(self.url, self.storage).cat_file(self.url, start=start, end=end)
        if start is not None and end is not None and len(data) > end - start:  # a server without ranges sends it all
            data = data[start:end]
        return data

    def open(self, block: int = HEADER_BLOCK) -> BinaryIO:
        """Open for seeking, fetched in blocks of `block` bytes."""
        with _explained(self.url):
            return filesystem(self.url, self.storage).open(self.url, "rb", block_size=block, cache_type="readahead")

    def current_state(self) -> str:
        """Ask for the file's state now."""
        with _explained(self.url):
            files = filesystem(self.url, self.storage)
            files.invalidate_cache()
            return _state(files.info(self.url))


def is_url(location: str | Path) -> bool:
    """Whether a location is a URL, also one that went through `Path` and lost a slash."""
    return bool(_URL.match(str(location)) or _COLLAPSED.match(str(location)))


def as_url(location: str | Path) -> str:
    """Spell a URL with the slashes that `Path` takes away (`s3:/bucket` -> `s3://bucket`; a `file` has three)."""
    return _COLLAPSED.sub(lambda match: f"{match[1]}:{'///' if match[1].lower() == 'file' else '//'}", str(location))


def shown_url(location: object) -> str:
    """Return a location as messages and recipes may show it: of a URL neither user and password nor its query.

    >>> shown_url("https://me:secret@host/papers/1.tar.gz?X-Amz-Signature=abc"), shown_url("papers/a?b.pdf")
    ('https://host/papers/1.tar.gz', 'papers/a?b.pdf')
    """
    text = as_url(str(location))
    if not _URL.match(text):
        return text
    return re.sub(r"(?<=://)[^/@\s]*@", "", re.sub(r"[?#]\S*", "", text))


def filesystem(url: str, storage: Mapping[str, Any]) -> Any:
    """Return fsspec's file system for a URL (cached by fsspec).

    Raises:
        InputError: the protocol is unknown or its package is not installed.
    """
    import fsspec  # type: ignore[import-untyped]

    protocol = url.partition("://")[0]
    options = {
        key: value for key, value in storage.items() if key != "requester_pays" or protocol in ("s3", "s3a", "gs")
    }
    try:
        return fsspec.filesystem(protocol, **options)
    except (ImportError, ValueError) as error:
        raise InputError(
            f"{shown_url(url)}: {error}. `pip install 's1-mmalign[s3]'` adds what `s3://` needs."
        ) from error


def remote_files(url: str, storage: Mapping[str, Any]) -> Iterator[tuple[str, RemoteFile]]:
    """Yield (path relative to `url`, file) for every file under a URL, or for the one file that it names.

    Raises:
        InputError: nothing is there, or it may not be read.
    """
    files = filesystem(url, storage)
    with _explained(url):
        root = files.info(url) if not url.startswith("http") or not url.endswith("/") else {"type": "directory"}
        if root["type"] == "file":
            name = shown_url(url).rstrip("/").rpartition("/")[2]
            yield name, RemoteFile(url, int(root["size"]), _state(root), storage)
            return
        base = files._strip_protocol(url).rstrip("/") + "/"
        for path, info in sorted(files.find(url, detail=True).items()):
            size = info.get("size")
            if size is None:  # a listing of a web server names files only
                info = files.info(path)
                size = info["size"] or 0
            yield path.removeprefix(base), RemoteFile(files.unstrip_protocol(path), int(size), _state(info), storage)


def _state(info: Mapping[str, Any]) -> str:
    """What tells one content of a file from another, of what the protocol knows."""
    marks = [info.get(key) for key in ("ETag", "etag", "md5Hash", "blob_id", "LastModified", "mtime", "last_modified")]
    known = next((str(mark) for mark in marks if mark), "")
    return hashlib.sha256(f"{info.get('size')} {known}".encode()).hexdigest()[:16]


class _explained:  # noqa: N801 - reads as a word in `with`
    """Turn what a protocol raises into one error that names the URL."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        shown, said = shown_url(self._url), str(error).replace(self._url, shown_url(self._url))
        if isinstance(error, FileNotFoundError):
            raise InputError(f"{shown}: nothing is there.") from error
        if isinstance(error, PermissionError):
            raise InputError(
                f"{shown}: may not be read ({said}). Are the credentials set? For a bucket whose reader "
                "pays, add --requester-pays."
            ) from error
        if isinstance(error, Exception) and not isinstance(error, InputError | MemoryError):
            raise InputError(
                f"{shown}: cannot be read ({type(error).__name__}: {said}). Run the same command again to go on."
            ) from error

"""A dataset folder at a URL: built on this machine, and its finished files copied where they are wanted.

The units, and all that makes a build go on after a crash, stay in the local folder; shards, ledger and report are sent
when they are there and not the same already, the manifest last, so that a reader of the URL never sees a shard's name
before the shard. What an earlier build left there and this one does not name is removed after that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from s1_mmalign.builder.shards import MANIFEST_NAME, WORK_FOLDER, Manifest, write_atomically
from s1_mmalign.builder.sources.locations import filesystem

_SENT = "sent.json"
LOCAL_FILES = ("gallery.html", "judgements.jsonl")
"""What people look at and write on this machine: no part of the dataset."""


def send_dataset(folder: Path, url: str, storage: Mapping[str, Any], progress: Callable[[str, int, int], None]) -> int:
    """Copy a dataset folder to an fsspec URL; return how many files were sent.

    Args:
        folder: the dataset folder, with its manifest.
        url: a folder at any fsspec URL that can be written to.
        storage: fsspec's options for it.
        progress: called as ("files", done, total).

    Raises:
        FolderError: `folder` is no dataset folder.
        InputError: the protocol of `url` is not known here.
    """
    files = filesystem(url, storage)
    manifest = Manifest.load(folder)
    state = {shard.path: shard.sha256 for shard in manifest.shards}
    names = [*state, *_others(folder), MANIFEST_NAME]
    note = folder / WORK_FOLDER / _SENT
    sent: dict[str, str] = _sent(note, url)
    there = _there(files, url)
    count = 0
    for index, name in enumerate(names):
        progress("files", index, len(names))
        mark = state.get(name) or str((folder / name).stat().st_mtime_ns)
        if sent.get(name) == mark and there.get(name) == (folder / name).stat().st_size:
            continue
        files.put_file(str(folder / name), f"{url.rstrip('/')}/{name}")
        sent[name] = mark
        count += 1
        write_atomically(note, json.dumps({"url": url, "files": sent}) + "\n")
    progress("files", len(names), len(names))
    for name in there:
        if name.startswith("data/") and name not in state:
            files.rm_file(f"{url.rstrip('/')}/{name}")
    return count


def _others(folder: Path) -> list[str]:
    """Every other file of the folder that is for its readers."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    names = (path.relative_to(folder).as_posix() for path in sorted(paths))
    return [name for name in names if not name.startswith((".", "data/")) and name not in (MANIFEST_NAME, *LOCAL_FILES)]


def _sent(note: Path, url: str) -> dict[str, str]:
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content["files"] if content.get("url") == url else {}


def _there(files: Any, url: str) -> dict[str, int]:
    """Names and bytes of what the URL holds."""
    files.invalidate_cache()
    base = files._strip_protocol(url).rstrip("/") + "/"
    try:
        found = files.find(url, detail=True)
    except FileNotFoundError:
        return {}
    return {path.removeprefix(base): info["size"] for path, info in found.items()}

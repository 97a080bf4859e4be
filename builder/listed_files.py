"""The files beside the shards (ledger, recipe, report, card, …), each listed with its sha256 in the manifest.

A file is replaced in three steps: the manifest lists the old and the new content, the file takes its name, the manifest
lists the new one alone. So a kill at any moment leaves a folder whose files are all listed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from s1_mmalign.builder.folder_lock import locked
from s1_mmalign.builder.shards import (
    DROPS_NAME,
    MANIFEST_NAME,
    FolderError,
    Manifest,
    Shard,
    sha256_of,
    write_bytes_atomically,
)

LEDGERS = (DROPS_NAME, "inputs.jsonl", "removed.jsonl")
"""What `build` writes line by line before its manifest."""
RENDERED = ("README.md", "croissant.json")
"""Written anew from the others at the end of every stage: what is wrong with them is mended then."""
WAYS_OUT = (
    {
        "recipe.json": "remove it and run the stages again (what is done is found again)",
        "report.json": "run `s1-mmalign evaluate` again",
    }
    | dict.fromkeys(RENDERED, "`s1-mmalign card` writes it anew")
    | dict.fromkeys(LEDGERS, "run the same `s1-mmalign build` again")
)
ABSENT = "-"
"""Stands for a digest where a file that is about to be written for the first time may not be there yet."""
OTHERWISE = "run the stage that made it again"
DAMAGED = "its bytes are not those that the manifest vouches for (sha256 differs)"
_THREADS = min(8, os.cpu_count() or 1)


def write_listed(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write small files of a dataset folder, by path in it; a folder without a manifest takes them unlisted.

    Raises:
        FolderError: another process works in the folder, or its manifest cannot be read.
    """
    contents = {name: text.encode("utf-8") if isinstance(text, str) else text for name, text in files.items()}
    if not (folder / MANIFEST_NAME).is_file():
        for name, data in contents.items():
            write_bytes_atomically(folder / name, data)
        return
    with locked(folder):
        manifest = Manifest.load(folder)
        new = {name: [hashlib.sha256(data).hexdigest()] for name, data in contents.items()}
        if any(manifest.files.get(name) != digests for name, digests in new.items()):
            before = manifest.files
            manifest.files = before | {name: [*before.get(name, [ABSENT]), *digests] for name, digests in new.items()}
            manifest.save(folder)
        for name, data in contents.items():
            write_bytes_atomically(folder / name, data)
        if manifest.files != manifest.files | new:
            manifest.files = manifest.files | new
            manifest.save(folder)


def read_listed(folder: Path, name: str) -> bytes:
    """Return what a small file holds, if it is what the manifest (where there is one) lists.

    Raises:
        FolderError: it is not, or the manifest cannot be read.
        OSError: it cannot be read.
    """
    data = (folder / name).read_bytes()
    if (folder / MANIFEST_NAME).is_file():
        digests = Manifest.load(folder).files.get(name)
        if digests is not None and hashlib.sha256(data).hexdigest() not in digests:
            raise FolderError(f"{folder / name}: {DAMAGED}; {WAYS_OUT.get(name, OTHERWISE)}.")
    return data


def digests_of(folder: Path, names: Sequence[str]) -> dict[str, list[str]]:
    """Return `Manifest.files` of those of the named files that are there."""
    return {name: [sha256_of(folder / name)] for name in names if (folder / name).is_file()}


def list_written(folder: Path, names: Sequence[str], gone: Sequence[str] = ()) -> None:
    """List files that were written just now, and no longer those that were removed."""
    with locked(folder):
        manifest = Manifest.load(folder)
        files = {name: digests for name, digests in manifest.files.items() if name not in gone}
        files |= {name: [sha256_of(folder / name)] for name in names}
        if files != manifest.files:
            manifest.files = files
            manifest.save(folder)


def damaged_files(folder: Path, files: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """Yield the listed files that are missing or have other bytes: their path, and what is wrong and to be done."""
    for name, digests in sorted(files.items()):
        path = folder / name
        way_out = WAYS_OUT.get(name, OTHERWISE)
        if not path.is_file():
            if ABSENT not in digests:
                yield name, f"is missing; {way_out}"
        elif sha256_of(path) not in digests:
            yield name, f"{DAMAGED}; {way_out}"


def check_files(folder: Path, manifest: Manifest) -> None:
    """Refuse to build on listed files that are damaged; those that are rendered anew do not count.

    Raises:
        FolderError: names the first file that is not as the manifest says.
    """
    files = {name: digests for name, digests in manifest.files.items() if not _is_rendered(name)}
    for name, what in damaged_files(folder, files):
        raise FolderError(f"{folder / name}: {what}.")


def _is_rendered(name: str) -> bool:
    return name in RENDERED or name.startswith("plots/")


def check_shards(
    folder: Path, shards: Sequence[Shard], progress: Callable[[str, int, int], None] = lambda what, done, total: None
) -> None:
    """Refuse to build on shards that are not byte for byte those that the manifest vouches for.

    Args:
        folder: the dataset folder.
        shards: those to read whole, several at a time.
        progress: called with ("checking shards", done, of all).

    Raises:
        FolderError: names the first shard that is missing or damaged, and the way out.
    """
    with ThreadPoolExecutor(_THREADS) as pool:
        found = pool.map(lambda shard: is_whole(folder, shard), shards)
        for done, (shard, whole) in enumerate(zip(shards, found, strict=True)):
            if not whole:
                pool.shutdown(wait=False, cancel_futures=True)
                raise FolderError(
                    f"{folder / shard.path}: is not the file that the manifest vouches for (missing, damaged, or a "
                    "command was ended while it wrote). Run the same `s1-mmalign recaption` again if one was "
                    "interrupted, else the same `s1-mmalign build`, which mends it; `s1-mmalign verify` tells the rest."
                )
            progress("checking shards", done + 1, len(shards))


def is_whole(folder: Path, shard: Shard) -> bool:
    """Say whether a shard has the bytes that it should have."""
    path = folder / shard.path
    return path.is_file() and path.stat().st_size == shard.bytes and sha256_of(path) == shard.sha256

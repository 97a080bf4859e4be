"""The files of a release as the lines of `inputs.jsonl` have them, without building anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from s1_mmalign.builder.shards import sha256_of
from s1_mmalign.builder.sources.digests import Input
from s1_mmalign.builder.sources.release import files_of, find_parts, open_root


def release_inputs(path: Path, source: str | None) -> Iterator[Input]:
    """Yield the files of a release, those of a folder read for their hash; of a repository the Hub tells it.

    Args:
        path: its folder or repository.
        source: only this one; None: all.

    Raises:
        InputError: neither is there, or a volume is missing.
    """
    root = open_root(path)
    for file in files_of(find_parts(root, source)):
        sha256 = file.sha256 if root.folder is None else sha256_of(root.folder / file.path)
        yield Input(file.path, "", file.bytes, sha256)

"""What a build read, by hash: `inputs.jsonl` beside the ledger, and the recipe's summary of it.

<folder>/inputs.jsonl    {"key", "paper_id", "bytes", "sha256"[, "beside"]}, a line a package, in order of key
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from s1_mmalign.builder.shards import DROPS_NAME, Manifest, sha256_of
from s1_mmalign.builder.sources.digests import Input

INPUTS_NAME = "inputs.jsonl"

Files = Mapping[str, Iterable[tuple[str, Path]]]
"""Files of the input beside the packages, name and place, by kind."""


@dataclass(slots=True)
class InputSummary:
    """What the recipe says of `inputs.jsonl`; `sha256` is of the file, so it stands for every line of it."""

    packages: int = 0
    bytes: int = 0
    sha256: str = ""
    files: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Metadata files, evaluation sets and manifests of tars: name, bytes, sha256."""

    def count(self, inputs: Iterable[Input]) -> Iterator[str]:
        """Yield the lines of the file, and keep what they add up to."""
        whole = hashlib.sha256()
        for one in inputs:
            line = one.line()
            whole.update(line.encode() + b"\n")
            self.packages += 1
            self.bytes += one.bytes
            yield line
        self.sha256 = whole.hexdigest()

    def hash_files(self, files: Files) -> None:
        """Note files of the input by their hash, in order of name."""
        for kind, paths in files.items():
            known = {(name, path.stat().st_size, sha256_of(path)) for name, path in paths}
            self.files[kind] = [{"name": name, "bytes": size, "sha256": digest} for name, size, digest in sorted(known)]


def write_lines(path: Path, lines: Iterable[str]) -> str:
    """Write a file line by line and return its sha256; a reader sees the old one or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    whole = hashlib.sha256()
    try:
        with temporary.open("wb") as file:
            for line in lines:
                data = line.encode("utf-8") + b"\n"
                whole.update(data)
                file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return whole.hexdigest()


def build_results(manifest: Manifest) -> dict[str, Any]:
    """Return what the recipe records of a build: counts and hashes of what came in and of what came out.

    The shards' hashes are those that the build wrote; later stages write the shards anew.
    """
    known = manifest.build
    written = known.get("written", {})
    return {
        "papers": manifest.papers,
        "rows": manifest.rows,
        "drops": manifest.drops,
        "grown": known.get("grown", False),
        "inputs": known.get("inputs", {}),
        "sha256": {
            DROPS_NAME: known.get("drops_sha256"),
            **{path: written.get(name) for path, name in sorted(known.get("shards", {}).items())},
        },
    }

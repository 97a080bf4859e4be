"""What tells the bytes of one package from those of another: recorded with every build, checked by `reproduce`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from s1_mmalign.builder.archives import files_of_folder
from s1_mmalign.builder.records import PackageError


class Digest(NamedTuple):
    """A package's bytes and their sha256 (hex).

    Of a folder: its files' bytes together, and the sha256 over each file's path and sha256, in order of path. `beside`
    is the sha256 of the JSON beside a PDF, which is a file of its own.
    """

    bytes: int
    sha256: str
    beside: str | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """One line of `inputs.jsonl`: a package as the build found it; `key` is its path below the input.

    `sha256` is None where the bytes were never read (a second package of one paper, a tar that was skipped) or could
    not be.
    """

    key: str
    paper_id: str
    bytes: int
    sha256: str | None
    beside: str | None = None

    def line(self) -> str:
        """Return the JSON of this line."""
        content: dict[str, Any] = {
            "key": self.key, "paper_id": self.paper_id, "bytes": self.bytes, "sha256": self.sha256,
        }  # fmt: skip
        if self.beside is not None:
            content["beside"] = self.beside
        return json.dumps(content, ensure_ascii=False)


def read_inputs(lines: Iterable[str]) -> Iterator[Input]:
    """Read the lines that `Input.line` gives.

    Raises:
        ValueError: a line that is none.
    """
    for number, line in enumerate(lines, 1):
        try:
            yield Input(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise ValueError(f"line {number} is no line of the inputs ({error})") from error


def digest_of_bytes(data: bytes, beside: Path | None = None) -> Digest:
    """Return the digest of a package whose bytes are at hand; `beside` is a PDF's JSON, where there is one."""
    return Digest(len(data), hashlib.sha256(data).hexdigest(), sha256_of_file(beside) if beside else None)


def digest_of_folder(root: Path) -> Digest:
    """Return the digest of an unpacked package; links are no part of it, as they are not read."""
    whole, size = hashlib.sha256(), 0
    for path in files_of_folder(root):
        whole.update(path.relative_to(root).as_posix().encode("utf-8", "surrogateescape") + b"\0")
        whole.update(bytes.fromhex(sha256_of_file(path)))
        size += path.stat().st_size
    return Digest(size, whole.hexdigest())


def sha256_of_file(path: Path) -> str:
    """Return the sha256 (hex) of a file of the input.

    Raises:
        PackageError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PackageError("package_unreadable", f"{path.name}: {error.strerror or error}") from error

"""Find the packages (one paper each) in files and folders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from s1_mmalign.builder.records import Metadata

ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".tar", ".gz", ".zip", ".meca")
PACKAGE_SUFFIXES = (*ARCHIVE_SUFFIXES, ".pdf", ".nxml")
METADATA_NAME = "metadata.jsonl"
"""A file of this name in an input folder is read as metadata without being asked for."""


class InputError(Exception):
    """The user's own mistake in naming the input; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Package:
    """One paper as it is handed out.

    `key` is its path relative to the input it was found in: stable when the whole input is moved.
    `path` is the archive, folder, PDF or XML itself; `bytes` its size, `mtime_ns` its (newest) change.
    """

    key: str
    paper_id: str
    path: Path
    bytes: int
    mtime_ns: int
    metadata: Metadata = field(default_factory=Metadata, compare=False)


@dataclass(slots=True)
class Inputs:
    """What `find_packages` saw: the packages in order of key, metadata files, and files that are neither."""

    packages: list[Package] = field(default_factory=list)
    metadata_files: list[Path] = field(default_factory=list)
    ignored: list[Path] = field(default_factory=list)


def find_packages(paths: Iterable[Path]) -> Inputs:
    """Find every package under `paths`.

    A path that names a file is a package whatever it is called. In a folder, files with a suffix of
    `PACKAGE_SUFFIXES` are packages, and so is a folder that itself holds LaTeX or JATS source. Links to
    files are followed, links to folders are not.

    Raises:
        InputError: a path that does not exist, or nothing found at all.
    """
    inputs = Inputs()
    roots = list(paths)
    for root in roots:
        if not root.exists():
            raise InputError(f"{root}: no such file or folder.")
        if root.is_file():
            inputs.packages.append(_package(root, root.name))
        else:
            _search(root, root, inputs)
    if not inputs.packages:
        raise InputError(
            f"no papers in {', '.join(map(str, roots))}: expected {', '.join(PACKAGE_SUFFIXES)} files, "
            "or folders that hold .tex, .xml or .nxml source."
        )
    inputs.packages.sort(key=lambda package: package.key)
    return inputs


def paper_id_of(name: str) -> str:
    """Return the paper's id: its file's name without the suffixes of packages (`2301.00001.tar.gz` -> `2301.00001`)."""
    lower = name.lower()
    for suffix in (*PACKAGE_SUFFIXES, ".xml", ".tex"):
        if lower.endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name


def _search(folder: Path, root: Path, inputs: Inputs) -> None:
    """Collect the packages of one folder, then of its subfolders."""
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    files = [entry for entry in entries if entry.is_file()]
    if folder != root and _is_package_folder(files):
        inputs.packages.append(_package(folder, folder.relative_to(root).as_posix()))
        return
    for path in files:
        name = path.name.lower()
        if name.endswith(PACKAGE_SUFFIXES):
            inputs.packages.append(_package(path, path.relative_to(root).as_posix()))
        elif name == METADATA_NAME:
            inputs.metadata_files.append(path)
        elif not (name.endswith(".json") and path.with_suffix(".pdf") in files):
            inputs.ignored.append(path)
    for entry in entries:
        if entry.is_dir() and not entry.is_symlink():
            _search(entry, root, inputs)


def _is_package_folder(files: list[Path]) -> bool:
    """Whether a folder is one unpacked paper: it holds TeX with a document class, or JATS XML, itself."""
    for path in files:
        suffix = path.suffix.lower()
        if suffix in (".tex", ".ltx", ".nxml", ".xml") and re.search(
            rb"\\document(class|style)|<article[\s>]", _head(path)
        ):
            return True
    return False


def _head(path: Path, size: int = 16_384) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        return b""


def _package(path: Path, key: str) -> Package:
    stats = [entry.stat() for entry in _files_of(path)] or [path.stat()]
    return Package(
        key=key,
        paper_id=paper_id_of(path.name),
        path=path,
        bytes=sum(stat.st_size for stat in stats),
        mtime_ns=max(stat.st_mtime_ns for stat in stats),
    )


def _files_of(path: Path) -> Iterator[Path]:
    """The files whose change makes the package another one: itself or its content, and the JSON beside a PDF."""
    if path.is_dir():
        yield from sorted(entry for entry in path.rglob("*") if entry.is_file())
        return
    yield path
    if path.suffix.lower() == ".pdf" and path.with_suffix(".json").is_file():
        yield path.with_suffix(".json")

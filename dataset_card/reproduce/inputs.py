"""The recorded inputs of a build, found under a folder and held against their hashes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from s1_mmalign.builder.inputs import INPUTS_NAME
from s1_mmalign.builder.shards import FolderError
from s1_mmalign.builder.sources.digests import Digest, Input, read_inputs
from s1_mmalign.builder.sources.package import Container, Package, input_of
from s1_mmalign.builder.sources.packages import METADATA_NAMES, Found, find, packages_in
from s1_mmalign.dataset_card.reproduce.recorded import Recorded

CHECKED_NAME = "checked-inputs.jsonl"
"""In the work folder of the reproduction: hashes that are known, so that a check that was ended goes on."""
FILE_OPTIONS = ("metadata", "evaluation_sets", "removed")
THREADS = 8
AHEAD = 256
"""Packages that are hashed at once, at most."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Places:
    """Where the recorded inputs are on this machine."""

    papers: tuple[Path, ...]
    metadata: tuple[Path, ...] = ()
    evaluation_sets: tuple[Path, ...] = ()
    removed: tuple[Path, ...] = ()


@dataclass(slots=True)
class InputCheck:
    """What is there, and what is not as it was."""

    packages: int = 0
    bytes: int = 0
    """Of the packages that are there."""
    missing: list[Input] = field(default_factory=list)
    changed: list[Input] = field(default_factory=list)
    """As they were recorded."""
    extra: list[Input] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    """What is wrong with metadata files, evaluation sets and lists of tars."""
    recorded: bool = True
    """Whether the dataset tells which packages it was built of."""
    unhashed: int = 0
    """Packages of which only the size was recorded."""

    @property
    def same(self) -> bool:
        """Whether everything is there as it was, and nothing else."""
        return self.recorded and not (self.missing or self.changed or self.extra or self.files)

    def lines(self) -> Iterator[str]:
        """Yield what a person reads."""
        if not self.recorded:
            yield f"inputs: which packages the build read is not recorded ({INPUTS_NAME} is missing); taken as they are"
            return
        if self.same:
            hashed = f", {self.unhashed:,} of them by their size alone" if self.unhashed else ""
            yield f"inputs: all {self.packages:,} packages are those of the recipe ({self.bytes:,} bytes{hashed})"
            return
        yield f"inputs: {self.packages:,} packages, not all as recorded"
        for word, found in (("missing", self.missing), ("changed", self.changed), ("extra", self.extra)):
            names = [one.key for one in found]
            yield from (f"  {word}: {name}" for name in names[:20])
            if len(names) > 20:
                yield f"  {word}: and {len(names) - 20:,} more"
        yield from (f"  {line}" for line in self.files)

    def why(self) -> dict[str, str]:
        """Return what is to be said of the rows of a paper whose package is not as it was, by paper_id."""
        words = (("is missing", self.missing), ("has other bytes", self.changed), ("is not in the recipe", self.extra))
        return {one.paper_id: f"its package {one.key} {word}" for word, found in words for one in found}


def find_places(options: Mapping[str, Any], folder: Path | None, recorded: Recorded) -> Places:
    """Find the inputs that the recipe names.

    Args:
        options: of the stage `build`; a metadata file (and so on) may be the path of one.
        folder: that of `--inputs`: the one recorded input itself, or what holds inputs by their recorded names.
        recorded: the dataset; its list of removed papers holds, too.

    Raises:
        FolderError: `--inputs` is needed, or something is not there; all that is missing is named.
    """
    names = list(options["papers"])
    if folder is None:
        if not (options.get("release") and all("/" in name for name in names)):
            raise FolderError(f"--inputs DIR is needed: where {', '.join(names)} is on this machine.")
        papers, missing = [Path(name) for name in names], list[str]()
    else:
        if not folder.exists():
            raise FolderError(f"--inputs {folder}: no such folder.")
        papers, missing = _papers(names, folder)
    files: dict[str, tuple[Path, ...]] = {}
    for option in FILE_OPTIONS:
        found = [_file(name, folder) for name in options.get(option) or ()]
        missing += [
            f"{name} (or give it with --option 'build.{option}=[\"PATH\"]')"
            for name, path in zip(options.get(option) or (), found, strict=True)
            if path is None
        ]
        files[option] = tuple(path for path in found if path is not None)
    if missing:
        raise FolderError(f"--inputs {folder}: of the recorded inputs there is no {'; no '.join(missing)}")
    removed = recorded.folder / "removed.jsonl"
    own = (removed,) if removed.is_file() else ()
    return Places(tuple(papers), files["metadata"], files["evaluation_sets"], (*files["removed"], *own))


def _papers(names: Sequence[str], folder: Path) -> tuple[list[Path], list[str]]:
    if len(names) == 1:
        below = folder / names[0]
        return [below if names[0] and below.exists() else folder], []
    found = [folder / name for name in names]
    return found, [name for name, path in zip(names, found, strict=True) if not path.exists()]


def _file(name: str, folder: Path | None) -> Path | None:
    """A file beside the papers: by a path of one's own, in the folder, or beside it."""
    candidates = [Path(name)] if "/" in name else []
    candidates += [folder / name, folder.resolve().parent / name] if folder else []
    return next((path for path in candidates if path.is_file()), None)


def check_inputs(
    recorded: Recorded, places: Places, options: Mapping[str, Any], work: Path | None, progress: Progress
) -> InputCheck:
    """Hold every package that is there against the one that the build read.

    Args:
        recorded: the dataset.
        places: of the inputs.
        options: of the stage `build`.
        work: where hashes are kept for the next call; None: nowhere.
        progress: called with ("inputs", packages checked, of all recorded).

    Raises:
        FolderError: the recorded list cannot be read.
        InputError: an input that is not there or cannot be fetched.
    """
    known = _recorded_inputs(recorded)
    check = InputCheck(recorded=known is not None)
    if known is None:
        return check
    release = bool(options.get("release"))
    if release:
        from s1_mmalign.builder.sources.release_inputs import release_inputs

        there = release_inputs(places.papers[0], options["extract"]["source"])
    else:
        there = _hashed(places.papers, known, work)
    total, left = len(known), dict(known)
    for one in there:
        before = left.pop(one.key, None)
        check.packages += 1
        check.bytes += one.bytes
        if before is None:
            check.extra.append(one)
        elif before.sha256 is None:
            check.unhashed += 1
            if before.bytes != one.bytes:
                check.changed.append(before)
        elif (before.bytes, before.beside) != (one.bytes, one.beside) or (
            before.sha256 != one.sha256 and (one.sha256 or not release)  # of small files the Hub tells no sha256
        ):
            check.changed.append(before)
        progress("inputs", check.packages, max(total, check.packages))
    check.missing = [left[key] for key in sorted(left)]
    check.files = list(_wrong_files(recorded, places, release))
    return check


def _recorded_inputs(recorded: Recorded) -> dict[str, Input] | None:
    path = recorded.folder / INPUTS_NAME
    if not path.is_file():
        return None
    try:
        with path.open(encoding="utf-8") as lines:
            return {one.key: one for one in read_inputs(lines)}
    except ValueError as error:
        raise FolderError(f"{path}: {error}. Build the dataset again.") from error


def _hashed(papers: Sequence[Path], known: Mapping[str, Input], work: Path | None) -> Iterator[Input]:
    """Yield what is there, hashed where its size is the recorded one and nobody knows its hash yet."""
    before = _kept(work)
    with ThreadPoolExecutor(THREADS) as pool, (work / CHECKED_NAME if work else Path(os.devnull)).open("a") as keep:
        found = _packages(papers)
        while batch := list(islice(found, AHEAD)):
            for package, one in zip(batch, pool.map(lambda one: _input(one, known, before), batch), strict=True):
                if one.sha256 and package.remote is None:
                    keep.write(json.dumps([package.key, _state(package), one.bytes, one.sha256, one.beside]) + "\n")
                yield one
            keep.flush()


def _input(package: Package, known: Mapping[str, Input], before: Mapping[str, tuple[str, Digest]]) -> Input:
    recorded = known.get(package.key)
    if recorded is None or recorded.sha256 is None:
        return Input(package.key, package.paper_id, package.bytes, None)
    state, digest = before.get(package.key, (None, None))
    return input_of(package, digest if state == _state(package) else None)


def _state(package: Package) -> str:
    """What tells one content of a package from another without reading it."""
    return f"{package.bytes}-{package.mtime_ns}-{package.state}"


def _kept(work: Path | None) -> dict[str, tuple[str, Digest]]:
    path = work / CHECKED_NAME if work else None
    kept: dict[str, tuple[str, Digest]] = {}
    if path is None or not path.is_file():
        return kept
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            key, state, size, sha256, beside = json.loads(line)
        except (ValueError, TypeError):  # the line that a killed run was writing
            continue
        kept[key] = state, Digest(size, sha256, beside)
    return kept


def _packages(papers: Sequence[Path]) -> Iterator[Package]:
    for found in find(papers, {}):
        if isinstance(found, Package):
            yield found
        elif isinstance(found, Container):
            yield from packages_in(found)


def _wrong_files(recorded: Recorded, places: Places, release: bool) -> Iterator[str]:
    """Metadata files and evaluation sets whose bytes are not the recorded ones."""
    from s1_mmalign.builder.shards import sha256_of

    stage = recorded.stage("build") or {}
    files = stage.get("results", {}).get("inputs", {}).get("files", {})
    inside = [] if release else [one for one in find(places.papers, {}) if isinstance(one, Found) and not one.remote]
    there = {
        "metadata": [*places.metadata, *(one.path for one in inside if one.path.name.lower() in METADATA_NAMES)],
        "tar_manifests": [one.path for one in inside if one.kind == "tar_manifest"],
        "evaluation_sets": list(places.evaluation_sets),
    }
    for kind, paths in there.items():
        now = {path.name: sha256_of(path) for path in dict.fromkeys(paths)}
        before = {one["name"]: one["sha256"] for one in files.get(kind, ())}
        for name in sorted(before.keys() | now.keys()):
            if before.get(name) != now.get(name):
                word = "missing" if name not in now else "extra" if name not in before else "changed"
                yield f"{word}: {name} ({kind.replace('_', ' ')})"

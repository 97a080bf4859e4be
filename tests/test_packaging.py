"""The wheel holds every room: a folder that pyproject.toml does not name is missing from an installed copy alone."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = ("builder", "processing", "eval", "dataset_card", "samples")


def test_every_subpackage_is_named() -> None:
    named = set(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"])
    folders = {path.parent.relative_to(ROOT) for room in ROOMS for path in (ROOT / room).rglob("__init__.py")}
    assert named == {"s1_mmalign"} | {f"s1_mmalign.{'.'.join(folder.parts)}" for folder in folders}


def test_files_that_the_program_reads_beside_its_code_are_packaged() -> None:
    named = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"]
    for folder, pattern in (
        ("dataset_card/gallery", "page.js"),
        ("processing/prompts", "*.toml"),
        ("builder/data", "*.json"),
    ):
        files = list((ROOT / folder).glob(pattern))
        assert files
        covered = {
            path
            for package, patterns in named.items()
            for room in (
                [ROOT / folder, (ROOT / folder).parent] if package == "*" else [ROOT / Path(*package.split(".")[1:])]
            )
            for one in patterns
            for path in room.glob(one)
        }
        assert set(files) <= covered, folder

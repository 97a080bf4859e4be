"""The lock pins, with hashes, what the project names; the list of licences names it, too."""

import re
import tomllib
from pathlib import Path

from tests.lock_dependencies import LEFT_OUT, LICENCES, LOCK

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
NAMED = [*PROJECT["dependencies"], *(one for group in ("test", "eval", "ray", "train") for one in
         PROJECT["optional-dependencies"][group] if not one.startswith("s1-mmalign"))]  # fmt: skip


def name_of(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~ ;]", requirement)[0]).lower()


def test_every_line_of_the_lock_is_a_version_with_hashes_and_no_address() -> None:
    entries = re.split(r"\n(?=\S)", LOCK.read_text().strip())
    pinned = [entry for entry in entries if not entry.startswith("#")]
    assert len(pinned) > 100
    for entry in pinned:
        assert re.fullmatch(r"[a-z0-9-]+==[\w.!]+( \\\n    --hash=sha256:[0-9a-f]{64})+", entry), entry


def test_what_the_project_names_is_in_the_lock_and_among_the_licences() -> None:
    locked = {line.partition("==")[0] for line in LOCK.read_text().splitlines() if "==" in line}
    listed = set(re.findall(r"^\| ([a-z0-9.-]+) \|", LICENCES.read_text(), re.MULTILINE))
    names = {name_of(one) for one in NAMED}
    assert {name for name in names - locked if not LEFT_OUT.fullmatch(name)} == set()
    assert names - listed == set()

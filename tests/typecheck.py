"""Type-check the package with mypy.

The subpackages are folders at the top of the repository, which mypy cannot map to `s1_mmalign.*` by itself,
so it is shown a folder of links that spells the package as it is installed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run mypy and return its exit code."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = settings["tool"]["setuptools"]["package-dir"]
    with tempfile.TemporaryDirectory() as scratch:
        package = Path(scratch) / "s1_mmalign"
        package.mkdir()
        for entry in (ROOT / folders["s1_mmalign"]).iterdir():
            if entry.suffix in (".py", ".typed"):
                (package / entry.name).symlink_to(entry)
        for name, folder in folders.items():
            if name != "s1_mmalign":
                (package / name.rpartition(".")[2]).symlink_to(ROOT / folder)
        command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), "-p", "s1_mmalign"]
        cache = ["--cache-dir", str(ROOT / ".mypy_cache")]
        return subprocess.run([*command, *cache], cwd=scratch, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())

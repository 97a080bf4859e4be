"""Four short papers written for this project (CC0): what `quickstart` builds from, and how they were made."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def papers_folder() -> Path:
    """Return the folder that holds the sample papers and their metadata (the package is installed unzipped)."""
    return Path(str(files(__name__) / "papers"))

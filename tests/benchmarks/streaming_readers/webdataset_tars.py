"""Raw webdataset over tar shards."""

from pathlib import Path
from typing import Any

import webdataset


def rows(folder: Path, size: int | None) -> Any:
    tars = [str(path) for path in sorted((folder / "tars").rglob("*.tar"))]
    return webdataset.WebDataset(tars, shardshuffle=False).decode("pilrgb").to_tuple("jpg;png", "txt")

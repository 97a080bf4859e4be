"""This project's stream over Parquet, shuffled."""

from pathlib import Path
from typing import Any

from ours import Pairs

from s1_mmalign import training_stream


def rows(folder: Path, size: int | None) -> Any:
    return Pairs(training_stream(folder / "parquet", image="array", size=size, shuffle=500))

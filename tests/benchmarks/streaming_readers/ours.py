"""This project's stream over Parquet."""

from pathlib import Path
from typing import Any

from torch.utils.data import IterableDataset

from s1_mmalign import training_stream


class Pairs(IterableDataset):
    """Rows as (image, text)."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Any:
        return ((row["image"], row["text"]) for row in self._stream)


def rows(folder: Path, size: int | None) -> Any:
    return Pairs(training_stream(folder / "parquet", image="array", size=size))

"""`datasets` streaming over the same Parquet files, as it comes."""

from pathlib import Path
from typing import Any

from datasets import load_dataset
from torch.utils.data import IterableDataset


class Pairs(IterableDataset):
    """Rows as (image, text)."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Any:
        return ((row["image"].convert("RGB"), row["recaption"] or row["caption"]) for row in self._stream)


def rows(folder: Path, size: int | None) -> Any:
    files = str(folder / "parquet" / "data" / "**" / "*.parquet")
    return Pairs(load_dataset("parquet", data_files=files, split="train", streaming=True))

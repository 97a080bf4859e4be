"""The floor: tarfile and Pillow, nothing else."""

import io
import tarfile
from pathlib import Path
from typing import Any

from PIL import Image
from torch.utils.data import IterableDataset, get_worker_info


class Pairs(IterableDataset):
    """Rows as (image, text), tars shared out among workers."""

    def __init__(self, tars: list[Path]) -> None:
        self._tars = tars

    def __iter__(self) -> Any:
        worker = get_worker_info()
        for path in self._tars[worker.id :: worker.num_workers]:
            with tarfile.open(path) as archive:
                image = None
                for member in archive:
                    data = archive.extractfile(member).read()  # type: ignore[union-attr]
                    if member.name.endswith((".jpg", ".png")):
                        image = Image.open(io.BytesIO(data)).convert("RGB")
                    elif member.name.endswith(".txt"):
                        yield image, data.decode()


def rows(folder: Path, size: int | None) -> Any:
    return Pairs(sorted((folder / "tars").rglob("*.tar")))

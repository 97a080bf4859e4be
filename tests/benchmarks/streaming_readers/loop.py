"""Times one reader in a process of its own: `python loop.py READER FOLDER SIZE LIMIT`, SIZE 0 for whole images.

A line when the first batch is there, and one at the end: {"rows", "seconds"} from the first batch to the last, and
"cpu", the processor seconds that the workers spent on each row.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader

WORKERS = 2
BATCH = 32


class Batches:
    """Makes a batch in the worker: pictures of `size` x `size` on white, or, with size 0, only what each measures."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __call__(self, rows: list[tuple[Any, str]]) -> tuple[torch.Tensor, list[str]]:
        images = [self._finish(image) for image, _ in rows]
        return torch.from_numpy(np.stack(images)), [text for _, text in rows]

    def _finish(self, image: Any) -> np.ndarray:
        if not self._size:
            return np.asarray(image.size if isinstance(image, Image.Image) else image.shape[1::-1])
        if isinstance(image, Image.Image) and max(image.size) > self._size:
            scale = self._size / max(image.size)
            wanted = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
            image = image.convert("RGB").resize(wanted, Image.Resampling.BICUBIC)
        pixels = np.asarray(image)
        batch = np.full((self._size, self._size, 3), 255, np.uint8)
        batch[: pixels.shape[0], : pixels.shape[1]] = pixels
        return batch


def main(reader: str, folder: Path, size: int, limit: int) -> None:
    """Read up to `limit` rows."""
    source = importlib.import_module(reader).rows(folder, size or None)
    loader = DataLoader(source, BATCH if limit > 1 else 1, num_workers=WORKERS, collate_fn=Batches(size))
    rows = total = 0
    started = 0.0
    for images, _ in loader:
        total += len(images)
        if started:
            rows += len(images)
        else:
            print("first", flush=True)
            started = time.perf_counter()
        if total >= limit:
            break
    seconds = time.perf_counter() - started
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)  # the workers have ended with the loop
    cpu = (usage.ru_utime + usage.ru_stime) / total
    print(json.dumps({"rows": rows, "seconds": seconds, "cpu": cpu}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))

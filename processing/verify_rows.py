"""The rows of a shard against themselves: names, labels, images."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections import Counter
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from huggingface_hub.errors import HTTPError
from PIL import Image

from s1_mmalign.builder.records import LICENCE_CLASSES, SOURCES
from s1_mmalign.builder.shards import Shard
from s1_mmalign.processing.verify_files import ShardFiles
from s1_mmalign.processing.verify_report import VerifyReport

ID_COLUMNS = ("image_path", "paper_id", "source", "licence_class")
IMAGE_COLUMNS = ("image", "image_path", "image_sha256", "width", "height")
UNREADABLE = (pa.ArrowException, OSError)


class Ids:
    """Image paths (as 8-byte hashes, so that millions fit) and paper ids that were seen."""

    def __init__(self) -> None:
        self._hashes: list[np.ndarray] = []
        self.papers: set[str] = set()

    def add(self, paths: list[str], papers: list[str]) -> None:
        """Note the image paths and papers of some rows."""
        self._hashes.append(np.array([_hash(path) for path in paths], dtype=np.uint64))
        self.papers.update(papers)

    def repeated(self, files: ShardFiles, shards: Iterable[Shard]) -> list[str]:
        """Return paths that more than one row has; the shards are read again only where hashes collide."""
        if not self._hashes:
            return []
        values, counts = np.unique(np.concatenate(self._hashes), return_counts=True)
        suspects = {int(value) for value in values[counts > 1]}
        if not suspects:
            return []
        found: Counter[str] = Counter()
        for shard in shards:
            try:
                with files.open(shard) as file:
                    paths = file.read(columns=["image_path"])["image_path"].to_pylist()
            except UNREADABLE:
                continue  # which was reported already
            found.update(path for path in paths if path and _hash(path) in suspects)
        return sorted(path for path, count in found.items() if count > 1)


def _hash(path: str) -> int:
    return int.from_bytes(hashlib.blake2b(path.encode(), digest_size=8).digest(), "big")


def check_rows(files: ShardFiles, shard: Shard, chosen: set[int] | None, seen: Ids, report: VerifyReport) -> None:
    """Check ids and labels of every row, and the images of the chosen ones (None: all)."""
    first = 0
    try:
        with files.open(shard) as file:
            for group in range(file.num_row_groups):
                ids = file.read_row_group(group, columns=list(ID_COLUMNS))
                _check_labels(ids, shard, first, report)
                seen.add(ids["image_path"].drop_null().to_pylist(), ids["paper_id"].drop_null().to_pylist())
                rows = [row for row in range(ids.num_rows) if chosen is None or first + row in chosen]
                if rows:
                    for row in file.read_row_group(group, columns=list(IMAGE_COLUMNS)).take(rows).to_pylist():
                        _check_image(row, shard, report)
                first += ids.num_rows
    except HTTPError:  # the connection's fault, not the data's
        raise
    except UNREADABLE as error:
        report.add(shard.path, f"rows from {first:,} on cannot be read: {error}")


def _check_labels(ids: pa.Table, shard: Shard, first: int, report: VerifyReport) -> None:
    for name in ("image_path", "paper_id"):
        if ids[name].null_count:
            report.add(shard.path, f"{ids[name].null_count:,} rows from row {first:,} on have no {name}")
    for name, label in (
        ("source", SOURCES.index(shard.source) if shard.source in SOURCES else -1),
        ("licence_class", LICENCE_CLASSES.index(shard.licence_class) if shard.licence_class in LICENCE_CLASSES else -1),
    ):
        wrong = ids.num_rows - (pc.sum(pc.equal(ids[name], label)).as_py() or 0)
        if wrong:
            report.add(shard.path, f"{wrong:,} rows from row {first:,} on are of another {name}")


def _check_image(row: dict, shard: Shard, report: VerifyReport) -> None:
    """One image: its bytes, and its size as the row gives them."""
    report.images += 1
    data = (row["image"] or {}).get("bytes")
    if not data:
        report.add(shard.path, f"{row['image_path']}: has no image")
        return
    if hashlib.sha256(data).hexdigest() != row["image_sha256"]:
        report.add(shard.path, f"{row['image_path']}: the image is not the one that image_sha256 names")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                image.load()
                size = image.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        report.add(shard.path, f"{row['image_path']}: the image cannot be decoded ({error})")
        return
    if size != (row["width"], row["height"]):
        report.add(shard.path, f"{row['image_path']}: is {size[0]} x {size[1]} pixels, the row says otherwise")

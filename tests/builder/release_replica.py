"""Small replicas of the published S1-MMAlign, made of tar, gzip and split alone, with the faults of the real one."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from tests.dataset_card.small_dataset import picture

EXTRA = "0705/0606999.tar.gz/fig009.png"
"""A member of arXiv's 2007 that no row names."""
MISSING = "images/0705/0606283.tar.gz/fig001.png"
"""A row of arXiv's 2007 without a member."""


def release_row(path: str, **changes: Any) -> dict[str, Any]:
    """One line of the JSONL; `path` without `images/`."""
    row = {
        "arxiv_id": "hep-th/" + path.split("/")[1].split(".")[0],
        "title": f"On the paper of {path}",
        "image_path": f"images/{path}",
        "caption": f"Raw caption of {path}.",
        "recaption": f"A longer caption, by a model, of {path}.",
        "categories": ["hep-th", "gr-qc"],
    }
    return row | changes


def pack(folder: Path, name: str, members: dict[str, bytes], volume_bytes: int | None = None, prefix: str = "") -> None:
    """Write members to a .tar.gz, cut as `split -b` cuts where `volume_bytes` is given."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for path, data in members.items():
            for parent in reversed(Path(path).parents[:-1]):
                directory = tarfile.TarInfo(f"{prefix}{parent}")
                directory.type = tarfile.DIRTYPE
                archive.addfile(directory)
            member = tarfile.TarInfo(prefix + path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    packed = gzip.compress(stream.getvalue(), 6)
    folder.mkdir(parents=True, exist_ok=True)
    if volume_bytes is None:
        (folder / name).write_bytes(packed)
        return
    for index, start in enumerate(range(0, len(packed), volume_bytes)):
        letters = chr(ord("a") + index // 26) + chr(ord("a") + index % 26)
        (folder / f"{name}.part{letters}").write_bytes(packed[start : start + volume_bytes])


def write_lines(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    """Write rows to `jsonl/<name>`."""
    (folder / "jsonl").mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "jsonl" / name).write_text(lines, encoding="utf-8")


def write_release(root: Path) -> dict[str, dict[str, Any]]:
    """Write arXiv's 2007 (volumes, one image missing, one extra) and 2009, bioRxiv and the misspelt folder.

    Returns the rows that have an image, by the `image_path` that the dataset will have.
    """
    expected = {}
    for year, month, volume_bytes in (("07", "0705", 900), ("09", "0903", None)):
        paths = [f"{month}/06062{number}.tar.gz/fig00{figure}.png" for number in (82, 84, 85) for figure in (1, 2)]
        rows = [release_row(path) for path in paths]
        members = {path: picture(int(year) + index) for index, path in enumerate(paths)}
        expected |= {f"arxiv/{path}": row for path, row in zip(paths, rows, strict=True)}
        if year == "07":
            rows.insert(2, release_row(MISSING.removeprefix("images/")))
            members[EXTRA] = picture(50)
        write_lines(root / "arxiv", f"{year}_recaption.jsonl", rows)
        reversed_members = dict(reversed(members.items()))  # the order of the lines is not that of the members
        pack(root / "arxiv", f"images_20{year}.tar.gz", reversed_members, volume_bytes)
    for folder, source, lines in (
        ("biorxiv", "biorxiv", "biorxiv_recaption.jsonl"),
        ("nature_comunication", "nature_communications", "nature_comunication_recaption.jsonl"),
    ):
        paths = [f"10.1101_{number}/fig1.jpg" for number in range(3)]
        rows = [_journal_row(path) for path in paths]
        members = {path: picture(70 + index, "JPEG") for index, path in enumerate(paths)}
        expected |= {f"{source}/{path}": row for path, row in zip(paths, rows, strict=True)}
        write_lines(root / folder, lines, rows)
        pack(root / folder, "images.tar.gz", members, 1000, prefix="./")
    return expected


def _journal_row(path: str) -> dict[str, Any]:
    row = release_row(path, doi=path.split("/")[0].replace("_", "/"), categories=["Neuroscience"])
    del row["arxiv_id"]
    return row

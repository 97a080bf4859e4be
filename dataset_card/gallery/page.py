"""Write the gallery as one page that needs nothing else: style, program, rows and pictures are in it.

The rows come from papers that strangers wrote. They lie in the page as data (JSON in which `<` is escaped), the
program puts them on the screen as text and never as markup, and the page's content security policy lets no other
program run and nothing be fetched from anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from s1_mmalign.builder.shards import MANIFEST_NAME, FolderError, Manifest, sha256_of
from s1_mmalign.dataset_card.gallery.entries import Entry, choose_rows, read_entries

BLOCK_ROWS = 50
"""Rows that lie in one block of the page; a block is parsed when one of its rows is shown."""
SIDE, SMALL_SIDE, MANY_ROWS = 560, 360, 1000
"""Pixels of a picture's longer side on a page of few rows and of many; with `--serve` a click shows it in full size."""
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class GalleryOptions:
    """What the page shows."""

    limit: int = 500
    """Rows at most, drawn evenly at random over the dataset; a page of 5,000 is as large as is handy."""
    seed: int = 0
    columns: tuple[str, ...] = ("recaption",)
    """The caption columns to judge; with two, they stand side by side."""
    blind: bool = False
    """With two columns: which is which is not shown, and the sides change at random from row to row."""
    picture_side: int | None = None
    """Pixels of a picture's longer side; None: 560, and 360 on a page of more than 1,000 rows."""

    def __post_init__(self) -> None:
        """Reject what cannot be meant."""
        if self.limit < 1 or (self.picture_side is not None and self.picture_side < 16):
            raise ValueError(f"limit={self.limit}, picture_side={self.picture_side}: at least 1 row and 16 pixels")
        if not 1 <= len(self.columns) <= 2 or len(set(self.columns)) != len(self.columns):
            raise ValueError(f"columns={self.columns!r}: one caption column, or two different ones")
        if self.blind and len(self.columns) != 2:
            raise ValueError("blind: two columns are expected (--columns recaption,recaption_b)")


def write_gallery(
    folder: Path, out: Path, options: GalleryOptions, progress: Callable[[str, int, int], None] = lambda *_: None
) -> int:
    """Write the page of a dataset folder to `out`; return the number of rows on it.

    Raises:
        FolderError: no dataset in `folder`, one without rows, or without a column that is asked for.
    """
    manifest = Manifest.load(folder)
    places = choose_rows(manifest, options.limit, options.seed)
    if not places:
        raise FolderError(f"{folder}: a dataset without rows; there is nothing to show.")
    side = options.picture_side or (SMALL_SIDE if len(places) > MANY_ROWS else SIDE)
    entries = read_entries(folder, places, options.columns, side)
    about = {
        "dataset": folder.resolve().name,
        "fingerprint": sha256_of(folder / MANIFEST_NAME)[:16],
        "rows": manifest.rows,
        "columns": list(options.columns),
        "blind": options.blind,
        "seed": options.seed,
    }
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with temporary.open("w", encoding="utf-8") as file:
            for piece in _pieces(_counted(entries, len(places), progress), about):
                file.write(piece)
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    return len(places)


def content_policy(style: str, script: str) -> str:
    """Return the page's content security policy: this style, this program, pictures in the page, its own server."""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data: 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'"
    )


def _pieces(entries: Iterable[Entry], about: dict[str, Any]) -> Iterator[str]:
    style, script = (_HERE / "page.css").read_text("utf-8"), (_HERE / "page.js").read_text("utf-8")
    head, _, tail = (_HERE / "page.html").read_text("utf-8").partition("<!-- rows -->")
    yield _filled(
        head,
        {"policy": html.escape(content_policy(style, script)), "style": style, "name": html.escape(about["dataset"])},
    )
    index: list[dict[str, Any]] = []
    for block in _blocks(entries):
        index += [_index_entry(entry.data) for entry in block]
        yield _data_block("rows", [entry.data for entry in block])
        yield _data_block("pictures", [entry.picture for entry in block])
    yield _data_block("index", {**about, "block": BLOCK_ROWS, "index": index})
    yield _filled(tail, {"script": script})


def _filled(template: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    return template


def _blocks(entries: Iterable[Entry]) -> Iterator[Sequence[Entry]]:
    iterator = iter(entries)
    while block := list(islice(iterator, BLOCK_ROWS)):
        yield block


def _index_entry(data: dict[str, Any]) -> dict[str, Any]:
    """What filters need of a row before its block is parsed."""
    flags = sorted({flag for caption in data["captions"].values() for flag in caption["flags"]})
    return {"id": data["id"], "s": data["source"], "d": data["discipline"], "f": flags, "n": data["scores"]}


def _data_block(name: str, value: Any) -> str:
    """JSON that no HTML parser mistakes for markup."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    text = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    text = text.encode("utf-8", "replace").decode("utf-8")
    return f'<script type="application/json" class="{name}">{text}</script>\n'


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _counted(entries: Iterable[Entry], total: int, progress: Callable[[str, int, int], None]) -> Iterator[Entry]:
    for done, entry in enumerate(entries, 1):
        yield entry
        progress("rows", done, total)

"""Draw a row of a dataset as a picture: figure, raw caption, recaption (README shows one).

python docs/draw_row.py DATASET IMAGE_PATH OUT.png
"""

from __future__ import annotations

import io
import sys
import textwrap
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from PIL import Image

from s1_mmalign.builder.shards import Manifest, iter_tables

COLUMNS = ["image", "image_path", "title", "caption", "recaption", "recaption_model", "citation_contexts"]
WIDTH = 92
"""Letters of a line of text."""


def find_row(folder: Path, image_path: str) -> dict[str, Any]:
    """Return the row of that name."""
    for shard in Manifest.load(folder).shards:
        for table in iter_tables(folder / shard.path, COLUMNS):
            for row in table.to_pylist():
                if row["image_path"] == image_path:
                    return row
    raise SystemExit(f"{folder} has no row {image_path}")


def draw(row: dict[str, Any], out: Path) -> None:
    """Write the picture."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5.6), width_ratios=[1, 1.15])
    left.imshow(Image.open(io.BytesIO(row["image"]["bytes"])).convert("RGB"))
    left.set_title(row["image_path"], fontsize=9, family="monospace", color="#555555")
    parts = (
        ("caption", row["caption"], "#1b4f72"),
        ("citation_contexts[0]", row["citation_contexts"][0], "#555555"),
        (f"recaption  ({row['recaption_model']})", row["recaption"], "#145a32"),
    )
    height = 1.0
    for name, text, colour in parts:
        right.text(0, height, name, fontsize=9, family="monospace", weight="bold", va="top", color=colour)
        lines = textwrap.wrap(text, WIDTH, max_lines=16, placeholder=" …")
        # Mathematics stays as the row has it: `$…$` is data here, not something to typeset.
        plain = "\n".join(lines).replace("$", r"\$")
        right.text(0, height - 0.04, plain, fontsize=8.5, va="top", color="#222222", linespacing=1.3)
        height -= 0.04 + 0.0345 * len(lines) + 0.035
    for axes in (left, right):
        axes.axis("off")
    figure.tight_layout()
    figure.savefig(out, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    draw(find_row(Path(sys.argv[1]), sys.argv[2]), Path(sys.argv[3]))

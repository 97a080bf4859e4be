"""What the build found, as the card shows it: the funnel by source, out of `build-report/report.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from s1_mmalign.builder.funnel import FOLDER, STEPS
from s1_mmalign.builder.shards import FolderError
from s1_mmalign.dataset_card import markdown

REPORT = f"{FOLDER}/report.json"
PLOT = f"{FOLDER}/funnel.png"


def load_build_report(folder: Path) -> dict[str, Any] | None:
    """Return the content of the build's report, None where there is none.

    Raises:
        FolderError: it is there and cannot be read.
    """
    path = folder / REPORT
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        _rows(content)
        return content
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FolderError(f"{path}: cannot be read ({error!r}). Run the same `s1-mmalign build` again.") from error


def build_report(folder: Path, rows_now: int) -> dict[str, str] | None:
    """Return what the template shows of the build's report, None where there is none.

    Args:
        folder: the dataset folder.
        rows_now: rows of the shards; papers that were removed since make them fewer.

    Raises:
        FolderError: the report cannot be read.
    """
    content = load_build_report(folder)
    if content is None:
        return None
    total = content["total"]
    left_out = ", ".join(f"`{reason}` {count:,}" for reason, count in total["left_out"].items())
    text = f"Rows left out afterwards: {left_out or 'none'}; {total['rows_kept']:,} were kept."
    if rows_now != total["rows_kept"]:
        text += f" {total['rows_kept'] - rows_now:,} were removed since: {rows_now:,} are left."
    return {
        "table": markdown.table(("source", *(step.replace("_", " ") for step in STEPS)), _rows(content)),
        "left_out": text,
        "plot": PLOT if (folder / PLOT).is_file() else "",
    }


def _rows(content: dict[str, Any]) -> list[tuple[object, ...]]:
    sources = [(f"`{name}`", *(counts[step] for step in STEPS)) for name, counts in content["sources"].items()]
    return [*sources, ("all", *(content["total"][step] for step in STEPS))]

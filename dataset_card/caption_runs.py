"""How the recipe names runs of captions: a whole run replaces all before it, runs over a part of the rows follow
one another, in the order in which they ran.

    recaption          all rows                       recaption_COLUMN          the same of another column
    recaption_part     a part of the rows, later      recaption_part_2, …       further parts, each later
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

from s1_mmalign.dataset_card.recipe import load_recipe, plain_options
from s1_mmalign.processing.captioners.options import RecaptionOptions

_PART_OPTIONS = ("where", "flagged", "sample", "limit")


def entry_name(folder: Path, options: RecaptionOptions) -> tuple[str, tuple[str, ...]]:
    """Return the name of a run's entry in the folder's recipe, and the entries that go when it comes.

    A run over a part with the options of the last one, as after an interruption, stands in its place.

    Raises:
        FolderError: the folder's recipe cannot be read.
    """
    own = plain_options(options)
    recorded = load_recipe(folder)["stages"]
    runs = [stage for stage in recorded if _is_run(stage) and column_of(stage) == own.get("column")]
    name = "recaption" + (f"_{options.column}" if options.column else "")
    parts = [stage for stage in runs if _is_part(stage["options"])]
    if not _is_part(own):
        return name, tuple(stage["stage"] for stage in parts)
    if parts and parts[-1]["options"] == own:
        return parts[-1]["stage"], ()
    names = (f"{name}_part" + (f"_{number}" if number > 1 else "") for number in count(len(parts) + 1))
    taken = {stage["stage"] for stage in recorded}  # perhaps by a column that is called `part`
    return next(one for one in names if one not in taken), ()


def column_of(stage: Mapping[str, Any]) -> str | None:
    """Return the column that a run's captions went to; None: the dataset's own."""
    column: str | None = stage["options"].get("column")
    return column


def _is_run(stage: Mapping[str, Any]) -> bool:
    return bool(stage["stage"].partition("_")[0] == "recaption")


def _is_part(options: Mapping[str, Any]) -> bool:
    return any(options.get(name) not in (None, [], ()) for name in _PART_OPTIONS)

"""What every command that ends a stage does: note it in the recipe, write the card anew."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

Dataset = Annotated[Path, typer.Argument(metavar="DATASET", help="The dataset folder that `build` made.")]


def finish_stage(
    folder: Path, stage: str, options: object, results: Mapping[str, Any], replaces: Collection[str] = ()
) -> None:
    """Record a stage in `recipe.json` (see `record_stage`) and render the card from what the folder holds now."""
    from s1_mmalign.builder.disk_space import full_disk_explained
    from s1_mmalign.builder.folder_lock import locked
    from s1_mmalign.dataset_card.card import write_card
    from s1_mmalign.dataset_card.recipe import record_stage

    with locked(folder), full_disk_explained(folder):
        record_stage(folder, stage, options, results, replaces=replaces)
        write_card(folder)

"""The card written again from the reproduction, and compared by its bytes."""

from __future__ import annotations

import difflib
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from s1_mmalign.builder.shards import Manifest, write_atomically
from s1_mmalign.dataset_card.card import CARD_NAME, CardOptions, render_card, render_files, write_card
from s1_mmalign.dataset_card.recipe import RECIPE_NAME, load_recipe, record_stage
from s1_mmalign.dataset_card.reproduce.given import copy_small
from s1_mmalign.dataset_card.reproduce.options import rebuilt
from s1_mmalign.dataset_card.reproduce.outcome import Outcome, shown
from s1_mmalign.dataset_card.reproduce.recorded import BUILD_REPORT, Recorded
from s1_mmalign.dataset_card.statistics import collect_statistics

STAGE = "card"


def run_card(recorded: Recorded, values: Mapping[str, Any] | None, out: Path) -> None:
    """Write the card of `out` with the recorded options (None: none were given)."""
    stage = recorded.stage(STAGE)
    if stage is not None and values is not None:
        record_stage(out, STAGE, rebuilt(CardOptions, values, stage), stage["results"])
    write_card(out)


def compare_card(recorded: Recorded, earlier: Sequence[Outcome], out: Path) -> Outcome:
    """Say whether the card of `out` is the dataset's; that of a repository is written for its name."""
    if recorded.part is not None:
        return Outcome(STAGE, "not run", "the repository's card is that of all its parts together")
    if not (recorded.folder / CARD_NAME).is_file():
        return Outcome(STAGE, "not run", f"the dataset has no {CARD_NAME} here to compare with")
    rendered = render_files(out, recorded.repo_id)
    there = {name: (recorded.folder / name).read_text(encoding="utf-8") for name in _present(recorded, rendered)}
    if all(rendered[name] == text for name, text in there.items()):
        return Outcome(STAGE, "identical", f"{' and '.join(there)} have the dataset's bytes")
    before, after = there[CARD_NAME], rendered[CARD_NAME]
    if before == after:
        others = ", ".join(name for name, text in there.items() if rendered[name] != text)
        return Outcome(STAGE, "equivalent", f"{CARD_NAME} has the dataset's bytes, {others} has others")
    if before == _with_recorded_versions(recorded, out):
        return Outcome(STAGE, "equivalent", f"{CARD_NAME} differs in the versions alone that it names")
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0))
    changed = [line for line in lines[2:] if not line.startswith("@@")]
    counts = all(one.verdict in ("identical", "given") for one in earlier)
    outcome = Outcome(STAGE, "different", f"{len(changed):,} lines of {CARD_NAME} (- recorded, + now)", counts=counts)
    outcome.details = changed
    outcome.lines = shown([line[:160] for line in changed])
    if not counts:
        outcome.lines.append("it tells what the stages above made otherwise")
    return outcome


def _present(recorded: Recorded, names: Iterable[str]) -> list[str]:
    return [name for name in names if (recorded.folder / name).is_file()]


def _with_recorded_versions(recorded: Recorded, out: Path) -> str:
    """The card of `out`, had it been made by the recorded versions of code and libraries."""
    manifest = Manifest.load(out)
    statistics = collect_statistics(out, manifest)
    recipe = load_recipe(out)
    for stage in recipe["stages"]:
        if then := recorded.stage(stage["stage"]):
            stage.update(code=then["code"], libraries=then["libraries"])
    with tempfile.TemporaryDirectory(prefix="s1-mmalign-card-") as name:
        folder = Path(name)
        copy_small(out, folder, ("*.json", "*.jsonl", "plots/*", f"{BUILD_REPORT}/*"))
        manifest.files = {}
        manifest.save(folder)
        write_atomically(folder / RECIPE_NAME, json.dumps(recipe, indent=1, ensure_ascii=False) + "\n")
        return render_card(folder, recorded.repo_id, statistics)

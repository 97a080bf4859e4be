"""The stage `build` run again, and held against what the dataset's build gave."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from s1_mmalign.builder.build import build_dataset
from s1_mmalign.builder.extract import folder_of_paper
from s1_mmalign.builder.folder_lock import locked
from s1_mmalign.builder.inputs import build_results
from s1_mmalign.builder.layout import LAYOUT_NAME
from s1_mmalign.builder.options import BuildOptions
from s1_mmalign.builder.records import FEATURES, RECAPTION_COLUMNS, SCORE_COLUMNS
from s1_mmalign.builder.shards import DROPS_NAME, MANIFEST_NAME, WORK_FOLDER, write_atomically
from s1_mmalign.dataset_card.compare import Comparison, compare_datasets
from s1_mmalign.dataset_card.recipe import record_stage
from s1_mmalign.dataset_card.reproduce.inputs import FILE_OPTIONS, InputCheck, Places
from s1_mmalign.dataset_card.reproduce.options import rebuilt
from s1_mmalign.dataset_card.reproduce.outcome import Outcome, shown
from s1_mmalign.dataset_card.reproduce.recorded import Recorded

STAGE = "build"
NOTE_NAME = "reproduce.json"
"""In the work folder of the reproduction: which build it holds."""
BUILD_COLUMNS: tuple[str, ...] = tuple(set(FEATURES) - {*RECAPTION_COLUMNS, *SCORE_COLUMNS, "image"})

Progress = Callable[[str, int, int], None]


def run_build(
    recorded: Recorded, values: Mapping[str, Any], places: Places, check: InputCheck, out: Path, progress: Progress
) -> None:
    """Build the recorded inputs into `out`, or go on with that.

    Raises:
        FolderError: an option that this version does not know; or as `build_dataset`.
        InputError: as `build_dataset`.
    """
    stage = recorded.stage(STAGE) or {}
    options = rebuilt(BuildOptions, {**values, **asdict(places)}, stage)
    with locked(out):
        _forget_another(out, values, check)
        manifest = build_dataset(options, out, progress)
        names = {name: values[name] for name in ("papers", *FILE_OPTIONS) if name in values}
        record_stage(out, STAGE, options.recipe() | names, build_results(manifest))


def _forget_another(out: Path, values: Mapping[str, Any], check: InputCheck) -> None:
    """Have shards laid out anew where other options or inputs were built here before; what was read stays."""
    changes = [[one.key for one in found] for found in (check.missing, check.changed, check.extra)]
    note = json.dumps({"options": values, "inputs": changes, "files": check.files}, indent=1) + "\n"
    path = out / WORK_FOLDER / NOTE_NAME
    if path.is_file() and path.read_text(encoding="utf-8") == note:
        return
    (out / MANIFEST_NAME).unlink(missing_ok=True)
    (out / WORK_FOLDER / LAYOUT_NAME).unlink(missing_ok=True)
    write_atomically(path, note)


def compare_build(recorded: Recorded, out: Path, check: InputCheck, progress: Progress) -> Outcome:
    """Say what the build in `out` has in common with the recorded one."""
    then = (recorded.stage(STAGE) or {}).get("results", {}).get("sha256", {})
    now = _hashes(out)
    same = {path for path, digest in then.items() if digest is not None and now.get(path) == digest}
    identical = Outcome(STAGE, "identical", f"{len(now) - 1:,} shards and the drop ledger have the recorded bytes")
    reproduced = bool(then) and then == now
    if reproduced and (recorded.repo_id is not None or not recorded.has_rows()):
        return identical
    differing = sorted((then.keys() | now.keys()) - same - {DROPS_NAME})
    manifest = recorded.manifest
    paths = [shard.path for shard in manifest.shards if shard.path not in same] if manifest else []
    if manifest is None or not recorded.has_rows(paths):
        lines = shown([f"{path}: other bytes" for path in differing])
        return Outcome(STAGE, "different", "the dataset's shards are not here, so the rows cannot be told", lines)
    # A folder's rows may have been changed by hand since, which the recipe does not know.
    found = compare_datasets(
        recorded.folder, out, BUILD_COLUMNS, progress, same if recorded.repo_id is not None else ()
    )
    ledger = list(_ledger_differences(recorded.folder, out))
    outcome = _outcome(found, ledger, differing, check)
    return identical if reproduced and outcome.verdict == "equivalent" else outcome


def _hashes(out: Path) -> dict[str, Any]:
    from s1_mmalign.builder.shards import Manifest

    return build_results(Manifest.load(out))["sha256"]


def _outcome(found: Comparison, ledger: Sequence[str], differing: Sequence[str], check: InputCheck) -> Outcome:
    if found.verdict != "different" and not ledger:
        lines = [f"{len(differing):,} shards have other bytes"] if differing else []
        lines += [f"{len(found.encoded):,} images are encoded otherwise, pixel for pixel the same"] * bool(
            found.encoded
        )
        return Outcome(STAGE, "equivalent", f"all {found.rows:,} rows came out again", lines)
    counts = ((found.changed, "differ"), (found.missing, "are missing"), (found.extra, "are extra"))
    parts = [f"{len(rows):,} {word}" for rows, word in counts if rows]
    parts += [f"{len(ledger):,} lines of the drop ledger differ"] * bool(ledger)
    outcome = Outcome(STAGE, "different", f"of {found.rows:,} rows {', '.join(parts)}")
    outcome.rows, outcome.missing, outcome.extra = found.changed, found.missing, found.extra
    why = {folder_of_paper(paper_id): reason for paper_id, reason in check.why().items()}
    for columns, rows in _by_columns(found.changed):
        outcome.lines.append(f"{len(rows):,} rows differ in {', '.join(columns)}:")
        outcome.lines += shown([row + _because(row, why) for row in rows])
    for word, names in (("missing", found.missing), ("extra", found.extra)):
        for paper, rows in _by_paper(names):
            outcome.lines.append(f"{word}: {len(rows):,} rows of {paper}{_because(rows[0], why)}")
            outcome.lines += shown(rows)
    outcome.details = list(ledger)
    if ledger:
        outcome.lines += ["drop ledger (- recorded, + now):", *shown(ledger)]
    return outcome


def _by_columns(changed: Mapping[str, list[str]]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for row, columns in changed.items():
        groups[tuple(sorted(columns))].append(row)
    yield from sorted(groups.items(), key=lambda group: -len(group[1]))


def _by_paper(rows: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    papers: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        papers[row.rpartition("/")[0]].append(row)
    yield from papers.items()


def _because(row: str, why: Mapping[str, str]) -> str:
    """What is known of a row's paper."""
    reason = why.get(row.rpartition("/")[0].rpartition("/")[2])
    return f"  ({reason})" if reason else ""


def _ledger_differences(left: Path, right: Path) -> Iterator[str]:
    """Lines that only one ledger has; their order does not count."""
    counts = [Counter(_lines(folder / DROPS_NAME)) for folder in (left, right)]
    yield from (f"- {line}" for line in sorted((counts[0] - counts[1]).elements()))
    yield from (f"+ {line}" for line in sorted((counts[1] - counts[0]).elements()))


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []

"""The stage `evaluate` run again, and its report compared field by field."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from s1_mmalign.builder.records import SCORE_COLUMNS
from s1_mmalign.builder.shards import FolderError, sha256_of
from s1_mmalign.dataset_card.card import REPORT_NAME
from s1_mmalign.dataset_card.compare import compare_datasets
from s1_mmalign.dataset_card.judgements import JUDGEMENTS_NAME
from s1_mmalign.dataset_card.recipe import record_stage
from s1_mmalign.dataset_card.reproduce.options import rebuilt
from s1_mmalign.dataset_card.reproduce.outcome import Outcome, shown
from s1_mmalign.dataset_card.reproduce.recorded import Recorded
from s1_mmalign.eval.models import AUTO, EvaluateError
from s1_mmalign.eval.options import EvaluateOptions

STAGE = "evaluate"
MODEL_OPTIONS = {"clip_score": "clip", "pseudo_perplexity": "perplexity"}
"""The sections of the report that a model measures, and what their options begin with."""
TOLERANCE = 1e-3
"""Of a model's scores, relative: another processor or library rounds otherwise."""
_ABSENT = "nothing"

Progress = Callable[[str, int, int], None]


def run_report(
    recorded: Recorded, stage: Mapping[str, Any], values: Mapping[str, Any], out: Path, progress: Progress
) -> list[str]:
    """Score the rows in `out` as the recipe says; return what could not be measured here, and why.

    Raises:
        FolderError: an option that this version does not know.
        EvaluateError: what is asked for cannot be measured.
    """
    from s1_mmalign.eval.report import evaluate_dataset
    from s1_mmalign.processing.commands.evaluate import evaluate_results

    if (recorded.folder / JUDGEMENTS_NAME).is_file():
        (out / JUDGEMENTS_NAME).write_bytes((recorded.folder / JUDGEMENTS_NAME).read_bytes())
    asked = rebuilt(EvaluateOptions, values, dict(stage))
    options, left_out = _measurable(asked, stage), list[str]()
    while True:
        try:
            report = evaluate_dataset(out, options, progress)
            break
        except EvaluateError as error:
            failed = next((one for one in MODEL_OPTIONS.values() if f"{one}_model=" in str(error)), None)
            if failed is None or getattr(options, f"{failed}_model") is None:
                raise
            left_out.append(f"{error} (A folder that has it: --option {STAGE}.{failed}_model=PATH.)")
            options = _with_model(options, failed, None, None)
    record_stage(out, STAGE, asked, evaluate_results(out, options, report))
    return left_out


def _measurable(options: EvaluateOptions, stage: Mapping[str, Any]) -> EvaluateOptions:
    """Measure what was measured, with the recorded commit of the model, and nothing that was not."""
    from s1_mmalign.eval.models import in_cache
    from s1_mmalign.eval.scorers import CLIP_MODEL, PERPLEXITY_MODEL

    defaults = {"clip": CLIP_MODEL, "perplexity": PERPLEXITY_MODEL}
    models = stage["results"].get("models", {})
    for section, prefix in MODEL_OPTIONS.items():
        named, revision = getattr(options, f"{prefix}_model"), getattr(options, f"{prefix}_revision")
        model = defaults[prefix] if named == AUTO else named
        if section not in models:
            if named == AUTO and in_cache(model, revision):
                options = _with_model(options, prefix, None, revision)
            continue
        recorded = str(models[section]["revision"])
        if model is not None and not recorded.startswith("local-") and _revision(model, revision) != recorded:
            options = _with_model(options, prefix, model, recorded)
    return options


def _with_model(options: EvaluateOptions, prefix: str, model: str | None, revision: str | None) -> EvaluateOptions:
    changes: dict[str, Any] = {f"{prefix}_model": model, f"{prefix}_revision": revision}
    return replace(options, **changes)


def _revision(model: str, revision: str | None) -> str | None:
    """The commit (of a folder: the hash) of a model that is here, None where it is not."""
    from s1_mmalign.processing.captioners.base import CaptionerError
    from s1_mmalign.processing.captioners.identity import identify_model

    try:
        return identify_model(model, revision).revision
    except CaptionerError:
        return None


def compare_report(
    recorded: Recorded, stage: Mapping[str, Any], left_out: list[str], same_rows: bool, out: Path, progress: Progress
) -> Outcome:
    """Say what the report in `out` has in common with the recorded one.

    Args:
        recorded: the dataset.
        stage: the recipe's entry.
        left_out: what could not be measured here.
        same_rows: whether it measured the same rows and captions; else a difference is none of its own.
        out: the reproduction.
        progress: called with ("shards", done, of all).
    """
    lines = [f"not run: {line}" for line in left_out]
    then = stage["results"].get("sha256", {})
    now = {name: sha256_of(out / name) for name in then if (out / name).is_file()}
    path = recorded.folder / REPORT_NAME
    if then and then == now and (not path.is_file() or sha256_of(path) == then[REPORT_NAME]):
        said = f"{REPORT_NAME} and {len(now) - 1:,} other files have the recorded bytes"
        return Outcome(STAGE, "identical", said, lines)
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        why = f"{REPORT_NAME} has other bytes; the recorded one is not here, so its fields cannot be compared"
        return Outcome(STAGE, "different", why, lines, counts=same_rows)
    after = json.loads((out / REPORT_NAME).read_text(encoding="utf-8"))
    skipped = {name for name in MODEL_OPTIONS if not (before[name]["measured"] and after[name]["measured"])}
    fields = list(differences(_compared(before, skipped), _compared(after, skipped)))
    rows = _score_rows(recorded, stage, out, progress)
    if not fields and not rows:
        others = sorted(name for name in then if then[name] != now.get(name))
        lines += [f"other bytes: {', '.join(others)}"] if others else []
        return Outcome(STAGE, "equivalent", "every field of the report is the same", lines)
    if not rows and all(small for _, small in fields):
        lines += shown([text for text, _ in fields])
        return Outcome(
            STAGE, "equivalent", f"{len(fields):,} scores differ by less than {TOLERANCE:g} of themselves", lines
        )
    lines += shown([text for text, _ in fields])
    lines += [] if same_rows else ["it measured other rows or captions: see above"]
    said = f"{len(fields):,} fields of the report differ" + (f", scores of {len(rows):,} rows" if rows else "")
    return Outcome(STAGE, "different", said, lines, same_rows, rows, details=[text for text, _ in fields])


def _compared(report: dict[str, Any], skipped: set[str]) -> dict[str, Any]:
    """A report without what the machine decides: who could be measured here, and where a model's folder is."""
    left = {name: value for name, value in report.items() if name not in {"plots", "options", *skipped}}
    options = dict(report["options"])
    for prefix in MODEL_OPTIONS.values():
        options.pop(f"{prefix}_model", None)
        options.pop(f"{prefix}_revision", None)
    left["options"] = options
    for section in MODEL_OPTIONS:
        if "model" in left.get(section, {}):
            model = left[section]["model"]
            left[section] = {**left[section], "model": {**model, "id": Path(str(model.get("id"))).name}}
    return left


def differences(before: Any, after: Any, where: str = "") -> Iterator[tuple[str, bool]]:
    """Yield each field in which two reports differ: in words, and whether it is a score that differs by a rounding."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys([*before, *after]):
            yield from differences(
                before.get(name, _ABSENT), after.get(name, _ABSENT), f"{where}.{name}" if where else str(name)
            )
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, pair in enumerate(zip(before, after, strict=True)):
            yield from differences(*pair, f"{where}[{place}]")
    elif before != after:
        small = where.partition(".")[0] in MODEL_OPTIONS and _close(before, after)
        yield f"{where}: {_short(before)} -> {_short(after)}", small


def _close(before: Any, after: Any) -> bool:
    return isinstance(before, float) and isinstance(after, float) and math.isclose(before, after, rel_tol=TOLERANCE)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _score_rows(recorded: Recorded, stage: Mapping[str, Any], out: Path, progress: Progress) -> dict[str, list[str]]:
    """Where the scores were written into the rows: the rows in which they differ."""
    if not stage["options"].get("write_columns"):
        return {}
    if not recorded.has_rows():
        raise FolderError(f"{recorded.name}: its shards are not here, and with them the scores of its rows.")
    return compare_datasets(recorded.folder, out, SCORE_COLUMNS, progress).changed

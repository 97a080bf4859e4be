"""Raw captions against recaptions: what `s1-mmalign evaluate DATASET` measures and writes to `report.json`.

sample -> tasks -> what the cache lacks is scored -> sections of the report -> plots
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from s1_mmalign.builder.disk_space import full_disk_explained
from s1_mmalign.builder.folder_lock import locked
from s1_mmalign.builder.listed_files import check_files, check_shards, list_written, write_listed
from s1_mmalign.builder.shards import Manifest
from s1_mmalign.dataset_card.judged_rows import summarise_judgements
from s1_mmalign.eval.controls import Drawn, Points
from s1_mmalign.eval.intervals import LEVEL
from s1_mmalign.eval.measure_clip import clip_tasks, measure_clip_score
from s1_mmalign.eval.measure_grounding import grounding_tasks, measure_grounding
from s1_mmalign.eval.measure_perplexity import measure_perplexity, perplexity_tasks
from s1_mmalign.eval.models import AUTO, EvaluateError, NotMeasuredError
from s1_mmalign.eval.options import EvaluateOptions
from s1_mmalign.eval.plots import draw_plots
from s1_mmalign.eval.sample import LENGTH_BIN, Lengths, Progress, Sample, Scan, draw, scan
from s1_mmalign.eval.score_cache import ScoreCache, Task, Value
from s1_mmalign.eval.scorers import Scorers, load_scorers
from s1_mmalign.eval.summary import summary_lines
from s1_mmalign.eval.workers import Workers, launched, score_missing
from s1_mmalign.processing.shard_columns import finish_replacement

__all__ = ["AUTO", "REPORT_NAME", "EvaluateError", "EvaluateOptions", "Progress", "evaluate_dataset", "summary_lines"]

REPORT_NAME = "report.json"
PLOTS_FOLDER = "plots"
REPORT_VERSION = 2

SIGNIFICANT_DIGITS = 6

Tasks = dict[str, list[Task | None]]
"""Tasks by the name of the text, in the sample's order; None where there is nothing to score."""
Section = Callable[[ScoreCache], dict[str, Any]]
"""Makes a section of the report of what the cache holds."""


def evaluate_dataset(folder: Path, options: EvaluateOptions, progress: Progress | None = None) -> dict[str, Any]:
    """Measure a dataset folder, write `report.json` (and `plots/` where matplotlib is installed), return the report.

    Rows without a recaption are counted and left out. A model that is not at hand is an error only where
    `options` names it; otherwise its section says `"measured": false` and why. Each score is kept when it is done:
    killed at any moment and called again, the same call computes what is missing. Equal data, options, models and
    machine give equal bytes. Of several processes that were launched together, each scores its share, and the first
    one writes.

    Args:
        folder: a dataset folder as `build` makes it.
        options: see `EvaluateOptions`.
        progress: called with the stage, what is done and all there is to do.

    Raises:
        FolderError: the folder is no dataset, or a shard cannot be read.
        EvaluateError: a model that `options` names cannot be loaded, or the engine is not there.
        JournalError: scores cannot be written (disk full, no permission).
    """
    folder = Path(folder)
    Manifest.load(folder)
    with (
        launched(options.engine, options.num_proc) as workers,
        locked(folder) if workers.is_main else nullcontext(),
        full_disk_explained(folder),
    ):
        return _evaluate(folder, options, workers, progress)


def _evaluate(folder: Path, options: EvaluateOptions, workers: Workers, progress: Progress | None) -> dict[str, Any]:
    manifest = Manifest.load(folder)
    if workers.is_main:
        finish_replacement(folder, manifest)
        check_files(folder, manifest)
        check_shards(folder, manifest.shards, progress or (lambda what, done, total: None))
    scorers = load_scorers(folder, options, workers)
    found = scan(folder, manifest, options.sample_size, options.seed, progress)
    sample = draw(folder, manifest, found, options.sample_size)
    cache = ScoreCache(folder)
    try:
        report, points = _measured(scorers, sample, options, cache, workers, progress)
        if options.write_columns:
            from s1_mmalign.eval.score_columns import score_columns

            score_columns(folder, scorers, options.weight, cache, workers, progress)
    finally:
        cache.close()
    report = _dataset(found, manifest, sample, options) | report
    report["judgements"] = summarise_judgements(folder, manifest)
    workers.wait()  # all have read what they need: the first one may merge the files now
    if not workers.is_main:
        return rounded(report)
    cache.compact()
    plots = folder / PLOTS_FOLDER
    report["plots"] = draw_plots(plots, report, points) if options.plots else _no_plots("not asked for")
    report = rounded(report)
    gone = [name for name in manifest.files if name.startswith(f"{PLOTS_FOLDER}/") and not (folder / name).is_file()]
    list_written(folder, report["plots"]["files"], gone)
    text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_listed(folder, {REPORT_NAME: text})
    return report


def _no_plots(reason: str) -> dict[str, Any]:
    return {"files": [], "reason": reason}


def _measured(
    scorers: Scorers,
    sample: Sample,
    options: EvaluateOptions,
    cache: ScoreCache,
    workers: Workers,
    progress: Progress | None,
) -> tuple[dict[str, Any], dict[str, Points]]:
    """Return the sections with scores, and the values of the rows for the plots."""
    if not sample.rows:
        nothing = {"measured": False, "reason": "no row has a recaption: run `s1-mmalign recaption` first"}
        return {"grounding": nothing, "clip_score": nothing, "pseudo_perplexity": nothing}, {}
    drawn = Drawn.of(sample, options.resamples, options.seed)
    points: dict[str, Points] = {}
    sections: dict[str, Section] = {}

    def wanted(scorer: Any, tasks: Tasks) -> Tasks:
        score_missing(scorer, [task for column in tasks.values() for task in column if task], cache, workers, progress)
        return tasks

    found = wanted(scorers.grounding, grounding_tasks(scorers.grounding, drawn))
    sections["grounding"] = lambda cache: measure_grounding(drawn, values_of(cache, found))
    sections["clip_score"] = _clip_section(scorers, drawn, options, points, wanted)
    sections["pseudo_perplexity"] = _perplexity_section(scorers, sample, options, points, wanted)
    workers.wait()
    cache.reload()
    return {name: section(cache) for name, section in sections.items()}, points


def _clip_section(
    scorers: Scorers, drawn: Drawn, options: EvaluateOptions, points: dict[str, Points], wanted: Callable[..., Tasks]
) -> Section:
    scorer = scorers.clip
    if isinstance(scorer, NotMeasuredError):
        return partial(_not_measured, scorer)
    tasks = wanted(scorer, clip_tasks(scorer, drawn))

    def section(cache: ScoreCache) -> dict[str, Any]:
        result, points["clip_score"] = measure_clip_score(
            scorer, drawn, values_of(cache, tasks), scorers.clip_tokens, options.weight
        )
        return result

    return section


def _perplexity_section(
    scorers: Scorers, sample: Sample, options: EvaluateOptions, points: dict[str, Points], wanted: Callable[..., Tasks]
) -> Section:
    chosen = scorers.perplexity
    if isinstance(chosen, NotMeasuredError):
        return partial(_not_measured, chosen)
    part = sample.first(options.perplexity_sample)
    drawn = Drawn.of(part, options.resamples, options.seed)
    tasks = [(scorer, wanted(scorer, perplexity_tasks(scorer, drawn))) for scorer in chosen]

    def section(cache: ScoreCache) -> dict[str, Any]:
        measured = [(scorer, values_of(cache, found)) for scorer, found in tasks]
        result, points["pseudo_perplexity"] = measure_perplexity(drawn, measured, *scorers.perplexity_tokens)
        return result | {"sample": {"rows": len(part.rows), "strata": part.strata}}

    return section


def _not_measured(reason: NotMeasuredError, _cache: ScoreCache) -> dict[str, Any]:
    return {"measured": False, "reason": str(reason)}


def values_of(cache: ScoreCache, tasks: Tasks) -> dict[str, list[Value | None]]:
    """Return the scores of tasks, in the same places."""
    known = cache.get([task.key for column in tasks.values() for task in column if task])
    return {name: [known[task.key] if task else None for task in column] for name, column in tasks.items()}


def _dataset(found: Scan, manifest: Manifest, sample: Sample, options: EvaluateOptions) -> dict[str, Any]:
    """Return the sections that need no model: counts, the sample, lengths."""
    return {
        "version": REPORT_VERSION,
        "options": options.measured_with(),
        "dataset": {
            "rows": found.rows,
            "rows_with_recaption": found.rows - found.without_recaption,
            "rows_without_recaption": found.without_recaption,
            "papers": manifest.papers.get("with_rows"),
            "recaption_models": dict(sorted(found.models.items())),
            "recaption_prompts": dict(sorted(found.prompts.items())),
        },
        "sample": {
            "rows": len(sample.rows),
            "papers": len({row["paper_id"] for row in sample.rows}),
            "seed": options.seed,
            "drawn": "in proportion to source and discipline, at least one row of each, by hash of seed and image_path",
            "intervals": f"{LEVEL:.0%} bootstrap percentile, papers resampled {options.resamples} times",
            "strata": sample.strata,
        },
        "lengths": {
            "all_raw_captions": {"characters": found.raw.summary()},
            "all": _lengths(found.lengths, histogram=True),
            "by_source": {name: _lengths(lengths) for name, lengths in sorted(found.by_source.items())},
            "by_discipline": {name: _lengths(lengths) for name, lengths in sorted(found.by_discipline.items())},
        },
    }


def _lengths(lengths: Lengths, histogram: bool = False) -> dict[str, Any]:
    result: dict[str, Any] = {
        "characters": {name: moments.summary() for name, moments in lengths.characters.items()},
        "words": {name: moments.summary() for name, moments in lengths.words.items()},
    }
    raw, recaption = (result["characters"][name]["mean"] for name in ("raw", "recaption"))
    result["relative_change"] = (recaption - raw) / raw if raw else None
    if histogram:
        last = max((max(counts) for counts in lengths.histogram.values() if counts), default=-1)
        result["histogram"] = {
            "bin_characters": LENGTH_BIN,
            **{name: [counts[index] for index in range(last + 1)] for name, counts in lengths.histogram.items()},
        }
    return result


def rounded(value: Any) -> Any:
    """Return the value with every float at `SIGNIFICANT_DIGITS`, tuples as lists, and None for what JSON lacks."""
    if isinstance(value, dict):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}") if abs(value) < float("inf") else None
    return value

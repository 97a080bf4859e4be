"""Raw captions against recaptions: what `s1-mmalign evaluate DATASET` measures and writes to `report.json`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from s1_mmalign.builder.shards import Manifest, write_atomically
from s1_mmalign.eval.clip_score.images import IMAGE_MODES
from s1_mmalign.eval.controls import Drawn
from s1_mmalign.eval.intervals import LEVEL
from s1_mmalign.eval.measures import Points, measure_clip_score, measure_grounding, measure_perplexity
from s1_mmalign.eval.models import AUTO, EvaluateError, NotMeasuredError, load_model
from s1_mmalign.eval.plots import draw_plots
from s1_mmalign.eval.pseudo_perplexity.masking import METHODS
from s1_mmalign.eval.sample import LENGTH_BIN, Lengths, Progress, Sample, Scan, draw, scan
from s1_mmalign.eval.summary import summary_lines

__all__ = ["AUTO", "REPORT_NAME", "EvaluateError", "EvaluateOptions", "Progress", "evaluate_dataset", "summary_lines"]

REPORT_NAME = "report.json"
PLOTS_FOLDER = "plots"
REPORT_VERSION = 1

CLIP_MODEL = "openai/clip-vit-base-patch32"
"""The checkpoint of Hessel et al. 2021."""
PERPLEXITY_MODEL = "allenai/scibert_scivocab_uncased"

SIGNIFICANT_DIGITS = 6
_DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """What is measured, on which rows, with which models."""

    sample_size: int = 500
    """Rows drawn for grounding and CLIPScore, by source and discipline; 0: all. Lengths are of all rows anyway."""
    perplexity_sample: int = 100
    """Rows of that sample for pseudo-perplexity, which costs one pass of the model for each token; 0: all."""
    seed: int = 0
    clip_model: str | None = AUTO
    """Folder or Hub name; "auto": `CLIP_MODEL` if it is in the Hugging Face cache; None: no CLIPScore."""
    perplexity_model: str | None = AUTO
    """Folder or Hub name; "auto": `PERPLEXITY_MODEL` if it is in the cache; None: no pseudo-perplexity."""
    clip_revision: str | None = None
    perplexity_revision: str | None = None
    device: str | None = None
    """As torch names it; None: the accelerator where there is one."""
    dtype: str = "float32"
    batch_size: int = 32
    """Images or texts that the CLIP-like model reads at once."""
    tokens_per_batch: int = 8192
    """Tokens, padding included, that the masked language model reads at once."""
    image_modes: tuple[str, ...] = ("checkpoint", "pad")
    perplexity_methods: tuple[str, ...] = METHODS
    weight: float = 2.5
    """w of CLIPScore: 2.5 in Hessel et al. 2021."""
    resamples: int = 2000
    """Bootstrap draws of the confidence intervals."""
    plots: bool = True

    def __post_init__(self) -> None:
        """Reject what cannot be meant."""
        for name in ("sample_size", "perplexity_sample", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}={getattr(self, name)!r}: 0 or more is expected")
        for name in ("batch_size", "tokens_per_batch", "resamples", "weight"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}={getattr(self, name)!r}: a positive number is expected")
        for name in ("clip_model", "perplexity_model"):
            if getattr(self, name) == "":
                raise ValueError(f"{name}='': a folder, a Hub name, {AUTO!r} or None is expected")
        if self.dtype not in _DTYPES:
            raise ValueError(f"dtype={self.dtype!r}: one of {', '.join(_DTYPES)} is expected")
        for name, allowed in (("image_modes", IMAGE_MODES), ("perplexity_methods", METHODS)):
            chosen = getattr(self, name)
            if not chosen or set(chosen) - set(allowed):
                raise ValueError(f"{name}={chosen!r}: one or more of {', '.join(allowed)} are expected")


def evaluate_dataset(folder: Path, options: EvaluateOptions, progress: Progress | None = None) -> dict[str, Any]:
    """Measure a dataset folder, write `report.json` (and `plots/` where matplotlib is installed), return the report.

    Rows without a recaption are counted and left out. A model that is not at hand is an error only where
    `options` names it; otherwise its section says `"measured": false` and why. Equal data, options, models and
    machine give equal bytes.

    Args:
        folder: a dataset folder as `build` makes it.
        options: see `EvaluateOptions`.
        progress: called with the stage, what is done and all there is to do.

    Raises:
        FolderError: the folder is no dataset, or a shard cannot be read.
        EvaluateError: a model that `options` names cannot be loaded.
    """
    folder = Path(folder)
    manifest = Manifest.load(folder)
    loaded = {name: _load(name, options) for name in ("clip_model", "perplexity_model")}
    found = scan(folder, manifest, options.sample_size, options.seed, progress)
    sample = draw(folder, manifest, found, options.sample_size)
    report = _dataset(found, manifest, sample, options)
    points: dict[str, Points] = {}
    if not sample.rows:
        nothing = {"measured": False, "reason": "no row has a recaption: run `s1-mmalign recaption` first"}
        report |= {"grounding": nothing, "clip_score": nothing, "pseudo_perplexity": nothing}
    else:
        drawn = Drawn.of(sample, options.resamples, options.seed)
        report["grounding"] = measure_grounding(drawn, progress)
        report["clip_score"], points["clip_score"] = _clip_score(
            loaded["clip_model"], drawn, folder, manifest, options, progress
        )
        report["pseudo_perplexity"], points["pseudo_perplexity"] = _perplexity(
            loaded["perplexity_model"], sample, options, progress
        )
    report["plots"] = draw_plots(folder / PLOTS_FOLDER, report, points) if options.plots else _no_plots("not asked for")
    report = rounded(report)
    write_atomically(folder / REPORT_NAME, json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return report


def _no_plots(reason: str) -> dict[str, Any]:
    return {"files": [], "reason": reason}


def _load(option: str, options: EvaluateOptions) -> Any:
    """Load a model before the work begins, so that a wrong name costs no time; a reason where there is none."""
    revision = getattr(options, option.replace("model", "revision"))

    def load(*arguments: Any) -> Any:
        if option == "clip_model":
            from s1_mmalign.eval.clip_score.encoder import load_encoder

            return load_encoder(*arguments)
        from s1_mmalign.eval.pseudo_perplexity.scorer import load_scorer

        return load_scorer(*arguments)

    default = CLIP_MODEL if option == "clip_model" else PERPLEXITY_MODEL
    try:
        return load_model(option, getattr(options, option), default, load, revision, options.device, options.dtype)
    except NotMeasuredError as reason:
        return reason


def _clip_score(
    model: Any, drawn: Drawn, folder: Path, manifest: Manifest, options: EvaluateOptions, progress: Progress | None
) -> tuple[dict[str, Any], Points]:
    if isinstance(model, NotMeasuredError):
        return {"measured": False, "reason": str(model)}, {}
    return measure_clip_score(
        model, drawn, folder, manifest, options.image_modes, options.weight, options.batch_size, progress
    )


def _perplexity(
    model: Any, sample: Sample, options: EvaluateOptions, progress: Progress | None
) -> tuple[dict[str, Any], Points]:
    if isinstance(model, NotMeasuredError):
        return {"measured": False, "reason": str(model)}, {}
    part = sample.first(options.perplexity_sample)
    drawn = Drawn.of(part, options.resamples, options.seed)
    section, points = measure_perplexity(model, drawn, options.perplexity_methods, options.tokens_per_batch, progress)
    return section | {"sample": {"rows": len(part.rows), "strata": part.strata}}, points


def _dataset(found: Scan, manifest: Manifest, sample: Sample, options: EvaluateOptions) -> dict[str, Any]:
    """Return the sections that need no model: counts, the sample, lengths."""
    return {
        "version": REPORT_VERSION,
        "options": asdict(options),
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

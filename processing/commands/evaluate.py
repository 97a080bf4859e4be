"""`s1-mmalign evaluate`: what the pairs are worth."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from s1_mmalign.eval.report import EvaluateOptions, summary_lines
from s1_mmalign.processing.commands.stages import Dataset, finish_stage
from s1_mmalign.processing.progress import Progress

DEFAULTS = EvaluateOptions()
SCORES = ("grounding", "clip_score", "pseudo_perplexity")


def evaluate(
    dataset: Dataset,
    clip_model: Annotated[
        str, typer.Option(help="CLIP-like checkpoint (folder or Hub name); auto: the default if cached; none: skip.")
    ] = "auto",
    clip_revision: Annotated[
        str | None, typer.Option(help="Commit, tag or branch of the CLIP-like checkpoint.")
    ] = None,
    perplexity_model: Annotated[
        str, typer.Option(help="Masked language model; auto: SciBERT if it is in the cache; none: skip.")
    ] = "auto",
    perplexity_revision: Annotated[str | None, typer.Option(help="The same of the masked language model.")] = None,
    sample_size: Annotated[int, typer.Option(help="Rows for the model-based scores; 0: all.")] = DEFAULTS.sample_size,
    perplexity_sample: Annotated[
        int, typer.Option(help="Rows of the sample for pseudo-perplexity; 0: all.")
    ] = DEFAULTS.perplexity_sample,
    seed: Annotated[int, typer.Option(help="Of the sample, the controls and the bootstrap.")] = 0,
    device: Annotated[str | None, typer.Option(help="As torch names it; default: the accelerator if any.")] = None,
    dtype: Annotated[str, typer.Option(help="float32, bfloat16 or float16.")] = DEFAULTS.dtype,
    batch_size: Annotated[int, typer.Option(help="Images that the CLIP model reads at once.")] = DEFAULTS.batch_size,
    stride: Annotated[
        int, typer.Option(help="Of pseudo-perplexity: 1 is exact; 7 approximates, at a fraction of the work.")
    ] = DEFAULTS.stride,
    write_columns: Annotated[
        bool, typer.Option("--write-columns", help="Score every row, and write the scores into the rows.")
    ] = False,
    engine: Annotated[str, typer.Option(help="local, or ray: actors of a Ray cluster.")] = DEFAULTS.engine,
    num_proc: Annotated[int, typer.Option(help="ray: actors, each with a model on a GPU of its own.")] = 1,
) -> None:
    """Score raw captions against recaptions; writes report.json (and plots/ where matplotlib is installed).

    Caption lengths and grounding need no model. CLIPScore and pseudo-perplexity are measured where their model is
    named or cached, with the controls and confidence intervals that the comparison needs. Each score is kept when it
    is done: killed at any moment and started again, the same command computes only what is missing.

    \b
    Example:
      s1-mmalign evaluate my-dataset --clip-model openai/clip-vit-base-patch32 --dtype bfloat16
      accelerate launch --num-processes 8 -m s1_mmalign.processing.process evaluate my-dataset --write-columns
      s1-mmalign evaluate my-dataset --engine ray --num-proc 32 --write-columns --stride 7
    """
    evaluate_folder(
        dataset,
        EvaluateOptions(
            sample_size=sample_size,
            perplexity_sample=perplexity_sample,
            seed=seed,
            clip_model=None if clip_model == "none" else clip_model,
            clip_revision=clip_revision,
            perplexity_model=None if perplexity_model == "none" else perplexity_model,
            perplexity_revision=perplexity_revision,
            device=device,
            dtype=dtype,
            batch_size=batch_size,
            stride=stride,
            write_columns=write_columns,
            engine=engine,
            num_proc=num_proc,
        ),
    )


def evaluate_folder(dataset: Path, options: EvaluateOptions) -> None:
    """Evaluate with progress on the screen, and print the summary: in the first of the processes of a launch."""
    from s1_mmalign.eval.report import evaluate_dataset

    if int(os.environ.get("RANK") or 0):
        evaluate_dataset(dataset, options)
        return
    with Progress() as progress:
        report = evaluate_dataset(dataset, options, progress)
    finish_stage(dataset, "evaluate", options, evaluate_results(dataset, options, report))
    for line in summary_lines(report):
        print(line)


def evaluate_results(dataset: Path, options: EvaluateOptions, report: dict[str, Any]) -> dict[str, Any]:
    """Return what the recipe records of a report: how many rows, which scores by which models, and what was written."""
    from s1_mmalign.builder.shards import sha256_of
    from s1_mmalign.dataset_card.recipe import shard_hashes
    from s1_mmalign.eval.report import REPORT_NAME

    measured = [name for name in SCORES if report[name]["measured"]]
    models = {name: report[name]["model"] for name in measured if "model" in report[name]}
    files = {name: sha256_of(dataset / name) for name in [REPORT_NAME, *report["plots"]["files"]]}
    return {
        **{name: report["dataset"][name] for name in ("rows", "rows_with_recaption")},
        "sample": report["sample"]["rows"],
        "measured": measured,
        "models": models,
        "sha256": files | (shard_hashes(dataset) if options.write_columns else {}),
    }

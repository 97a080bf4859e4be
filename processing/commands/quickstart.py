"""`s1-mmalign quickstart`: the whole way on the sample papers, in one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from s1_mmalign.builder.shards import Manifest

OPEN_IT = """
Open it:

    from datasets import load_dataset
    row = load_dataset({folder!r}, "arxiv", split="train")[0]
    print(row["image"], row["caption"], row["recaption"], sep="\\n")
"""


def quickstart(
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to make.")] = Path("s1-mmalign-quickstart"),
) -> None:
    """Build, recaption, evaluate and describe a dataset from the sample papers. Needs no GPU, model or network.

    \b
    Example:
      s1-mmalign quickstart --out try-it
    """
    from s1_mmalign.eval.report import EvaluateOptions
    from s1_mmalign.processing.captioners.options import RecaptionOptions
    from s1_mmalign.processing.commands.build import build
    from s1_mmalign.processing.commands.evaluate import evaluate_folder
    from s1_mmalign.processing.commands.publish import verify
    from s1_mmalign.processing.commands.recaption import recaption_folder
    from s1_mmalign.samples import papers_folder

    _title("build", "four sample papers: two LaTeX packages, a JATS package, a PDF")
    build(papers=[papers_folder()], out=out, splits="1,0,0")
    _title("recaption", "extractive: no model, sentences of the paper")
    recaption_folder(out, RecaptionOptions())
    _title("evaluate", "raw captions against recaptions")
    evaluate_folder(out, EvaluateOptions())
    _title("verify", "every shard, row and image")
    verify(str(out))
    print(f"\nThe dataset: {out}\nIts card:    {out / 'README.md'}\nIts report:  {out / 'report.json'}")
    if Manifest.load(out).rows:
        print(OPEN_IT.format(folder=str(out)))


def _title(stage: str, what: str) -> None:
    print(f"\n== {stage}: {what}", flush=True)

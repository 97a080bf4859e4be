"""`s1-mmalign quickstart`: the whole way on the sample papers, in one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from s1_mmalign.builder.shards import Manifest
from s1_mmalign.processing.commands.gallery import PAGE_NAME, gallery

OPEN_IT = """
Open it:

    from datasets import load_dataset
    row = load_dataset({folder!r}, "arxiv", split="train")[0]
    print(row["image"], row["caption"], row["recaption"], sep="\\n")
"""


def quickstart(
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to make.")] = Path("s1-mmalign-quickstart"),
) -> None:
    """Build, recaption, evaluate, describe and show a dataset of the sample papers. Needs no GPU, model or network.

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
    _title("gallery", "every row on a page, to look at and to judge")
    gallery(out)
    _tell(out)


def _tell(out: Path) -> None:
    """Say what there is now, and how to open it."""
    from s1_mmalign.builder.funnel import FOLDER as BUILD_REPORT

    pictures = (path for folder in ("plots", BUILD_REPORT) for path in (out / folder).glob("*.png"))
    plots = sorted(path.relative_to(out).as_posix() for path in pictures)
    print(f"""
The dataset: {out}
Its card:    {out / "README.md"}
Its report:  {out / "report.json"}
Its plots:   {", ".join(plots) or "none: matplotlib is not installed"}
Its gallery: {out / PAGE_NAME} (open it in a browser)""")
    if Manifest.load(out).rows:
        print(OPEN_IT.format(folder=str(out)))


def _title(stage: str, what: str) -> None:
    print(f"\n== {stage}: {what}", flush=True)

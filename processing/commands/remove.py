"""`s1-mmalign remove`: papers out of a dataset, for good."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from s1_mmalign.builder.tombstones import DEFAULT_REASON, Tombstone, read_removed
from s1_mmalign.processing.commands.stages import Dataset, finish_stage
from s1_mmalign.processing.progress import Progress


def remove(
    dataset: Dataset,
    papers: Annotated[
        list[str] | None, typer.Argument(metavar="[PAPER...]", help="arXiv ids, DOIs or paper_ids.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; it is published with the list.")] = DEFAULT_REASON,
    from_file: Annotated[
        list[Path] | None, typer.Option("--from", help="A list: a removed.jsonl, or `PAPER REASON` lines.")
    ] = None,
) -> None:
    """Take papers out of a dataset for good.

    They go on the dataset's list, removed.jsonl, and their rows out of the shards now; each is a line of drops.jsonl.
    A later build of the folder leaves them out, push and export refuse rows of them, and push publishes the list.
    Without PAPER, what the list names already is taken out. What was read of them stays in .s1-mmalign/ of this
    machine, which is never published, and in pages that `gallery` wrote.

    \b
    Example:
      s1-mmalign remove my-dataset 2301.00001 10.1101/2020.01.01.123456 --reason "asked for by the author"
    """
    from s1_mmalign.processing.remove import remove_papers, told

    today = datetime.now(UTC).date().isoformat()
    named = [Tombstone(paper, reason, today) for paper in papers or []] + read_removed(from_file or [])
    with Progress() as progress:
        result = remove_papers(dataset, named, progress)
    finish_stage(dataset, "remove", {}, asdict(result))
    print(told(result, dataset))

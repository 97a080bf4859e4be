"""`s1-mmalign journal`: what recaptioning has done so far, apart from the dataset itself."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from s1_mmalign.processing.commands.stages import Dataset

journal = typer.Typer(
    help="Show, merge or compact the captions that `recaption` has journaled.\n\n\b\nExample:\n"
    "  s1-mmalign journal show my-dataset",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@journal.command()
def show(
    dataset: Dataset,
    as_json: Annotated[bool, typer.Option("--json", help="All of it as one JSON object.")] = False,
) -> None:
    """Tell how many captions the journal has, by whom they were written, and how many rows of the dataset have one.

    \b
    Example:
      s1-mmalign journal show my-dataset
    """
    from s1_mmalign.processing.journal_tools import show_journal

    report = show_journal(dataset)
    if as_json:
        print(json.dumps(asdict(report), default=str))
        return
    for line in report.lines():
        print(line)


@journal.command()
def merge(
    dataset: Dataset,
    sources: Annotated[list[Path], typer.Argument(help="Dataset folders, or journal folders, from other machines.")],
) -> None:
    """Add captions from other journals: of copies of the dataset that other machines worked on.

    The next `recaption` of the same model and prompt takes them as its own. Compact, or run it, to make one file.

    \b
    Example:
      s1-mmalign journal merge my-dataset node1/my-dataset node2/my-dataset
    """
    from s1_mmalign.processing.journal_tools import merge_journals

    for source, count in zip(sources, merge_journals(dataset, sources), strict=True):
        print(f"{source}: {count:,} captions added")


@journal.command()
def compact(dataset: Dataset) -> None:
    """Merge the journal's files into one, each caption once, damaged lines left out.

    \b
    Example:
      s1-mmalign journal compact my-dataset
    """
    from s1_mmalign.processing.journal_tools import compact_journal

    files, entries = compact_journal(dataset)
    print(f"{files:,} files -> 1, {entries:,} captions" if files > 1 else f"{entries:,} captions in {files:,} file")

"""`s1-mmalign reproduce`: the card is the program."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from s1_mmalign.processing.progress import Progress

if TYPE_CHECKING:
    from s1_mmalign.dataset_card.reproduce.recorded import Recorded
    from s1_mmalign.dataset_card.reproduce.run import ReproduceOptions


def reproduce(
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="CARD_OR_REPO",
            help="A dataset folder, its README.md or recipe.json, or owner/name[@revision] on the Hub.",
        ),
    ],
    inputs: Annotated[
        Path | None,
        typer.Option(help="The recorded input, or the folder that holds the recorded inputs by their names."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of the reproduction [NAME-reproduced].")
    ] = None,
    start: Annotated[
        str,
        typer.Option("--from", help="First stage to run: build, recaption, evaluate, card. Earlier ones are given."),
    ] = "build",
    option: Annotated[
        list[str] | None,
        typer.Option(help="STAGE.OPTION=VALUE, other than recorded: build.extract.image.longest_side=800."),
    ] = None,
    part: Annotated[
        str | None, typer.Option(help="Of a repository that several folders were pushed to: which one.")
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Tell what would be run, on what; do nothing.")] = False,
    check_only: Annotated[
        bool,
        typer.Option("--check-only", help="Compare the hashes of inputs and dataset with the recipe; run nothing."),
    ] = False,
) -> None:
    """Run a dataset's recorded recipe again, and say stage by stage whether the same came out.

    identical: the same bytes. equivalent: the same rows in other bytes. different: which rows, in which columns.
    Captions by a model are compared as text, and a difference is told but does not count: no engine promises the
    same words. A model that is not here leaves its stage not run; later stages use the captions given. Interrupted,
    the same command goes on. Exit code 0: identical or equivalent; 1: different; 2: the command or its input is wrong.

    \b
    Example:
      s1-mmalign reproduce my-dataset --inputs papers/
      s1-mmalign reproduce you/my-dataset --inputs papers/ --out again --from recaption
      s1-mmalign reproduce my-dataset --inputs papers/ --check-only
      s1-mmalign reproduce my-dataset --inputs papers/ --option build.extract.image.longest_side=800
    """
    from s1_mmalign.dataset_card.reproduce.recorded import open_recorded
    from s1_mmalign.dataset_card.reproduce.run import ReproduceOptions

    if plan and check_only:
        raise ValueError("--plan and --check-only: one of them")
    options = ReproduceOptions(inputs, start, tuple(option or ()))
    if plan or check_only:
        with tempfile.TemporaryDirectory(prefix="s1-mmalign-recorded-") as work:
            recorded = open_recorded(dataset, part, Path(work))
            _plan(recorded, options) if plan else _check(recorded, inputs)
        return
    _run(dataset, part, options, out)


def _plan(recorded: Recorded, options: ReproduceOptions) -> None:
    from s1_mmalign.dataset_card.reproduce.plan import plan_lines

    for line in plan_lines(recorded, options):
        print(line)


def _check(recorded: Recorded, inputs: Path | None) -> None:
    from s1_mmalign.dataset_card.reproduce.check import check_only

    failed = False
    with Progress() as progress:
        outcomes = list(check_only(recorded, inputs, progress))
    for outcome in outcomes:
        print("\n".join(outcome.printed()))
        failed |= outcome.failed
    if failed:
        raise typer.Exit(1)


def _run(dataset: str, part: str | None, options: ReproduceOptions, out: Path | None) -> None:
    from s1_mmalign.dataset_card.reproduce import run
    from s1_mmalign.dataset_card.reproduce.recorded import open_recorded

    place = Path(dataset).parent if Path(dataset).is_file() else Path(dataset)
    folder = out or Path(f"{place.resolve().name.partition('@')[0]}-reproduced")
    work = run.work_folder(folder, place)
    recorded = open_recorded(dataset, part, work)
    with Progress() as progress:
        done = run.reproduce(recorded, options, folder, progress, lambda line: print(line, flush=True))
    print(f"{folder}: {'not the same' if done.failed else 'reproduced'}; in full: {folder / run.RESULT_NAME}")
    if done.failed:
        raise typer.Exit(1)

"""`s1-mmalign card`: what is said of the dataset."""

from __future__ import annotations

from typing import Annotated

import typer

from s1_mmalign.processing.commands.stages import Dataset


def card(
    dataset: Dataset,
    pretty_name: Annotated[str | None, typer.Option(help="The dataset's name as people read it.")] = None,
    contact: Annotated[str | None, typer.Option(help="Who answers requests for removal.")] = None,
    repo: Annotated[str | None, typer.Option(help="user/name on the Hub: what the examples load.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing: is every number that of the files beside the card?")
    ] = False,
) -> None:
    """Write the dataset's card (README.md), every number computed from the folder, and croissant.json beside it.

    The stages do it themselves; run it to set a name or a contact, or after a change by hand. With --check the card
    is computed again and compared with what is there: exit code 1 names each line and number that does not agree.

    \b
    Example:
      s1-mmalign card my-dataset --pretty-name "Figures of solid-state physics"
      s1-mmalign card my-dataset --check
    """
    from s1_mmalign.dataset_card.card import CardOptions, recorded_options, write_card
    from s1_mmalign.dataset_card.card_check import check_card_numbers

    given = {"pretty_name": pretty_name, "contact": contact, "repo_id": repo}
    chosen = {name: value for name, value in given.items() if value is not None}
    if check:
        if chosen:
            raise ValueError("--check: writes nothing, so it takes no name, contact or repository")
        problems = check_card_numbers(dataset)
        for problem in problems:
            print(problem)
        print(
            f"{dataset}: {len(problems):,} disagreements" if problems else f"{dataset}: the card agrees with its files."
        )
        raise typer.Exit(1 if problems else 0)
    print(write_card(dataset, CardOptions(**(recorded_options(dataset) | chosen)) if chosen else None))

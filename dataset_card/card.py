"""The dataset card: README.md of a dataset folder, every number computed from the files beside it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jinja2

from s1_mmalign.builder.listed_files import list_written, read_listed, write_listed
from s1_mmalign.builder.shards import FolderError, Manifest
from s1_mmalign.builder.tombstones import load_tombstones
from s1_mmalign.dataset_card import markdown
from s1_mmalign.dataset_card.build_report import build_report
from s1_mmalign.dataset_card.croissant import CROISSANT_NAME, croissant
from s1_mmalign.dataset_card.metadata import DEFAULT, OPEN, Config, configs, front_matter
from s1_mmalign.dataset_card.plots import DISCIPLINES_PLOT, plot_disciplines
from s1_mmalign.dataset_card.prompts import prompt_of, prompt_text, without_prompt
from s1_mmalign.dataset_card.quality import quality
from s1_mmalign.dataset_card.recipe import load_recipe, readable, record_stage
from s1_mmalign.dataset_card.statistics import Statistics, collect_statistics
from s1_mmalign.dataset_card.tables import card_tables

CARD_NAME = "README.md"
REPORT_NAME = "report.json"
TEMPLATE = Path(__file__).with_name("template.md")
EXTRACTIVE = "extractive"

MAX_EXAMPLE_TEXT = 300


@dataclass(frozen=True, slots=True)
class CardOptions:
    """What the card says that no file beside it knows."""

    pretty_name: str = "S1-MMAlign"
    contact: str | None = None
    """Who answers requests for removal: an address or a page; None: the repository's discussions."""
    repo_id: str | None = None
    """What the examples load, and where Croissant says that the files are; None: the folder. A push names its own."""

    def __post_init__(self) -> None:
        """Reject what cannot be meant."""
        if not self.pretty_name.strip():
            raise ValueError("pretty_name: a name is expected")


def write_card(folder: Path, options: CardOptions | None = None) -> Path:
    """Write README.md, `croissant.json` and the plot of the disciplines; equal folders give equal bytes.

    Options that are given are kept in the recipe, so the card can be written again without them after every
    later stage.

    Returns:
        path of README.md.

    Raises:
        FolderError: `folder` is no dataset folder, or a file of it cannot be read.
    """
    if options is not None:
        record_stage(folder, "card", options, {})
    manifest = Manifest.load(folder)
    statistics = collect_statistics(folder, manifest)
    if plots := plot_disciplines(folder, statistics):
        list_written(folder, [path.relative_to(folder).as_posix() for path in plots])
    write_listed(folder, render_files(folder, statistics=statistics))
    return folder / CARD_NAME


def render_files(
    folder: Path,
    repo_id: str | None = None,
    statistics: Statistics | None = None,
    reports: Sequence[tuple[str, str]] = (),
) -> dict[str, str]:
    """Return the card and the Croissant metadata by file name; for the arguments see `render_card`."""
    manifest = Manifest.load(folder)
    statistics = statistics or collect_statistics(folder, manifest)
    options = _recorded_options(load_recipe(folder))
    return {
        CARD_NAME: render_card(folder, repo_id, statistics, reports),
        CROISSANT_NAME: croissant(manifest, statistics, options.pretty_name, repo_id or options.repo_id),
    }


def render_card(
    folder: Path,
    repo_id: str | None = None,
    statistics: Statistics | None = None,
    reports: Sequence[tuple[str, str]] = (),
) -> str:
    """Return the card's text.

    Args:
        folder: the dataset folder.
        repo_id: what the examples load; None: what the options say, else this folder.
        statistics: of the rows; None: they are collected from the folder's shards, which are not read otherwise.
        reports: where a dataset has been put together of parts, the sources of each and the path of its report.

    Raises:
        FolderError: `folder` is no dataset folder, or a file of it cannot be read.
    """
    manifest = Manifest.load(folder)
    recipe = load_recipe(folder)
    options = _recorded_options(recipe)
    statistics = statistics or collect_statistics(folder, manifest)
    report = _report(folder)
    plot = f"{DISCIPLINES_PLOT}.png"
    text = _template().render(
        front_matter=front_matter(manifest, statistics, options.pretty_name),
        options=options,
        place=repo_id or options.repo_id or "path/to/this/folder",
        manifest=manifest,
        statistics=statistics,
        tables=card_tables(manifest, statistics),
        configs=configs(manifest),
        example_config=_example_config(configs(manifest)),
        example=_example(statistics.example),
        extractive_rows=sum(n for (model, _), n in statistics.captioners.items() if model == EXTRACTIVE),
        disciplines_plot=plot if (folder / plot).is_file() else "",
        report=report,
        reports=reports,
        report_is_older=_is_older(report, statistics),
        build_report=build_report(folder, statistics.rows),
        removed=len(load_tombstones(folder).papers),
        stages=[stage for stage in recipe["stages"] if stage["stage"] != "card"],
    )
    return text.rstrip() + "\n"


def recorded_options(folder: Path) -> dict[str, Any]:
    """Return the options that an earlier `write_card` was given, by name."""
    return asdict(_recorded_options(load_recipe(folder)))


def _template() -> jinja2.Template:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals.update(
        code=markdown.code,
        fenced=markdown.fenced,
        fenced_json=markdown.fenced_json,
        number=markdown.number,
        share=markdown.share,
        size=markdown.size,
        prompt_of=prompt_of,
        prompt_text=prompt_text,
        readable=readable,
        without_prompt=without_prompt,
    )
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))


def _recorded_options(recipe: dict[str, Any]) -> CardOptions:
    stage = next((stage for stage in recipe["stages"] if stage["stage"] == "card"), None)
    return CardOptions(**stage["options"]) if stage else CardOptions()


def _example_config(known: list[Config]) -> Config | None:
    """The source that the examples load: the largest; None where there are no rows."""
    sources = [config for config in known if config.name not in (DEFAULT, OPEN)]
    return max(sources, key=lambda config: config.rows, default=None)


def _example(row: dict[str, Any] | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {key: _short(value) for key, value in row.items() if value is not None}


def _short(value: Any) -> Any:
    if isinstance(value, list):
        return [_short(item) for item in value[:2]] + (["…"] if len(value) > 2 else [])
    return markdown.shorten(value, MAX_EXAMPLE_TEXT) if isinstance(value, str) else value


def _report(folder: Path) -> dict[str, Any] | None:
    """What the card shows of the evaluation report, None where there is no report."""
    path = folder / REPORT_NAME
    if not path.is_file():
        return None
    try:
        return quality(json.loads(read_listed(folder, REPORT_NAME)), folder)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise FolderError(f"{path}: cannot be read ({error!r}). Run `s1-mmalign evaluate {folder}` again.") from error


def _is_older(report: dict[str, Any] | None, statistics: Statistics) -> bool:
    """Whether the report measured other recaptions than the rows hold now."""
    models = Counter[str]()
    for (model, _), count in statistics.captioners.items():
        models[model or "unknown"] += count
    return report is not None and (report["rows"] != statistics.recaptioned or report["models"] != models)

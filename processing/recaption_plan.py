"""What a run of `recaption` would take, told before any GPU is touched.

Rows are counted exactly, after selection and journal. Tokens are those of a sample of the rows that are to do, drawn
as runs of neighbours, so that it also tells how much of a prompt repeats the one before (what a prefix cache saves).
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from datasets import Dataset

from s1_mmalign.builder.caption_columns import caption_columns
from s1_mmalign.builder.shards import WORK_FOLDER, Manifest, iter_tables
from s1_mmalign.processing.caption_rows import Ahead, RowReader
from s1_mmalign.processing.captioners.base import Captioner
from s1_mmalign.processing.captioners.identity import ModelIdentity
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.captioners.registry import captioner_class
from s1_mmalign.processing.figure_text import FigureText
from s1_mmalign.processing.journal import Journal
from s1_mmalign.processing.prompt import Template, load_template
from s1_mmalign.processing.prompt_tokens import PromptCounter, prompt_counter
from s1_mmalign.processing.recaption import JOURNAL_FOLDER, caption_sets
from s1_mmalign.processing.recaption_summary import RATE_NAME
from s1_mmalign.processing.row_selection import select_rows
from s1_mmalign.processing.run_rows import read_rows

SAMPLED_RUNS, RUN_ROWS = 32, 8
ASKED_CHARACTERS = 750
"""The middle of what the prompt asks for."""
CHARACTERS_PER_TOKEN = 4.35
"""Of English scientific prose in Qwen's vocabulary, measured as said in `token_count`."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class TokenSample:
    """Means over the sampled rows."""

    rows: int
    text: float
    image: float
    error: float
    """Standard error of the mean of text and image together."""
    repeated: float
    """Share of the text's tokens that the prompt of the row before began with."""
    text_how: str
    image_how: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to do, and what it takes; None is not known."""

    model: str
    chosen: int
    to_do: int
    tokens: TokenSample | None
    completion: float | None
    completion_how: str
    rate: float | None
    """Rows a second of one engine."""
    rate_how: str
    engines: int
    gpus: int
    """Of one engine."""
    price: float | None = None

    @property
    def gpu_hours(self) -> float | None:
        """Hours of one GPU that the rows take."""
        return self.to_do / self.rate / 3600 * self.gpus if self.rate else None

    def lines(self) -> Iterator[str]:
        """Yield what a person should read."""
        yield f"{self.to_do:,} rows to caption by {self.model}, of {self.chosen:,} chosen (the others are done)"
        if not self.to_do:
            return
        if self.tokens is not None:
            yield from self._token_lines(self.tokens)
        if self.gpu_hours is None:
            yield (
                "  time: no rate is known. Give one (--rate ROWS_PER_SECOND of one engine), or caption some rows "
                "first (--limit 500): the plan takes the rate of the last run."
            )
            return
        yield f"  at {self.rate:,.2f} rows/s an engine ({self.rate_how}): {self.gpu_hours:,.4g} GPU hours"
        engines = f"{self.engines:,} engine{'s' if self.engines > 1 else ''}"
        yield f"  on {engines} of {self.gpus} GPU: {_duration(self.gpu_hours / self.gpus / self.engines)}"
        if self.price is not None:
            yield f"  at {self.price:g} a GPU hour: {self.gpu_hours * self.price:,.2f}"

    def _token_lines(self, sample: TokenSample) -> Iterator[str]:
        row = sample.text + sample.image
        yield (
            f"  tokens in:  {self.to_do * row:,.0f} ± {2 * self.to_do * sample.error:,.0f} ({row:,.0f} a row, of "
            f"{sample.rows} rows: text {sample.text:,.0f} {sample.text_how}, image {sample.image:,.0f} "
            f"{sample.image_how}); {sample.repeated:.0%} of the text repeats the row before"
        )
        if self.completion is not None:
            total = self.to_do * self.completion
            yield f"  tokens out: {total:,.0f} ({self.completion:,.0f} a row, {self.completion_how})"


def plan_recaption(
    folder: Path,
    options: RecaptionOptions,
    *,
    rate: float | None = None,
    price: float | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Plan:
    """Work out what `recaption_dataset` with these options would do. No engine is started, nothing is written.

    Args:
        folder: the dataset folder.
        options: as for the run.
        rate: rows a second of one engine; None: that of the last run by this model and prompt, if there was one.
        price: of a GPU for an hour.
        progress: told how many rows were looked at.

    Raises:
        FolderError, FilterError, PromptError, CaptionerError: as the run would.
        ValueError: a rate that is not above 0.
    """
    if rate is not None and not rate > 0:
        raise ValueError(f"rate={rate!r}: rows a second, more than 0, are expected")
    captioner = captioner_class(options.captioner)
    template = load_template(options.prompt, options.context_tokens)
    identity = captioner.identify(options)
    manifest = Manifest.load(folder)
    chosen = select_rows(folder, manifest, options, caption_sets(folder, manifest), progress)
    with tempfile.TemporaryDirectory(prefix="s1-mmalign-plan-") as scratch:
        names = caption_columns(options.column)
        rows, _ = read_rows(folder, manifest, chosen, names, Path(scratch), progress)
        to_do = _to_do(rows, folder, options, captioner, identity, progress)
        sampled = _sample(to_do, options.seed) if captioner.uses_prompt else []
        tokens = _count(rows, sampled, folder, template, prompt_counter(identity), options) if sampled else None
    last = _last_rate(folder, identity, captioner.prompt_label(template.label))
    completion, how = ASKED_CHARACTERS / CHARACTERS_PER_TOKEN, f"for {ASKED_CHARACTERS} characters"
    if last.get("completion_tokens_per_row"):
        completion, how = last["completion_tokens_per_row"], "as in the last run"
    if rate is None:
        rate, rate_how = last.get("rows_per_s_and_engine"), f"measured in the last run, on {last.get('rows', 0):,} rows"
    else:
        rate_how = "as given"
    return Plan(
        model=identity.label,
        chosen=len(rows),
        to_do=len(to_do),
        tokens=tokens,
        completion=completion if tokens else None,
        completion_how=how,
        rate=rate,
        rate_how=rate_how,
        engines=options.num_proc,
        gpus=options.tensor_parallel,
        price=price,
    )


def _to_do(
    rows: Dataset,
    folder: Path,
    options: RecaptionOptions,
    captioner: type[Captioner],
    identity: ModelIdentity,
    progress: Progress,
) -> list[int]:
    """Return the rows that an engine would be asked for."""
    journal = Journal.load(folder / WORK_FOLDER / JOURNAL_FOLDER)
    reader = RowReader(options, captioner, identity, journal, Ahead(rows, folder, 0), 0)
    found: list[int] = []
    for start in range(0, len(rows), 1000):
        batch = rows[start : start + 1000]
        found.extend(start + place for place, row in enumerate(reader.rows_of(batch)) if row.answer is None)
        progress("rows", start + len(batch["index"]), len(rows))
    reader.close()
    return found


def _sample(to_do: Sequence[int], seed: int) -> list[list[int]]:
    """Draw runs of neighbouring rows."""
    starts = range(0, len(to_do), RUN_ROWS)
    drawn = random.Random(seed).sample(starts, min(SAMPLED_RUNS, len(starts)))
    return [list(to_do[start : start + RUN_ROWS]) for start in sorted(drawn)]


def _count(
    rows: Dataset,
    runs: list[list[int]],
    folder: Path,
    template: Template,
    counter: PromptCounter,
    options: RecaptionOptions,
) -> TokenSample:
    texts, images, repeated, compared = [], [], 0, 0
    sizes = _Sizes(folder)
    for run in runs:
        before = ""
        for number, index in enumerate(run):
            row = rows[index]
            prompt = template.render(FigureText.from_row(row))
            texts.append(counter.prompt(prompt))
            images.append(counter.image.tokens(*sizes.of(row), options.max_pixels))
            beginning = f"{prompt.system}\0{prompt.context}"
            if number:
                repeated += counter.text(_common(before, beginning))
                compared += texts[-1]
            before = beginning
    both = [text + image for text, image in zip(texts, images, strict=True)]
    return TokenSample(
        rows=len(both),
        text=fmean(texts),
        image=fmean(images),
        error=stdev(both) / len(both) ** 0.5 if len(both) > 1 else 0.0,
        repeated=repeated / compared if compared else 0.0,
        text_how=counter.how,
        image_how=counter.image_how,
    )


class _Sizes:
    """Widths and heights of images, read a shard at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shard = ""
        self._sizes: list[tuple[int, int]] = []

    def of(self, row: dict[str, Any]) -> tuple[int, int]:
        if row["shard"] != self._shard:
            self._shard = row["shard"]
            tables = iter_tables(self._folder / self._shard, ["width", "height"])
            self._sizes = [
                (width or 1, height or 1)
                for table in tables
                for width, height in zip(table["width"].to_pylist(), table["height"].to_pylist(), strict=True)
            ]
        return self._sizes[row["shard_row"]]


def _common(first: str, second: str) -> str:
    """Return what two texts begin with alike."""
    length = next((at for at, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), None)
    return second[: min(len(first), len(second))] if length is None else second[:length]


def _last_rate(folder: Path, identity: ModelIdentity, prompt: str) -> dict[str, Any]:
    """Return what the last run noted, if it was of this model and prompt."""
    path = folder / WORK_FOLDER / RATE_NAME
    if not path.is_file():
        return {}
    noted = json.loads(path.read_text(encoding="utf-8"))
    return noted if (noted["model"], noted["prompt"]) == (identity.label, prompt) else {}


def _duration(hours: float) -> str:
    if hours < 1 / 60:
        return f"{hours * 3600:,.0f} s"
    if hours < 1:
        return f"{hours * 60:,.0f} min"
    return f"{hours:,.1f} h" if hours < 48 else f"{hours / 24:,.1f} days"

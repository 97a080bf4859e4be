"""The stage `recaption`: every figure of a dataset folder described anew, in place.

    chosen rows' words -> Recaptioner, in datasets.map or on a cluster -> recaption columns -> shards, manifest last

The images stay in their shards: rows are mapped by their words and by where their image is. What resumes a run is
the journal, not the cache of `datasets`: started again after any end, the same command asks an engine only for
what is missing, and where nothing is, starts none.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
from datasets import Dataset

from s1_mmalign.builder.caption_columns import caption_columns, names_in
from s1_mmalign.builder.disk_space import full_disk_explained
from s1_mmalign.builder.folder_lock import locked
from s1_mmalign.builder.listed_files import check_files, check_shards
from s1_mmalign.builder.records import RECAPTION_COLUMNS
from s1_mmalign.builder.run_folder import run_folder
from s1_mmalign.builder.shards import WORK_FOLDER, Manifest
from s1_mmalign.processing.captioners.identity import ModelIdentity
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.captioners.registry import captioner_class
from s1_mmalign.processing.journal import Journal, compact
from s1_mmalign.processing.map_run import Watch, map_rows
from s1_mmalign.processing.prompt import load_template
from s1_mmalign.processing.recaption_summary import ERRORS_NAME, RecaptionSummary
from s1_mmalign.processing.recaptioner import Recaptioner
from s1_mmalign.processing.row_selection import select_rows
from s1_mmalign.processing.run_rows import read_rows
from s1_mmalign.processing.run_status import RunStatus
from s1_mmalign.processing.shard_columns import finish_replacement, write_columns

__all__ = ["RecaptionOptions", "RecaptionSummary", "Recaptioner", "recaption_dataset"]

JOURNAL_FOLDER = "journal"

Progress = Callable[[str, int, int], None]
"""Called as (what, done, total): "selection" and "texts" while reading, "rows" while captioning, "shards" while
writing."""


def recaption_dataset(
    folder: Path,
    options: RecaptionOptions | None = None,
    progress: Progress = lambda what, done, total: None,
    say: Callable[[str], None] = lambda text: print(text, file=sys.stderr),
    watch: Watch = lambda status: None,
) -> RecaptionSummary:
    """Write the recaption columns of the chosen rows of a dataset folder.

    It can be killed at any moment and called again: each row is captioned once.

    Args:
        folder: what `build` made.
        options: who writes, from what prompt, of which rows; None: `extractive`, which needs nothing, of all.
        progress: told how many rows are done.
        say: told what the user should know.
        watch: told rates and shares while rows are captioned.

    Raises:
        FolderError: no dataset folder, another process works in it, or the disk is full.
        FilterError, PromptError, CaptionerError, JournalError: see there; the text says what to do.
    """
    options = options or RecaptionOptions()
    Manifest.load(folder)  # no dataset folder is told before anything else
    captioner = captioner_class(options.captioner)
    template = load_template(options.prompt, options.context_tokens)
    identity = captioner.identify(options)
    if captioner.notice:
        say(captioner.notice)
    summary = RecaptionSummary(identity.label, captioner.prompt_label(template.label), engines=options.num_proc)
    started = time.monotonic()
    with (
        locked(folder),
        full_disk_explained(folder),
        run_folder(folder / WORK_FOLDER, "recaption") as scratch,
    ):
        manifest = Manifest.load(folder)
        finish_replacement(folder, manifest)
        check_files(folder, manifest)
        check_shards(folder, manifest.shards, progress)
        chosen = select_rows(folder, manifest, options, caption_sets(folder, manifest), progress)
        names = caption_columns(options.column)
        rows, places = read_rows(folder, manifest, chosen, names, scratch, progress)
        merged = None
        if len(rows):
            tell = _telling(progress, watch, summary)
            merged = _index_journal(folder / WORK_FOLDER / JOURNAL_FOLDER, scratch)
            captions = _caption(rows, folder, options, identity, scratch, tell)
            summary.count(captions, folder / WORK_FOLDER / ERRORS_NAME)
            summary.shards_written = write_columns(
                folder, manifest, captions, RECAPTION_COLUMNS, progress, places, names
            )
        compact(folder / WORK_FOLDER / JOURNAL_FOLDER, merged=merged)
    summary.seconds = time.monotonic() - started
    summary.save_rate(folder / WORK_FOLDER)
    return summary


def caption_sets(folder: Path, manifest: Manifest) -> list[str]:
    """Return the names of the caption columns beside the dataset's own that all shards have."""
    sets = [set(names_in(pq.read_schema(folder / shard.path).names)) for shard in manifest.shards]
    return sorted(set.intersection(*sets)) if sets else []


def _index_journal(journal: Path, scratch: Path) -> Path | None:
    """Write the journal's index for the workers; return its `merged_file`."""
    known = Journal.load(journal)
    known.save(scratch)
    return known.merged_file


def _caption(
    rows: Dataset, folder: Path, options: RecaptionOptions, identity: ModelIdentity, scratch: Path, watch: Watch
) -> Dataset:
    """Have the rows captioned by whatever runs the workers."""
    journal = folder / WORK_FOLDER / JOURNAL_FOLDER
    if options.backend == "ray":
        from s1_mmalign.processing.distributed import ray_rows

        return ray_rows(rows, folder, journal, options, identity, scratch, watch)
    return map_rows(rows, folder, journal, options, identity, scratch, watch)


def _telling(progress: Progress, watch: Watch, summary: RecaptionSummary) -> Watch:
    """Tell both the count of rows and all the rest; and keep the rate for the next plan."""
    first: list[RunStatus] = []

    def tell(status: RunStatus) -> None:
        progress("rows", status.rows, status.total)
        watch(status)
        if status.asked and not first:
            first.append(status)
        if first:  # from the first answers on: starting the engine is no part of the rate
            summary.steady_rows = status.captioned - first[0].captioned
            summary.steady_seconds = status.seconds - first[0].seconds

    return tell

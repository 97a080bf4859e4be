"""The stage `recaption`: every figure of a dataset folder described anew, in place.

    text of all rows -> datasets.map(Recaptioner) -> recaption columns -> each shard rewritten, manifest last

The images stay in their shards: rows are mapped by their words and by where their image is. What resumes a run is
the journal, not the cache of `datasets`: started again after any end, the same command asks an engine only for
what is missing, and where nothing is, starts none.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import datasets
import multiprocess
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset, Features, Value

from s1_mmalign.builder.folder_lock import locked
from s1_mmalign.builder.records import FEATURES, RECAPTION_COLUMNS
from s1_mmalign.builder.shards import WORK_FOLDER, Manifest, iter_tables
from s1_mmalign.processing.caption_rows import Ahead
from s1_mmalign.processing.captioners.base import CaptionerError
from s1_mmalign.processing.captioners.identity import ModelIdentity
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.captioners.processes import Reaper
from s1_mmalign.processing.captioners.registry import captioner_class
from s1_mmalign.processing.journal import Journal, compact
from s1_mmalign.processing.prompt import load_template
from s1_mmalign.processing.recaption_summary import ERRORS_NAME, RecaptionSummary
from s1_mmalign.processing.recaptioner import Recaptioner
from s1_mmalign.processing.shard_columns import finish_replacement, write_columns

__all__ = ["RecaptionOptions", "RecaptionSummary", "Recaptioner", "recaption_dataset"]

JOURNAL_FOLDER = "journal"
READ_COLUMNS = (
    "image_path", "image_sha256", "caption", "subcaption", "title", "abstract", "citation_contexts",
    "figure_number", "panel", "recaption", "recaption_key", "recaption_flags",
)  # fmt: skip
RESULT_FEATURES = Features(
    {name: FEATURES[name] for name in RECAPTION_COLUMNS}
    | {"outcome": Value("string"), "error": Value("string")}
    | {"prompt_tokens": Value("int32"), "completion_tokens": Value("int32")}
)

Progress = Callable[[str, int, int], None]
"""Called as (what, done, total): "texts" while reading, "rows" while captioning, "shards" while writing."""


def recaption_dataset(
    folder: Path,
    options: RecaptionOptions | None = None,
    progress: Progress = lambda what, done, total: None,
    say: Callable[[str], None] = lambda text: print(text, file=sys.stderr),
) -> RecaptionSummary:
    """Write the recaption columns of all rows of a dataset folder.

    It can be killed at any moment and called again: each row is captioned once.

    Args:
        folder: what `build` made.
        options: who writes, from what prompt; None: `extractive`, which needs nothing.
        progress: told how many rows are done.
        say: told what the user should know.

    Raises:
        FolderError: no dataset folder, or another process works in it.
        PromptError, CaptionerError, JournalError: see there; the text says what to do.
    """
    options = options or RecaptionOptions()
    Manifest.load(folder)  # no dataset folder is told before anything else
    captioner = captioner_class(options.captioner)
    template = load_template(options.prompt, options.context_chars)
    identity = captioner.identify(options)
    if captioner.notice:
        say(captioner.notice)
    summary = RecaptionSummary(identity.label, captioner.prompt_label(template.label))
    started = time.monotonic()
    with locked(folder), _scratch(folder / WORK_FOLDER) as scratch:
        manifest = Manifest.load(folder)
        finish_replacement(folder, manifest)
        rows = _read_rows(folder, manifest, scratch, progress)
        if options.limit is not None:
            rows = rows.select(range(min(options.limit, len(rows))))
        if len(rows):
            captions = _map(rows, folder, options, identity, scratch, progress)
            summary.count(captions, folder / WORK_FOLDER / ERRORS_NAME)
            summary.shards_written = write_columns(folder, manifest, captions, RECAPTION_COLUMNS, progress)
        compact(folder / WORK_FOLDER / JOURNAL_FOLDER)
    summary.seconds = time.monotonic() - started
    return summary


@contextmanager
def _scratch(work: Path) -> Iterator[Path]:
    """A folder for this run's files; those of runs that were killed are removed (the folder is locked)."""
    for left in work.glob("recaption-*.tmp"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="recaption-", suffix=".tmp", dir=work) as scratch:
        yield Path(scratch)


def _read_rows(folder: Path, manifest: Manifest, scratch: Path, progress: Progress) -> Dataset:
    """Copy the words of all rows, and where each row's image is, into one Arrow file that is mapped into memory."""
    path = scratch / "rows.arrow"
    schema = pa.schema(
        [pa.field("index", pa.int64()), pa.field("shard", pa.string()), pa.field("shard_row", pa.int64())]
        + [pa.field("recaptioned", pa.bool_())]
        + [FEATURES.arrow_schema.field(name) for name in READ_COLUMNS if name != "recaption"]
    )
    index = 0
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        for shard in manifest.shards:
            start = index
            for table in iter_tables(folder / shard.path, READ_COLUMNS):
                numbers = np.arange(index, index + table.num_rows)
                added = {
                    "index": pa.array(numbers),
                    "shard": pa.array([shard.path] * table.num_rows, pa.string()),
                    "shard_row": pa.array(numbers - start),
                    "recaptioned": pc.is_valid(table["recaption"]),
                }
                for name, column in added.items():
                    table = table.append_column(name, column)
                writer.write_table(table.select(schema.names).cast(schema), max_chunksize=1000)
                index += table.num_rows
                progress("texts", index, manifest.rows)
    return Dataset.from_file(str(path))


def _map(
    rows: Dataset, folder: Path, options: RecaptionOptions, identity: ModelIdentity, scratch: Path, progress: Progress
) -> Dataset:
    journal = folder / WORK_FOLDER / JOURNAL_FOLDER
    num_proc = min(options.num_proc, len(rows))
    Journal.load(journal).save(scratch)
    np.zeros(num_proc, np.int64).tofile(scratch / "progress")
    recaptioner = Recaptioner(
        options,
        journal=journal,
        identity=identity,
        ahead=Ahead(rows, folder, num_proc),
        known=scratch,
        progress=scratch / "progress",
        report=True,
    )
    processes = _spawning() if num_proc > 1 else nullcontext()
    with processes, _no_bars(), _reporting(scratch / "progress", len(rows), progress):
        try:
            return rows.map(
                recaptioner,
                batched=True,
                batch_size=options.batch_size,
                with_rank=True,
                num_proc=num_proc if num_proc > 1 else None,
                remove_columns=rows.column_names,
                features=RESULT_FEATURES,
                load_from_cache_file=False,
                cache_file_name=str(scratch / "captions.arrow"),
                new_fingerprint="recaption",
            )
        except multiprocess.TimeoutError as error:  # what `map` makes of an interruption while workers are busy
            raise (error.__context__ or error) from None
        except RuntimeError as error:
            if "abruptly died" not in str(error):
                raise
            raise CaptionerError(
                "a worker process died (killed, out of memory, or started by a script that lacks "
                "`if __name__ == '__main__':`). What it had captioned is in the journal: run the same command again, "
                "with a smaller --num-proc if memory ran out."
            ) from error
        finally:
            recaptioner.close()


@contextmanager
def _spawning() -> Iterator[None]:
    """Have `map` start its processes afresh, and end with this one.

    CUDA, and locks that another thread holds, do not survive a fork.
    """
    before = multiprocess.get_start_method(allow_none=True)
    multiprocess.set_start_method("spawn", force=True)
    try:
        with Reaper(multiprocess.active_children):
            yield
    finally:
        multiprocess.set_start_method(before, force=True)


@contextmanager
def _no_bars() -> Iterator[None]:
    """Switch the bars of `datasets` off: ours counts the rows of all processes and knows the time that is left."""
    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()


@contextmanager
def _reporting(counters: Path, total: int, progress: Progress) -> Iterator[None]:
    """Twice a second, add up what the processes have counted, and tell."""
    ended = threading.Event()

    def report() -> None:
        progress("rows", int(np.fromfile(counters, np.int64).sum()), total)

    def watch() -> None:
        while not ended.wait(0.5):
            report()

    thread = threading.Thread(target=watch, name="recaption-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        report()

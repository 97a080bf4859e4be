"""The rows of a run through `datasets.map`, in this process or in several, and who tells how far they are."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import datasets
import multiprocess
import pyarrow as pa
from datasets import Dataset, Features, Value

from s1_mmalign.builder.records import FEATURES, RECAPTION_COLUMNS
from s1_mmalign.processing.caption_rows import Ahead
from s1_mmalign.processing.captioners.base import CaptionerError
from s1_mmalign.processing.captioners.identity import ModelIdentity
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.map_processes import spawned_processes
from s1_mmalign.processing.recaptioner import Recaptioner
from s1_mmalign.processing.run_counters import RunCounters
from s1_mmalign.processing.run_status import RunMeter, RunStatus

RESULT_FEATURES = Features(
    {name: FEATURES[name] for name in RECAPTION_COLUMNS}
    | {"outcome": Value("string"), "asked": Value("int32"), "attempts": Value("int32"), "error": Value("string")}
    | {"prompt_tokens": Value("int32"), "completion_tokens": Value("int32")}
)
RESULT_SCHEMA = RESULT_FEATURES.arrow_schema  # made anew by each access
COUNTERS_NAME = "counters"
REPORT_SECONDS = 0.5

Watch = Callable[[RunStatus], None]
"""Called a few times a second with how the run goes."""


def map_rows(
    rows: Dataset,
    folder: Path,
    journal: Path,
    options: RecaptionOptions,
    identity: ModelIdentity,
    scratch: Path,
    watch: Watch,
) -> Dataset:
    """Caption rows by `datasets.map`; return RESULT_FEATURES of each, in their order.

    Args:
        rows: what `run_rows.read_rows` made.
        folder: the dataset folder.
        journal: folder of the journal.
        options: who writes, and in how many processes.
        identity: of the model.
        scratch: folder for files of this run; the journal's index is there.
        watch: told how it goes.

    Raises:
        CaptionerError, JournalError: see `Recaptioner`.
    """
    num_proc = min(options.num_proc, len(rows))
    counters = RunCounters.create(scratch / COUNTERS_NAME, num_proc)
    recaptioner = Recaptioner(
        options,
        journal=journal,
        identity=identity,
        ahead=Ahead(rows, folder, num_proc, scratch / COUNTERS_NAME),
        known=scratch,
        report=True,
    )
    processes = spawned_processes() if num_proc > 1 else nullcontext()
    with processes, _no_bars(), _thawed(), reporting(counters.totals, len(rows), watch):
        try:
            return rows.select_columns(["index"]).map(  # the words are read ahead, by the recaptioner itself
                _Tables(recaptioner),
                batched=True,
                batch_size=options.batch_size,
                with_rank=True,
                num_proc=num_proc if num_proc > 1 else None,
                remove_columns=["index"],
                features=RESULT_FEATURES,
                load_from_cache_file=False,
                cache_file_name=str(scratch / "captions.arrow"),
                new_fingerprint="recaption",
            )
        except multiprocess.TimeoutError as error:  # what `map` makes of any end while workers are busy
            raise _reason(error.__context__ or error, num_proc) from None
        except (RuntimeError, EOFError, ConnectionError) as error:
            raise _reason(error, num_proc) from None
        finally:
            recaptioner.close()


def _reason(error: BaseException, num_proc: int) -> BaseException:
    """Return what ended `map`: where that is a process that died, in our words."""
    worker = isinstance(error, RuntimeError) and "abruptly died" in str(error)
    queue = num_proc > 1 and isinstance(error, EOFError | ConnectionError)  # of the process that hands on the answers
    if not worker and not queue:
        return error
    return CaptionerError(
        "a worker process died (killed, out of memory, or started by a script that lacks "
        "`if __name__ == '__main__':`). What it had captioned is in the journal: run the same command again, "
        "with a smaller --num-proc if memory ran out."
    )


class _Tables:
    """Returns the answers as a table that has its final types: `datasets` would look at every value to find them."""

    def __init__(self, recaptioner: Recaptioner) -> None:
        self._recaptioner = recaptioner
        self._frozen = False

    def __call__(self, batch: Mapping[str, Sequence[Any]], rank: int | None = None) -> pa.Table:
        if not self._frozen:  # in each process; else its garbage collector goes over all imports again and again
            gc.freeze()
            self._frozen = True
        return pa.table(self._recaptioner(batch, rank), schema=RESULT_SCHEMA)


@contextmanager
def _thawed() -> Iterator[None]:
    """In the end have the garbage collector look at all objects again, if it did before."""
    frozen = gc.get_freeze_count()
    try:
        yield
    finally:
        if not frozen:
            gc.unfreeze()


@contextmanager
def reporting(totals: Callable[[], dict[str, int]], total: int, watch: Watch) -> Iterator[None]:
    """Twice a second, and at the end, tell how far a run is.

    Args:
        totals: returns what was counted so far, by the names of `run_counters.FIELDS`.
        total: rows of the run.
        watch: told.
    """
    ended = threading.Event()
    meter = RunMeter(total)

    def run() -> None:
        while not ended.wait(REPORT_SECONDS):
            watch(meter.status(totals()))

    watch(meter.status(totals()))
    thread = threading.Thread(target=run, name="recaption-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        watch(meter.status(totals()))


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

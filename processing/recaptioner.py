"""The function that `datasets.map` runs: rows in, recaptions out, the journal asked first and the engine last.

    dataset.map(Recaptioner(options), batched=True, batch_size=64, with_rank=True)

Each process that runs it makes what it needs when it first needs it: a row that is done already costs no engine.
Where the function knows the rows that will come (`Ahead`), it hands them to the engine before they are asked for,
so the engine never runs empty between two batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from s1_mmalign.builder.records import RECAPTION_COLUMNS
from s1_mmalign.processing.caption_rows import REPORT_COLUMNS, Ahead, Row, RowReader
from s1_mmalign.processing.captioners.base import Caption, CaptionerError
from s1_mmalign.processing.captioners.identity import ModelIdentity
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.captioners.processes import follow_parent, pin_device
from s1_mmalign.processing.captioners.registry import captioner_class, open_captioner
from s1_mmalign.processing.engine_feed import EngineFeed
from s1_mmalign.processing.journal import Entry, Journal, JournalWriter
from s1_mmalign.processing.turns import Turns

FAILURES_IN_A_ROW = 64
"""So many refusals without one answer between them are no longer about single rows: the run ends."""


class Recaptioner:
    """Captions a batch of rows. Can be pickled; what it holds open stays behind.

    Args:
        options: who writes, from what prompt.
        journal: folder of the journal; None: nothing is remembered.
        identity: model and revision where they are known already (else found out by the first call).
        ahead: the rows that will come; None: each batch is dealt with by itself, and has an `image` column.
        known: folder of a journal's index that `Journal.save` wrote; None: the journal is read by the first call.
        report: add `caption_rows.REPORT_COLUMNS` to the result.
    """

    def __init__(
        self,
        options: RecaptionOptions,
        *,
        journal: Path | None = None,
        identity: ModelIdentity | None = None,
        ahead: Ahead | None = None,
        known: Path | None = None,
        report: bool = False,
    ) -> None:
        self.options = options
        self.journal = journal
        self.identity = identity
        self.ahead = ahead
        self.known = known
        self.columns = RECAPTION_COLUMNS + (REPORT_COLUMNS if report else ())
        self._work: _Work | None = None
        self._shared = False

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_work": None, "_shared": False}

    def open(self) -> None:
        """Make ready what calls need; from then on several threads may call at the same time, served by one engine.

        An error of one of them is raised by all, and by all later calls.
        """
        self._shared = True
        self._work = self._work or _Work(self, None)

    def __call__(self, batch: Mapping[str, Sequence[Any]], rank: int | None = None) -> dict[str, list[Any]]:
        """Return the recaption columns of a batch.

        Args:
            batch: columns of the dataset's rows (`records.FEATURES`; `caption`, and of the others what there is).
            rank: number of this process among those of `map`, None where there is one.

        Raises:
            CaptionerError: the engine cannot start or go on; what is done is in the journal.
            JournalError: the journal cannot be written.
        """
        if self._work is None:
            self._work = _Work(self, rank)
        try:
            answers = self._work.answers(batch)
        except BaseException:
            if not self._shared:
                self._work = None  # closed; who calls again gets new ones
            raise
        if self._work.finished:
            self.close()  # this process's last batch: nothing will say so later
        return {column: [answer[column] for answer in answers] for column in self.columns}

    def close(self) -> None:
        """Let go of the engine and the journal. The next call makes them anew."""
        if self._work is not None:
            self._work.close()
            self._work = None


class _Work:
    """What one process holds while it works."""

    def __init__(self, recaptioner: Recaptioner, rank: int | None) -> None:
        options = recaptioner.options
        captioner = captioner_class(options.captioner)
        if rank is not None:
            follow_parent()
            if captioner.on_gpu:
                pin_device(rank, options.tensor_parallel)
        identity = recaptioner.identity or captioner.identify(options)
        self._rank = rank or 0
        journal = _open_journal(recaptioner)
        self._rows = RowReader(options, captioner, identity, journal, recaptioner.ahead, self._rank)
        self._feed = EngineFeed(
            captioner,
            lambda: open_captioner(captioner, options, identity),
            self._rows.template,
            self._rows.next_wanted,
            options.batch_size,
            options.max_pixels,
            recaptioner.journal,
            self._rank,
        )
        self._writer = JournalWriter(recaptioner.journal, self._rank) if recaptioner.journal else None
        self._turns = Turns()
        self._end: BaseException | None = None
        self._failures = 0

    @property
    def finished(self) -> bool:
        """All of this process's share is answered."""
        return self._rows.finished

    def answers(self, batch: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
        """Return the answers to a batch's rows, in their order."""
        with self._turn():
            rows = self._rows.rows_of(batch)
        for row in rows:
            while row.answer is None:
                with self._turn():
                    if row.answer is None:
                        self._take(self._feed.step())
        if self._writer is not None:
            with self._turn():
                self._writer.sync()
        return [row.answer for row in rows if row.answer is not None]

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Have all to oneself. The first thread that fails lets go of all; the others then end for its reason."""
        with self._turns:
            if self._end is not None:
                raise self._end
            try:
                yield
            except BaseException as error:
                self._end = error
                self.close()
                raise

    def close(self) -> None:
        """Let go of all."""
        self._feed.close()
        self._rows.close()
        if self._writer is not None:
            self._writer.close()

    def _take(self, answers: list[tuple[list[Row], Caption]]) -> None:
        """Write answers into the journal, then into their rows."""
        entries = self._write(answers)
        for rows, caption in answers:
            for row in rows:
                if caption.error is None:
                    self._rows.answered(row, entries[caption.key], caption)
                else:
                    self._rows.failed(row, caption)
            self._watch_failures(caption)

    def _write(self, answers: list[tuple[list[Row], Caption]]) -> dict[str, Entry]:
        """Write answers into the journal with what the checks find; return its entries by key.

        Whatever ends the checks (Ctrl-C, a fault of theirs), no answer is lost: those that are left go in unchecked.
        """
        given = [(rows[0], caption) for rows, caption in answers if caption.error is None]
        entries = {caption.key: _entry(row, caption) for row, caption in given}
        try:
            for row, caption in given:
                entries[caption.key] = self._rows.checked(row, entries[caption.key])
        finally:
            if self._writer is not None:
                self._writer.append(entries.values())
        return entries

    def _watch_failures(self, caption: Caption) -> None:
        if caption.error is None:
            self._failures = 0
        elif caption.flag == "engine_error":
            self._failures += 1
        if self._failures >= FAILURES_IN_A_ROW:
            raise CaptionerError(
                f"{self._failures} rows one after another were refused, the last because: {caption.error}. "
                "What was captioned before is in the journal."
            )


def _open_journal(recaptioner: Recaptioner) -> Journal | None:
    if recaptioner.known is not None:
        return Journal.open(recaptioner.known)
    return Journal.load(recaptioner.journal) if recaptioner.journal else None


def _entry(row: Row, caption: Caption) -> Entry:
    """Return what the journal is to have of an answer, before it is checked."""
    tokens = caption.prompt_tokens, caption.completion_tokens
    return Entry(caption.key, row.name, caption.text, caption.finish_reason, *tokens, fingerprint=row.fingerprint)

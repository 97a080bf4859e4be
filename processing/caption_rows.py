"""Rows on their way to a caption: what identifies each, which are done already, and which are wanted."""

from __future__ import annotations

import hashlib
import io
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from datasets import Dataset

from s1_mmalign.builder.records import RECAPTION_COLUMNS
from s1_mmalign.processing.captioners.base import Caption, Captioner
from s1_mmalign.processing.captioners.identity import ModelIdentity
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.checks import MENDED
from s1_mmalign.processing.figure_text import FigureText
from s1_mmalign.processing.journal import Entry, Journal
from s1_mmalign.processing.prompt import load_template
from s1_mmalign.processing.row_answers import REPORT_COLUMNS, Row, RowAnswers
from s1_mmalign.processing.row_images import RowImages
from s1_mmalign.processing.row_keys import RowKeys
from s1_mmalign.processing.run_counters import RunCounters

__all__ = ["REPORT_COLUMNS", "Ahead", "Row", "RowReader"]

ROWS_AT_ONCE = 256
"""Rows that are read ahead together."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """All rows of a run, so that each process can look ahead within its own share of them.

    `rows` has the columns of the batches in the order in which they come, and beside them `index` (0, 1, 2…),
    `shard` and `shard_row` (where in `folder` the image is), `recaption_crc` (`text_crc` of the recaption).
    """

    rows: Dataset
    folder: Path
    num_proc: int = 1
    """0: nobody has a share, batches come as they come."""
    counters: Path | None = None
    """A file of `RunCounters`, in which each process counts."""

    def share(self, rank: int) -> range:
        """Return the rows of one process, as `Dataset.shard(contiguous=True)` cuts them."""
        if not self.num_proc:
            return range(0)
        size, rest = divmod(len(self.rows), self.num_proc)
        start = size * rank + min(rank, rest)
        return range(start, start + size + (rank < rest))


class RowReader:
    """Turns rows of the dataset into `Row`s: kept, known to the journal, or wanted from the engine."""

    def __init__(
        self,
        options: RecaptionOptions,
        captioner: type[Captioner],
        identity: ModelIdentity,
        journal: Journal | None,
        ahead: Ahead | None,
        rank: int,
    ) -> None:
        self.template = load_template(options.prompt, options.context_tokens)
        """What rows are asked with."""
        self._keys = RowKeys(captioner, self.template, identity, captioner.sampling(options))
        self._answers = RowAnswers(options, captioner, identity, captioner.prompt_label(self.template.label))
        self._asked_anew = self._answers.retried - (frozenset() if options.flagged else frozenset(MENDED))
        self._journal = journal
        self._ahead = ahead
        self._images = RowImages(ahead.folder) if ahead else None
        self._counters = RunCounters(ahead.counters, rank) if ahead and ahead.counters else None
        self._share = ahead.share(rank) if ahead else range(0)
        self._next = self._share.start
        self._read: dict[int, Row] = {}
        self._wanted: deque[Row] = deque()

    def rows_of(self, batch: Mapping[str, Sequence[Any]]) -> list[Row]:
        """Return the rows of a batch of `map`; each is returned once."""
        if not self._share:
            return self._take_in(batch)
        self._read_until(batch["index"][-1] + 1)
        return [self._read.pop(index) for index in batch["index"]]

    def next_wanted(self, room: int) -> Row | None:
        """Return the next row that the engine must answer; looks ahead while under `room` rows are held."""
        while not self._wanted and self._next < self._share.stop and len(self._read) < room:
            self._read_until(self._next + ROWS_AT_ONCE)
        return self._wanted.popleft() if self._wanted else None

    @property
    def finished(self) -> bool:
        """All of this process's share has been handed out."""
        return bool(self._share) and self._next >= self._share.stop and not self._read

    def close(self) -> None:
        """Close the files."""
        if self._images is not None:
            self._images.close()
        if self._journal is not None:
            self._journal.close()

    def checked(self, row: Row, entry: Entry) -> Entry:
        """Return an answer to a row with what the checks find."""
        return self._answers.checked(row, entry)

    def answered(self, row: Row, entry: Entry, caption: Caption) -> None:
        """Give a row the engine's words, checked; where they would not do, the row is wanted again.

        Args:
            row: the row that was asked for.
            entry: what the journal has of the answer.
            caption: the answer.
        """
        self._count_answer(entry, caption)
        if not self._answers.take(row, entry, asked=True):
            self._wanted.extendleft(self._missing([row], {}))
        self._count([row])

    def failed(self, row: Row, caption: Caption) -> None:
        """Give a row the answer that says why it has no caption."""
        self._answers.fail(row, caption)
        self._count([row])

    def _read_until(self, stop: int) -> None:
        while self._ahead is not None and self._next < min(stop, self._share.stop):
            end = min(self._next + ROWS_AT_ONCE, self._share.stop)
            rows = self._take_in(self._ahead.rows[self._next : end])
            self._read.update(zip(range(self._next, end), rows, strict=True))
            self._next = end

    def _take_in(self, batch: Mapping[str, Sequence[Any]]) -> list[Row]:
        """Make rows of a batch, and see which of them are done."""
        names = list(batch)
        fields = [dict(zip(names, values, strict=True)) for values in zip(*batch.values(), strict=True)]
        rows = [self._row(values) for values in fields]
        may_be_kept = [place for place, values in enumerate(fields) if self._may_be_kept(values)]
        self._take_kept_keys(rows, [(place, fields[place]["recaption_key"]) for place in may_be_kept])
        known = self._give_keys([row for row in rows if not row.key])
        for place in may_be_kept:
            row, values = rows[place], fields[place]
            if row.key == values["recaption_key"]:
                own = {column: values.get(column) for column in RECAPTION_COLUMNS}
                row.answer = dict.fromkeys(REPORT_COLUMNS) | own | {"outcome": "kept", "asked": 0, "attempts": 0}
        self._wanted.extend(self._missing([row for row in rows if row.answer is None], known))
        self._count(rows)
        return rows

    def _take_kept_keys(self, rows: list[Row], kept: list[tuple[int, str]]) -> None:
        """Give rows the key that they have in the dataset where the journal has it under their fingerprint."""
        if self._journal is None or not kept:
            return
        same = self._journal.has_both([rows[place].fingerprint for place, _ in kept], [key for _, key in kept])
        for (place, key), is_same in zip(kept, same, strict=True):
            if is_same:
                rows[place].key = key

    def _give_keys(self, rows: list[Row]) -> dict[str, Entry]:
        """Give rows their keys: from the journal where it has their fingerprint; return its entries of those."""
        found = self._journal.find([row.fingerprint for row in rows]) if self._journal is not None else {}
        for row in rows:
            entry = found.get(row.fingerprint)
            row.key = entry.key if entry is not None else self._keys.key(row.name, row.image_sha256, row.text)
        return {entry.key: entry for entry in found.values()}

    def _missing(self, rows: list[Row], known: dict[str, Entry]) -> list[Row]:
        """Answer rows from the journal, all attempts that it has; return those that the engine must be asked for.

        Args:
            rows: without an answer.
            known: entries that were read already, by key.
        """
        missing: list[Row] = []
        while rows and self._journal is not None:
            entries = known | self._journal.get([row.key for row in rows if row.key not in known])
            missing.extend(row for row in rows if row.key not in entries)
            again = []
            for row in rows:
                if row.key in entries and not self._answers.take(row, entries[row.key], asked=False):
                    again.append(row)
            rows = again
        return missing + rows

    def _may_be_kept(self, values: Mapping[str, Any]) -> bool:
        """Say whether a row has a caption, and none of the flags for which it is asked again."""
        if values.get("recaption_key") is None or not is_recaptioned(values):
            return False
        return self._asked_anew.isdisjoint(values.get("recaption_flags") or ())

    def _row(self, values: Mapping[str, Any]) -> Row:
        """Make a row that has no key yet."""
        text = FigureText.from_row(values)
        image = self._image_of(values)
        sha256 = values.get("image_sha256") or hashlib.sha256(image() or b"").hexdigest()
        name = values.get("image_path") or ""
        own = values.get("recaption_crc"), values.get("recaption_key"), values.get("recaption_flags")
        return Row("", name, text, image, self._keys.fingerprint(name, sha256, text), sha256, own=own)

    def _image_of(self, values: Mapping[str, Any]) -> Callable[[], bytes | None]:
        if self._images is not None:
            return partial(self._images.get, values["shard"], values["shard_row"])
        return partial(image_bytes, values.get("image"))

    def _count(self, rows: list[Row]) -> None:
        """Count those of the rows that have their answer now."""
        if self._counters is None:
            return
        answers = [row.answer for row in rows if row.answer is not None]
        self._counters.add(
            rows=len(answers),
            captioned=sum(row.asked > 0 for row in rows if row.answer is not None),
            failed=sum(answer["outcome"] == "failed" for answer in answers),
            flagged=sum(bool(answer["recaption_flags"]) for answer in answers),
        )

    def _count_answer(self, entry: Entry, caption: Caption) -> None:
        if self._counters is not None:
            cached = caption.cached_tokens
            self._counters.add(
                asked=1,
                prompt_tokens=entry.prompt_tokens,
                completion_tokens=entry.completion_tokens,
                told_tokens=entry.prompt_tokens if cached is not None else 0,
                cached_tokens=cached,
            )


def is_recaptioned(values: Mapping[str, Any]) -> bool:
    """Say whether a row has a recaption (the rows of `Ahead` only tell, and leave the text where it is)."""
    return values.get("recaption_crc") is not None or values.get("recaption") is not None


def image_bytes(image: Any) -> bytes | None:
    """Return the bytes of an `image` cell: a dict of bytes and path as stored, or a decoded picture."""
    if image is None:
        return None
    if isinstance(image, Mapping):
        data = image.get("bytes")
        return data if data is not None or not image.get("path") else Path(image["path"]).read_bytes()
    output = io.BytesIO()
    image.save(output, "PNG")
    return output.getvalue()

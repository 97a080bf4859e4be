"""From an engine's words to a row's columns: checked, and asked again where they would not do.

A row is asked again (`Sampling.again`) while its caption has a flag of `--retry`, at most `--retries` times. The best
answer stays: the first without such a flag, else the one with the fewest. Where even that one has such a flag, and not
one that is mended, the row's recaption stays null, so that whoever reads it falls back on the raw caption; its flags
say why. Every answer is in the journal under a key of its own, so this takes the same course after a restart.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from s1_mmalign.builder.records import RECAPTION_COLUMNS
from s1_mmalign.processing.captioners.base import Caption, Captioner
from s1_mmalign.processing.captioners.identity import ModelIdentity
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.captioners.sampling import Sampling
from s1_mmalign.processing.checks import MENDED, Checked, check, retried_flags
from s1_mmalign.processing.figure_text import FigureText
from s1_mmalign.processing.journal import Entry
from s1_mmalign.processing.row_keys import fingerprint_of_attempt

REPORT_COLUMNS: tuple[str, ...] = ("outcome", "asked", "attempts", "prompt_tokens", "completion_tokens", "error")
"""What a row of the result says of the run, beside RECAPTION_COLUMNS. `outcome` is kept (the row has what it would
get), journal, engine, rejected (no answer would do), or failed; `asked` how many answers the engine gave now, whose
tokens are counted; `attempts` how many answers were looked at. A row that is kept, was looked at, and has no recaption
was rejected before."""


@dataclass(slots=True)
class Row:
    """A row on its way: what is asked, and once it is there the answer (RECAPTION_COLUMNS and REPORT_COLUMNS)."""

    key: str
    """Of the present attempt, "" before it is known; what the row records is `first_key`."""
    name: str
    text: FigureText
    image: Callable[[], bytes | None]
    fingerprint: str = ""
    """Of the present attempt, too (`row_keys`)."""
    image_sha256: str = ""
    answer: dict[str, Any] | None = None
    sampling: Sampling | None = None
    """None: as the options say."""
    first_key: str = ""
    own: tuple[int | None, str | None, list[str] | None] = (None, None, None)
    """What the row of the dataset has now: `text_crc` of its recaption, key, and flags."""
    best: tuple[Entry, Checked] | None = None
    attempts: int = 0
    asked: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class RowAnswers:
    """Decides what becomes of an answer: the row's caption, or another try."""

    def __init__(
        self, options: RecaptionOptions, captioner: type[Captioner], identity: ModelIdentity, label: str
    ) -> None:
        self._copies = captioner.copies
        self._model = identity.label
        self._prompt = label
        self._first = Sampling.of(options)
        self._most_tokens = max(options.max_tokens, options.max_model_len // 2)
        self._retries = options.retries if captioner.uses_prompt else 0
        self.retried = retried_flags(options.retry) if self._retries else frozenset()
        """Flags for which a row is asked again."""

    def take(self, row: Row, entry: Entry, asked: bool) -> bool:
        """Check an answer; False where the row is to be asked again, under the key that it has now.

        Args:
            row: gets its `answer`, or its next key.
            entry: the answer.
            asked: it was given now, and not by an earlier run.
        """
        checked = self._checked(row, entry)
        row.attempts += 1
        if asked:
            row.asked += 1
            row.prompt_tokens += entry.prompt_tokens or 0
            row.completion_tokens += entry.completion_tokens or 0
        wrong = self._wrong(checked)
        if row.best is None or len(wrong) <= len(self._wrong(row.best[1])):
            row.best = entry, checked
        if wrong and row.attempts <= self._retries:
            row.first_key = row.first_key or row.key
            row.sampling = (row.sampling or self._first).again(checked.flags, self._most_tokens)
            row.key = attempt_key(row.first_key, row.sampling, row.attempts)
            row.fingerprint = fingerprint_of_attempt(row.fingerprint, row.key)
            return False
        self._finish(row)
        return True

    def checked(self, row: Row, entry: Entry) -> Entry:
        """Return an answer to a row with what the checks find."""
        checked = self._check(row, entry)
        return entry._replace(flags=checked.flags, mended=checked.text if checked.text != entry.text else None)

    def _checked(self, row: Row, entry: Entry) -> Checked:
        """Return what the checks find in an answer; what they found before, of the same words by the same code."""
        if entry.flags is None or entry.fingerprint != row.fingerprint:
            return self._check(row, entry)
        return Checked(entry.text if entry.mended is None else entry.mended, entry.flags)

    def _check(self, row: Row, entry: Entry) -> Checked:
        return check(entry.text, entry.finish_reason, row.text, copies=self._copies)

    def fail(self, row: Row, caption: Caption) -> None:
        """Give a row the answer that says why it has no caption; of one that was asked again, the best it had."""
        if row.best is not None:
            self._finish(row)
            return
        row.answer = dict.fromkeys((*RECAPTION_COLUMNS, *REPORT_COLUMNS)) | {
            "recaption_finish_reason": "error",
            "recaption_flags": [caption.flag],
            "outcome": "failed",
            "asked": row.asked,
            "attempts": row.attempts,
            "error": f"{row.name}: {caption.error}",
        }

    def _wrong(self, checked: Checked) -> frozenset[str]:
        return self.retried.intersection(checked.flags) if self.retried and checked.flags else frozenset()

    def _finish(self, row: Row) -> None:
        assert row.best is not None
        entry, checked = row.best
        rejected = not self._wrong(checked).issubset(MENDED)
        text, key, flags = None if rejected else checked.text, row.first_key or row.key, list(checked.flags)
        had = not row.asked and row.own[1] == key and row.own == (text_crc(text), key, flags)
        outcome = "kept" if had else "rejected" if rejected else "engine" if row.asked else "journal"
        row.answer = {
            "recaption": text,
            "recaption_model": self._model,
            "recaption_prompt": self._prompt,
            "recaption_key": key,
            "recaption_finish_reason": entry.finish_reason,
            "recaption_flags": flags,
            "outcome": outcome,
            "asked": row.asked,
            "attempts": row.attempts,
            "prompt_tokens": row.prompt_tokens,
            "completion_tokens": row.completion_tokens,
            "error": None,
        }


def text_crc(text: str | None) -> int | None:
    """Return a short hash of a caption, by which it is told whether a row has it already; None for None."""
    return None if text is None else zlib.crc32(text.encode("utf-8", "replace"))


def attempt_key(first_key: str, sampling: Sampling, attempt: int) -> str:
    """Return the journal's key of a further attempt: 32 hex digits."""
    parts = [first_key, asdict(sampling), attempt]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]

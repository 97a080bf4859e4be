"""What a run of `recaption` did: how many rows, by whom, with what findings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from datasets import Dataset

from s1_mmalign.builder.shards import write_atomically

ERRORS_NAME = "recaption-errors.txt"
"""In the dataset's work folder: every row without a caption, and why."""
ERRORS_SHOWN = 5
RATE_NAME = "recaption-rate.json"
"""In the dataset's work folder: how fast the last run was, for `recaption --plan`."""
LEAST_ROWS = 20
"""A run of fewer tells no rate."""


@dataclass(slots=True)
class RecaptionSummary:
    """Of `rows` rows, each was kept, taken from the journal, captioned, rejected, or failed."""

    model: str
    prompt: str
    rows: int = 0
    kept: int = 0
    """Had this very caption already."""
    journal: int = 0
    """Captioned by an earlier run that was interrupted."""
    engine: int = 0
    """Captioned now."""
    rejected: int = 0
    """No answer passed the checks of `--retry`: these rows keep their raw caption, and their flags."""
    asked: int = 0
    """Answers that the engine gave now; more than rows where some were asked again."""
    failed: int = 0
    """No caption; the run goes on without them, and the next run tries them again."""
    flags: dict[str, int] = field(default_factory=dict)
    prompt_tokens: int = 0
    """Of the answers given now, as far as the engine tells; likewise completion_tokens."""
    completion_tokens: int = 0
    shards_written: int = 0
    seconds: float = 0.0
    steady_rows: int = 0
    """Rows captioned after the first answers had come, in `steady_seconds`: the engine's start is not counted."""
    steady_seconds: float = 0.0
    engines: int = 1
    errors: list[str] = field(default_factory=list)
    """The first few, as `row: reason`."""

    @property
    def captioned(self) -> int:
        """Rows that have their caption now."""
        return self.kept + self.journal + self.engine

    def count(self, captions: Dataset, errors: Path) -> None:
        """Add up the rows that the mapped function returned, and write the errors into a file (if there are any)."""
        outcomes: Counter[str] = Counter()
        rejected_before = 0
        flags: Counter[str] = Counter(self.flags)
        with errors.open("w", encoding="utf-8") as file:
            for table in captions.with_format("arrow").iter(10_000):
                outcomes.update(table["outcome"].to_pylist())
                flags.update(pc.list_flatten(table["recaption_flags"]).to_pylist())
                again = table.filter(pc.and_(pc.equal(table["outcome"], "kept"), pc.greater(table["attempts"], 0)))
                rejected_before += again["recaption"].null_count
                self.asked += pc.sum(table["asked"]).as_py() or 0
                self.prompt_tokens += pc.sum(table["prompt_tokens"]).as_py() or 0
                self.completion_tokens += pc.sum(table["completion_tokens"]).as_py() or 0
                for error in table["error"].drop_null().to_pylist():
                    file.write(error + "\n")
                    if len(self.errors) < ERRORS_SHOWN:
                        self.errors.append(error)
        if not outcomes["failed"]:
            errors.unlink()
        self.rows += len(captions)
        self.flags = dict(sorted(flags.items()))
        self.kept += outcomes["kept"] - rejected_before
        self.journal += outcomes["journal"]
        self.engine += outcomes["engine"]
        self.rejected += outcomes["rejected"] + rejected_before
        self.failed += outcomes["failed"]

    def results(self) -> dict[str, Any]:
        """Return what belongs into the dataset's recipe: the state of the rows, not the course of the run."""
        return {
            "model": self.model,
            "prompt": self.prompt,
            "rows": self.rows,
            "captioned": self.captioned,
            "rejected": self.rejected,
            "failed": self.failed,
            "flags": self.flags,
        }

    def lines(self) -> Iterator[str]:
        """Yield what a person should read at the end."""
        yield f"{self.captioned:,} of {self.rows:,} rows captioned by {self.model}, prompt {self.prompt}"
        parts = [f"{self.engine:,} now"]
        if self.engine and self.seconds:
            parts[0] += f" ({self.engine / self.seconds:,.1f} rows/s)"
        if self.journal:
            parts.append(f"{self.journal:,} from the journal of an interrupted run")
        if self.kept:
            parts.append(f"{self.kept:,} had it before")
        yield f"  {', '.join(parts)}; {self.shards_written:,} shards written in {self.seconds:,.1f} s"
        if self.completion_tokens and self.seconds:
            rate = self.completion_tokens / self.seconds
            yield f"  tokens: {self.prompt_tokens:,} in, {self.completion_tokens:,} out ({rate:,.0f}/s)"
        if self.asked > self.engine + self.rejected:
            yield f"  {self.asked - self.engine - self.rejected:,} answers beyond the first were asked for (--retry)"
        yield from self._flag_table()
        if self.rejected:
            yield f"  {self.rejected:,} rows keep their raw caption: no answer passed --retry (recaption is null)"
        if self.failed:
            yield f"  {self.failed:,} rows have no caption (all of them in .s1-mmalign/{ERRORS_NAME}), for example:"
            yield from (f"    {error}" for error in self.errors)
            yield "  The same command tries them again."

    def _flag_table(self) -> Iterator[str]:
        """Yield the findings of the checks, the most frequent first."""
        if not self.flags:
            return
        width = max(map(len, self.flags))
        yield f"  {'flag':<{width}}  {'rows':>10}  {'share':>6}"
        for flag, count in sorted(self.flags.items(), key=lambda item: (-item[1], item[0])):
            yield f"  {flag:<{width}}  {count:>10,}  {count / self.rows:>6.1%}"

    def save_rate(self, work: Path) -> None:
        """Note how fast the engine was, if there was enough of it to tell."""
        if self.steady_rows >= LEAST_ROWS and self.steady_seconds > 0:
            rate = {
                "model": self.model,
                "prompt": self.prompt,
                "rows_per_s_and_engine": self.steady_rows / self.steady_seconds / self.engines,
                "prompt_tokens_per_row": self.prompt_tokens / max(self.engine, 1),
                "completion_tokens_per_row": self.completion_tokens / max(self.engine, 1),
                "rows": self.steady_rows,
            }
            write_atomically(work / RATE_NAME, json.dumps(rate, indent=1) + "\n")

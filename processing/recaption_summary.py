"""What a run of `recaption` did: how many rows, by whom, with what findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from datasets import Dataset

ERRORS_NAME = "recaption-errors.txt"
"""In the dataset's work folder: every row without a caption, and why."""
ERRORS_SHOWN = 5


@dataclass(slots=True)
class RecaptionSummary:
    """Of `rows` rows, each was kept, taken from the journal, asked for, or failed."""

    model: str
    prompt: str
    rows: int = 0
    kept: int = 0
    """Had this very caption already."""
    journal: int = 0
    """Captioned by an earlier run that was interrupted."""
    engine: int = 0
    """Captioned now."""
    failed: int = 0
    """No caption; the run goes on without them, and the next run tries them again."""
    flags: dict[str, int] = field(default_factory=dict)
    prompt_tokens: int = 0
    """Of the rows captioned now, as far as the engine tells; likewise completion_tokens."""
    completion_tokens: int = 0
    shards_written: int = 0
    seconds: float = 0.0
    errors: list[str] = field(default_factory=list)
    """The first few, as `row: reason`."""

    @property
    def captioned(self) -> int:
        """Rows that have their caption now."""
        return self.kept + self.journal + self.engine

    def count(self, captions: Dataset, errors: Path) -> None:
        """Add up the rows that the mapped function returned, and write the errors into a file (if there are any)."""
        outcomes: Counter[str] = Counter()
        flags: Counter[str] = Counter(self.flags)
        with errors.open("w", encoding="utf-8") as file:
            for table in captions.with_format("arrow").iter(10_000):
                outcomes.update(table["outcome"].to_pylist())
                flags.update(pc.list_flatten(table["recaption_flags"]).to_pylist())
                asked = table.filter(pc.equal(table["outcome"], "engine"))
                self.prompt_tokens += pc.sum(asked["prompt_tokens"]).as_py() or 0
                self.completion_tokens += pc.sum(asked["completion_tokens"]).as_py() or 0
                for error in table["error"].drop_null().to_pylist():
                    file.write(error + "\n")
                    if len(self.errors) < ERRORS_SHOWN:
                        self.errors.append(error)
        if not outcomes["failed"]:
            errors.unlink()
        self.rows += len(captions)
        self.flags = dict(sorted(flags.items()))
        self.kept += outcomes["kept"]
        self.journal += outcomes["journal"]
        self.engine += outcomes["engine"]
        self.failed += outcomes["failed"]

    def results(self) -> dict[str, Any]:
        """Return what belongs into the dataset's recipe: the state of the rows, not the course of the run."""
        return {
            "model": self.model,
            "prompt": self.prompt,
            "rows": self.rows,
            "captioned": self.captioned,
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
        if self.flags:
            shares = (f"{flag} {count:,} ({count / self.rows:.1%})" for flag, count in self.flags.items())
            yield f"  flags: {', '.join(shares)}"
        if self.failed:
            yield f"  {self.failed:,} rows have no caption (all of them in .s1-mmalign/{ERRORS_NAME}), for example:"
            yield from (f"    {error}" for error in self.errors)
            yield "  The same command tries them again."

"""Progress of long work on the screen: how much, how fast, how long still."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

LINE_SECONDS = 10.0
"""Where the output is no terminal (a log file), a line is printed this often."""


class Progress:
    """Called as (what, done, total) by every stage; a bar on a terminal, a line now and then elsewhere.

    Use as a context manager. `what` names the things counted ("papers", "rows"); a new name starts a new bar.
    """

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._live = self._console.is_terminal
        self._bars = RichProgress(
            TextColumn("{task.description:>10}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._live,
        )
        self._tasks: dict[str, TaskID] = {}
        self._started: dict[str, float] = {}
        self._since = self._printed = time.monotonic()

    def __enter__(self) -> Progress:
        self._bars.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._bars.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show that `done` of `total` are done."""
        now = time.monotonic()
        # The clock of a new thing starts where the one before it ended: its first unit took time, too.
        seconds = max(now - self._started.setdefault(what, self._since), 1e-9)
        self._since = now
        rate = f"{_amount(done / seconds, what)}/s"
        if self._live:
            if what not in self._tasks:
                self._tasks[what] = self._bars.add_task(what, total=total, rate=rate)
            self._bars.update(self._tasks[what], completed=done, total=total, rate=rate)
        elif now - self._printed >= LINE_SECONDS:
            self._printed = now
            left = f", ETA {(total - done) * seconds / done:,.0f} s" if 0 < done < total else ""
            print(f"{what}: {_amount(done, what)} of {_amount(total, what)}, {rate}{left}", file=sys.stderr, flush=True)


def _amount(count: float, what: str) -> str:
    """Spell a count and what it is of; bytes as MB."""
    if what == "bytes":
        return f"{count / 1e6:,.1f} MB"
    return f"{count:,}" if isinstance(count, int) else f"{count:,.1f} {what}"

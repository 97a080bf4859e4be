"""Progress of long work on the screen: how much, how fast, how long still."""

from __future__ import annotations

import sys
import time
from collections import deque

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

LINE_SECONDS = 10.0
"""Where the output is no terminal (a log file), a line is printed this often."""
WINDOW_SECONDS = 60.0
"""The rate is that of the last minute: what came at once from a journal says nothing of what is still to do."""


class Progress:
    """Called as (what, done, total) by every stage; a bar on a terminal, a line now and then elsewhere.

    Use as a context manager. `what` names the things counted ("papers", "rows"); a new name starts a new bar.
    """

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._live = self._console.is_terminal
        self._bars = RichProgress(
            TextColumn("{task.description:>10}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=self._console,
            disable=not self._live,
        )
        self._tasks: dict[str, TaskID] = {}
        self._seen: dict[str, deque[tuple[float, int]]] = {}
        self._notes: dict[str, str] = {}
        self._since = self._printed = time.monotonic()

    def __enter__(self) -> Progress:
        self._bars.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._bars.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show that `done` of `total` are done."""
        now = time.monotonic()
        speed = self._speed(what, done, now)
        rate, note = f"{_amount(speed, what)}/s", self._notes.get(what, "")
        if self._live:
            if what not in self._tasks:
                self._tasks[what] = self._bars.add_task(what, total=total, rate=rate, note=note)
            self._bars.update(self._tasks[what], completed=done, total=total, rate=rate, note=note)
        elif now - self._printed >= LINE_SECONDS:
            self._printed = now
            left = f", ETA {(total - done) / speed:,.0f} s" if speed and done < total else ""
            note = f", {note}" if note else ""
            line = f"{what}: {_amount(done, what)} of {_amount(total, what)}, {rate}{left}{note}"
            print(line, file=sys.stderr, flush=True)

    def note(self, what: str, text: str) -> None:
        """Show a text beside the count of these things, from the next call on."""
        self._notes[what] = text

    def _speed(self, what: str, done: int, now: float) -> float:
        """Return how many are done a second."""
        # The clock of a new thing starts where the one before it ended: its first unit took time, too.
        seen = self._seen.setdefault(what, deque([(self._since, 0)]))
        self._since = now
        seen.append((now, done))
        while len(seen) > 2 and now - seen[1][0] >= WINDOW_SECONDS:
            seen.popleft()
        then, before = seen[0]
        return max(done - before, 0) / max(now - then, 1e-9)


def _amount(count: float, what: str) -> str:
    """Spell a count and what it is of; bytes as MB."""
    if what == "bytes":
        return f"{count / 1e6:,.1f} MB"
    return f"{count:,}" if isinstance(count, int) else f"{count:,.1f} {what}"

"""How a run goes: rates over the last minute, shares, the time that is left; for the screen and for a log."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from s1_mmalign.processing.gpu_use import gpu_use

WINDOW_SECONDS = 60.0
"""Rates are those of the last minute: rows that the journal had come at once and say nothing of the engine."""
GPU_SECONDS = 5.0
LOG_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class RunStatus:
    """One moment of a run. Rates are per second; a value that is not known is None."""

    seconds: float
    rows: int
    total: int
    captioned: int
    failed: int
    flagged: int
    asked: int
    prompt_tokens: int
    completion_tokens: int
    rows_per_s: float | None
    prompt_tokens_per_s: float | None
    completion_tokens_per_s: float | None
    cached_share: float | None
    """Of the prompts' tokens, those that the prefix cache had."""
    flagged_share: float | None
    gpu_percent: tuple[int, ...] | None
    eta_s: float | None

    def line(self) -> str:
        """Return what a person reads beside the count of rows."""
        parts = []
        if self.prompt_tokens_per_s or self.completion_tokens_per_s:
            parts.append(
                f"tokens/s {self.prompt_tokens_per_s or 0:,.0f} in {self.completion_tokens_per_s or 0:,.0f} out"
            )
        if self.cached_share is not None:
            parts.append(f"cached {self.cached_share:.0%}")
        if self.rows:
            parts.append(f"flagged {self.flagged_share:.1%}")
        if self.failed:
            parts.append(f"failed {self.failed:,}")
        if self.gpu_percent:
            parts.append("GPU " + " ".join(f"{percent}%" for percent in self.gpu_percent))
        return ", ".join(parts)


class RunMeter:
    """Makes a `RunStatus` of what the counters say from time to time."""

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._clock = clock
        self._started = clock()
        self._seen: deque[tuple[float, Mapping[str, int]]] = deque()
        self._gpus: tuple[int, ...] | None = None
        self._gpus_at = float("-inf")

    def status(self, counts: Mapping[str, int]) -> RunStatus:
        """Take in the counters' totals (`RunCounters.totals`) and return how things stand."""
        now = self._clock()
        self._seen.append((now, counts))
        while len(self._seen) > 2 and now - self._seen[1][0] >= WINDOW_SECONDS:
            self._seen.popleft()
        then, before = self._seen[0]
        seconds = now - then

        def rate(name: str) -> float | None:
            return (counts[name] - before[name]) / seconds if seconds > 0 else None

        rows = rate("rows")
        left = self._total - counts["rows"]
        return RunStatus(
            seconds=now - self._started,
            total=self._total,
            **{name: counts[name] for name in ("rows", "captioned", "failed", "flagged", "asked")},
            prompt_tokens=counts["prompt_tokens"],
            completion_tokens=counts["completion_tokens"],
            rows_per_s=rows,
            prompt_tokens_per_s=rate("prompt_tokens"),
            completion_tokens_per_s=rate("completion_tokens"),
            cached_share=counts["cached_tokens"] / counts["told_tokens"] if counts["told_tokens"] else None,
            flagged_share=counts["flagged"] / counts["rows"] if counts["rows"] else None,
            gpu_percent=self._gpu_percent(now),
            eta_s=left / rows if rows else None,
        )

    def _gpu_percent(self, now: float) -> tuple[int, ...] | None:
        if now - self._gpus_at >= GPU_SECONDS:
            self._gpus_at = now
            self._gpus = tuple(percent for percent, _, _ in gpu_use()) or None
        return self._gpus


class JsonLog:
    """One JSON object a line, for machines: `event` is start, progress, end, interrupted or error."""

    def __init__(self, path: Path) -> None:
        """Append to a file.

        Raises:
            OSError: it cannot be written.
        """
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._progress_at = float("-inf")

    def event(self, event: str, **values: Any) -> None:
        """Write a line."""
        head = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event}
        self._file.write(json.dumps(head | values, ensure_ascii=False, default=str) + "\n")

    def progress(self, status: RunStatus) -> None:
        """Write a line now and then, and always when all rows are done."""
        now = time.monotonic()
        if now - self._progress_at >= LOG_SECONDS or status.rows >= status.total:
            self._progress_at = now
            values = {name: _rounded(value) for name, value in asdict(status).items()}
            self.event("progress", **values)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _rounded(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value

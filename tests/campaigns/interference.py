"""What a campaign does inside of the process that it disturbs: slow calls, or death at the n-th of them.

It replaces the calls that make something durable or visible (rename, sync, removal), in that process only; the product
knows nothing of it.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

CALLS = ("replace", "rename", "fsync", "unlink", "rmdir", "truncate")


def interfere(request: Mapping[str, Any]) -> None:
    """Install what a request asks for.

    Args:
        request: `slow_s`: seconds that each call may be late; `die_at`: number of the call before which the process
            dies (counted from 1); `count`: file that the number of calls is written to.
    """
    if not request:
        return
    calls = 0
    late = random.Random(request.get("seed", 0))

    def step() -> None:
        nonlocal calls
        calls += 1
        if calls == request.get("die_at"):
            os.killpg(os.getpgid(0), signal.SIGKILL)
        if request.get("slow_s"):
            time.sleep(late.uniform(0, request["slow_s"]))
        if request.get("count"):
            Path(request["count"]).write_text(str(calls))

    def wrapped(original: Callable[..., Any], owner: int) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if os.getpid() == owner:
                step()
            return original(*arguments, **named)

        return call

    for name in CALLS:
        setattr(os, name, wrapped(getattr(os, name), os.getpid()))

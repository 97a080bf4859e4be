"""Serve one reader to the benchmark: `python serve.py MODULE`, in whichever environment holds what it needs.

A line of JSON in is one paper, a line of JSON out is what the reader found in it and how long it took. The module
has `read(request) -> dict` (with `figures`, each a dict of `caption`, `images`, `contexts`) and `version() -> str`.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path

from cpu import cpu_seconds


def main() -> None:
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what readers print must not come among the answers
    module = importlib.import_module(sys.argv[1])
    answers.write(json.dumps({"version": module.version()}) + "\n")
    for line in sys.stdin:
        request = json.loads(line)
        Path(request["out"]).mkdir(parents=True, exist_ok=True)
        wall, cpu = time.perf_counter(), cpu_seconds()
        try:
            answer = module.read(request)
        except Exception as error:  # noqa: BLE001 - the isolation boundary: a failure is counted, and the next paper read
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        answer |= {"wall": time.perf_counter() - wall, "cpu": cpu_seconds() - cpu}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()

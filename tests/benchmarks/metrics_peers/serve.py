"""Serve one way to score to the benchmark: `python serve.py MODULE VARIANT`, in the environment that has its parts.

The first line out says which versions run. Then a line of JSON in is `{"items": […]}`, and a line out `scores` with
`wall` and `cpu` seconds and the process's `peak` memory in bytes (Linux). A module has `load(models, variant)`, which
returns a function from items to scores, and `version()`.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time


def main() -> None:
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what libraries print must not come among the answers
    module = importlib.import_module(sys.argv[1])
    score = module.load(sys.argv[3], sys.argv[2])
    answers.write(json.dumps({"version": module.version()}) + "\n")
    for line in sys.stdin:
        items = json.loads(line)["items"]
        wall, cpu = time.perf_counter(), time.process_time()
        scores = score(items)
        seconds = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        answers.write(json.dumps({"scores": scores, "peak": peak} | seconds) + "\n")


if __name__ == "__main__":
    main()

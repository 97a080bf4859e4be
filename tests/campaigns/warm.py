"""The real command line, started by a fork of a process that has imported it: hundreds of starts take minutes.

The process reads requests (a JSON object a line), forks for each, and tells the child's pid, then its wait status.
`Warm` is the other end. A child is the leader of a group of its own, as a shell would start it.
"""

from __future__ import annotations

import atexit
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class Warm:
    """Starts commands; a context manager."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.campaigns.warm"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | self.environment,
        )  # fmt: skip
        assert self._read() == "ready"

    def __enter__(self) -> Warm:
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def start(self, arguments: Sequence[str], log: Path, **how: Any) -> int:
        """Start a command and return its pid; `how`: see `_child`."""
        assert self._process.stdin
        request = {"arguments": list(arguments), "log": str(log)} | how
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self._read())

    def ended(self) -> int:
        """Wait for the command; return its exit code, negative for a signal."""
        return os.waitstatus_to_exitcode(int(self._read()))

    def _read(self) -> Any:
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())


def _child(request: Mapping[str, Any]) -> None:
    """Become the command.

    `memory`: bytes of address space beyond what is taken now; `file_bytes`: of the largest file; `interfere`: see
    there.
    """
    from tests.campaigns.interference import interfere

    os.setsid()
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    if request.get("memory"):
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + request["memory"],) * 2)
    if request.get("file_bytes"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_bytes"],) * 2)
    interfere(request.get("interfere") or {})
    sys.argv = ["s1-mmalign", *request["arguments"]]
    from s1_mmalign.processing.process import main as command

    code = 0
    try:
        command()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - what an interpreter does with it
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        code = 1
    try:
        sys.stdout.flush()
        sys.stderr.flush()
        threading._shutdown()  # type: ignore[attr-defined]  # what the interpreter does at its end,
        atexit._run_exitfuncs()
    finally:  # a signal may come as late as this
        os._exit(code)  # but for the destructors of C++: they wait for threads that the fork left behind


def main() -> None:
    """Import what the commands need, then fork on request."""
    import s1_mmalign.builder.build
    import s1_mmalign.dataset_card.card
    import s1_mmalign.eval.report
    import s1_mmalign.processing.process
    import s1_mmalign.processing.publish
    import s1_mmalign.processing.recaption  # noqa: F401

    print('"ready"', flush=True)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os.close(0)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            _child(request)
        print(pid, flush=True)
        print(os.waitpid(pid, 0)[1], flush=True)


if __name__ == "__main__":
    main()

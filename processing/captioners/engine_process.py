"""A captioner in a process of its own, which may crash, be killed or hang: that costs this process nothing.

    this process --requests, images as files--> child: Pipeline(captioner) --captions, signs of life--> this process

The child decodes and resizes images, renders prompts into tokens and steps the engine, while this process reads
rows, checks captions and writes the journal. It leads a session of its own: Ctrl-C is for this process, and what
an engine starts in turn ends with it.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

from s1_mmalign.processing.captioners.base import Caption, Captioner, CaptionerError, CaptionRequest, EngineDied
from s1_mmalign.processing.captioners.identity import ModelIdentity
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.captioners.pipeline import MOST_AHEAD
from s1_mmalign.processing.captioners.processes import Reaper

_CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from s1_mmalign.processing.captioners.engine_child import main; main(int(sys.argv[2]))"
)
CLOSE_SECONDS = 20.0
"""What an engine may take to shut down; then it is killed."""


@dataclass(frozen=True, slots=True)
class _Group:
    """The child and all that it started, as `os.kill` names them: the child leads a group of processes."""

    pid: int


class EngineProcess(Captioner):
    """Stands for a captioner of class `kind` that lives in a child process."""

    prepares_images = False  # the child does

    def __init__(self, kind: type[Captioner], options: RecaptionOptions, identity: ModelIdentity) -> None:
        """Start the child and wait until its model is loaded.

        Raises:
            CaptionerError: the captioner cannot start; its own words.
            EngineDied: the child ended without a word.
        """
        started: list[_Group] = []
        self._reaper = Reaper(lambda: started)
        self._connection, theirs = multiprocessing.Pipe()
        with theirs:
            command = [sys.executable, "-c", _CHILD, json.dumps(sys.path), str(theirs.fileno())]
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=sys.stderr.fileno() if _has_stderr() else None,
                pass_fds=[theirs.fileno()], start_new_session=True,
            )  # fmt: skip
        started.append(_Group(-self._process.pid))
        try:
            self._connection.send((kind.__module__, kind.__qualname__, options, identity))
            self._start(self._connection.recv(), options, identity)
        except (EOFError, OSError) as error:
            raise EngineDied(f"{kind.name}: the engine's process {self._end()} while it started") from error
        except BaseException:
            self._end()
            raise

    def submit(self, key: str, prepared: CaptionRequest) -> None:
        """Hand a request over; see `Captioner.submit`."""
        try:
            self._connection.send(prepared)
        except OSError as error:
            raise EngineDied(f"the engine's process {self._end()}") from error
        self.in_flight += 1

    def close(self) -> None:
        """Have the engine shut down; it is killed where it does not."""
        if self._connection.closed:
            return
        with contextlib.suppress(OSError):
            self._connection.send(None)
            with contextlib.suppress(subprocess.TimeoutExpired):
                end = time.monotonic() + CLOSE_SECONDS
                while self._process.poll() is None and time.monotonic() < end:
                    self._drain()
        self._end()

    def _start(self, answer: Any, options: RecaptionOptions, identity: ModelIdentity) -> None:
        if isinstance(answer, str):
            raise CaptionerError(answer)
        self._capacity = int(answer)
        super().__init__(options, identity)

    def default_capacity(self) -> int:
        """Return what the engine holds, and what is prepared ahead of it."""
        return self._capacity + min(self._capacity, MOST_AHEAD)

    def _submit(self, key: str, prepared: Any) -> None:
        raise AssertionError("submit does it")

    def _poll(self, wait_s: float | None) -> list[Caption]:
        """Wait for captions or a sign of life; an engine without one for too long is killed."""
        try:
            limit = self.options.engine_timeout
            if not self._connection.poll(limit if wait_s is None else min(limit, wait_s)):
                if wait_s is not None and wait_s < limit:
                    return []
                self._end()
                raise EngineDied(f"the engine gave no token for {limit:g} s and was killed")
            message = self._connection.recv()
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            raise EngineDied(f"the engine's process {self._end()}") from error
        if isinstance(message, str):
            self._end()
            raise EngineDied(message)
        return message

    def _drain(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            if self._connection.poll(0.05):
                self._connection.recv()

    def _end(self) -> str:
        """Kill the child and all that it started, if they are still there, and return how the child ended."""
        self._connection.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.5)  # it may be about to end by itself: then its own word counts
        code = self._process.poll()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reaper.close()
        return _ending(code)


def _has_stderr() -> bool:
    """Say whether there is a stderr that a child can be given (a notebook's is none)."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        return sys.stderr.fileno() >= 0
    return False


def _ending(code: int | None) -> str:
    if code is None:
        return "hung and was killed"
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
    return f"ended with status {code}"

"""A captioner whose engine dies or hangs on the words of some rows, as real ones do on some images.

    RecaptionOptions("tests.processing.frail_captioner:FrailCaptioner", engine={"log": PATH, …})

A row that says KILL ends the engine's process by SIGKILL, SEGFAULT by a real one, HANG stops it for ever; a file
"broken" beside the log kills every engine on its first request. Each request that reaches the engine is a line of
the log; each start of an engine is the line "start".
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections import deque
from pathlib import Path
from typing import Any

from s1_mmalign.processing.captioners.base import Caption, Captioner, CaptionRequest
from s1_mmalign.processing.captioners.identity import ModelIdentity
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.captioners.pictures import decode_image
from tests.processing.caption_server import ANSWER, SAMPLE


class FrailCaptioner(Captioner):
    name = "frail"
    runs_model = True

    def __init__(self, options: RecaptionOptions, identity: ModelIdentity) -> None:
        super().__init__(options, identity)
        self._log = Path(options.engine["log"])
        self._delay = float(options.engine.get("delay", 0.0))
        self._waiting: deque[tuple[str, str]] = deque()
        self._say("start")

    @classmethod
    def identify(cls, options: RecaptionOptions) -> ModelIdentity:
        return ModelIdentity("frail")

    @classmethod
    def sampling(cls, options: RecaptionOptions) -> dict[str, Any]:
        return {}

    def prepare(self, request: CaptionRequest) -> str:
        decode_image(request.image, self.options.max_pixels)
        return request.text.caption

    def _submit(self, key: str, prepared: str) -> None:
        sample = SAMPLE.search(prepared)
        self._say(sample.group(1) if sample else "-")
        self._waiting.append((key, prepared))

    def _poll(self, wait_s: float | None) -> list[Caption]:
        """Look at all that is in the engine: a poisoned one kills the others with it."""
        time.sleep(self._delay)
        words = " ".join(caption for _, caption in self._waiting)
        if "KILL" in words or self._log.with_name("broken").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        if "SEGFAULT" in words:
            ctypes.CDLL(None).prctl(4, 0)  # PR_SET_DUMPABLE: no core dump, which may take long
            ctypes.string_at(0)
        if "HANG" in words:
            time.sleep(3600)
        key, caption = self._waiting.popleft()
        sample = SAMPLE.search(caption)
        return [Caption(key, ANSWER.format(sample=sample.group(1) if sample else "-"), "stop", 10, 5)]

    def _say(self, line: str) -> None:
        with self._log.open("a") as log:
            log.write(f"{line}\n")

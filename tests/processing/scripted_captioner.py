"""A captioner whose answers a test can foresee: what is wrong with them depends on the sample that a caption names.

sample 3    goes round in a loop until it is asked with another seed
sample 4    declines, always
sample 5    is cut off until it has 4 times the tokens
sample 6    is cut off, always
sample 7    begins with a preamble
sample 8    says nothing until it is asked a third time; the second time it is refused by the engine
the others  say something sound
"""

from __future__ import annotations

import re
from collections import Counter, deque
from typing import Any

from s1_mmalign.processing.captioners.base import Caption, Captioner, CaptionRequest
from s1_mmalign.processing.captioners.identity import ModelIdentity
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.captioners.sampling import Sampling
from tests.processing.caption_server import ANSWER

NAME = f"{__name__}:Scripted"
asked: Counter[int] = Counter()
"""How often each sample was asked for in this process."""


class Scripted(Captioner):
    """Answers at once."""

    name = "scripted"
    needs_image = False
    prepares_images = False
    can_die = False

    def __init__(self, options: RecaptionOptions, identity: ModelIdentity) -> None:
        super().__init__(options, identity)
        self._done: deque[Caption] = deque()

    @classmethod
    def identify(cls, options: RecaptionOptions) -> ModelIdentity:
        return ModelIdentity("scripted", options.revision)

    def _submit(self, key: str, prepared: CaptionRequest) -> None:
        sampling = prepared.sampling or Sampling.of(self.options)
        match = re.search(r"sample (\d+)\.", prepared.text.caption)
        sample = int(match.group(1)) if match else -1
        asked[sample] += 1
        self._done.append(self._answer(key, sample, sampling, sampling.max_tokens // self.options.max_tokens))

    def _poll(self, wait_s: float | None) -> list[Caption]:
        done = list(self._done)
        self._done.clear()
        return done

    def _answer(self, key: str, sample: int, sampling: Sampling, times: int) -> Caption:
        text: Any = ANSWER.format(sample=sample)
        reason = "stop"
        fresh = sampling.seed - self.options.seed
        if sample == 3 and not fresh:
            text = "The rate grows with the temperature. " * 30
        elif sample == 4:
            text = "I'm sorry, but I can't help with that."
        elif (sample == 5 and times < 4) or sample == 6:
            text, reason = text + " And then", "length"
        elif sample == 7:
            text = "Sure! Here is the caption: " + text
        elif sample == 8 and fresh == 1:
            return Caption(key, finish_reason="error", error="no", flag="engine_error")
        elif sample == 8:
            text = ""
        return Caption(key, text, reason, 100, 50, cached_tokens=60)

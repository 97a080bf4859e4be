"""How words are drawn for one answer, and how they are drawn when the answer would not do."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from s1_mmalign.processing.captioners.options import RecaptionOptions

RETRY_TEMPERATURE = 0.7
"""At least so much when a row is asked again: at 0, another seed would give the same words."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """The part of the options that may differ from request to request."""

    max_tokens: int
    temperature: float
    top_p: float
    seed: int

    @classmethod
    def of(cls, options: RecaptionOptions) -> Sampling:
        """Return what the options say."""
        return cls(options.max_tokens, options.temperature, options.top_p, options.seed)

    def again(self, flags: Collection[str], most_tokens: int) -> Sampling:
        """Return how a row is asked another time, given what was wrong with the answer.

        One that was cut off gets twice the tokens, up to `most_tokens`; unless it went round in a loop, which more
        tokens would lengthen. What was wrong beside that is met with another seed.
        """
        more = min(2 * self.max_tokens, most_tokens) if "cut_off" in flags and "repetition" not in flags else 0
        if more > self.max_tokens and set(flags) <= {"cut_off", "preamble"}:
            return replace(self, max_tokens=more)
        return replace(
            self,
            max_tokens=max(more, self.max_tokens),
            seed=self.seed + 1,
            temperature=max(self.temperature, RETRY_TEMPERATURE),
        )

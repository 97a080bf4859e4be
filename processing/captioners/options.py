"""The options of `recaption`: one object that the API, the command line and the recipe all read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from s1_mmalign.processing.prompt import DEFAULT_PROMPT

RUN_ONLY = ("batch_size", "in_flight", "num_proc", "limit", "base_url", "timeout", "retries")
"""Options that decide how a run goes, and nothing of what it writes: no part of the recipe."""


@dataclass(frozen=True, slots=True)
class RecaptionOptions:
    """Who writes the captions, from what prompt, and how the run goes."""

    captioner: str = "extractive"
    """A name of `captioners.registry`: vllm, openai, transformers, extractive."""
    model: str | None = None
    """Hugging Face name or folder of the model, or its name on the server; None: the captioner's default."""
    revision: str | None = None
    """Commit, tag or branch of the model; None: the one in the local cache, else the newest."""
    prompt: str = DEFAULT_PROMPT
    """Name of a template in `processing/prompts`, or the path of one's own."""
    context_chars: int | None = None
    """Budget of the paper's words in a prompt, in characters; None: the template's."""
    max_tokens: int = 512
    """Tokens that an answer may have; 1,000 characters are about 250."""
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    max_pixels: int = 1_310_720
    """Images with more pixels are made smaller before the engine sees them (1,280 tokens of Qwen3-VL)."""
    batch_size: int = 64
    """Rows in one call of the function that `datasets.map` runs."""
    in_flight: int | None = None
    """Requests that an engine holds at once; None: the captioner's default."""
    num_proc: int = 1
    """Processes, each with an engine of its own on a GPU (or group of GPUs) of its own."""
    limit: int | None = None
    """Only the first so many rows."""
    base_url: tuple[str, ...] = ()
    """openai: addresses of servers, each ending in /v1. Papers are spread over them."""
    timeout: float = 300.0
    """openai: seconds that one request may take."""
    retries: int = 5
    """openai: further tries, with growing pauses, where a server is busy, fails or cannot be reached."""
    dtype: str = "auto"
    """vllm, transformers: number format of the weights (auto, bfloat16, float16, float32)."""
    max_model_len: int = 16_384
    """vllm: tokens of prompt and answer together."""
    tensor_parallel: int = 1
    """vllm: GPUs that one engine is spread over."""
    engine: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments, handed on as they are: vllm.LLM, from_pretrained, or the request's body (openai)."""

    def __post_init__(self) -> None:
        """Reject what cannot be meant."""
        from s1_mmalign.processing.captioners.registry import CAPTIONERS

        if self.captioner not in CAPTIONERS:
            raise ValueError(f"captioner={self.captioner!r}: one of {', '.join(CAPTIONERS)} is expected")
        at_least = {"max_tokens": 1, "batch_size": 1, "num_proc": 1, "tensor_parallel": 1, "max_model_len": 1}
        at_least |= {"max_pixels": 1024, "retries": 0, "in_flight": 1, "limit": 0, "context_chars": 0}
        for name, least in at_least.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name}={value!r}: at least {least} is expected")
        if not self.temperature >= 0:
            raise ValueError(f"temperature={self.temperature!r}: 0 (always the likeliest word) or more is expected")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p={self.top_p!r}: more than 0 and at most 1 is expected")
        if not self.timeout > 0:
            raise ValueError(f"timeout={self.timeout!r}: seconds, more than 0, are expected")
        if isinstance(self.base_url, str):
            object.__setattr__(self, "base_url", (self.base_url,))
        for url in self.base_url:
            if not url.startswith(("http://", "https://")):
                raise ValueError(f"base_url={url!r}: an address like http://localhost:8000/v1 is expected")

    def recipe(self) -> dict[str, Any]:
        """Return what decides the captions, without what only concerns one run of it."""
        return {name: value for name, value in asdict(self).items() if name not in RUN_ONLY}


def parse_engine(pairs: Iterable[str]) -> dict[str, Any]:
    """Read `name=value` pairs from the command line; a value that is JSON is taken as such, else as text.

    Raises:
        ValueError: a pair without a name or without "=".
    """
    parsed: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise ValueError(f"{pair!r}: name=value is expected, for example gpu_memory_utilization=0.85")
        try:
            parsed[name] = json.loads(value)
        except json.JSONDecodeError:
            parsed[name] = value
    return parsed

"""The options of `recaption`: one object that the API, the command line and the recipe all read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from s1_mmalign.processing.prompt import DEFAULT_PROMPT

RUN_ONLY = (
    "batch_size", "in_flight", "num_proc", "base_url", "timeout", "request_retries", "engine_timeout",
    "backend", "ray_address",
)  # fmt: skip
"""Options that decide how a run goes, and nothing of what it writes: no part of the recipe."""
BACKENDS = ("map", "ray")


@dataclass(frozen=True, slots=True)
class RecaptionOptions:
    """Who writes the captions, from what prompt, and how the run goes."""

    captioner: str = "extractive"
    """A name of `captioners.registry` (vllm, openai, transformers, extractive), or `module:Class`: a `Captioner` of
    the user's own."""
    model: str | None = None
    """Hugging Face name or folder of the model, or its name on the server; None: the captioner's default."""
    revision: str | None = None
    """Commit, tag or branch of the model; None: the one in the local cache, else the newest."""
    prompt: str = DEFAULT_PROMPT
    """Name of a template in `processing/prompts`, or the path of one's own."""
    context_tokens: int | None = None
    """Budget of the paper's words in a prompt, in tokens (`token_count`); None: the template's."""
    max_tokens: int = 512
    """Tokens that an answer may have; 1,000 characters are about 250."""
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    max_pixels: int = 1_310_720
    """Images with more pixels are made smaller before the engine sees them (1,280 tokens of Qwen3-VL)."""
    batch_size: int = 512
    """Rows in one call of the function that `datasets.map` runs."""
    in_flight: int | None = None
    """Requests that an engine holds at once; None: the captioner's default."""
    num_proc: int = 1
    """Processes, each with an engine of its own on a GPU (or group of GPUs) of its own."""
    where: str | None = None
    """Only rows for which this holds: `row_filter`."""
    flagged: tuple[str, ...] = ()
    """Only rows that have one of these flags (`checks.Flag`, or "any")."""
    sample: int | None = None
    """Only so many rows, drawn by `seed`."""
    limit: int | None = None
    """Only the first so many rows."""
    column: str | None = None
    """Name of a second set of columns, `recaption_NAME` and its companions, to write beside the first."""
    retry: tuple[str, ...] = ("cut_off",)
    """Flags (or "any") for which a row is asked again: see `row_answers`."""
    retries: int = 2
    """How often a row is asked again at most."""
    backend: str = "map"
    """What runs the workers: "map", `datasets.map` on this machine; "ray", a Ray cluster (`distributed`)."""
    ray_address: str | None = None
    """ray: address of the cluster, as `ray.init` takes it; None: the one that this machine belongs to, else a new one
    on this machine."""
    base_url: tuple[str, ...] = ()
    """openai: addresses of servers, each ending in /v1. Papers are spread over them."""
    timeout: float = 300.0
    """openai: seconds that one request may take."""
    request_retries: int = 5
    """openai: further tries, with growing pauses, where a server is busy, fails or cannot be reached."""
    engine_timeout: float = 300.0
    """vllm, transformers: seconds without a token after which an engine counts as hung: it is killed and started
    again."""
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

        if self.captioner not in CAPTIONERS and ":" not in self.captioner:
            expected = f"one of {', '.join(CAPTIONERS)}, or module:Class of your own, is expected"
            raise ValueError(f"captioner={self.captioner!r}: {expected}")
        at_least = {"max_tokens": 1, "batch_size": 1, "num_proc": 1, "tensor_parallel": 1, "max_model_len": 1}
        at_least |= {
            "max_pixels": 1024,
            "retries": 0,
            "request_retries": 0,
            "in_flight": 1,
            "limit": 0,
            "sample": 0,
            "context_tokens": 0,
        }
        self._check_rows()
        for name, least in at_least.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name}={value!r}: at least {least} is expected")
        if not self.temperature >= 0:
            raise ValueError(f"temperature={self.temperature!r}: 0 (always the likeliest word) or more is expected")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p={self.top_p!r}: more than 0 and at most 1 is expected")
        for name in ("timeout", "engine_timeout"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)!r}: seconds, more than 0, are expected")
        if isinstance(self.base_url, str):
            object.__setattr__(self, "base_url", (self.base_url,))
        for url in self.base_url:
            if not url.startswith(("http://", "https://")):
                raise ValueError(f"base_url={url!r}: an address like http://localhost:8000/v1 is expected")

    def _check_rows(self) -> None:
        """Reject flags, columns and backends that do not exist; an expression is checked against the data."""
        from s1_mmalign.builder.caption_columns import check_column
        from s1_mmalign.processing.checks import check_flag_names

        for name in ("flagged", "retry"):
            flags = getattr(self, name)
            object.__setattr__(self, name, check_flag_names((flags,) if isinstance(flags, str) else flags))
        if self.column is not None:
            check_column(self.column)
        if self.backend not in BACKENDS:
            raise ValueError(f"backend={self.backend!r}: one of {', '.join(BACKENDS)} is expected")

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

"""The captioners by name, and what each needs."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass

from s1_mmalign.processing.captioners.base import Captioner, CaptionerError


@dataclass(frozen=True, slots=True)
class Registered:
    """Where a captioner's class is, the packages that it needs, and the extra that brings them."""

    module: str
    class_name: str
    summary: str
    needs: tuple[str, ...] = ()
    extra: str = ""


_HERE = "s1_mmalign.processing.captioners"

CAPTIONERS: dict[str, Registered] = {
    "vllm": Registered(
        f"{_HERE}.vllm", "VLLMCaptioner", "a model in this process, by vLLM: the fast way on GPUs", ("vllm",), "vllm"
    ),
    "openai": Registered(
        f"{_HERE}.openai", "OpenAICaptioner", "a server that speaks the OpenAI protocol (vllm serve, SGLang, …)"
    ),
    "transformers": Registered(
        f"{_HERE}.transformers",
        "TransformersCaptioner",
        "any image-text-to-text checkpoint, by transformers",
        ("torch", "transformers"),
        "transformers",
    ),
    "extractive": Registered(
        f"{_HERE}.extractive", "ExtractiveCaptioner", "no model: composes sentences of the paper; works anywhere"
    ),
}


def captioner_class(name: str) -> type[Captioner]:
    """Return the class of a captioner.

    Raises:
        CaptionerError: no captioner of this name, or a package that it needs is not installed.
    """
    if name not in CAPTIONERS:
        raise CaptionerError(f"captioner {name!r}: one of {', '.join(CAPTIONERS)} is expected")
    registered = CAPTIONERS[name]
    missing = [package for package in registered.needs if importlib.util.find_spec(package) is None]
    if missing:
        raise CaptionerError(
            f"captioner {name!r} needs {' and '.join(missing)}, not installed here: "
            f"pip install 's1-mmalign[{registered.extra}]'"
        )
    return getattr(importlib.import_module(registered.module), registered.class_name)

"""The captioners by name, and what each needs."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass

from s1_mmalign.processing.captioners.base import Captioner, CaptionerError
from s1_mmalign.processing.captioners.engine_process import EngineProcess
from s1_mmalign.processing.captioners.identity import ModelIdentity
from s1_mmalign.processing.captioners.options import RecaptionOptions


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
    """Return the class of a captioner: of a name here, or of `module:Class`.

    Raises:
        CaptionerError: no captioner of this name, or a package that it needs is not installed.
    """
    if ":" in name:
        return _class_of(*name.split(":", 1))
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


def open_captioner(kind: type[Captioner], options: RecaptionOptions, identity: ModelIdentity) -> Captioner:
    """Make a captioner; one that runs a model itself gets a process of its own, so that it can die.

    Raises:
        CaptionerError: it cannot start.
        EngineDied: its process was killed while it started.
    """
    return EngineProcess(kind, options, identity) if kind.runs_model else kind(options, identity)


def _class_of(module: str, name: str) -> type[Captioner]:
    try:
        kind = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise CaptionerError(f"captioner '{module}:{name}': cannot be imported ({error})") from error
    if not (isinstance(kind, type) and issubclass(kind, Captioner)):
        raise CaptionerError(f"captioner '{module}:{name}': a subclass of Captioner is expected")
    return kind

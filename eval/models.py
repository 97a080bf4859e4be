"""Which model a score is measured with: the one that the user named, or the default where it is in the cache."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from s1_mmalign.processing.captioners.identity import identify_model

AUTO = "auto"
"""Measure with the default checkpoint if it is on this machine already; never download it unasked."""

Loaded = TypeVar("Loaded")


class EvaluateError(ValueError):
    """What the user asked for cannot be measured; the text names the option and the way out."""


class NotMeasuredError(Exception):
    """A score that nobody insisted on cannot be had here; the text is the reason that the report gives."""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A checkpoint that was found, how it is loaded, and which one exactly it is."""

    model_id: str
    """As the user gave it: a folder or a Hub name."""
    asked_revision: str | None
    revision: str
    """Commit on the Hub; of a folder `local-` and a hash of its files."""
    device: str | None
    """As torch names it; None: the accelerator where there is one."""
    device_type: str
    dtype: str
    local_files_only: bool

    def arguments(self) -> tuple[str, str | None, str | None, str, bool]:
        """Return what `load_encoder` and `load_scorer` take; they load equal arguments once per process."""
        return self.model_id, self.asked_revision, self.device, self.dtype, self.local_files_only

    def identity(self) -> dict[str, str]:
        """Return what decides a score; the place of a folder does not."""
        name = Path(self.model_id).name if self.revision.startswith("local-") else self.model_id
        return {"model": name, "revision": self.revision, "dtype": self.dtype, "device": self.device_type}

    @property
    def label(self) -> str:
        """In one line, as rows record it."""
        identity = self.identity()
        return f"{identity['model']}@{identity['revision']} {self.dtype}"

    def described(self, max_tokens: int) -> dict[str, Any]:
        """Return what the report says of the model."""
        return {
            "id": self.model_id,
            "revision": self.revision,
            "dtype": self.dtype,
            "device": self.device_type,
            "max_tokens": max_tokens,
        }


def choose(loaded: Any, asked_revision: str | None, device: str | None, local_files_only: bool) -> ModelChoice:
    """Describe a model that was loaded with these arguments."""
    revision = identify_model(loaded.model_id, asked_revision).revision or "unknown"
    return ModelChoice(
        loaded.model_id, asked_revision, revision, device, loaded.device.type, loaded.dtype, local_files_only
    )


def load_model(
    option: str,
    named: str | None,
    default: str,
    load: Callable[..., Loaded],
    revision: str | None,
    device: str | None,
    dtype: str,
) -> Loaded:
    """Load the model that option `option` names.

    Raises:
        EvaluateError: the user named a model, and it cannot be loaded.
        NotMeasuredError: none is asked for (`named` None), or "auto" and there is none on this machine.
    """
    if named is None:
        raise NotMeasuredError(f"not asked for ({option}=None)")
    try:
        _need_packages()
        if named == AUTO and not in_cache(default, revision):
            raise NotMeasuredError(
                f"{default} is not in the Hugging Face cache; name it ({option}={default!r}) to have it downloaded"
            )
        _check_device(device)
        name = default if named == AUTO else named
        return load(name, revision, device, dtype, named == AUTO)
    except NotMeasuredError as reason:
        if named == AUTO:
            raise
        raise EvaluateError(f"{option}={named!r}: {reason}") from reason
    except (OSError, ValueError, RuntimeError, ImportError, KeyError) as error:
        # What transformers, huggingface_hub, tokenizers and torch raise for a missing, foreign or corrupt checkpoint.
        first_line = str(error).strip().split("\n")[0]
        if named == AUTO:
            raise NotMeasuredError(f"{default} cannot be loaded: {first_line}") from error
        raise EvaluateError(
            f"{option}={named!r} cannot be loaded: {first_line} "
            f"Give a folder or a Hub name of a checkpoint, or leave {option} out to go on without this score."
        ) from error


def _need_packages() -> None:
    missing = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
    if missing:
        raise NotMeasuredError(f"{' and '.join(missing)} not installed: pip install 's1-mmalign[eval]'")


def in_cache(model: str, revision: str | None) -> bool:
    """Say whether a model of the Hub is on this machine."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(model, "config.json", revision=revision)
    return isinstance(found, str) and Path(found).is_file()


def _check_device(device: str | None) -> None:
    import torch

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # "Torch not compiled with CUDA enabled" is an AssertionError
        raise ValueError(f"device={device!r}: {error}.") from error

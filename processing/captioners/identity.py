"""Which model answers, told exactly: a name and a revision, found without loading it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

HUB_DEFAULT = "main"


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """A model and the state of it. `path` is what engines are given: a name on the Hub, or a folder."""

    name: str
    revision: str | None = None
    path: str = ""
    on_hub: bool = False

    @property
    def label(self) -> str:
        """What rows record: `Qwen/Qwen3-VL-8B-Instruct@<revision>`, or the bare name where there is no revision."""
        return f"{self.name}@{self.revision}" if self.revision else self.name

    @property
    def hub_revision(self) -> str | None:
        """The revision to ask the Hub for; None where the model is a folder."""
        return self.revision if self.on_hub else None


def identify_model(model: str, revision: str | None = None) -> ModelIdentity:
    """Identify a model by its Hugging Face name or its folder.

    A folder's revision is `local-` and a hash of its configuration and of the names and sizes of its files. On
    the Hub a branch or tag is resolved to its commit: by the local cache first, so that an interrupted run goes
    on with the model that it began with, else by asking.

    Raises:
        CaptionerError: neither a folder, nor in the cache, nor to be found on the Hub.
    """
    from s1_mmalign.processing.captioners.base import CaptionerError

    if not model:
        raise CaptionerError("this captioner has no default model: name one with --model")
    folder = Path(model)
    if folder.is_dir():
        name = folder.resolve().name
        return ModelIdentity(name, f"local-{_fingerprint(folder)}", str(folder.resolve()))
    return ModelIdentity(model, _commit(model, revision or HUB_DEFAULT), model, on_hub=True)


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*")):
        if path.is_file() and not path.name.startswith("."):
            digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
            if path.suffix in (".json", ".jinja"):
                digest.update(path.read_bytes())
            elif path.suffix == ".safetensors":
                digest.update(_header(path))
    return digest.hexdigest()[:12]


def _header(path: Path) -> bytes:
    """Return the head of a weight file (1 MiB): its index and its first values."""
    with path.open("rb") as file:
        return file.read(1 << 20)


def _commit(model: str, revision: str) -> str:
    from huggingface_hub import HfApi, constants, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    from s1_mmalign.processing.captioners.base import CaptionerError

    try:
        cached = try_to_load_from_cache(model, "config.json", revision=revision)
        if isinstance(cached, str):
            return Path(cached).parent.name
        if constants.HF_HUB_OFFLINE:
            raise CaptionerError(_missing(model, revision, "the Hub is switched off by HF_HUB_OFFLINE"))
        return HfApi().model_info(model, revision=revision).sha or revision
    except HFValidationError as error:
        raise CaptionerError(_missing(model, revision, "no such folder, and no name of the Hub")) from error
    except (HfHubHTTPError, OfflineModeIsEnabled, OSError) as error:
        raise CaptionerError(_missing(model, revision, _first_line(error))) from error


def _missing(model: str, revision: str, why: str) -> str:
    return (
        f"model {json.dumps(model)} (revision {revision}) is not in the local cache and cannot be looked up: {why}. "
        "Download it (hf download NAME), or give --model a folder that holds it."
    )


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)

"""The options of `s1-mmalign evaluate`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from s1_mmalign.eval.clip_score.images import IMAGE_MODES
from s1_mmalign.eval.models import AUTO
from s1_mmalign.eval.pseudo_perplexity.masking import METHODS
from s1_mmalign.eval.workers import ENGINES

_DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """What is measured, on which rows, with which models."""

    sample_size: int = 500
    """Rows drawn for grounding and CLIPScore, by source and discipline; 0: all. Lengths are of all rows anyway."""
    perplexity_sample: int = 100
    """Rows of that sample for pseudo-perplexity, which costs one pass of the model for each token; 0: all."""
    seed: int = 0
    clip_model: str | None = AUTO
    """Folder or Hub name; "auto": `CLIP_MODEL` if it is in the Hugging Face cache; None: no CLIPScore."""
    perplexity_model: str | None = AUTO
    """Folder or Hub name; "auto": `PERPLEXITY_MODEL` if it is in the cache; None: no pseudo-perplexity."""
    clip_revision: str | None = None
    perplexity_revision: str | None = None
    device: str | None = None
    """As torch names it; None: the accelerator where there is one."""
    dtype: str = "float32"
    batch_size: int = 32
    """Images or texts that the CLIP-like model reads at once."""
    stride: int = 1
    """Of pseudo-perplexity. 1 is exact; 7, an approximation, hides every 7th token at once."""
    tokens_per_batch: int | None = None
    """Tokens, padding included, that the masked language model reads at once; None: what suits the device."""
    image_modes: tuple[str, ...] = ("checkpoint", "pad")
    perplexity_methods: tuple[str, ...] = METHODS
    weight: float = 2.5
    """w of CLIPScore: 2.5 in Hessel et al. 2021."""
    resamples: int = 2000
    """Bootstrap draws of the confidence intervals."""
    plots: bool = True
    write_columns: bool = False
    """Score all rows, not the sample alone, and write the scores into the shards (`score_columns`)."""
    engine: str = "local"
    """"local": this process, or those of `accelerate launch`; "ray": actors of a Ray cluster."""
    num_proc: int = 1
    """Actors, with the engine "ray"."""

    def __post_init__(self) -> None:
        """Reject what cannot be meant."""
        for name in ("sample_size", "perplexity_sample", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}={getattr(self, name)!r}: 0 or more is expected")
        for name in ("batch_size", "tokens_per_batch", "resamples", "weight", "stride", "num_proc"):
            if getattr(self, name) is not None and getattr(self, name) <= 0:
                raise ValueError(f"{name}={getattr(self, name)!r}: a positive number is expected")
        for name in ("clip_model", "perplexity_model"):
            if getattr(self, name) == "":
                raise ValueError(f"{name}='': a folder, a Hub name, {AUTO!r} or None is expected")
        for name, known in (("dtype", _DTYPES), ("engine", ENGINES)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name}={getattr(self, name)!r}: one of {', '.join(known)} is expected")
        if self.num_proc > 1 and self.engine != "ray":
            raise ValueError(
                f"num_proc={self.num_proc!r}: is for engine='ray'; several processes of this machine are started by "
                f"`accelerate launch --num-processes {self.num_proc} -m s1_mmalign.processing.process evaluate DATASET`"
            )
        for name, allowed in (("image_modes", IMAGE_MODES), ("perplexity_methods", METHODS)):
            chosen = getattr(self, name)
            if not chosen or set(chosen) - set(allowed):
                raise ValueError(f"{name}={chosen!r}: one or more of {', '.join(allowed)} are expected")

    def recipe(self) -> dict[str, Any]:
        """Return what the recipe records: what decides the report."""
        return self.measured_with()

    def measured_with(self) -> dict[str, Any]:
        """Return the options for the report, without those that say who works: they change no score."""
        return {name: value for name, value in asdict(self).items() if name not in ("engine", "num_proc")}

"""The metrics of a run, each with its model: found and loaded before the work begins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s1_mmalign.eval.measure_clip import ClipScorer
from s1_mmalign.eval.measure_grounding import GroundingScorer
from s1_mmalign.eval.measure_perplexity import PerplexityScorer
from s1_mmalign.eval.models import AUTO, ModelChoice, NotMeasuredError, choose, load_model
from s1_mmalign.eval.options import EvaluateOptions
from s1_mmalign.eval.workers import Workers

CLIP_MODEL = "openai/clip-vit-base-patch32"
"""The checkpoint of Hessel et al. 2021."""
PERPLEXITY_MODEL = "allenai/scibert_scivocab_uncased"


@dataclass(frozen=True, slots=True)
class Scorers:
    """What scores: of a metric that cannot be had, the reason."""

    grounding: GroundingScorer
    clip: ClipScorer | NotMeasuredError
    perplexity: list[PerplexityScorer] | NotMeasuredError
    clip_tokens: int = 0
    """What the CLIP-like model reads of a text, special tokens included."""
    perplexity_tokens: tuple[int, int] = (0, 0)
    """What the masked language model reads of a text, with and without special tokens."""


def load_scorers(folder: Path, options: EvaluateOptions, workers: Workers) -> Scorers:
    """Load the models that `options` name, so that a wrong name costs no time.

    Raises:
        EvaluateError: a model that `options` names cannot be loaded.
    """
    clip: ClipScorer | NotMeasuredError
    perplexity: list[PerplexityScorer] | NotMeasuredError
    clip_tokens, perplexity_tokens = 0, (0, 0)
    try:
        encoder, choice = _load("clip_model", options, workers)
        clip = ClipScorer(folder, choice, options.image_modes, options.batch_size)  # type: ignore[arg-type]
        clip_tokens = encoder.max_tokens
    except NotMeasuredError as reason:
        clip = reason
    try:
        masked, choice = _load("perplexity_model", options, workers)
        perplexity = [
            PerplexityScorer(choice, method, options.stride, options.tokens_per_batch)  # type: ignore[arg-type]
            for method in options.perplexity_methods
        ]
        perplexity_tokens = masked.max_tokens, masked.limit
    except NotMeasuredError as reason:
        perplexity = reason
    return Scorers(GroundingScorer(), clip, perplexity, clip_tokens, perplexity_tokens)


def _load(option: str, options: EvaluateOptions, workers: Workers) -> tuple[Any, ModelChoice]:
    revision = getattr(options, option.replace("model", "revision"))
    named = getattr(options, option)

    def load(*arguments: Any) -> Any:
        if option == "clip_model":
            from s1_mmalign.eval.clip_score.encoder import load_encoder

            return load_encoder(*arguments)
        from s1_mmalign.eval.pseudo_perplexity.scorer import load_scorer

        return load_scorer(*arguments)

    default = CLIP_MODEL if option == "clip_model" else PERPLEXITY_MODEL
    device = workers.device(options.device)
    loaded = load_model(option, named, default, load, revision, device, options.dtype)
    return loaded, choose(loaded, revision, device, named == AUTO)

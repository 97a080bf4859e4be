"""CLIPScore as an `evaluate` metric: `evaluate.load("eval/clip_score")`. The card is README.md beside this file.

`evaluate` copies this file and the siblings that it imports, and only those: each of them is named here
(and carries no comment on its line, which `evaluate` would take for an address).
"""

from __future__ import annotations

from typing import Any

import datasets
import evaluate
import numpy as np

from .encoder import DTYPES, load_encoder
from .images import IMAGE_MODES
from .scoring import TEXT_MODES, WEIGHT, clean_text, encode_texts, score_pairs
from .windows import pack

__all__ = ["DEFAULT_MODEL", "ClipScore", "pack"]

_DESCRIPTION = """
CLIPScore (Hessel et al. 2021) says how well a text fits an image: the cosine of the two vectors that a
CLIP-like model gives them, clamped at 0 for each pair, times a weight. Texts that are longer than the model
reads are cut with their end token kept ("truncate"), or read in windows of whole sentences ("window").
"""

_CITATION = """
@inproceedings{hessel-etal-2021-clipscore,
  title     = {{CLIPS}core: A Reference-free Evaluation Metric for Image Captioning},
  author    = {Hessel, Jack and Holtzman, Ari and Forbes, Maxwell and Le Bras, Ronan and Choi, Yejin},
  booktitle = {Proceedings of the 2021 Conference on Empirical Methods in Natural Language Processing},
  year      = {2021},
  pages     = {7514--7528},
  doi       = {10.18653/v1/2021.emnlp-main.595}
}
"""

_KWARGS_DESCRIPTION = """
Args:
    predictions (list of str): the texts. None, NaN and blank ones are skipped and counted.
    references (list): the images: `PIL.Image`, encoded bytes, paths, or a decoded or undecoded `datasets` column.
    model_id (str): folder or Hub name of a CLIP-like checkpoint (CLIP, Long-CLIP, SigLIP, SigLIP 2).
    revision (str): commit, branch or tag on the Hub.
    text_mode (str): "truncate", or "window": `scores` are then means over a text's windows, `best_scores` maxima.
    image_mode (str): "checkpoint" (CLIP crops the centre, SigLIP stretches), "crop", or "pad" (white, to a square).
    weight (float): 2.5 as in Hessel et al.; 100 as in torchmetrics.
    prefix (str): put before each text and window; "A photo depicts " in Hessel et al.
    batch_size (int), device (str), dtype (str: float32, bfloat16, float16).

Returns:
    clip_score, std (population), n: over the pairs that were scored (None where there are none);
    scores, best_scores, windows, reasons: one entry a pair;
    skipped: number of pairs by reason; truncation_rate: share of texts longer than max_tokens;
    max_tokens, model_id, revision, dtype, device, weight, text_mode, image_mode, prefix: what was measured with.

Examples:
    >>> metric = evaluate.load("eval/clip_score")                                                # doctest: +SKIP
    >>> result = metric.compute(predictions=["A plot.", ""], references=["fig1.png", "fig2.png"])  # doctest: +SKIP
    >>> result["n"], result["skipped"]                                                           # doctest: +SKIP
    (1, {'text_empty': 1})
"""

DEFAULT_MODEL = "openai/clip-vit-base-patch32"
"""ViT-B/32, the checkpoint of Hessel et al. 2021."""


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _KWARGS_DESCRIPTION)
class ClipScore(evaluate.Metric):
    """CLIPScore of image-text pairs; see `inputs_description`."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_KWARGS_DESCRIPTION,
            features=datasets.Features(
                {"predictions": datasets.Value("string"), "references": datasets.Image(decode=False)}
            ),
            reference_urls=["https://aclanthology.org/2021.emnlp-main.595/"],
        )

    def add_batch(self, *, predictions: Any = None, references: Any = None, **kwargs: Any) -> None:
        """Add texts and images; a missing text (None, NaN) is taken as a blank one."""
        super().add_batch(predictions=[clean_text(text) for text in predictions], references=references, **kwargs)

    def add(self, *, prediction: Any = None, reference: Any = None, **kwargs: Any) -> None:
        """Add one text and one image."""
        super().add(prediction=clean_text(prediction), reference=reference, **kwargs)

    def _compute(
        self,
        predictions: list[str],
        references: list[Any],
        model_id: str = DEFAULT_MODEL,
        revision: str | None = None,
        text_mode: str = "truncate",
        image_mode: str = "checkpoint",
        weight: float = WEIGHT,
        prefix: str = "",
        batch_size: int = 32,
        device: str | None = None,
        dtype: str = "float32",
    ) -> dict[str, Any]:
        _check(text_mode, image_mode, dtype, batch_size)
        encoder = load_encoder(model_id, revision, device, dtype)
        texts = encode_texts(encoder, predictions, text_mode, prefix, batch_size)  # type: ignore[arg-type]
        images = encoder.encode_images(references, image_mode, batch_size)  # type: ignore[arg-type]
        pairs = score_pairs(images, texts, weight)
        scored = [score for score in pairs.scores if score is not None]
        read = [
            cut for cut, reason in zip(texts.truncated(encoder.max_tokens), texts.reasons, strict=True) if not reason
        ]
        return {
            "clip_score": float(np.mean(scored)) if scored else None,
            "std": float(np.std(scored)) if scored else None,
            "n": len(scored),
            "scores": pairs.scores,
            "best_scores": pairs.best,
            "windows": pairs.windows,
            "reasons": pairs.reasons,
            "skipped": pairs.skipped(),
            "truncation_rate": float(np.mean(read)) if read else None,
            "max_tokens": encoder.max_tokens,
            "model_id": model_id,
            "revision": encoder.revision,
            "dtype": dtype,
            "device": str(encoder.device),
            "weight": weight,
            "text_mode": text_mode,
            "image_mode": image_mode,
            "prefix": prefix,
        }


def _check(text_mode: str, image_mode: str, dtype: str, batch_size: int) -> None:
    """Refuse what cannot be meant, before a model is loaded."""
    for name, value, allowed in (
        ("text_mode", text_mode, TEXT_MODES),
        ("image_mode", image_mode, IMAGE_MODES),
        ("dtype", dtype, DTYPES),
    ):
        if value not in allowed:
            raise ValueError(f"{name}={value!r}: one of {', '.join(allowed)} is expected")
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size!r}: 1 or more is expected")

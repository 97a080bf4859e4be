"""Pseudo-perplexity as an `evaluate` metric: `evaluate.load("eval/pseudo_perplexity")`. The card is README.md.

`evaluate` copies this file and the siblings that it imports, and only those: each of them is named here
(and carries no comment on its line, which `evaluate` would take for an address).
"""

from __future__ import annotations

from typing import Any

import datasets
import evaluate
import numpy as np

from .masking import METHODS
from .positions import only_at
from .scorer import DTYPES, clean_text, load_scorer, perplexity

__all__ = ["DEFAULT_MODEL", "PseudoPerplexity", "only_at"]

_DESCRIPTION = """
Pseudo-perplexity (Salazar et al. 2020) says how predictable a text is to a masked language model: each token
is hidden in turn and asked for, PLL is the sum of the log probabilities of the true tokens, and
pseudo-perplexity is exp(-PLL / tokens). "within_word_l2r" (Kauf & Ivanova 2023) hides the later pieces of the
token's word with it, so that long technical words are not flattered.
"""

_CITATION = """
@inproceedings{salazar-etal-2020-masked,
  title     = {Masked Language Model Scoring},
  author    = {Salazar, Julian and Liang, Davis and Nguyen, Toan Q. and Kirchhoff, Katrin},
  booktitle = {Proceedings of the 58th Annual Meeting of the Association for Computational Linguistics},
  year      = {2020},
  pages     = {2699--2712},
  doi       = {10.18653/v1/2020.acl-main.240}
}
@inproceedings{kauf-ivanova-2023-better,
  title     = {A Better Way to Do Masked Language Model Scoring},
  author    = {Kauf, Carina and Ivanova, Anna},
  booktitle = {Proceedings of the 61st Annual Meeting of the Association for Computational Linguistics},
  year      = {2023},
  pages     = {925--935},
  doi       = {10.18653/v1/2023.acl-short.80}
}
@inproceedings{beltagy-etal-2019-scibert,
  title     = {{S}ci{BERT}: A Pretrained Language Model for Scientific Text},
  author    = {Beltagy, Iz and Lo, Kyle and Cohan, Arman},
  booktitle = {Proceedings of EMNLP-IJCNLP 2019},
  year      = {2019},
  pages     = {3615--3620},
  doi       = {10.18653/v1/D19-1371}
}
"""

_KWARGS_DESCRIPTION = """
Args:
    predictions (list of str): the texts. None, NaN and blank ones are skipped and counted.
    model_id (str): folder or Hub name of a masked language model; SciBERT where none is given.
    revision (str): commit, branch or tag on the Hub.
    method (str): "original" (Salazar et al. 2020) or "within_word_l2r" (Kauf & Ivanova 2023).
    stride (int): 1 is exact. 7: an approximation that hides every 7th token at once, 7 passes a text.
    tokens_per_batch (int or None): bound on a batch, padding included; memory follows it, results do not. None: what
        suits the device.
    device (str), dtype (str: float32, bfloat16, float16).

Returns:
    corpus_perplexity: exp(-sum of PLL / sum of tokens);
    mean_perplexity, median_perplexity, mean_log10, std_log10 (population), n: over the texts that were scored;
    perplexities, log_likelihoods (natural logarithm), tokens, reasons: one entry a text;
    skipped: number of texts by reason; unknown_rate: share of tokens that the vocabulary lacks;
    windowed: number of texts longer than max_tokens;
    max_tokens, model_id, revision, method, stride, dtype, device: what was measured with.

Examples:
    >>> metric = evaluate.load("eval/pseudo_perplexity")                                # doctest: +SKIP
    >>> result = metric.compute(predictions=["The cells were incubated.", ""])          # doctest: +SKIP
    >>> result["n"], result["skipped"]                                                  # doctest: +SKIP
    (1, {'text_empty': 1})
"""

DEFAULT_MODEL = "allenai/scibert_scivocab_uncased"


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _KWARGS_DESCRIPTION)
class PseudoPerplexity(evaluate.Metric):
    """Pseudo-perplexity of texts; see `inputs_description`."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_KWARGS_DESCRIPTION,
            features=datasets.Features({"predictions": datasets.Value("string")}),
            reference_urls=[
                "https://aclanthology.org/2020.acl-main.240/",
                "https://aclanthology.org/2023.acl-short.80/",
            ],
        )

    def add_batch(self, *, predictions: Any = None, references: Any = None, **kwargs: Any) -> None:
        """Add texts; a missing one (None, NaN) is taken as a blank one."""
        super().add_batch(predictions=[clean_text(text) for text in predictions], references=references, **kwargs)

    def add(self, *, prediction: Any = None, reference: Any = None, **kwargs: Any) -> None:
        """Add one text."""
        super().add(prediction=clean_text(prediction), reference=reference, **kwargs)

    def _compute(
        self,
        predictions: list[str],
        model_id: str = DEFAULT_MODEL,
        revision: str | None = None,
        method: str = "original",
        stride: int = 1,
        tokens_per_batch: int | None = None,
        device: str | None = None,
        dtype: str = "float32",
    ) -> dict[str, Any]:
        if method not in METHODS:
            raise ValueError(f"method={method!r}: one of {', '.join(METHODS)} is expected")
        if dtype not in DTYPES:
            raise ValueError(f"dtype={dtype!r}: one of {', '.join(DTYPES)} is expected")
        for name, value in (("tokens_per_batch", tokens_per_batch), ("stride", stride)):
            if value is not None and value < 1:
                raise ValueError(f"{name}={value!r}: 1 or more is expected")
        scorer = load_scorer(model_id, revision, device, dtype)
        scores = scorer.score(predictions, method, tokens_per_batch, None, stride)  # type: ignore[arg-type]
        scored = [score for score in scores if score.reason is None]
        logs = [-score.log_likelihood / len(score.log_probs) / np.log(10) for score in scored]
        tokens = sum(len(score.log_probs) for score in scored)
        values = [score.perplexity for score in scored]
        reasons = [score.reason.split(":")[0] for score in scores if score.reason is not None]
        return {
            "corpus_perplexity": perplexity(sum(score.log_likelihood for score in scored), tokens) if scored else None,
            "mean_perplexity": float(np.mean(values)) if scored else None,
            "median_perplexity": float(np.median(values)) if scored else None,
            "mean_log10": float(np.mean(logs)) if scored else None,
            "std_log10": float(np.std(logs)) if scored else None,
            "n": len(scored),
            "perplexities": [score.perplexity if score.reason is None else None for score in scores],
            "log_likelihoods": [score.log_likelihood if score.reason is None else None for score in scores],
            "tokens": [len(score.log_probs) for score in scores],
            "reasons": [score.reason for score in scores],
            "skipped": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
            "unknown_rate": sum(score.unknown for score in scored) / tokens if scored else None,
            "windowed": sum(len(score.log_probs) > scorer.limit for score in scored),
            "max_tokens": scorer.max_tokens,
            "model_id": model_id,
            "revision": scorer.revision,
            "method": method,
            "stride": stride,
            "dtype": dtype,
            "device": str(scorer.device),
        }

"""Grounding of captions as an `evaluate` metric: `evaluate.load("eval/caption_grounding")`. The card is README.md.

`evaluate` copies this file and the siblings that it imports, and only those: each of them is named here
(and carries no comment on its line, which `evaluate` would take for an address).
"""

from __future__ import annotations

import math
from typing import Any

import datasets
import evaluate
import numpy as np

from .claims import find_claims
from .grounding import NGRAMS, ground
from .plain import words

__all__ = ["CaptionGrounding", "find_claims", "words"]

_DESCRIPTION = """
How much of a generated caption the paper bears out: the share of its numbers (with their units), named entities
and symbols that occur in the sources it was written from, the longest run of words copied from them, and the
share of its n-grams that they do not have. Model-free and deterministic.
"""

_CITATION = """
@inproceedings{narayan-etal-2018-dont,
  title     = {Don't Give Me the Details, Just the Summary! {T}opic-Aware Convolutional Neural Networks for Extreme
               Summarization},
  author    = {Narayan, Shashi and Cohen, Shay B. and Lapata, Mirella},
  booktitle = {Proceedings of the 2018 Conference on Empirical Methods in Natural Language Processing},
  year      = {2018},
  pages     = {1797--1807},
  doi       = {10.18653/v1/D18-1206}
}
"""

_KWARGS_DESCRIPTION = """
Args:
    predictions (list of str): the captions to judge. None, NaN and blank ones are skipped and counted.
    references (list of list of str): what each was written from: raw caption, citing paragraphs, title, abstract,
        text read off the figure.

Returns:
    support: mean over the captions with claims of the share that is borne out; number_support, entity_support,
    symbol_support likewise; micro_support: all claims of all captions in one pot;
    copied_run (words), copied_share, novelty_1 to novelty_4: means over captions;
    claims, n: claims and captions that were judged; skipped: number of captions by reason;
    rows: one dict a caption with its counts, shares and `missing` (what was not found), None for a skipped one.

Examples:
    >>> metric = evaluate.load("eval/caption_grounding")
    >>> result = metric.compute(
    ...     predictions=["The SEM image shows grains of 5 nm; the scale bar is 7 nm."],
    ...     references=[["SEM image of the grains (5 nm)."]],
    ... )
    >>> round(result["support"], 2), result["rows"][0]["missing"]
    (0.67, ['7 nm'])
"""

_SHARES = ("support", "number_support", "entity_support", "symbol_support")
_MEANS = ("copied_run", "copied_share", *(f"novelty_{n}" for n in NGRAMS))


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _KWARGS_DESCRIPTION)
class CaptionGrounding(evaluate.Metric):
    """Grounding of captions in their sources; see `inputs_description`."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_KWARGS_DESCRIPTION,
            features=datasets.Features(
                {"predictions": datasets.Value("string"), "references": datasets.List(datasets.Value("string"))}
            ),
            reference_urls=["https://aclanthology.org/D18-1206/"],
        )

    def add_batch(self, *, predictions: Any = None, references: Any = None, **kwargs: Any) -> None:
        """Add captions and their sources; a missing caption (None, NaN) is taken as a blank one."""
        super().add_batch(predictions=[_text(text) for text in predictions], references=references, **kwargs)

    def add(self, *, prediction: Any = None, reference: Any = None, **kwargs: Any) -> None:
        """Add one caption and its sources."""
        super().add(prediction=_text(prediction), reference=reference, **kwargs)

    def _compute(self, predictions: list[str], references: list[list[str] | None]) -> dict[str, Any]:
        rows = [
            ground(caption, sources or []).row() if caption else None
            for caption, sources in zip(predictions, references, strict=True)
        ]
        judged = [row for row in rows if row is not None]
        claims = sum(row["numbers"] + row["entities"] + row["symbols"] for row in judged)
        found = sum(row["numbers_found"] + row["entities_found"] + row["symbols_found"] for row in judged)
        return {
            **{name: _mean([row[name] for row in judged]) for name in _SHARES},
            "micro_support": found / claims if claims else None,
            **{name: _mean([row[name] for row in judged]) for name in _MEANS},
            "claims": claims,
            "n": len(judged),
            "skipped": {"text_empty": len(rows) - len(judged)} if len(judged) < len(rows) else {},
            "rows": rows,
        }


def _mean(values: list[float | None]) -> float | None:
    given = [value for value in values if value is not None]
    return float(np.mean(given)) if given else None


def _text(text: Any) -> str:
    if text is None or (isinstance(text, float) and math.isnan(text)):
        return ""
    return str(text).strip()

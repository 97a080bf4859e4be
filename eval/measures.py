"""The scores of the report: raw captions against recaptions, with controls, over all rows and by group.

Each function returns its section of the report and the values of the rows, for the plots.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from s1_mmalign.builder.shards import Manifest
from s1_mmalign.eval.caption_grounding.grounding import NGRAMS, Grounding, ground
from s1_mmalign.eval.controls import Drawn, exchange
from s1_mmalign.eval.intervals import Design
from s1_mmalign.eval.sample import Progress, read_rows

if TYPE_CHECKING:
    from s1_mmalign.eval.clip_score.encoder import ClipEncoder, Images
    from s1_mmalign.eval.clip_score.scoring import Texts
    from s1_mmalign.eval.pseudo_perplexity.scorer import MaskedScorer, TextScore

Points = dict[str, list[float | None]]
"""Values of the rows by the name of the text, in the sample's order."""

_SHARES = ("support", "number_support", "entity_support", "symbol_support", "copied_run", "copied_share")


def measure_grounding(drawn: Drawn, progress: Progress | None = None) -> dict[str, Any]:
    """Measure, without a model, how much of the texts the paper bears out."""
    rows = drawn.sample.rows
    partner = exchange([row["paper_id"] for row in rows])
    contexts = [_context(row) for row in rows]
    found: dict[str, list[Grounding | None]] = {"raw": [], "recaption": [], "shuffled": []}
    for index, (row, other) in enumerate(zip(rows, partner, strict=True)):
        found["raw"].append(ground(row["caption"] or "", contexts[index]))
        found["recaption"].append(ground(row["recaption"], [row["caption"] or "", *contexts[index]]))
        chance = None if other is None else [rows[other]["caption"] or "", *contexts[other]]
        found["shuffled"].append(None if chance is None else ground(row["recaption"], chance))
        if progress:
            progress("grounding", index + 1, len(rows))
    section: dict[str, Any] = {
        "measured": True,
        "sources": {
            "raw": "title, abstract, subcaption, citation contexts",
            "recaption": "caption, subcaption, title, abstract, citation contexts",
            "shuffled": "the recaption against those of another paper",
        },
    }
    for name, values in found.items():
        section[name] = drawn.groups(partial(_grounding_means, found=values))
    return section


def _context(row: dict[str, Any]) -> list[str]:
    texts = [row["title"], row["abstract"], row["subcaption"], *(row["citation_contexts"] or [])]
    return [text for text in texts if text]


def _grounding_means(design: Design, kept: np.ndarray, found: Sequence[Grounding | None]) -> dict[str, Any]:
    chosen = [one for one, keep in zip(found, kept, strict=True) if keep]
    columns = {name: [getattr(one, name) if one else None for one in chosen] for name in _SHARES}
    columns |= {
        f"novelty_{n}": [one.novelty[index] if one else None for one in chosen] for index, n in enumerate(NGRAMS)
    }
    return {name: design.estimate(values) for name, values in columns.items()}


def measure_clip_score(
    encoder: ClipEncoder,
    drawn: Drawn,
    folder: Path,
    manifest: Manifest,
    image_modes: Sequence[str],
    weight: float,
    batch_size: int,
    progress: Progress | None = None,
) -> tuple[dict[str, Any], Points]:
    """Measure CLIPScore, for each way to read a long text and to fit a wide image into a square."""
    from s1_mmalign.eval.clip_score.scoring import score_pairs

    partner = exchange([row["paper_id"] for row in drawn.sample.rows])
    advance = _counter("CLIPScore, images", len(image_modes) * len(drawn.sample.rows), progress)
    variants: list[dict[str, Any]] = []
    points: Points = {}
    texts = _encode_texts(encoder, drawn, batch_size, progress)
    for image_mode in image_modes:
        images = _encode_images(encoder, drawn, folder, manifest, image_mode, batch_size, advance)
        for text_mode, encoded in texts.items():
            scores = {name: score_pairs(images, text, weight) for name, text in encoded.items()}
            for name in ("raw", "recaption"):
                scores[f"{name}_shuffled"] = score_pairs(images, encoded[name].take(partner), weight)
            for reading in ("truncate",) if text_mode == "truncate" else ("window_mean", "window_best"):
                found = {
                    name: pairs.best if reading == "window_best" else pairs.scores for name, pairs in scores.items()
                }
                variants.append({"text": reading, "image": image_mode, **_with_controls(drawn, found)})
                points = points or found
            skipped = {name: scores[name].skipped() for name in ("raw", "recaption")}
    section = {
        "measured": True,
        "model": _model(encoder) | {"max_tokens": encoder.max_tokens},
        "weight": weight,
        "truncation_rate": {name: _share(text, encoder.max_tokens) for name, text in texts["truncate"].items()},
        "skipped": skipped,
        "variants": variants,
    }
    return section, points


def _encode_texts(
    encoder: ClipEncoder, drawn: Drawn, batch_size: int, progress: Progress | None
) -> dict[str, dict[str, Texts]]:
    """Encode the sample's texts, by text mode and by the name of the text."""
    from s1_mmalign.eval.clip_score.scoring import encode_texts

    kinds = _kinds(drawn)
    texts: dict[str, dict[str, Texts]] = {"truncate": {}, "window": {}}
    for mode, encoded in texts.items():
        for name, values in kinds.items():
            encoded[name] = encode_texts(encoder, values, mode, "", batch_size)  # type: ignore[arg-type]
            if progress:
                progress("CLIPScore, texts", sum(map(len, texts.values())), len(texts) * len(kinds))
    return texts


def _kinds(drawn: Drawn) -> dict[str, list[str]]:
    return {"raw": drawn.raw, "recaption": drawn.recaptions, "recaption_cut": drawn.cut}


def _encode_images(
    encoder: ClipEncoder,
    drawn: Drawn,
    folder: Path,
    manifest: Manifest,
    mode: str,
    batch_size: int,
    advance: Callable[[int], None],
) -> Images:
    """Encode the sample's images; they are read in the order of the shards, and put back into the sample's."""
    order: list[int] = []

    def read() -> Any:
        for index, row in read_rows(folder, manifest, drawn.sample.places, ("image",)):
            order.append(index)
            yield row["image"]

    images = encoder.encode_images(read(), mode, batch_size, advance)  # type: ignore[arg-type]
    return images.take(np.argsort(order).tolist())


def _with_controls(drawn: Drawn, values: dict[str, list[float | None]]) -> dict[str, Any]:
    compare = drawn.design.compare
    return {
        **drawn.compare(values["raw"], values["recaption"]),
        "length_matched": compare(values["raw"], values["recaption_cut"], ("raw", "recaption_cut")),
        "shuffled": {
            name: compare(values[f"{name}_shuffled"], values[name], ("shuffled", "own"))
            for name in ("raw", "recaption")
        },
    }


def _share(texts: Texts, max_tokens: int) -> float | None:
    cut = [cut for cut, reason in zip(texts.truncated(max_tokens), texts.reasons, strict=True) if reason is None]
    return sum(cut) / len(cut) if cut else None


def measure_perplexity(
    scorer: MaskedScorer,
    drawn: Drawn,
    methods: Sequence[str],
    tokens_per_batch: int,
    progress: Progress | None = None,
) -> tuple[dict[str, Any], Points]:
    """Measure pseudo-perplexity: log10 per text compared, and the value of the corpus."""
    kinds = _kinds(drawn)
    texts = [text for values in kinds.values() for text in values]
    count = len(drawn.sample.rows)
    points: Points = {}
    sections: list[dict[str, Any]] = []
    for method in methods:
        advance = None if progress is None else _stage(progress, f"pseudo-perplexity ({method})")
        scores = scorer.score(texts, method, tokens_per_batch, advance)  # type: ignore[arg-type]
        by_kind = {name: scores[index * count : (index + 1) * count] for index, name in enumerate(kinds)}
        logs = {name: [_log10(score) for score in found] for name, found in by_kind.items()}
        sections.append(
            {
                "method": method,
                "quantity": "log10 of a text's pseudo-perplexity (relative_change: of the geometric mean); low is good",
                **drawn.groups(partial(_compare_logs, logs=logs, name="recaption")),
                "length_matched": _compare_logs(drawn.design, np.ones(count, dtype=bool), logs, "recaption_cut"),
                "corpus": {name: _corpus(found) for name, found in by_kind.items()},
            }
        )
        points = points or logs
    section = {
        "measured": True,
        "model": _model(scorer) | {"max_tokens": scorer.max_tokens},
        "skipped": {name: _skipped(by_kind[name]) for name in ("raw", "recaption")},
        "unknown_rate": {name: _unknown(by_kind[name]) for name in ("raw", "recaption")},
        "windowed": {
            name: sum(len(s.log_probs) > scorer.limit for s in by_kind[name]) for name in ("raw", "recaption")
        },
        "methods": sections,
    }
    return section, points


def _compare_logs(design: Design, kept: np.ndarray, logs: Points, name: str) -> dict[str, Any]:
    """Compare decimal logarithms; their relative change would mean nothing, that of the geometric mean does."""
    columns = [[value for value, keep in zip(logs[one], kept, strict=True) if keep] for one in ("raw", name)]
    result = design.compare(columns[0], columns[1], ("raw", name))
    if result["n"]:
        result["relative_change"] = {
            key: None if value is None else 10**value - 1 for key, value in result["difference"].items()
        }
    return result


def _log10(score: TextScore) -> float | None:
    if score.reason is not None:
        return None
    return -score.log_likelihood / len(score.log_probs) / math.log(10)


def _corpus(scores: Sequence[TextScore]) -> float | None:
    from s1_mmalign.eval.pseudo_perplexity.scorer import perplexity

    scored = [score for score in scores if score.reason is None]
    tokens = sum(len(score.log_probs) for score in scored)
    return perplexity(sum(score.log_likelihood for score in scored), tokens) if tokens else None


def _unknown(scores: Sequence[TextScore]) -> float | None:
    tokens = sum(len(score.log_probs) for score in scores)
    return sum(score.unknown for score in scores) / tokens if tokens else None


def _skipped(scores: Sequence[TextScore]) -> dict[str, int]:
    reasons = sorted(score.reason.split(":")[0] for score in scores if score.reason is not None)
    return {reason: reasons.count(reason) for reason in dict.fromkeys(reasons)}


def _model(loaded: ClipEncoder | MaskedScorer) -> dict[str, Any]:
    return {
        "id": loaded.model_id,
        "revision": loaded.revision,
        "dtype": loaded.dtype,
        "device": str(loaded.device),
    }


def _stage(progress: Progress, name: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(name, done, total)


def _counter(name: str, total: int, progress: Progress | None) -> Callable[[int], None]:
    """Add up what is done."""
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if progress:
            progress(name, done, total)

    return advance

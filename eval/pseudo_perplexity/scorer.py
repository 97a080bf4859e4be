"""Pseudo-log-likelihood of texts under a masked language model, computed at the masked positions only."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .masking import Copy, Method, Tokens, batches
from .positions import only_at

DTYPES = ("float32", "bfloat16", "float16")

TOKENS_PER_BATCH = 8192
"""About 0.5 GB of activations for a BERT of base size in float32."""
TOKENS_PER_BATCH_CPU = 2048
"""A processor's caches are small: its rate falls by 3 % (float32) to 13 % (bfloat16) with four times as many."""

Advance = Callable[[int, int], None]
"""Called with the tokens that are scored, and all of them."""


@dataclass(frozen=True, slots=True)
class TextScore:
    """One text: log P of each of its tokens given the others (natural logarithm), or the reason why there is none."""

    log_probs: np.ndarray
    unknown: int = 0
    """Tokens that the vocabulary lacks: scored as the unknown token, which says little of the text."""
    reason: str | None = None

    @property
    def log_likelihood(self) -> float:
        """PLL, the sum over the tokens."""
        return float(self.log_probs.sum())

    @property
    def perplexity(self) -> float:
        """exp(-PLL / tokens)."""
        return perplexity(self.log_likelihood, len(self.log_probs))


def perplexity(log_likelihood: float, tokens: int) -> float:
    """exp(-log likelihood / tokens); infinite where that is beyond a float."""
    mean = -log_likelihood / tokens
    return math.exp(mean) if mean < 700 else math.inf


@functools.lru_cache(maxsize=2)
def load_scorer(
    model_id: str,
    revision: str | None = None,
    device: str | None = None,
    dtype: str = "float32",
    local_files_only: bool = False,
) -> MaskedScorer:
    """Load a checkpoint, once per process.

    Raises:
        OSError: there is no such folder and no such model on the Hub or in its cache.
        ValueError: the checkpoint is no masked language model, or lacks a part of one.
    """
    return MaskedScorer(model_id, revision, device, dtype, local_files_only)


class MaskedScorer:
    """A masked language model of `transformers` and its tokenizer."""

    def __init__(
        self, model_id: str, revision: str | None, device: str | None, dtype: str, local_files_only: bool
    ) -> None:
        import torch
        from transformers import AutoModelForMaskedLM, AutoTokenizer

        if dtype not in DTYPES:
            raise ValueError(f"dtype={dtype!r}: one of {', '.join(DTYPES)} is expected")
        where = {"revision": revision, "local_files_only": local_files_only}
        model, info = AutoModelForMaskedLM.from_pretrained(
            model_id, dtype=getattr(torch, dtype), output_loading_info=True, **where
        )
        if info["missing_keys"]:
            missing = ", ".join(sorted(info["missing_keys"])[:3])
            raise ValueError(
                f"{model_id}: the masked-language-model head is not in the checkpoint (missing: {missing})"
            )
        # A literal "[MASK]" in a caption is text, not a mask.
        self.tokenizer = AutoTokenizer.from_pretrained(model_id, split_special_tokens=True, **where)
        if self.tokenizer.mask_token_id is None:
            raise ValueError(f"{model_id}: its tokenizer has no mask token, so it is no masked language model")
        self.device = torch.device(device or default_device())
        self.model = model.to(self.device).eval()
        self.model_id = model_id
        self.revision: str | None = getattr(model.config, "_commit_hash", None) or revision
        self.dtype = dtype
        self.prefix, self.suffix = _special_tokens(self.tokenizer)
        self.max_tokens = _positions(model, self.tokenizer)
        self.limit = self.max_tokens - len(self.prefix) - len(self.suffix)

    @property
    def tokens_per_batch(self) -> int:
        """What suits the device, where nothing else is asked for."""
        return TOKENS_PER_BATCH_CPU if self.device.type == "cpu" else TOKENS_PER_BATCH

    def tokens(self, text: str) -> Tokens:
        """Tokenize a text, without special tokens and without a limit."""
        encoded = self.tokenizer(text, add_special_tokens=False, verbose=False)
        words = encoded.word_ids() if self.tokenizer.is_fast else [None] * len(encoded["input_ids"])
        return Tokens(tuple(encoded["input_ids"]), tuple(words))

    def score(
        self,
        texts: Sequence[str | None],
        method: Method = "original",
        tokens_per_batch: int | None = None,
        advance: Advance | None = None,
        stride: int = 1,
    ) -> list[TextScore]:
        """Score texts; see `masking.copies` for `method` and `stride`, `batches` for `tokens_per_batch`.

        Equal texts are scored once, and the batches are the same in whatever order the texts come. None,
        NaN and blank texts, and texts without a token, get a reason instead ("text_empty").

        Raises:
            ValueError: "within_word_l2r" with a tokenizer that does not tell words apart.
        """
        cleaned = [clean_text(text) for text in texts]
        unique = list(dict.fromkeys(cleaned))
        scores = dict(self.iter_scores(unique, method, tokens_per_batch, advance, stride))
        return [scores[text] for text in cleaned]

    def iter_scores(
        self,
        texts: Sequence[str],
        method: Method = "original",
        tokens_per_batch: int | None = None,
        advance: Advance | None = None,
        stride: int = 1,
    ) -> Iterator[tuple[str, TextScore]]:
        """Yield each text of `texts` (distinct, as `clean_text` returns them) with its score when it is done."""
        if method == "within_word_l2r" and not self.tokenizer.is_fast:
            raise ValueError(f"{self.model_id}: within_word_l2r needs a tokenizer that knows words (a fast one)")
        tokens = {text: self.tokens(text) for text in texts if text}
        order = [text for text, found in tokens.items() if found.ids]
        order.sort(key=lambda text: (-min(len(tokens[text].ids), self.limit), text))
        for text in texts:
            if text not in tokens or not tokens[text].ids:
                yield text, TextScore(np.empty(0), reason="text_empty")
        for index, log_probs in self._log_probs(
            [tokens[text] for text in order], method, tokens_per_batch or self.tokens_per_batch, advance, stride
        ):
            yield order[index], self._text_score(tokens[order[index]], log_probs)

    def _text_score(self, tokens: Tokens, log_probs: np.ndarray) -> TextScore:
        finite = bool(np.isfinite(log_probs).all())
        return TextScore(
            log_probs,
            tokens.ids.count(self.tokenizer.unk_token_id),
            None if finite else "not_finite: overflow in dtype",
        )

    def _log_probs(
        self, texts: Sequence[Tokens], method: Method, tokens_per_batch: int, advance: Advance | None, stride: int
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (number of a text, log P of its tokens), in the order of `texts`, each when its last copy is done."""
        done, total = 0, sum(len(text.ids) for text in texts)
        open_texts: dict[int, tuple[np.ndarray, int]] = {}
        for batch in batches(texts, self.limit, method, tokens_per_batch, stride):
            values = iter(self._run(texts, batch))
            for copy in batch:
                log_probs, left = open_texts.get(copy.text) or (
                    np.full(len(texts[copy.text].ids), np.nan), len(texts[copy.text].ids)
                )  # fmt: skip
                for target in copy.targets:
                    log_probs[target] = next(values)
                open_texts[copy.text] = log_probs, left - len(copy.targets)
                done += len(copy.targets)
            for number in [number for number, (_, left) in open_texts.items() if not left]:
                yield number, open_texts.pop(number)[0]
            if advance:
                advance(done, total)

    def _run(self, texts: Sequence[Tokens], batch: list[Copy]) -> list[float]:
        """Return log P of each copy's targets, one after the other."""
        import torch

        extra = len(self.prefix) + len(self.suffix)
        width = max(len(copy) for copy in batch) + extra
        ids = np.full((len(batch), width), self.tokenizer.pad_token_id or 0, dtype=np.int64)
        attention = np.zeros((len(batch), width), dtype=np.int64)
        for row, copy in enumerate(batch):
            shift = len(self.prefix) - copy.start
            line = [*self.prefix, *texts[copy.text].ids[copy.start : copy.end], *self.suffix]
            ids[row, : len(line)] = line
            ids[row, [position + shift for position in copy.masked]] = self.tokenizer.mask_token_id
            attention[row, : len(line)] = 1
        places = [(row, target) for row, copy in enumerate(batch) for target in copy.targets]
        shifts = [len(self.prefix) - copy.start for copy in batch]
        rows = torch.tensor([row for row, _ in places])
        positions = torch.tensor([target + shifts[row] for row, target in places], device=self.device)
        targets = torch.tensor([texts[batch[row].text].ids[target] for row, target in places], device=self.device)
        with torch.inference_mode(), only_at(self.model, rows, positions):
            logits = self.model(
                input_ids=torch.from_numpy(ids).to(self.device),
                attention_mask=None if attention.all() else torch.from_numpy(attention).to(self.device),
            ).logits[:, 0].float()  # fmt: skip
            chosen = logits.gather(1, targets[:, None])[:, 0] - logits.logsumexp(-1)
        return chosen.tolist()


def _special_tokens(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Return what the tokenizer puts before and after a text."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a")["input_ids"]
    for start in range(len(full) - len(bare) + 1):
        if full[start : start + len(bare)] == bare:
            return full[:start], full[start + len(bare) :]
    raise ValueError(f"{type(tokenizer).__name__}: special tokens are not put around the text")


def _positions(model: Any, tokenizer: Any) -> int:
    """Return how many tokens the model reads, special tokens included.

    Some tokenizers (SciBERT's) carry no limit of their own; RoBERTa numbers positions from padding_idx + 1.
    """
    limit = int(getattr(model.config, "max_position_embeddings", 0)) or 512
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            limit -= module.padding_idx + 1
    return min(limit, tokenizer.model_max_length)


def default_device() -> str:
    """The accelerator of this machine, or "cpu"."""
    import torch

    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return accelerator.type if accelerator else "cpu"


def clean_text(text: Any) -> str:
    """Return the text without outer white space; "" for None and NaN (what a missing caption is in pandas)."""
    if text is None or (isinstance(text, float) and math.isnan(text)):
        return ""
    return str(text).strip()

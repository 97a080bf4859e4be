"""A CLIP-like checkpoint of `transformers`: images and texts to unit vectors, in batches."""

from __future__ import annotations

import functools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from .images import ImageError, ImageMode, decode, fit

if TYPE_CHECKING:
    import torch

DTYPES = ("float32", "bfloat16", "float16")

Advance = Callable[[int], None]
"""Called with the number of items that were just done."""


Prepared = dict[ImageMode, "dict[str, torch.Tensor]"]
"""One image as the model reads it, in each of the shapes that were asked for."""


@dataclass(frozen=True, slots=True)
class Images:
    """Unit vectors of images, float32 (n, d); the row of a skipped image is NaN and has a reason."""

    vectors: np.ndarray
    reasons: list[str | None]

    def take(self, order: Sequence[int]) -> Images:
        """Return the images in another order."""
        return Images(self.vectors[list(order)], [self.reasons[index] for index in order])


@functools.lru_cache(maxsize=2)
def load_encoder(
    model_id: str,
    revision: str | None = None,
    device: str | None = None,
    dtype: str = "float32",
    local_files_only: bool = False,
) -> ClipEncoder:
    """Load a checkpoint, once per process.

    Raises:
        OSError: there is no such folder and no such model on the Hub or in its cache.
        ValueError: the checkpoint is no CLIP-like model, or lacks a part of one.
    """
    return ClipEncoder(model_id, revision, device, dtype, local_files_only)


class ClipEncoder:
    """Image tower, text tower and the checkpoint's own tokenizer and image processor."""

    def __init__(
        self, model_id: str, revision: str | None, device: str | None, dtype: str, local_files_only: bool
    ) -> None:
        import torch
        from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

        if dtype not in DTYPES:
            raise ValueError(f"dtype={dtype!r}: one of {', '.join(DTYPES)} is expected")
        where = {"revision": revision, "local_files_only": local_files_only}
        model, info = AutoModel.from_pretrained(
            model_id, dtype=getattr(torch, dtype), output_loading_info=True, **where
        )
        if not (hasattr(model, "get_text_features") and hasattr(model, "get_image_features")):
            raise ValueError(
                f"{model_id}: not a CLIP-like checkpoint ({type(model).__name__} has no image-text towers)"
            )
        if info["missing_keys"]:
            raise ValueError(f"{model_id}: weights are missing: {', '.join(sorted(info['missing_keys'])[:3])}")
        # A literal "<|endoftext|>" in a caption is text, not the end of it.
        self.tokenizer = AutoTokenizer.from_pretrained(model_id, split_special_tokens=True, **where)
        # The PIL backend gives the same pixels with and without torchvision.
        self.processor = AutoImageProcessor.from_pretrained(model_id, backend="pil", **where)
        self.device = torch.device(device or default_device())
        self.model = model.to(self.device).eval()
        self.model_id = model_id
        self.revision: str | None = getattr(model.config, "_commit_hash", None) or revision
        self.dtype = dtype
        self.max_tokens = int(model.config.text_config.max_position_embeddings)
        # SigLIP was trained on text padded to its full length, without a mask; its last position is the text's.
        self.pads_to_full_length = model.config.model_type.startswith("siglip")
        self.special_tokens = len(self.tokenizer("", verbose=False)["input_ids"])

    def count_tokens(self, texts: list[str]) -> list[int]:
        """Number of tokens of each text, special tokens left out."""
        return [len(ids) for ids in self.tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]]

    def encode_texts(self, texts: Sequence[str], batch_size: int = 32, advance: Advance | None = None) -> np.ndarray:
        """Return unit vectors of texts, float32 (n, d).

        A text over `max_tokens` is cut to it, the end token kept. Equal texts are encoded once; batches are
        made of texts of like length, the same ones in whatever order they come.
        """
        if not texts:
            return np.zeros((0, 0), dtype=np.float32)
        unique = list(dict.fromkeys(texts))
        sizes = dict(zip(unique, self.count_tokens(unique), strict=True))
        unique.sort(key=lambda text: (sizes[text], text))
        vectors: dict[str, np.ndarray] = {}
        for batch in _chunks(iter(unique), batch_size):
            inputs = self.tokenizer(
                batch,
                truncation=True,
                max_length=self.max_tokens,
                padding="max_length" if self.pads_to_full_length else True,
                return_tensors="pt",
            )
            if self.pads_to_full_length:
                inputs.pop("attention_mask", None)
            vectors.update(zip(batch, self._vectors("get_text_features", dict(inputs)), strict=True))
            if advance:
                advance(len(batch))
        return np.stack([vectors[text] for text in texts])

    def encode_images(
        self,
        items: Iterable[Any],
        mode: ImageMode = "checkpoint",
        batch_size: int = 32,
        advance: Advance | None = None,
    ) -> Images:
        """Return unit vectors of images; see `images.decode` for what an item may be and `images.fit` for `mode`."""
        return self.encode_image_modes(items, (mode,), batch_size, advance)[mode]

    def encode_image_modes(
        self,
        items: Iterable[Any],
        modes: Sequence[ImageMode],
        batch_size: int = 32,
        advance: Advance | None = None,
    ) -> dict[ImageMode, Images]:
        """Return unit vectors of images in several shapes; each image is decoded once."""
        vectors: dict[ImageMode, list[np.ndarray]] = {mode: [] for mode in modes}
        reasons: list[str | None] = []
        for batch in self.iter_images(items, modes, batch_size):
            for mode, images in batch.items():
                vectors[mode] += list(images.vectors)
            reasons += batch[modes[0]].reasons
            if advance:
                advance(len(batch[modes[0]].reasons))
        return {mode: Images(_rows(found), reasons) for mode, found in vectors.items()}

    def iter_images(
        self, items: Iterable[Any], modes: Sequence[ImageMode], batch_size: int = 32
    ) -> Iterator[dict[ImageMode, Images]]:
        """Yield unit vectors of `batch_size` images at a time, in several shapes; each image is decoded once.

        Images are decoded by a few threads while the model works; two batches of them are held at a time.
        """
        for batch in self._prepared(items, modes, batch_size):
            good = [item for item in batch if isinstance(item, dict)]
            reasons = [None if isinstance(item, dict) else item for item in batch]
            found: dict[ImageMode, Images] = {}
            for mode in modes:
                stacked = _stack([item[mode] for item in good]) if good else {}
                encoded = iter(self._vectors("get_image_features", stacked)) if good else iter(())
                found[mode] = Images(_rows([np.empty(0) if reason else next(encoded) for reason in reasons]), reasons)
            yield found

    def _prepared(
        self, items: Iterable[Any], modes: Sequence[ImageMode], batch_size: int
    ) -> Iterator[list[Prepared | str]]:
        """Yield batches of processed images, or the reason why there is none, one batch decoded ahead."""
        source = iter(items)
        with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
            ahead: deque[list[Future]] = deque()
            while True:
                batch = list(islice(source, batch_size))
                if batch:
                    ahead.append([pool.submit(self._prepare, item, modes) for item in batch])
                if not ahead:
                    return
                if len(ahead) > 1 or not batch:
                    yield [future.result() for future in ahead.popleft()]

    def _prepare(self, item: Any, modes: Sequence[ImageMode]) -> Prepared | str:
        try:
            image = decode(item)
        except ImageError as error:
            return str(error)
        return {mode: dict(self.processor(images=[fit(image, mode)], return_tensors="pt")) for mode in modes}

    def _vectors(self, method: str, inputs: dict[str, torch.Tensor]) -> np.ndarray:
        """Run one tower; normalised in float32 whatever the model's dtype."""
        import torch

        inputs = {
            name: value.to(self.device, self.model.dtype if value.is_floating_point() else None)
            for name, value in inputs.items()
        }
        with torch.inference_mode():
            output = getattr(self.model, method)(**inputs)
            pooled = getattr(output, "pooler_output", output).float()
            return torch.nn.functional.normalize(pooled, dim=-1).cpu().numpy()


def default_device() -> str:
    """The accelerator of this machine, or "cpu"."""
    import torch

    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return accelerator.type if accelerator else "cpu"


def _rows(vectors: list[np.ndarray]) -> np.ndarray:
    """Stack vectors; an empty one becomes NaN."""
    width = max((len(vector) for vector in vectors), default=0)
    rows = [vector if len(vector) else np.full(width, np.nan, dtype=np.float32) for vector in vectors]
    return np.stack(rows) if rows else np.zeros((0, 0), dtype=np.float32)


def _stack(items: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    import torch

    return {name: torch.cat([item[name] for item in items]) for name in items[0]}


def _chunks(items: Iterator[str], size: int) -> Iterator[list[str]]:
    while chunk := list(islice(items, size)):
        yield chunk

"""Any image-text-to-text checkpoint, by `transformers`: for models that vLLM does not know, and for one GPU or none."""

from __future__ import annotations

from collections import deque
from typing import Any

from s1_mmalign.processing.captioners.base import Caption, Captioner, CaptionerError, CaptionRequest
from s1_mmalign.processing.captioners.identity import ModelIdentity
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.captioners.pictures import decode_image
from s1_mmalign.processing.captioners.sampling import Sampling

BATCH = 8
"""Requests that go through the model together; `in_flight` changes it."""

Waiting = tuple[str, list[dict[str, Any]], Sampling]
"""Key, conversation, and how to answer."""


class TransformersCaptioner(Captioner):
    """Answers in batches, padded on the left; a batch that fails is answered one by one."""

    name = "transformers"
    default_model = "Qwen/Qwen3-VL-2B-Instruct"
    on_gpu = True
    runs_model = True
    in_batches = True

    def __init__(self, options: RecaptionOptions, identity: ModelIdentity) -> None:
        import torch
        from transformers import AutoModelForImageTextToText, AutoProcessor

        super().__init__(options, identity)
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = options.dtype if options.dtype == "auto" else getattr(torch, options.dtype)
        try:
            self._processor = AutoProcessor.from_pretrained(identity.path, revision=identity.hub_revision)
            model = AutoModelForImageTextToText.from_pretrained(
                identity.path, revision=identity.hub_revision, dtype=dtype, **options.engine
            )
        except (OSError, ValueError, TypeError) as error:
            raise CaptionerError(f"model {identity.path}: transformers cannot load it ({error})") from error
        self._model = model.to(self._device).eval()
        self._tokenizer = getattr(self._processor, "tokenizer", self._processor)
        self._tokenizer.padding_side = "left"
        stops = self._model.generation_config.eos_token_id
        self._stops = set(stops if isinstance(stops, list) else [stops])
        self._waiting: deque[Waiting] = deque()

    def default_capacity(self) -> int:
        """One batch in the model."""
        return BATCH

    def prepare(self, request: CaptionRequest) -> tuple[list[dict[str, Any]], Sampling]:
        """Return the conversation, the image decoded, and how to answer."""
        image = decode_image(request.image, self.options.max_pixels)
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": [{"type": "text", "text": request.prompt.system}]},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": request.prompt.context},
                    {"type": "image", "image": image},
                    {"type": "text", "text": request.prompt.question},
                ],
            },
        ]
        return messages, request.sampling or Sampling.of(self.options)

    def close(self) -> None:
        """Free the model's memory."""
        import torch

        del self._model
        if self._device == "cuda":
            torch.cuda.empty_cache()

    def _submit(self, key: str, prepared: tuple[list[dict[str, Any]], Sampling]) -> None:
        self._waiting.append((key, *prepared))

    def _poll(self, wait_s: float | None) -> list[Caption]:
        sampling = self._waiting[0][2]  # a batch is answered in one way
        batch = [item for item in self._waiting if item[2] == sampling][: self.capacity]
        for item in batch:
            self._waiting.remove(item)
        try:
            return self._generate(batch)
        except Exception as error:  # noqa: BLE001  # isolation: one bad image or prompt fails its batch
            if len(batch) == 1:
                return [Caption.failed(batch[0][0], error)]
        return [self._alone(item) for item in batch]

    def _alone(self, item: Waiting) -> Caption:
        try:
            return self._generate([item])[0]
        except Exception as error:  # noqa: BLE001  # isolation: this is the one, and it costs one row
            return Caption.failed(item[0], error)

    def _generate(self, batch: list[Waiting]) -> list[Caption]:
        import torch
        from transformers import StoppingCriteriaList

        inputs = self._processor.apply_chat_template(
            [messages for _, messages, _ in batch],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"padding": True},
        ).to(self._device)
        sampling = batch[0][2]
        drawn: dict[str, Any] = {"do_sample": False}
        if sampling.temperature > 0:
            torch.manual_seed(sampling.seed)
            drawn = {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p}
        watch = StoppingCriteriaList([self._tell_alive])
        with torch.inference_mode():
            output = self._model.generate(
                **inputs, max_new_tokens=sampling.max_tokens, stopping_criteria=watch, **drawn
            )
        length = inputs["input_ids"].shape[1]
        sizes = inputs["attention_mask"].sum(1).tolist()
        return [
            self._caption(key, tokens, size)
            for (key, _, _), tokens, size in zip(batch, output[:, length:].tolist(), sizes, strict=True)
        ]

    def _tell_alive(self, tokens: Any, scores: Any, **others: Any) -> Any:
        """Called after each token: a criterion that never stops."""
        import torch

        self.alive()
        return torch.zeros(tokens.shape[0], dtype=torch.bool, device=tokens.device)

    def _caption(self, key: str, tokens: list[int], prompt_tokens: int) -> Caption:
        end = next((index for index, token in enumerate(tokens) if token in self._stops), None)
        said = tokens if end is None else tokens[:end]
        text = self._tokenizer.decode(said, skip_special_tokens=True)
        return Caption(key, text, "length" if end is None else "stop", prompt_tokens, len(said) + (end is not None))

"""Any image-text-to-text checkpoint, by `transformers`: for models that vLLM does not know, and for one GPU or none."""

from __future__ import annotations

from collections import deque
from typing import Any

from s1_mmalign.processing.captioners.base import Caption, Captioner, CaptionerError, CaptionRequest
from s1_mmalign.processing.captioners.identity import ModelIdentity
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.captioners.pictures import decode_image

BATCH = 8
"""Requests that go through the model together; `in_flight` changes it."""


class TransformersCaptioner(Captioner):
    """Answers in batches, padded on the left; a batch that fails is answered one by one."""

    name = "transformers"
    default_model = "Qwen/Qwen3-VL-2B-Instruct"
    on_gpu = True

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
        self._waiting: deque[tuple[str, list[dict[str, Any]]]] = deque()

    def default_capacity(self) -> int:
        """One batch in the model."""
        return BATCH

    def prepare(self, request: CaptionRequest) -> list[dict[str, Any]]:
        """Return the conversation, the image decoded."""
        image = decode_image(request.image, self.options.max_pixels)
        return [
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

    def close(self) -> None:
        """Free the model's memory."""
        import torch

        del self._model
        if self._device == "cuda":
            torch.cuda.empty_cache()

    def _submit(self, key: str, prepared: list[dict[str, Any]]) -> None:
        self._waiting.append((key, prepared))

    def _poll(self) -> list[Caption]:
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self.capacity))]
        try:
            return self._generate(batch)
        except Exception as error:  # noqa: BLE001  # isolation: one bad image or prompt fails its batch
            if len(batch) == 1:
                return [Caption.failed(batch[0][0], error)]
        return [self._alone(item) for item in batch]

    def _alone(self, item: tuple[str, list[dict[str, Any]]]) -> Caption:
        try:
            return self._generate([item])[0]
        except Exception as error:  # noqa: BLE001  # isolation: this is the one, and it costs one row
            return Caption.failed(item[0], error)

    def _generate(self, batch: list[tuple[str, list[dict[str, Any]]]]) -> list[Caption]:
        import torch

        inputs = self._processor.apply_chat_template(
            [messages for _, messages in batch],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"padding": True},
        ).to(self._device)
        sampling: dict[str, Any] = {"do_sample": False}
        if self.options.temperature > 0:
            torch.manual_seed(self.options.seed)
            sampling = {"do_sample": True, "temperature": self.options.temperature, "top_p": self.options.top_p}
        with torch.inference_mode():
            output = self._model.generate(**inputs, max_new_tokens=self.options.max_tokens, **sampling)
        length = inputs["input_ids"].shape[1]
        sizes = inputs["attention_mask"].sum(1).tolist()
        return [
            self._caption(key, tokens, size)
            for (key, _), tokens, size in zip(batch, output[:, length:].tolist(), sizes, strict=True)
        ]

    def _caption(self, key: str, tokens: list[int], prompt_tokens: int) -> Caption:
        end = next((index for index, token in enumerate(tokens) if token in self._stops), None)
        said = tokens if end is None else tokens[:end]
        text = self._tokenizer.decode(said, skip_special_tokens=True)
        return Caption(key, text, "length" if end is None else "stop", prompt_tokens, len(said) + (end is not None))

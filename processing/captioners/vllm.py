"""A model in this process, by vLLM (`EngineProcess` gives it a process of its own).

Requests are added one by one and the engine is stepped by hand, so one bad request costs one row (`LLM.chat` fails
for its whole list), and new requests join while others run: there is no end of a batch at which the GPU waits.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import asdict
from typing import Any

from s1_mmalign.processing.captioners.base import (
    Caption,
    Captioner,
    CaptionerError,
    CaptionRequest,
    EngineDied,
    RequestError,
)
from s1_mmalign.processing.captioners.identity import ModelIdentity
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.captioners.pictures import decode_image
from s1_mmalign.processing.captioners.processes import Reaper
from s1_mmalign.processing.captioners.sampling import Sampling

QUIET = {"VLLM_LOGGING_LEVEL": "ERROR", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
"""Set where the environment does not say otherwise."""


class VLLMCaptioner(Captioner):
    """Answers by `vllm.LLM`; see the head of this file."""

    name = "vllm"
    default_model = "Qwen/Qwen3-VL-8B-Instruct"
    on_gpu = True
    runs_model = True

    def __init__(self, options: RecaptionOptions, identity: ModelIdentity) -> None:
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        from vllm import LLM

        super().__init__(options, identity)
        self._reaper = Reaper()
        try:
            self._llm = LLM(**self._arguments())
        except Exception as error:
            self._reaper.close()
            raise CaptionerError(
                f"model {identity.path}: vLLM could not start with it ({type(error).__name__}: {error}). "
                "If memory ran out: --max-model-len, or --engine-arg gpu_memory_utilization=0.8"
            ) from error
        self._keys: dict[str, str] = {}

    def default_capacity(self) -> int:
        """As many as vLLM runs at once by default."""
        return 256

    def prepare(self, request: CaptionRequest) -> tuple[list[dict[str, Any]], Sampling]:
        """Return the conversation, the image decoded and within the limits, and how to answer."""
        image = decode_image(request.image, self.options.max_pixels)
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": request.prompt.system},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": request.prompt.context},
                    {"type": "image_pil", "image_pil": image},
                    {"type": "text", "text": request.prompt.question},
                ],
            },
        ]
        return messages, request.sampling or Sampling.of(self.options)

    def close(self) -> None:
        """Shut the engine and its processes down."""
        with contextlib.suppress(AttributeError):
            self._llm.llm_engine.engine_core.shutdown()
        del self._llm
        self._reaper.close()

    def _arguments(self) -> dict[str, Any]:
        """Return the arguments of `vllm.LLM`; those of the user's own come last and win."""
        options = self.options
        arguments: dict[str, Any] = {
            "model": self.identity.path,
            "revision": self.identity.hub_revision,
            "dtype": options.dtype,
            "max_model_len": options.max_model_len,
            "tensor_parallel_size": options.tensor_parallel,
            "seed": options.seed,
            "limit_mm_per_prompt": {"image": 1, "video": 0},
        }
        if size := self._image_size():
            arguments["mm_processor_kwargs"] = {"size": size}
        return arguments | dict(options.engine)

    def _image_size(self) -> dict[str, int] | None:
        """Return the pixel limits of Qwen's image processors with ours put in, None for other models.

        vLLM reserves memory for the largest image that the processor lets through: 16 megapixels unless told.
        """
        from transformers.models.auto.image_processing_auto import get_image_processor_config

        size = get_image_processor_config(self.identity.path, revision=self.identity.hub_revision).get("size") or {}
        if "shortest_edge" not in size or "longest_edge" not in size:
            return None
        least = min(size["shortest_edge"], self.options.max_pixels)
        return {"shortest_edge": least, "longest_edge": min(size["longest_edge"], self.options.max_pixels)}

    def _submit(self, key: str, prepared: tuple[list[dict[str, Any]], Sampling]) -> None:
        from vllm import SamplingParams
        from vllm.v1.engine.exceptions import EngineDeadError

        messages, sampling = prepared
        parameters = SamplingParams(**asdict(sampling))
        try:
            number = self._llm.enqueue_chat([messages], parameters, use_tqdm=False)[0]
        except EngineDeadError as error:
            raise self._dead(error) from error
        except Exception as error:  # isolation: rendering and validation of this one request
            raise RequestError(f"{type(error).__name__}: {error}") from error
        # enqueue returns "1-be4b…", outputs say "1"
        self._keys[number.partition("-")[0]] = key

    def _poll(self, wait_s: float | None) -> list[Caption]:
        """Go one step: a token more for every request that runs."""
        try:
            outputs = self._llm.llm_engine.step()
        except Exception as error:
            raise self._dead(error) from error
        return [self._caption(output) for output in outputs if output.finished]

    def _caption(self, output: Any) -> Caption:
        answer = output.outputs[0]
        return Caption(
            self._keys.pop(output.request_id.partition("-")[0]),
            answer.text,
            answer.finish_reason,
            len(output.prompt_token_ids or ()),
            len(answer.token_ids),
            cached_tokens=output.num_cached_tokens,
        )

    def _dead(self, error: Exception) -> EngineDied:
        return EngineDied(f"vLLM's engine died ({type(error).__name__}: {error})")

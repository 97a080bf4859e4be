"""The engine of `recaption.py`'s comparison: vLLM that notes when it is warm, and the same requests given to it bare.

python -m tests.benchmarks.recaption_engine DATASET OPTIONS     the bare engine: prints a JSON object
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from s1_mmalign.processing.captioners.base import CaptionRequest
from s1_mmalign.processing.captioners.identity import ModelIdentity
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.captioners.vllm import VLLMCaptioner
from s1_mmalign.processing.figure_text import FigureText
from s1_mmalign.processing.prompt import load_template
from tests.processing.figure_rows import figure_row, read_rows

WARM_NOTE = "RECAPTION_BENCHMARK_WARM"
"""Environment variable: the file in which the engine notes when it was ready, and when it was told to close."""
WARM_UP = 16


class WarmVLLMCaptioner(VLLMCaptioner):
    """vLLM that has answered a few requests before it says that it is ready."""

    def __init__(self, options: RecaptionOptions, identity: ModelIdentity) -> None:
        super().__init__(options, identity)
        rows = [figure_row(1_000_000 + index) for index in range(WARM_UP)]
        list(self.caption(requests(rows, options)))
        self._llm.reset_prefix_cache()
        self._llm.reset_mm_cache()
        note_time("ready", fresh=True)

    def close(self) -> None:
        note_time("closed")
        super().close()


def note_time(name: str, fresh: bool = False) -> None:
    """Note the monotonic clock, which is the same in all processes."""
    if path := os.environ.get(WARM_NOTE):
        note = {} if fresh else json.loads(Path(path).read_text())
        Path(path).write_text(json.dumps(note | {name: time.monotonic()}))


def requests(rows: list[dict[str, Any]], options: RecaptionOptions) -> list[CaptionRequest]:
    template = load_template(options.prompt)
    texts = [FigureText.from_row(row) for row in rows]
    return [
        CaptionRequest(str(index), template.render(text), text, row["image"]["bytes"])
        for index, (row, text) in enumerate(zip(rows, texts, strict=True))
    ]


def main() -> None:
    """Give all requests at once: their images decoded, their prompts rendered before the clock runs."""
    from vllm import SamplingParams

    options = RecaptionOptions(**json.loads(sys.argv[2]))
    captioner = WarmVLLMCaptioner(options, VLLMCaptioner.identify(options))
    asked = requests(read_rows(Path(sys.argv[1])), options)
    prepared = [captioner.prepare(request) for request in asked]
    sampling = SamplingParams(**asdict(prepared[0][1]))
    started = time.monotonic()
    outputs = captioner._llm.chat([messages for messages, _ in prepared], sampling, use_tqdm=False)
    seconds = time.monotonic() - started
    prompt = sum(len(output.prompt_token_ids or ()) for output in outputs)
    cached = sum(output.num_cached_tokens or 0 for output in outputs)
    captioner.close()
    print(json.dumps({"rows": len(outputs), "seconds": seconds, "prompt_tokens": prompt, "cached_tokens": cached}))


if __name__ == "__main__":
    main()

"""`s1-mmalign recaption`: a caption for every figure, in place."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from s1_mmalign.processing.captioners.options import RecaptionOptions, parse_engine
from s1_mmalign.processing.captioners.registry import CAPTIONERS
from s1_mmalign.processing.commands.stages import Dataset, finish_stage
from s1_mmalign.processing.progress import Progress

DEFAULTS = RecaptionOptions()
WHO = "; ".join(f"{name}: {entry.summary}" for name, entry in CAPTIONERS.items())


def recaption(
    dataset: Dataset,
    captioner: Annotated[str, typer.Option(help=f"Who writes. {WHO}.")] = DEFAULTS.captioner,
    model: Annotated[str | None, typer.Option(help="Hub name or folder, or the name on a server.")] = None,
    revision: Annotated[str | None, typer.Option(help="Commit, tag or branch of the model.")] = None,
    prompt: Annotated[str, typer.Option(help="A template's name, or the path of your own.")] = DEFAULTS.prompt,
    num_proc: Annotated[int, typer.Option(help="Processes, each with an engine on a GPU of its own.")] = 1,
    base_url: Annotated[list[str] | None, typer.Option(help="openai: the server's address, ending in /v1.")] = None,
    timeout: Annotated[float, typer.Option(help="openai: seconds that a request may take.")] = DEFAULTS.timeout,
    retries: Annotated[int, typer.Option(help="openai: further tries of a failed request.")] = DEFAULTS.retries,
    max_tokens: Annotated[int, typer.Option(help="Tokens that an answer may have.")] = DEFAULTS.max_tokens,
    temperature: Annotated[float, typer.Option(help="0: always the likeliest word.")] = DEFAULTS.temperature,
    top_p: Annotated[float, typer.Option(help="Share of likely words that are drawn from.")] = DEFAULTS.top_p,
    seed: Annotated[int, typer.Option(help="Of the sampling.")] = DEFAULTS.seed,
    context_chars: Annotated[int | None, typer.Option(help="Letters of the paper in a prompt.")] = None,
    max_pixels: Annotated[int, typer.Option(help="Larger images are made smaller first.")] = DEFAULTS.max_pixels,
    max_model_len: Annotated[int, typer.Option(help="vllm: tokens of prompt and answer.")] = DEFAULTS.max_model_len,
    tensor_parallel: Annotated[int, typer.Option(help="vllm: GPUs of one engine.")] = DEFAULTS.tensor_parallel,
    dtype: Annotated[str, typer.Option(help="vllm, transformers: auto, bfloat16, float16, float32.")] = DEFAULTS.dtype,
    batch_size: Annotated[int, typer.Option(help="Rows in one call of the mapped function.")] = DEFAULTS.batch_size,
    in_flight: Annotated[int | None, typer.Option(help="Requests that an engine holds at once.")] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first so many rows.")] = None,
    engine: Annotated[
        list[str] | None, typer.Option("--engine-arg", help="name=value, handed on to the engine; can be repeated.")
    ] = None,
) -> None:
    """Write a recaption for every row of a dataset folder, in place.

    The caption is written from the figure, its raw caption, the paper's title and abstract and the paragraphs that
    cite it. Each caption is journaled when it is done: killed at any moment and started again, the same command
    asks only for what is missing.

    \b
    Example:
      s1-mmalign recaption my-dataset --captioner vllm --model Qwen/Qwen3-VL-8B-Instruct --num-proc 8
    """
    options = RecaptionOptions(
        captioner=captioner,
        model=model,
        revision=revision,
        prompt=prompt,
        num_proc=num_proc,
        base_url=tuple(base_url or ()),
        max_tokens=max_tokens,
        temperature=temperature,
        top_p=top_p,
        seed=seed,
        context_chars=context_chars,
        timeout=timeout,
        retries=retries,
        max_pixels=max_pixels,
        max_model_len=max_model_len,
        tensor_parallel=tensor_parallel,
        dtype=dtype,
        batch_size=batch_size,
        in_flight=in_flight,
        limit=limit,
        engine=parse_engine(engine or ()),
    )
    failed = recaption_folder(dataset, options)
    if failed:
        raise typer.Exit(1)


def recaption_folder(dataset: Path, options: RecaptionOptions) -> int:
    """Recaption with progress on the screen; returns how many rows got no caption."""
    from s1_mmalign.processing.recaption import recaption_dataset

    with Progress() as progress:
        summary = recaption_dataset(dataset, options, progress)
    finish_stage(dataset, "recaption", options, summary.results())
    for line in summary.lines():
        print(line)
    return summary.failed

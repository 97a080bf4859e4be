"""`s1-mmalign recaption`: a caption for every figure, in place."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from s1_mmalign.processing.captioners.options import RecaptionOptions, parse_engine
from s1_mmalign.processing.captioners.registry import CAPTIONERS
from s1_mmalign.processing.checks import FLAGS, parse_flags
from s1_mmalign.processing.commands.stages import Dataset, finish_stage
from s1_mmalign.processing.progress import Progress
from s1_mmalign.processing.run_status import JsonLog, RunStatus

if TYPE_CHECKING:
    from s1_mmalign.processing.recaption_summary import RecaptionSummary

DEFAULTS = RecaptionOptions()
WHO = "; ".join(f"{name}: {entry.summary}" for name, entry in CAPTIONERS.items())


def recaption(
    dataset: Dataset,
    captioner: Annotated[
        str, typer.Option(help=f"Who writes. {WHO}; or module:Class of your own.")
    ] = DEFAULTS.captioner,
    model: Annotated[str | None, typer.Option(help="Hub name or folder, or the name on a server.")] = None,
    revision: Annotated[str | None, typer.Option(help="Commit, tag or branch of the model.")] = None,
    prompt: Annotated[str, typer.Option(help="A template's name, or the path of your own.")] = DEFAULTS.prompt,
    where: Annotated[
        str | None, typer.Option(help="Only such rows: \"source == 'arxiv' and recaption is null\".")
    ] = None,
    flagged: Annotated[
        str, typer.Option(help="Only rows that have one of these flags: any, or FLAG,FLAG.", metavar="FLAGS")
    ] = "",
    sample: Annotated[int | None, typer.Option(help="Only so many rows, drawn by --seed.")] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first so many rows.")] = None,
    column: Annotated[
        str | None, typer.Option(help="Write recaption_NAME, beside the captions there are.", metavar="NAME")
    ] = None,
    retry: Annotated[
        str,
        typer.Option(
            help=f"Ask again for captions with one of these flags: any, none, or FLAG,FLAG of {', '.join(FLAGS)}.",
            metavar="FLAGS",
        ),
    ] = ",".join(DEFAULTS.retry),
    retries: Annotated[int, typer.Option(help="--retry: so many times at most.")] = DEFAULTS.retries,
    plan: Annotated[
        bool, typer.Option("--plan", help="Tell what would be done and what it takes; do nothing.")
    ] = False,
    rate: Annotated[float | None, typer.Option(help="--plan: rows/s of one engine; else the last run's.")] = None,
    price: Annotated[float | None, typer.Option(help="--plan: of a GPU for an hour, in any currency.")] = None,
    num_proc: Annotated[int, typer.Option(help="Processes, each with an engine on a GPU of its own.")] = 1,
    base_url: Annotated[list[str] | None, typer.Option(help="openai: the server's address, ending in /v1.")] = None,
    timeout: Annotated[float, typer.Option(help="openai: seconds that a request may take.")] = DEFAULTS.timeout,
    request_retries: Annotated[
        int, typer.Option(help="openai: further tries of a request that failed.")
    ] = DEFAULTS.request_retries,
    engine_timeout: Annotated[
        float, typer.Option(help="vllm, transformers: seconds without a token after which an engine is started anew.")
    ] = DEFAULTS.engine_timeout,
    max_tokens: Annotated[int, typer.Option(help="Tokens that an answer may have.")] = DEFAULTS.max_tokens,
    temperature: Annotated[float, typer.Option(help="0: always the likeliest word.")] = DEFAULTS.temperature,
    top_p: Annotated[float, typer.Option(help="Share of likely words that are drawn from.")] = DEFAULTS.top_p,
    seed: Annotated[int, typer.Option(help="Of the sampling.")] = DEFAULTS.seed,
    context_tokens: Annotated[int | None, typer.Option(help="Tokens of the paper in a prompt.")] = None,
    max_pixels: Annotated[int, typer.Option(help="Larger images are made smaller first.")] = DEFAULTS.max_pixels,
    max_model_len: Annotated[int, typer.Option(help="vllm: tokens of prompt and answer.")] = DEFAULTS.max_model_len,
    tensor_parallel: Annotated[int, typer.Option(help="vllm: GPUs of one engine.")] = DEFAULTS.tensor_parallel,
    dtype: Annotated[str, typer.Option(help="vllm, transformers: auto, bfloat16, float16, float32.")] = DEFAULTS.dtype,
    batch_size: Annotated[int, typer.Option(help="Rows in one call of the mapped function.")] = DEFAULTS.batch_size,
    in_flight: Annotated[int | None, typer.Option(help="Requests that an engine holds at once.")] = None,
    engine_arg: Annotated[
        list[str] | None, typer.Option(help="name=value, handed on to the engine; can be repeated.")
    ] = None,
    engine: Annotated[
        str, typer.Option(help="map: processes of this machine. ray: a Ray cluster, --num-proc engines at most.")
    ] = DEFAULTS.backend,
    ray_address: Annotated[
        str | None, typer.Option(help="ray: the cluster's address; else the one this machine is in, or a new one.")
    ] = None,
    log_json: Annotated[Path | None, typer.Option(help="Append how it goes, a JSON object a line.")] = None,
) -> None:
    """Write a recaption for every row of a dataset folder, in place.

    The caption is written from the figure, its raw caption, the paper's title and abstract and the paragraphs that
    cite it. Each caption is journaled when it is done: killed at any moment and started again, the same command
    asks only for what is missing.

    \b
    Example:
      s1-mmalign recaption my-dataset --captioner vllm --model Qwen/Qwen3-VL-8B-Instruct --num-proc 8
      s1-mmalign recaption my-dataset --captioner vllm --plan --sample 10000 --rate 12
      s1-mmalign recaption my-dataset --captioner vllm --flagged any --retry any --retries 3
    """
    options = RecaptionOptions(
        captioner=captioner,
        model=model,
        revision=revision,
        prompt=prompt,
        where=where,
        flagged=parse_flags(flagged),
        sample=sample,
        limit=limit,
        column=column,
        retry=parse_flags(retry),
        retries=retries,
        num_proc=num_proc,
        base_url=tuple(base_url or ()),
        max_tokens=max_tokens,
        temperature=temperature,
        top_p=top_p,
        seed=seed,
        context_tokens=context_tokens,
        timeout=timeout,
        request_retries=request_retries,
        engine_timeout=engine_timeout,
        max_pixels=max_pixels,
        max_model_len=max_model_len,
        tensor_parallel=tensor_parallel,
        dtype=dtype,
        batch_size=batch_size,
        in_flight=in_flight,
        engine=parse_engine(engine_arg or ()),
        backend=engine,
        ray_address=ray_address,
    )
    if plan:
        _print_plan(dataset, options, rate, price)
    elif recaption_folder(dataset, options, log_json):
        raise typer.Exit(1)


def recaption_folder(dataset: Path, options: RecaptionOptions, log_json: Path | None = None) -> int:
    """Recaption with progress on the screen; returns how many rows got no caption."""
    from s1_mmalign.dataset_card.caption_runs import entry_name
    from s1_mmalign.processing.recaption import recaption_dataset

    last: list[RunStatus] = []
    with _logged(log_json, options) as log, Progress() as progress:

        def watch(status: RunStatus) -> None:
            last[:] = [status]
            progress.note("rows", status.line())
            if log is not None:
                log.progress(status)

        try:
            summary = recaption_dataset(dataset, options, progress, watch=watch)
        except KeyboardInterrupt:
            if last:
                print(f"\n{last[0].captioned:,} rows captioned by this run are in the journal.", file=sys.stderr)
            raise
        if log is not None:
            log.event("end", seconds=round(summary.seconds, 3), **summary.results(), asked=summary.asked)
    name, replaced = entry_name(dataset, options)
    finish_stage(dataset, name, options, recaption_results(dataset, options, summary), replaced)
    for line in summary.lines():
        print(line)
    return summary.failed


def recaption_results(dataset: Path, options: RecaptionOptions, summary: RecaptionSummary) -> dict[str, Any]:
    """Return what the recipe records: how it went, the whole prompt, and the shards that came out."""
    from s1_mmalign.dataset_card.recipe import shard_hashes
    from s1_mmalign.processing.captioners.registry import captioner_class
    from s1_mmalign.processing.prompt import load_template

    template: dict[str, Any] | None = None
    if captioner_class(options.captioner).uses_prompt:
        used = load_template(options.prompt, options.context_tokens)
        template = {**asdict(used), "sha256": used.prompt_hash}
    return {**summary.results(), "template": template, "sha256": shard_hashes(dataset)}


@contextmanager
def _logged(path: Path | None, options: RecaptionOptions) -> Iterator[JsonLog | None]:
    """A log of the run, which also says how the run ended where it did not end well."""
    if path is None:
        yield None
        return
    log = JsonLog(path)
    log.event("start", options=asdict(options))
    try:
        yield log
    except KeyboardInterrupt:
        log.event("interrupted")
        raise
    except Exception as error:
        log.event("error", error=f"{type(error).__name__}: {error}")
        raise
    finally:
        log.close()


def _print_plan(dataset: Path, options: RecaptionOptions, rate: float | None, price: float | None) -> None:
    from s1_mmalign.processing.recaption_plan import plan_recaption

    with Progress() as progress:
        plan = plan_recaption(dataset, options, rate=rate, price=price, progress=progress)
    for line in plan.lines():
        print(line)

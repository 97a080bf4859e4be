"""`s1-mmalign push`, `verify`, `export`: the dataset on its way out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from s1_mmalign.processing.commands.stages import Dataset
from s1_mmalign.processing.export import LAYOUTS, ExportOptions
from s1_mmalign.processing.progress import Progress

PROBLEMS_SHOWN = 20
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
"""What can be a repository's name; a folder of that name goes before it."""


def verify(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="A dataset folder, or user/name on the Hub.")],
    sample: Annotated[int | None, typer.Option(help="Decode so many images instead of all (on the Hub: none).")] = None,
    revision: Annotated[str | None, typer.Option(help="On the Hub: branch, tag, commit or refs/pr/N.")] = None,
    full: Annotated[bool, typer.Option("--full", help="On the Hub: download all shards, check their bytes.")] = False,
) -> None:
    """Check a dataset: files and hashes, row counts, schema, images, names, ledger; on the Hub its card, too.

    On the Hub the sha256 that it computed stands for the bytes, and footers and ids are read, until --full asks for
    more. Exit code 0: all is as the manifest says; 1: it is not, each problem is a line.

    \b
    Example:
      s1-mmalign verify my-dataset --sample 1000
      s1-mmalign verify me/my-dataset --revision v2
    """
    from s1_mmalign.processing.verify import verify_folder, verify_repository

    on_hub = not Path(dataset).exists() and REPOSITORY.fullmatch(dataset) is not None
    if not on_hub and (revision is not None or full):
        raise ValueError(f"--revision and --full: {dataset} is no repository on the Hub, but a folder's name")
    with Progress() as progress:
        if on_hub:
            report = verify_repository(dataset, revision, full, sample, progress)
        else:
            report = verify_folder(Path(dataset), "all" if sample is None else sample, progress)
    for problem in report.problems[:PROBLEMS_SHOWN]:
        print(problem)
    if len(report.problems) > PROBLEMS_SHOWN:
        print(f"… and {len(report.problems) - PROBLEMS_SHOWN:,} more")
    word = "sound" if report.ok else f"{len(report.problems):,} problems"
    print(f"{dataset}: {word}; {report.shards:,} shards, {report.rows:,} rows, {report.images:,} images decoded.")
    if not report.ok:
        raise typer.Exit(1)


def export(
    dataset: Dataset,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file (jsonl) or folder to write.")],
    layout: Annotated[str, typer.Option(help=f"One of {', '.join(LAYOUTS)}.")] = "jsonl",
    text: Annotated[str, typer.Option(help="webdataset, the .txt: recaption, caption or mix.")] = "recaption",
    mix: Annotated[float, typer.Option(help="--text mix: share of recaptions, drawn row by row.")] = 0.5,
    seed: Annotated[int, typer.Option(help="--text mix: of the draw.")] = 0,
    shard_mb: Annotated[int, typer.Option(help="webdataset: MiB of one tar.")] = 1024,
    volume_bytes: Annotated[
        int, typer.Option(help="release: bytes at which an archive is cut into volumes; 0: never.")
    ] = 30 << 30,
) -> None:
    """Write the dataset in another layout; the same input gives the same bytes. Interrupted, the same command goes on.

    jsonl: all columns but the image, one JSON object a line. webdataset: tars of image, .json and .txt with an
    index. release: the layout in which S1-MMAlign was first published.

    \b
    Example:
      s1-mmalign export my-dataset --layout webdataset --out my-dataset-wds
    """
    from s1_mmalign.processing.export import export_dataset

    options = ExportOptions(
        layout=layout,  # type: ignore[arg-type]  # checked by the options, as is text
        text=text,  # type: ignore[arg-type]
        mix=mix,
        seed=seed,
        shard_bytes=shard_mb << 20,
        volume_bytes=volume_bytes or None,
    )
    with Progress() as progress:
        result = export_dataset(dataset, out, options, progress)
    print(f"{out}: {result.rows:,} rows in {len(result.files):,} files, {sum(result.files.values()):,} bytes.")


def push(
    dataset: Dataset,
    repo: Annotated[str, typer.Argument(metavar="REPO", help="user/name or organisation/name on the Hub.")],
    private: Annotated[bool, typer.Option("--private", help="Make the repository private.")] = False,
    revision: Annotated[str | None, typer.Option(help="Branch to commit to; made where it is missing.")] = None,
    pr: Annotated[bool, typer.Option("--pr", help="Open a pull request instead of committing to main.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Remove data of other sources there.")] = False,
    message: Annotated[str | None, typer.Option(help="Title of the commit.")] = None,
) -> None:
    """Verify a dataset folder and publish it on the Hub, visible in one commit.

    The token is that of HF_TOKEN or of `hf auth login`. Interrupted, the same command goes on; repeated, it sends
    nothing that is there already.

    \b
    Example:
      s1-mmalign push my-dataset me/my-dataset --private
    """
    from s1_mmalign.processing.publish import PushOptions, push_dataset

    options = PushOptions(private=private, revision=revision, pr=pr, replace=replace, message=message)
    with Progress() as progress:
        result = push_dataset(dataset, repo, options, progress)
    if result.changed:
        print(f"{result.url}: {result.shards_sent:,} shards sent, {result.bytes_sent / 1e6:,.1f} MB.")
        print(f"Load it:  load_dataset({result.repo_id!r}, streaming=True)")
    else:
        print(f"{result.url}: nothing has changed since the last push.")

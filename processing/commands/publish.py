"""`s1-mmalign push`, `verify`, `export`: the dataset on its way out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from s1_mmalign.processing.commands.stages import Dataset
from s1_mmalign.processing.export import LAYOUTS, ExportOptions
from s1_mmalign.processing.progress import Progress

PROBLEMS_SHOWN = 20


def verify(
    dataset: Dataset,
    images: Annotated[str, typer.Option(help="Images to decode: all, or a number of them.")] = "all",
) -> None:
    """Check a dataset folder: files and hashes, row counts, schema, images, names, ledger.

    Exit code 0: all is as the manifest says; 1: it is not, each problem is a line.

    \b
    Example:
      s1-mmalign verify my-dataset --images 1000
    """
    from s1_mmalign.processing.verify import verify_folder

    if images != "all" and not images.isdecimal():
        raise ValueError(f"--images {images!r}: 'all' or a number is expected")
    with Progress() as progress:
        report = verify_folder(dataset, "all" if images == "all" else int(images), progress)
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
    text: Annotated[str, typer.Option(help="webdataset: what the .txt holds, recaption or caption.")] = "recaption",
    shard_mb: Annotated[int, typer.Option(help="webdataset: MiB of one tar.")] = 1024,
    volume_bytes: Annotated[
        int, typer.Option(help="release: bytes at which an archive is cut into volumes; 0: never.")
    ] = 30 << 30,
) -> None:
    """Write the dataset in another layout; the same input gives the same bytes.

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

"""The command line: `s1-mmalign COMMAND` and `python processing/process.py COMMAND` are this program.

Exit codes: 0 done; 1 done, but something is wrong with the data (verify found problems); 2 the command or its
input is wrong; 130 interrupted (run the same command again: every stage goes on where it stopped).
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from s1_mmalign.builder.records import SOURCES
from s1_mmalign.builder.shards import FolderError, Manifest
from s1_mmalign.builder.sources.packages import InputError
from s1_mmalign.processing.progress import Progress

app = typer.Typer(
    name="s1-mmalign",
    help="Papers -> figures with caption, context and recaption -> a dataset that `load_dataset` opens.\n\n"
    "Start with: s1-mmalign quickstart",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Dataset = Annotated[Path, typer.Argument(metavar="DATASET", help="The dataset folder that `build` made.")]


@app.command()
def build(
    papers: Annotated[list[Path], typer.Argument(metavar="PAPERS...", help="Files or folders of papers.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The dataset folder to make or go on with.")],
    source: Annotated[str | None, typer.Option(help=f"Source of all papers: {', '.join(SOURCES)}.")] = None,
    metadata: Annotated[
        list[Path] | None, typer.Option(help="JSONL in arXiv's snapshot format (id, title, abstract, …), joined by id.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes that read papers; 0: one for each CPU.")] = 0,
    timeout: Annotated[float, typer.Option(help="Seconds that one paper may take.")] = 300.0,
    memory_gb: Annotated[float, typer.Option(help="Memory that one worker may take.")] = 8.0,
    longest_side: Annotated[int, typer.Option(help="Pixels of a vector figure's longer side.")] = 1568,
    min_image_bytes: Annotated[int, typer.Option(help="Image files under this size are dropped.")] = 5 * 1024,
    splits: Annotated[str, typer.Option(help="Shares of train,validation,test.")] = "0.98,0.01,0.01",
) -> None:
    """Read papers (LaTeX, JATS, PDF) into a dataset folder.

    Each figure becomes a row or a line of drops.jsonl. Run it again to go on after an interruption, or with
    more papers. Example:

        s1-mmalign build papers/ --metadata arxiv-metadata.jsonl --out my-dataset
    """
    from s1_mmalign.builder.build import build_dataset
    from s1_mmalign.builder.formats.pdf import PdfOptions
    from s1_mmalign.builder.images import ImageOptions
    from s1_mmalign.builder.options import BuildOptions, ExtractOptions

    try:
        shares = tuple(float(share) for share in splits.split(","))
    except ValueError:
        raise typer.BadParameter(f"--splits {splits!r}: three numbers like 0.98,0.01,0.01 are expected") from None
    options = BuildOptions(
        papers=tuple(papers),
        metadata=tuple(metadata or ()),
        extract=ExtractOptions(
            source=source,
            image=ImageOptions(longest_side=longest_side, min_bytes=min_image_bytes),
            pdf=PdfOptions(longest_side=longest_side),
            splits=shares,  # type: ignore[arg-type]  # checked by the options
        ),
        workers=workers,
        timeout_s=timeout,
        memory_bytes=int(memory_gb * (1 << 30)),
    )
    with Progress() as progress:
        manifest = build_dataset(options, out, progress)
    _say_built(manifest, out)
    _finish_stage(out, "build", options.recipe(), {"papers": manifest.papers, "rows": manifest.rows})

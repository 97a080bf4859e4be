"""`s1-mmalign build`: papers -> dataset folder."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from s1_mmalign.builder.records import SOURCES
from s1_mmalign.builder.shards import DROPS_NAME, Manifest
from s1_mmalign.processing.commands.stages import finish_stage
from s1_mmalign.processing.progress import Progress

if TYPE_CHECKING:
    from s1_mmalign.builder.options import BuildOptions


def build(
    papers: Annotated[list[Path], typer.Argument(metavar="PAPERS...", help="Files or folders of papers.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The dataset folder to make or go on with.")] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Write nothing: tell of each figure what became of it, and why.")
    ] = False,
    source: Annotated[str | None, typer.Option(help=f"Source of all papers: {', '.join(SOURCES)}.")] = None,
    metadata: Annotated[
        list[Path] | None,
        typer.Option(
            help="JSONL in the format of arXiv's metadata snapshot (id, title, abstract, categories, license, doi), "
            "joined by id. A metadata.jsonl in an input folder is read by itself."
        ),
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes that read papers; 0: one for each CPU.")] = 0,
    timeout: Annotated[float, typer.Option(help="Seconds that one paper may take.")] = 300.0,
    memory_gb: Annotated[float, typer.Option(help="GiB of address space that one worker may take.")] = 8.0,
    longest_side: Annotated[int, typer.Option(help="Pixels of a vector figure's longer side.")] = 1568,
    min_image_bytes: Annotated[int, typer.Option(help="Smaller raster files are dropped.")] = 5 * 1024,
    splits: Annotated[str, typer.Option(help="Shares of train,validation,test, by hashed paper.")] = "0.98,0.01,0.01",
) -> None:
    """Read papers (LaTeX, JATS, PDF) into a dataset folder.

    Every figure becomes a row, or a line of drops.jsonl with the reason. Run the same command again to go on after
    an interruption, or with more papers: what is done is not read again.

    \b
    Example:
      s1-mmalign build papers/ --metadata arxiv-metadata.jsonl --out my-dataset
      s1-mmalign build --explain papers/2301.00001.tar.gz
    """
    from s1_mmalign.builder.build import build_dataset
    from s1_mmalign.builder.formats.pdf import PdfOptions
    from s1_mmalign.builder.images import ImageOptions
    from s1_mmalign.builder.options import BuildOptions, ExtractOptions

    options = BuildOptions(
        papers=tuple(papers),
        metadata=tuple(metadata or ()),
        extract=ExtractOptions(
            source=source,
            image=ImageOptions(longest_side=longest_side, min_bytes=min_image_bytes),
            pdf=PdfOptions(longest_side=longest_side),
            splits=_shares(splits),
        ),
        workers=workers,
        timeout_s=timeout,
        memory_bytes=int(memory_gb * (1 << 30)),
    )
    if explain:
        _explain(options)
        return
    if out is None:
        raise ValueError("--out: name the dataset folder to make (or use --explain to look at a paper)")
    with Progress() as progress:
        manifest = build_dataset(options, out, progress)
    finish_stage(out, "build", options, {"papers": manifest.papers, "rows": manifest.rows, "drops": manifest.drops})
    say_built(manifest, out)


def _explain(options: BuildOptions) -> None:
    from s1_mmalign.builder.build import known_packages
    from s1_mmalign.builder.explain import explain_package

    for package in known_packages(options).packages:
        print("\n".join(explain_package(package, options.extract)), end="\n\n")


def say_built(manifest: Manifest, out: Path) -> None:
    """Print what the build gave, and where the rest went."""
    papers = manifest.papers
    rows = Counter[str]()
    for shard in manifest.shards:
        rows[shard.source] += shard.rows
    by_source = ", ".join(f"{count:,} {source}" for source, count in rows.most_common())
    of_papers = f"{papers['with_rows']:,} of {papers['in']:,} papers"
    print(f"{out}: {manifest.rows:,} rows ({by_source or 'none'}) from {of_papers}.")
    if manifest.drops:
        by_reason = ", ".join(f"{reason} {count:,}" for reason, count in sorted(manifest.drops.items()))
        print(f"Dropped, each with a line in {out / DROPS_NAME}: {by_reason}.")
    if "renderer_missing" in manifest.drops:
        print("EPS figures need Ghostscript: install it (apt-get install ghostscript) and build again.")


def _shares(text: str) -> tuple[float, float, float]:
    try:
        train, validation, test = (float(share) for share in text.split(","))
    except ValueError:
        raise ValueError(f"--splits {text!r}: three numbers like 0.98,0.01,0.01 are expected") from None
    return train, validation, test

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
    papers: Annotated[
        list[Path],
        typer.Argument(metavar="PAPERS...", help="Files or folders of papers; with --source release: see there."),
    ],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The dataset folder to make or go on with.")] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Write nothing: tell of each figure what became of it, and why.")
    ] = False,
    source: Annotated[
        str | None,
        typer.Option(
            help=f"Source of all papers: {', '.join(SOURCES)}. `release`: PAPERS is the published S1-MMAlign, as a "
            "folder or a repository (owner/name); `release-arxiv` and so on: one source of it."
        ),
    ] = None,
    metadata: Annotated[
        list[Path] | None,
        typer.Option(
            help="JSONL of arXiv's metadata snapshot or of the API of bioRxiv, ChemRxiv, OSF or Crossref, or PMC's "
            "file list (CSV); joined by id. A metadata.jsonl or oa_file_list.csv in an input folder is read by itself."
        ),
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes that read papers; 0: one for each CPU.")] = 0,
    timeout: Annotated[float, typer.Option(help="Seconds that one paper may take.")] = 300.0,
    memory_gb: Annotated[float, typer.Option(help="GiB of address space that one worker may take.")] = 8.0,
    longest_side: Annotated[int, typer.Option(help="Pixels of a vector figure's longer side.")] = 1568,
    min_image_bytes: Annotated[int, typer.Option(help="Smaller raster files are dropped.")] = 5 * 1024,
    render_tikz: Annotated[
        bool, typer.Option("--render-tikz", help="Draw TikZ figures, if pdflatex is installed; else they are drops.")
    ] = False,
    splits: Annotated[str, typer.Option(help="Shares of train,validation,test, by hashed paper.")] = "0.98,0.01,0.01",
    same_paper: Annotated[
        str,
        typer.Option(
            help="Of a paper that is there twice (DOI, arXiv id, title) keep: all, in one split, or only the first, "
            "the latest, or the journal's."
        ),
    ] = "all",
    same_image: Annotated[
        str,
        typer.Option(
            help="Drop images that are there twice: exact (same bytes, in another paper or under the same caption), "
            "near (and alike), none."
        ),
    ] = "exact",
    near_bits: Annotated[
        int, typer.Option(help="Bits of 64 in which perceptual hashes of near images may differ.")
    ] = 2,
    near_scope: Annotated[
        str, typer.Option(help="Where near images are looked for: paper (within each), all.")
    ] = "paper",
    evaluation_set: Annotated[
        list[Path] | None,
        typer.Option(help="A list of arXiv ids, DOIs, sha256 or perceptual hashes, one a line, to leave out."),
    ] = None,
    removed: Annotated[
        list[Path] | None,
        typer.Option(help="A list of papers to leave out for good: a removed.jsonl, or `PAPER REASON` lines."),
    ] = None,
    on_bad_tar: Annotated[
        str, typer.Option(help="A bulk tar that breaks off or is not the manifest's: error, or skip it.")
    ] = "error",
    keep_metadata: Annotated[
        bool, typer.Option("--keep-metadata", help="Do not read papers again whose metadata alone changed.")
    ] = False,
    engine: Annotated[
        str, typer.Option(help="local: processes of this machine; ray: a cluster (RAY_ADDRESS) that shares the folder.")
    ] = "local",
    send_to: Annotated[
        str | None,
        typer.Option(help="Then copy the dataset to this fsspec URL (s3://, gs://, hf://, …), the manifest last."),
    ] = None,
    requester_pays: Annotated[
        bool, typer.Option("--requester-pays", help="Pay for reading s3:// and gs:// buckets whose reader pays.")
    ] = False,
) -> None:
    """Read papers (LaTeX, JATS, PDF) into a dataset folder.

    Every figure becomes a row, or a line of drops.jsonl with the reason. Run the same command again to go on after
    an interruption, or with more papers: what is done is not read again.

    \b
    Example:
      s1-mmalign build papers/ --metadata arxiv-metadata.jsonl --out my-dataset
      s1-mmalign build --explain papers/2301.00001.tar.gz
      s1-mmalign build s3://arxiv/src --requester-pays --metadata arxiv-metadata.jsonl --out my-dataset
      s1-mmalign build --source release ScienceOne-AI/S1-MMAlign --out my-dataset
    """
    from s1_mmalign.builder.build import build_dataset
    from s1_mmalign.builder.formats.latex import LatexOptions
    from s1_mmalign.builder.formats.pdf import PdfOptions
    from s1_mmalign.builder.images import ImageOptions
    from s1_mmalign.builder.inputs import build_results
    from s1_mmalign.builder.options import BuildOptions, DeduplicateOptions, ExtractOptions

    kind, _, of_release = (source or "").partition("-")
    release = kind == "release"
    options = BuildOptions(
        papers=tuple(papers),
        metadata=tuple(metadata or ()),
        extract=ExtractOptions(
            source=(of_release or None) if release else source,
            image=ImageOptions(longest_side=longest_side, min_bytes=min_image_bytes),
            latex=LatexOptions(render_tikz=render_tikz),
            pdf=PdfOptions(longest_side=longest_side),
            splits=_shares(splits),
        ),
        workers=workers,
        timeout_s=timeout,
        memory_bytes=int(memory_gb * (1 << 30)),
        deduplicate=DeduplicateOptions(
            papers=same_paper,  # type: ignore[arg-type]
            images=same_image,  # type: ignore[arg-type]
            near_bits=near_bits,
            near_scope=near_scope,  # type: ignore[arg-type]
        ),
        evaluation_sets=tuple(evaluation_set or ()),
        removed=tuple(removed or ()),
        on_bad_tar=on_bad_tar,  # type: ignore[arg-type]
        refresh_metadata=not keep_metadata,
        engine=engine,  # type: ignore[arg-type]
        storage={"requester_pays": True} if requester_pays else {},
        release=release,
    )
    if explain and release:
        raise ValueError("--explain: tells of papers; a release has none")
    if explain:
        _explain(options)
        return
    if out is None:
        raise ValueError("--out: name the dataset folder to make (or use --explain to look at a paper)")
    with Progress() as progress:
        manifest = build_dataset(options, out, progress)
    finish_stage(out, "build", options, build_results(manifest))
    say_built(manifest, out)
    if send_to:
        from s1_mmalign.builder.mirror import send_dataset
        from s1_mmalign.builder.sources.locations import shown_url

        with Progress() as progress:
            sent = send_dataset(out, send_to, options.storage, progress)
        print(f"{shown_url(send_to)}: {sent} files sent.")


def _explain(options: BuildOptions) -> None:
    from s1_mmalign.builder.build import known_packages
    from s1_mmalign.builder.explain import explain
    from s1_mmalign.builder.workers import read_package, reading_pool

    with reading_pool(options, processes=1) as pool:  # confined as for a build
        for package in known_packages(options).packages:
            extraction = read_package(pool, package, options.extract, keep_figures=True)
            print("\n".join(explain(package, extraction)), end="\n\n")


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

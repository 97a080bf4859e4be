"""`s1-mmalign gallery`: look at the rows, and judge them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from s1_mmalign.processing.commands.stages import Dataset
from s1_mmalign.processing.progress import Progress

PAGE_NAME = "gallery.html"


def gallery(
    dataset: Dataset,
    out: Annotated[Path | None, typer.Option("--out", "-o", help=f"The page to write [DATASET/{PAGE_NAME}].")] = None,
    limit: Annotated[int, typer.Option(help="Rows on the page at most, drawn at random over the dataset.")] = 500,
    seed: Annotated[int, typer.Option(help="Of the draw, and of the sides with --blind.")] = 0,
    columns: Annotated[str, typer.Option(help="Caption columns to judge: one, or two side by side.")] = "recaption",
    blind: Annotated[bool, typer.Option("--blind", help="Two columns: hide which is which, change sides.")] = False,
    picture_side: Annotated[
        int | None, typer.Option(help="Pixels of a picture's longer side [560; over 1,000 rows 360].")
    ] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Serve it on 127.0.0.1 until Ctrl-C.")] = False,
    port: Annotated[int, typer.Option(help="With --serve: the port; 0: any that is free.")] = 0,
    judgements: Annotated[
        Path | None, typer.Option(help="With --serve: where judgements go [DATASET/judgements.jsonl].")
    ] = None,
) -> None:
    """Write one page that shows figures, captions, recaptions and citing paragraphs, for a person to judge.

    The page needs no network and no server: it holds its pictures. In a recaption, colour says what the paper bears
    out, what it does not, and what is new. Keys: j, k, g (good), b (bad), n (note). Judgements stay in the browser
    until "Save judgements" writes them to a file; with --serve they go to DATASET/judgements.jsonl at once.

    \b
    Example:
      s1-mmalign gallery my-dataset
      s1-mmalign gallery my-dataset --limit 5000 --serve
      s1-mmalign gallery my-dataset --columns recaption,recaption_b --blind
    """
    from s1_mmalign.dataset_card.gallery.page import GalleryOptions, write_gallery

    options = GalleryOptions(
        limit, seed, tuple(name.strip() for name in columns.split(",") if name.strip()), blind, picture_side
    )
    page = out or dataset / PAGE_NAME
    with Progress() as progress:
        rows = write_gallery(dataset, page, options, progress)
    print(f"{page}: {rows:,} rows, {page.stat().st_size / 1e6:,.1f} MB. Open it in a browser.")
    if serve:
        _serve(dataset, page, options.limit, seed, judgements, port)


def _serve(dataset: Path, page: Path, limit: int, seed: int, judgements: Path | None, port: int) -> None:
    from s1_mmalign.builder.shards import Manifest
    from s1_mmalign.dataset_card.gallery.entries import choose_rows
    from s1_mmalign.dataset_card.gallery.server import GalleryServer
    from s1_mmalign.dataset_card.judgements import JUDGEMENTS_NAME

    target = judgements or dataset / JUDGEMENTS_NAME
    with GalleryServer(dataset, page, choose_rows(Manifest.load(dataset), limit, seed), target, port) as server:
        print(f"{server.url}\nJudgements go to {target}. Ctrl-C ends.", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()

"""This project, in the environment that runs the benchmark.

Variants: `read` takes the unpacked folder that the peers are given (or the PDF, and writes its pictures); `rows`
takes the package as it is handed out and makes finished rows, pictures encoded; `drawings` keeps what vector
figures are drawn to, for the comparison of codecs.
"""

from __future__ import annotations

from pathlib import Path

from s1_mmalign.builder.archives import open_archive
from s1_mmalign.builder.extract import extract_package, read_paper
from s1_mmalign.builder.options import ExtractOptions
from s1_mmalign.builder.records import Paper
from s1_mmalign.builder.sources.packages import Package, find_packages

OPTIONS = ExtractOptions()


def version() -> str:
    """The version and what the PDF reader stands on."""
    from importlib.metadata import version as version_of

    return f"{version_of('s1-mmalign')} (PyMuPDF {version_of('pymupdf')})"


def package_of(request: dict) -> Package:
    """The package as the builder finds it."""
    return find_packages([Path(request["path"])]).packages[0]


def read(request: dict) -> dict:
    """See `serve`."""
    if request["variant"] == "rows":
        extraction = extract_package(package_of(request), OPTIONS)
        return {"figures": _figures_of_rows(extraction.rows), "drops": len(extraction.drops)}
    if request["variant"] == "drawings":
        return {"figures": [], "files": _keep_drawings(request)}
    archive = open_archive(Path(request["path"] if request["kind"] == "pdf" else request["folder"]))
    _, paper = read_paper(archive, OPTIONS)
    _write_pictures(paper, Path(request["out"]))
    return {
        "figures": [
            {"caption": f.caption, "images": [g.source for g in f.graphics], "contexts": f.contexts}
            for f in paper.figures
        ]
    }


def _write_pictures(paper: Paper, out: Path) -> None:
    for figure in paper.figures:
        for number, graphic in enumerate(figure.graphics):
            if graphic.data is not None:
                (out / f"{figure.figure_id}_{number}.png").write_bytes(graphic.data)


def _figures_of_rows(rows: list[dict]) -> list[dict]:
    figures: dict[str, dict] = {}
    for row in rows:
        figure = figures.setdefault(
            row["figure_id"], {"caption": row["caption"], "images": [], "contexts": row["citation_contexts"]}
        )
        figure["images"].append(row["image_source"])
    return list(figures.values())


def _keep_drawings(request: dict) -> list[str]:
    """Save the pixels that come out of MuPDF and Ghostscript, as PPM."""
    from s1_mmalign.builder import images

    files: list[str] = []

    def keeping(render):
        def call(*args, **kwargs):
            image = render(*args, **kwargs)
            files.append(str(Path(request["out"]) / f"drawing{len(files)}.ppm"))
            image.convert("RGB").save(files[-1])
            return image

        return call

    original = images.render_document, images.render_postscript
    images.render_document, images.render_postscript = map(keeping, original)
    try:
        extract_package(package_of(request), OPTIONS)
    finally:
        images.render_document, images.render_postscript = original
    return files

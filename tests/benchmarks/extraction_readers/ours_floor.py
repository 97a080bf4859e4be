"""The least that a paper's stages could take: the bare library calls that nobody can do without, in processor seconds.

- open: the archive inflated once, its members found by `tarfile`; of a zip only the sources;
- read: LaTeX source decoded and split by the tokenizer's pattern, JATS parsed by lxml, PDF pages to text by MuPDF;
- rasterise: each vector figure to the target size by MuPDF, all EPS figures in one run of Ghostscript;
- encode: the pixels of those drawings through zlib at its fastest level.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path

import pymupdf
from cpu import cpu_seconds
from lxml import etree
from ours import OPTIONS, package_of, version

from s1_mmalign.builder.archives import open_archive
from s1_mmalign.builder.extract import read_paper
from s1_mmalign.builder.formats.latex.encoding import decode
from s1_mmalign.builder.formats.latex.tokens import _TOKEN
from s1_mmalign.builder.ghostscript import find_ghostscript

__all__ = ["read", "version"]

SIDE = OPTIONS.image.longest_side


def read(request: dict) -> dict:
    """See `serve`; `floors` are processor seconds by stage."""
    path = package_of(request).path
    vector, postscript = _figures(request)
    floors: dict[str, float] = {}
    started = cpu_seconds()

    def lap(stage: str) -> None:
        nonlocal started
        now = cpu_seconds()
        floors[stage] = now - started
        started = now

    members = _open(path)
    lap("open")
    _read(members)
    lap("read")
    drawn = [_draw(data) for data in vector]
    if postscript:
        _draw_postscript(postscript)
    lap("rasterise")
    for samples in drawn:
        zlib.compress(samples, 1)
    lap("encode")
    return {"figures": [], "floors": floors}


def _figures(request: dict) -> tuple[list[bytes], list[bytes]]:
    """Return the vector figures' files that this project draws: those for MuPDF, those for Ghostscript."""
    archive = open_archive(Path(request["path"]))
    _, paper = read_paper(archive, OPTIONS)
    vector, postscript = [], []
    for figure in paper.figures:
        for graphic in figure.graphics:
            data = archive.read(graphic.source) if graphic.data is None else b""
            if data[:1024].find(b"%PDF-") >= 0:
                vector.append(data)
            elif data.startswith(b"%!"):
                postscript.append(data)
    return vector, postscript


def _open(path: Path) -> dict[str, bytes]:
    data = path.read_bytes()
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            return {name: package.read(name) for name in package.namelist() if name.endswith((".xml", ".tex"))}
    if data.startswith(b"\x1f\x8b"):
        unpacked = zlib.decompress(data, wbits=31)
        with tarfile.open(fileobj=io.BytesIO(unpacked)) as package:
            return {m.name: unpacked[m.offset_data : m.offset_data + m.size] for m in package if m.isfile()}
    return {path.name: data}


def _read(members: dict[str, bytes]) -> None:
    for name, data in members.items():
        if name.endswith(".tex"):
            _TOKEN.findall(decode(data))
        elif name.endswith((".xml", ".nxml")):
            etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, recover=True))
    if len(members) == 1 and (pdf := next(iter(members.values()))).startswith(b"%PDF"):
        for page in pymupdf.open(stream=pdf):
            page.get_text("dict")


def _draw(data: bytes) -> bytes:
    page = pymupdf.open(stream=io.BytesIO(data), filetype="pdf")[0]
    scale = SIDE / max(page.rect.width, page.rect.height)
    return page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), alpha=False).samples


def _draw_postscript(files: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(files):
            Path(folder, f"{number}.eps").write_bytes(data)
        names = [f"{number}.eps" for number in range(len(files))]
        size = ["-dEPSFitPage", f"-g{SIDE}x{SIDE}", "-sDEVICE=ppmraw", "-o", "/dev/null"]
        subprocess.run(
            [find_ghostscript(), "-q", "-dSAFER", *size, *names], cwd=folder, check=False, stderr=subprocess.DEVNULL
        )

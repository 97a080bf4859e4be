"""Draws what a paper's source draws, by the TeX that is installed: TikZ and its kin to PDF pages.

The source is a stranger's program. TeX gets no shell (`-no-shell-escape`), reads and writes below its own scratch
folder only (`openin_any`, `openout_any`), and has limits of time, processor time, memory and file size; its whole
process group is killed when time is up.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from s1_mmalign.builder.archives import Archive
from s1_mmalign.builder.formats.latex.drawing_document import authors_preamble, drawing_document, reduced_preamble
from s1_mmalign.builder.processes import bounded, end_group
from s1_mmalign.builder.records import PackageError

TEX = "pdflatex"
_COMMAND = ("-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "-jobname=drawings", "document.tex")
_MEMORY = 2 << 30
_MOST_BYTES = 64 << 20
"""Bytes of a package that are laid beside the document, and that one output file may have."""
_LAID_OUT = (
    ".tex", ".ltx", ".sty", ".cls", ".def", ".cfg", ".clo", ".tikz", ".pgf", ".dat", ".data", ".csv", ".tsv", ".txt",
    ".table", ".pdf", ".png", ".jpg", ".jpeg",
)  # fmt: skip
"""What drawings read. Formats and configurations of TeX, which it would take too, are not among them."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A page of a PDF file that shows a drawing."""

    pdf: bytes
    page: int


def find_tex() -> str | None:
    """Return the path of pdfTeX, None where none is installed."""
    return shutil.which(TEX)


def draw(archive: Archive, folder: str, source: str, drawings: Sequence[str], timeout_s: float) -> list[Drawing | str]:
    """Draw pictures of one main file.

    All go in one run on the author's preamble; where that fails, one by one, then each on a reduced preamble.

    Args:
        archive: the package; its files are laid where the drawings can read them.
        folder: the main file's folder in it.
        source: the main file's text.
        drawings: LaTeX code of each picture.
        timeout_s: seconds for all of them.

    Returns:
        For each picture its page, or a few words on why there is none.
    """
    tex = find_tex()
    if tex is None:
        return [f"no {TEX} is installed"] * len(drawings)
    deadline = time.monotonic() + timeout_s
    with tempfile.TemporaryDirectory(prefix="s1-mmalign-tex-", ignore_cleanup_errors=True) as scratch:
        work = Path(scratch, folder) if ".." not in PurePosixPath(folder).parts else Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        _lay_out(archive, Path(scratch))
        own, reduced = authors_preamble(source), reduced_preamble(source)
        whole = _run(tex, work, drawing_document(own, drawings), deadline)
        if isinstance(whole, bytes):
            return [Drawing(whole, page) for page in range(1, len(drawings) + 1)]
        return [_draw_one(tex, work, drawing, (own, reduced), deadline) for drawing in drawings]


def _draw_one(tex: str, work: Path, drawing: str, preambles: Sequence[str], deadline: float) -> Drawing | str:
    result: bytes | str = ""
    for preamble in preambles:
        result = _run(tex, work, drawing_document(preamble, [drawing]), deadline)
        if isinstance(result, bytes):
            return Drawing(result, 1)
    return str(result)


def _lay_out(archive: Archive, scratch: Path) -> None:
    """Write the package's files into the scratch folder, as far as they are not too large."""
    left = _MOST_BYTES
    for name in archive.names():
        path = PurePosixPath(name)
        size = archive.size(name)
        if ".." in path.parts or path.is_absolute() or not name.lower().endswith(_LAID_OUT) or size > left:
            continue
        left -= size
        with contextlib.suppress(OSError, PackageError):  # a name that this file system does not take, a damaged member
            scratch.joinpath(path).parent.mkdir(parents=True, exist_ok=True)
            scratch.joinpath(path).write_bytes(archive.read(name))


def _run(tex: str, work: Path, document: str, deadline: float) -> bytes | str:
    """Run TeX over a document; return the PDF, or what was wrong."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        return "TeX ran out of time"
    output = work / "drawings.pdf"
    output.unlink(missing_ok=True)
    (work / "document.tex").write_text(document, encoding="utf-8", errors="replace")
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(work), "TEXMFVAR": str(work),
                   "openin_any": "p", "openout_any": "p", "TEXMFOUTPUT": str(work)}  # fmt: skip
    process = subprocess.Popen(
        bounded([tex, *_COMMAND], seconds, _MEMORY, _MOST_BYTES),
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        failed = process.wait(seconds) != 0
    except subprocess.TimeoutExpired:
        return "TeX ran out of time"
    finally:
        end_group(process)
        process.wait()
    if failed or not output.is_file():
        return _first_error(work / "drawings.log")
    return output.read_bytes()


def _first_error(log: Path) -> str:
    with contextlib.suppress(OSError):
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("!"):
                return "TeX: " + line[1:].strip()[:150]
    return "TeX made no page"

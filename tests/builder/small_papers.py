"""Small papers for tests: a LaTeX package with pictures that are worth keeping."""

from __future__ import annotations

import io
import random
import tarfile
from pathlib import Path

from PIL import Image

TEX = r"""\documentclass{article}
\title{%(title)s}
\begin{document}
\maketitle
\begin{abstract}We measure %(title)s.\end{abstract}
Figure~\ref{fig:one} shows the first result.

\begin{figure}
\includegraphics{one}
\caption{The first result of %(title)s.}
\label{fig:one}
\end{figure}
\begin{figure}
\includegraphics{two.png}
\caption{The second result.\label{fig:two}}
\end{figure}

As Fig.~\ref{fig:two} shows, $x=2$.
\end{document}
"""


def noise_png(seed: int, side: int = 64) -> bytes:
    """A PNG of random pixels, over the size limit of the filters (about 12 kB)."""
    out = io.BytesIO()
    Image.frombytes("RGB", (side, side), random.Random(seed).randbytes(side * side * 3)).save(out, "PNG")
    return out.getvalue()


def write_latex_package(path: Path, title: str, seed: int = 0, tex: str = TEX) -> None:
    """Write a .tar.gz with a paper of two figures, deterministic but for the time of the file."""
    members = {
        "ms.tex": (tex % {"title": title}).encode(),
        "one.png": noise_png(2 * seed),
        "two.png": noise_png(2 * seed + 1),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def write_papers(folder: Path, count: int) -> None:
    """Write `count` LaTeX packages named like arXiv's."""
    for index in range(count):
        write_latex_package(folder / f"2301.{index:05d}.tar.gz", f"the subject number {index} of many", index)

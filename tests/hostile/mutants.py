"""Papers with faults: real ones, changed a little at random places, by a seed.

What is changed: bytes and bits, pieces cut out, doubled, moved or taken from another paper, numbers made huge, and
words of the format put where they do not belong. An archive is changed inside (a member's text, and it is packed
again) or as it is.
"""

from __future__ import annotations

import gzip
import io
import random
import re
import tarfile
import zipfile
from functools import cache
from pathlib import Path

from s1_mmalign.builder.archives import Archive, open_bytes
from s1_mmalign.builder.records import PackageError
from s1_mmalign.samples import papers_folder

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
"""Real papers where they are at hand; else the sample papers alone are changed."""

_LATEX = r"""
\begin{figure} \end{figure} \caption{ \includegraphics[width=1]{ \def \edef\x{ \input{main} \iftrue \fi \else \csname
\endcsname \label{ \ref{ { } $ $$ \[ \] % # #1 & ^^M \newcommand{\a}[9][]{ \let \loop \repeat \verb| \subfloat[
\begin{subfigure}{ \end{document} \documentclass \\ \bigskip \relax \the \value{figure} \noexpand
"""
_JATS = """
<fig> </fig> <graphic/> <caption> </p> <p> &amp; &#0; &x; <![CDATA[ ]]> <!-- --> <?x ?> <sub-article> <article>
</article> <xref rid='f1'/> xlink:href=' xmlns:a='b' <fig-group> <label> <!DOCTYPE x [ <alternatives>
"""
_PDF = """
obj endobj stream endstream /Length /Kids /Count /Parent << >> [ ] 0 R /Filter/FlateDecode xref trailer /MediaBox
startxref BT ET Do q Q cm re Tj TJ Tf /Font /XObject <</Type/Page>> 99999999999 -1 (
"""
WORDS = {"latex": _LATEX.encode().split(), "jats": _JATS.encode().split(), "pdf": _PDF.encode().split()} | {
    "archive": [
        b"PK\x03\x04",
        b"PK\x01\x02",
        b"PK\x05\x06",
        b"ustar",
        b"\xff" * 8,
        b"\x80" * 8,
        b"\x1f\x8b",
        bytes(512),
    ]
}
"""What is put where it does not belong, by the kind of what is changed."""


@cache
def seeds() -> dict[str, list[tuple[str, bytes]]]:
    """Return (name, bytes) of the papers to change, by kind: `latex`, `jats`, `pdf`."""
    found: dict[str, list[tuple[str, bytes]]] = {"latex": [], "jats": [], "pdf": []}
    for folder in (papers_folder(), CORPUS):
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if path.is_file() and path.suffix in (".gz", ".meca", ".pdf", ".zip") and path.stat().st_size < 4_000_000:
                kind = _kind(path)
                if kind:
                    found[kind].append((path.name, path.read_bytes()))
    return found


def _kind(path: Path) -> str | None:
    if path.suffix == ".pdf":
        return "pdf"
    try:
        names = open_bytes(path.read_bytes(), path.name).names()
    except PackageError:
        return None
    return "latex" if any(name.endswith(".tex") for name in names) else "jats"


def mutant(kind: str, seed: int) -> tuple[str, bytes]:
    """Return the name and the bytes of a changed paper; the same for the same kind, seed and papers at hand."""
    chance = random.Random(seed)
    name, data = chance.choice(seeds()[kind])
    if kind == "pdf":
        return name, changed(data, "pdf", chance)
    how = chance.random()
    if how < 0.2:
        return name, changed(data, "archive", chance)
    if how < 0.3 and data[:2] == b"\x1f\x8b":
        return name, gzip.compress(changed(gzip.decompress(data), "archive", chance), 1)
    return repacked(name, data, kind, chance)


def repacked(name: str, data: bytes, kind: str, chance: random.Random) -> tuple[str, bytes]:
    """The paper with its texts changed, in an archive that is sound."""
    archive: Archive = open_bytes(data, name)
    texts = (".tex", ".xml", ".nxml", ".sty", ".bbl", ".cls")
    members = {member: archive.read(member) for member in archive.names() if member.endswith(texts)}
    for member in chance.sample(sorted(members), min(len(members), chance.randint(1, 3))):
        members[member] = changed(members[member], kind, chance)
    out = io.BytesIO()
    if name.endswith((".zip", ".meca")):
        with zipfile.ZipFile(out, "w") as packed:
            for member, content in members.items():
                packed.writestr(member, content)
    else:
        with tarfile.open(fileobj=out, mode="w") as packed_tar:
            for member, content in members.items():
                header = tarfile.TarInfo(member)
                header.size = len(content)
                packed_tar.addfile(header, io.BytesIO(content))
    return name, out.getvalue()


def changed(data: bytes, kind: str, chance: random.Random) -> bytes:
    """Return the bytes with one to eight changes."""
    content = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        if len(content) < 4:
            break
        start = chance.randrange(len(content))
        length = min(chance.choice((1, 4, 16, 64, 512, 4096, 65_536)), len(content) - start)
        how = chance.randrange(8)
        if how == 0:
            content[start] ^= 1 << chance.randrange(8)
        elif how == 1:
            del content[start : start + length]
        elif how == 2:
            content[start:start] = content[start : start + length] * chance.choice((1, 1, 2, 50))
        elif how == 3:
            piece = content[start : start + length]
            del content[start : start + length]
            content[(place := chance.randrange(len(content) + 1)) : place] = piece
        elif how == 4:
            content[start:start] = chance.choice(WORDS[kind]) * chance.choice((1, 1, 3, 200))
        elif how == 5 and (numbers := list(re.finditer(rb"\d+", content[start : start + 4096]))):
            first = chance.choice(numbers)
            number = chance.choice((b"0", b"-1", b"4294967295", b"9" * 40, b"1e999"))
            content[start + first.start() : start + first.end()] = number
        elif how == 6:
            content[start : start + length] = chance.randbytes(min(length, 4096))
        else:
            _, other = chance.choice(seeds()[kind if kind in seeds() else "latex"])
            place = chance.randrange(len(other))
            content[start:start] = other[place : place + length]
    return bytes(content[: 8 << 20])

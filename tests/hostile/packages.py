"""Papers as somebody would make them who wants to harm who reads them: bombs, lies and traps, small on disk.

`hostile_papers` gives file names and bytes. Where a trap wants something to reach for it gets a `Canary`: a file
whose content must not come out, a place where nothing may appear, and an address that nobody may ask.
"""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.hostile import figures, sources

MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Canary:
    """What hostile papers reach for."""

    secret: Path
    """A file outside of the papers; its words are `SECRET`."""
    picture: Path
    """A picture outside of the papers, red all over."""
    target: Path
    """A path at which nothing lies, and nothing may."""
    url: str
    """An address that counts who asks."""


SECRET = "words-of-a-file-that-no-paper-may-read"
PAPER = rb"\documentclass{article}\begin{document}Text of Figure 1.%s\end{document}"


def tar(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as archive:
        for name, data in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    return out.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def repeated(block: bytes, times: int) -> bytes:
    """A gzip file of one block many times over, at the price of one: gzip files may be put behind each other."""
    return gzip.compress(block, 9) * times


def overlapping_zip(entries: int, size: int = MEGABYTE) -> bytes:
    """Many directory entries that share their data (D. Fifield, A better zip bomb, 2019)."""
    one = zipped({"aaaaa.tex": bytes(size)})
    directory, end = one.index(b"PK\x01\x02"), one.index(b"PK\x05\x06")
    head, _, tail = one[directory:end].partition(b"aaaaa")
    listed = b"".join(head + b"%05d" % number + tail for number in range(entries))
    count = min(entries, 0xFFFF)
    closing = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(listed), directory, 0)
    return one[:directory] + listed + closing


def lying_zip() -> bytes:
    """A member that unpacks to more than its headers say."""
    one = bytearray(zipped({"main.tex": PAPER % b"" + b"%" * MEGABYTE}))
    central = one.index(b"PK\x01\x02")
    one[22:26] = one[central + 24 : central + 28] = struct.pack("<L", 60)
    return bytes(one)


def other_methods_zip(method: int) -> bytes:
    """A member packed by a method that the data is not of, or that nobody knows."""
    one = bytearray(zipped({"main.tex": PAPER % b""}))
    central = one.index(b"PK\x01\x02")
    one[8:10] = one[central + 10 : central + 12] = struct.pack("<H", method)
    return bytes(one)


def _header(name: str, size: int, kind: bytes = b"0") -> bytes:
    """A tar header with any size, also one below zero (base-256, as GNU writes what octal digits do not hold)."""
    fields = tarfile.TarInfo(name).tobuf(tarfile.GNU_FORMAT)
    number = b"\xff" + (size & (1 << 88) - 1).to_bytes(11, "big") if size < 0 else b"%011o\0" % size
    block = fields[:124] + number + fields[136:148] + b" " * 8 + kind + fields[157:512]
    checksum = b"%06o\0 " % sum(block)
    return block[:148] + checksum + block[156:]


def looping_tar(kind: bytes) -> bytes:
    """A member whose size leads back to its own header."""
    return _header("a.tex", 512) + b"%" * 512 + _header("b.tex", -1024, kind) + bytes(1024)


def chained_tar(headers: int) -> bytes:
    """Long-name headers that announce long-name headers."""
    return b"".join(_header("././@LongLink", 5, b"L") + b"main\0" + bytes(507) for _ in range(headers)) + bytes(1024)


def sparse_tar() -> bytes:
    """A GNU sparse member: nothing on disk, a terabyte when it is read."""
    fields = bytearray(_header("main.tex", 0, b"S"))
    fields[257:265] = b"ustar  \0"
    fields[386:410] = b"%011o\0%011o\0" % (0, 0)
    fields[483:495] = b"%011o " % (1 << 32)
    fields[483:495] = b"\x80" + (1 << 40).to_bytes(11, "big")
    fields[148:156] = b" " * 8
    fields[148:156] = b"%06o\0 " % sum(fields)
    return bytes(fields) + bytes(1024)


def links_and_devices(canary: Canary) -> bytes:
    """A paper whose figures are links, devices and pipes, or lie outside."""
    out = io.BytesIO()
    wanted = ["link", "hard", "device", "pipe", "../../outside", str(canary.secret)]
    shown = "".join(
        rf"\begin{{figure}}\includegraphics{{{name}}}\caption{{A {name}.}}\end{{figure}}" for name in wanted
    )
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, kind in (
            ("link", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE), ("device", tarfile.CHRTYPE),
            ("block", tarfile.BLKTYPE), ("pipe", tarfile.FIFOTYPE),
        ):  # fmt: skip
            header = tarfile.TarInfo(name)
            header.type, header.linkname, header.devmajor, header.devminor = kind, str(canary.secret), 1, 5
            archive.addfile(header)
        for name in ("../../outside.png", str(canary.target), "/absolute.png", "C:\\windows.png", "a/./../b.png"):
            header = tarfile.TarInfo(name)
            header.size = 4
            archive.addfile(header, io.BytesIO(b"\x89PNG"))
        text = PAPER % shown.encode()
        header = tarfile.TarInfo("main.tex")
        header.size = len(text)
        archive.addfile(header, io.BytesIO(text))
    return out.getvalue()


def many_members(count: int) -> bytes:
    """A tar.gz of so many empty files, made of one header."""
    return repeated(_header("a.txt", 0) * 1000, count // 1000) + gzip.compress(bytes(1024))


def colliding_names() -> dict[str, bytes]:
    """Names that one file system takes for one and another for several."""
    shown = b"".join(
        rb"\begin{figure}\includegraphics{%s}\caption{Picture %s.}\end{figure}" % (name, name)
        for name in (b"fig", b"FIG", b"Fig.PNG", b"aux", b"CON.png")
    )
    names = ("fig.png", "FIG.PNG", "Fig.png", "./fig.png", "fig.png/", "aux.png", "CON.png", "fig\0.png", "a" * 5000)
    return dict.fromkeys(names, b"\x89PNG no picture") | {"main.tex": PAPER % shown, "MAIN.TEX": b"", "Main.tex": b"%"}


def hostile_papers(canary: Canary) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield (file name, what makes its bytes)."""
    yield "zip-bomb.zip", lambda: zipped({"main.tex": bytes(80 * MEGABYTE)})
    yield "zip-overlap.zip", lambda: overlapping_zip(5_000)
    yield "zip-lies.zip", lying_zip
    yield "zip-members.zip", lambda: overlapping_zip(100_000, 0)
    yield "zip-in-zip.zip", lambda: zipped({"a.zip": zipped({"a.zip": zipped({"main.tex": PAPER % b""})})})
    yield "zip-lzma.zip", lambda: other_methods_zip(14)
    yield "zip-unknown.zip", lambda: other_methods_zip(97)
    yield "zip-names.zip", lambda: zipped({name.replace("\0", "_"): data for name, data in colliding_names().items()})
    yield "tar-bomb.tar.gz", lambda: repeated(bytes(MEGABYTE), 1200)
    yield "tar-members.tar.gz", lambda: many_members(100_000)
    yield "tar-sparse.tar", sparse_tar
    yield "tar-loop.tar", lambda: looping_tar(b"0")
    yield "tar-loop-pax.tar", lambda: looping_tar(b"x")
    yield "tar-loop-folder.tar", lambda: looping_tar(b"5")
    yield "tar-chain.tar", lambda: chained_tar(4_000)
    yield "tar-links.tar.gz", lambda: links_and_devices(canary)
    yield "tar-names.tar.gz", lambda: tar(colliding_names())
    yield "gzip-in-gzip.gz", lambda: gzip.compress(gzip.compress(repeated(bytes(MEGABYTE), 1200)))
    yield "braces-1gb.gz", lambda: repeated(b"{" * (16 * MEGABYTE), 64)
    yield "braces-30mb.tar.gz", lambda: tar({"main.tex": PAPER % (b"{" * (30 * MEGABYTE))})
    for name, text in sources.latex(canary).items():
        yield f"latex-{name}.tar.gz", lambda text=text: tar({"main.tex": text})
    for name, text in sources.jats(canary).items():
        yield f"jats-{name}.meca", lambda text=text: zipped({"content/1.xml": text})
    for name, data in figures.pdfs(canary).items():
        yield f"pdf-{name}.pdf", lambda data=data: data
    drawn = {f"pdf-{name}.pdf": data for name, data in figures.pdfs(canary).items()}
    for name, data in (figures.hostile_figures(canary) | drawn).items():
        shown = rb"\begin{figure}\includegraphics{figure}\caption{A hostile figure.}\end{figure}"
        suffix = name.rpartition(".")[2]
        yield (
            f"figure-{name}.tar.gz",
            lambda data=data, suffix=suffix, shown=shown: tar({"main.tex": PAPER % shown, f"figure.{suffix}": data}),
        )


def deflated(size: int) -> bytes:
    """A zlib stream of so many zero bytes, made in pieces."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(MEGABYTE)) for _ in range(size // MEGABYTE)) + packer.flush()

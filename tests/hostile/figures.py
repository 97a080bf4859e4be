"""Figure files and PDFs that unpack to too much, lead in circles, or are programs."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from tests.hostile.packages import Canary


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes, data: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = data or zlib.compress(bytes(3_000_000), 0)  # over the size under which files are dropped unread
    body = b"".join([_chunk(b"IHDR", header), *chunks, _chunk(b"IDAT", pixels), _chunk(b"IEND", b"")])
    return b"\x89PNG\r\n\x1a\n" + body


def tiff(width: int, height: int, next_directory: int = 0, strips: int = 1) -> bytes:
    tags = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, height), (279, 6000)]
    entries = b"".join(struct.pack("<HHII", tag, 4, strips if tag in (273, 279) else 1, value) for tag, value in tags)
    return struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", len(tags)) + entries + struct.pack(
        "<I", next_directory
    ) + bytes(6000)  # fmt: skip


def jpeg2000(width: int, height: int) -> bytes:
    """A sound code stream whose SIZ marker (ISO/IEC 15444-1, A.5.1) claims another size, for picture and tiles."""
    out = io.BytesIO()
    Image.effect_noise((128, 128), 90).convert("RGB").save(out, "JPEG2000", no_jp2=True)
    data = bytearray(out.getvalue())
    data[8:16] = data[24:32] = struct.pack(">II", width, height)
    return bytes(data)


def pdf(*objects: bytes, trailer: bytes = b"/Root 1 0 R") -> bytes:
    """A PDF of these objects, numbered from 1; its table is left to whoever repairs it."""
    body = b"".join(b"%d 0 obj\n%s\nendobj\n" % (number, text) for number, text in enumerate(objects, 1))
    return b"%PDF-1.7\n" + body + b"trailer\n<< " + trailer + b" /Size %d >>\nstartxref\n0\n%%%%EOF\n" % len(objects)


def _page(content: bytes, extra: bytes = b"", box: bytes = b"0 0 200 200", filters: bytes = b"") -> bytes:
    stream = b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), filters, content)
    return pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [%s] /Contents 4 0 R /Resources << %s >> >>" % (box, extra),
        stream,
        b"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /A 5 0 R /B 5 0 R >> >> "
        b"/Length 10 >>\nstream\n/A Do /B Do\nendstream",
        b"<< /Type /XObject /Subtype /Image /Width 2000000 /Height 2000000 /BitsPerComponent 8 /ColorSpace /DeviceRGB "
        b"/Length 2 >>\nstream\nxx\nendstream",
    )


def pdfs(canary: Canary) -> dict[str, bytes]:
    """PDFs that go in circles or hold too much."""
    from tests.hostile.packages import deflated

    packed = deflated(128 << 20)
    return {
        "pages-loop": pdf(b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 99 >>"),
        "pages-count": pdf(b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [] /Count 2147483647 >>"),
        "parent-loop": pdf(
            b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 /Parent 3 0 R >>",
            b"<< /Type /Page /Parent 3 0 R >>",
        ),
        "references": pdf(*(b"%d 0 R" % (number % 5_000 + 1) for number in range(1, 5_001))),
        "xref-loop": b"%PDF-1.7\nxref\n0 1\n0000000000 65535 f \n"
        b"trailer\n<< /Root 1 0 R /Prev 9 >>\nstartxref\n9\n%%EOF",
        "lengths": pdf(b"<< /Type /Catalog /Pages 2 0 R /Length 1 0 R >>\nstream\nx\nendstream"),
        "nested": pdf(b"[" * 200_000),
        "flate": _page(packed, filters=b"/Filter /FlateDecode"),
        "filters": _page(zlib.compress(packed), filters=b"/Filter [" + b"/FlateDecode " * 500 + b"]"),
        "forms": _page(b"/A Do", b"/XObject << /A 5 0 R >>"),
        "image": _page(b"200 0 0 200 0 0 cm /A Do", b"/XObject << /A 6 0 R >>"),
        "page-size": _page(b"0 0 m 9 9 l S", box=b"0 0 99999999999 99999999999"),
        "page-nothing": _page(b"0 0 m 9 9 l S", box=b"5 5 5 5"),
        "saves": _page(b"q " * 500_000),
        "paths": _page(b"0 0 m " + b"9 9 l 0 3 l " * 200_000 + b"S"),
        "actions": pdf(
            b"<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /Launch /F (%s) >> >>" % str(canary.target).encode(),
            b"<< /Type /Pages /Kids [] /Count 0 >>",
        ),
        "embedded": pdf(
            b"<< /Type /Catalog /Pages 2 0 R /F << /Type /Filespec /F (%s) >> >>" % str(canary.secret).encode(),
            b"<< /Type /Pages /Kids [] /Count 0 >>",
        ),
    }  # fmt: skip


def hostile_figures(canary: Canary) -> dict[str, bytes]:
    """Figure files by name; the suffix is the member's."""
    from tests.hostile.packages import deflated

    secret, target = str(canary.secret).encode(), str(canary.target).encode()
    box = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n"
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" %s>%s</svg>'
    uses = b"".join(
        b'<g id="g%d"><use xlink:href="#g%d"/><use xlink:href="#g%d"/></g>' % (n, n + 1, n + 1) for n in range(40)
    )
    entities = b"".join(b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, 12))
    profile = _chunk(b"iCCP", b"p\0\0" + deflated(64 << 20))
    return {
        "dimensions.png": png(100_000, 100_000),
        "largest.png": png(2_147_483_647, 2_147_483_647),
        "profile.png": png(64, 64, profile),
        "text.png": png(64, 64, _chunk(b"zTXt", b"k\0\0" + deflated(64 << 20))),
        "pixels.png": png(64, 64, data=deflated(64 << 20)),
        "dimensions.tif": tiff(60_000, 60_000),
        "loop.tif": tiff(60, 60, next_directory=8),
        "strips.tif": tiff(60, 60, strips=0x7FFFFFFF),
        "dimensions.jp2": jpeg2000(4_000_000, 4_000_000),
        "tiles.jp2": jpeg2000(13_000, 13_000),
        "dimensions.gif": b"GIF89a\xff\xff\xff\xff\x80\0\0" + bytes(6) + b",\0\0\0\0\xff\xff\xff\xff\0\x08\0;"
        + bytes(6000),
        "dimensions.bmp": b"BM" + struct.pack("<IIIIiiHH", 54, 0, 54, 40, 99_999, 99_999, 1, 24) + bytes(6000),
        "packed.svg": gzip.compress(svg % (b'width="9" height="9"', b" " * (300 << 20)), 1),
        "uses.svg": svg % (b'width="100" height="100"', uses + b'<g id="g40"><rect width="9" height="9"/></g>'),
        "self.svg": svg % (b'width="100" height="100"', b'<g id="a"><use xlink:href="#a"/></g>'),
        "entities.svg": b'<!DOCTYPE svg [<!ENTITY e0 "ha">' + entities + b"]>" + svg % (b"", b"<text>&e11;</text>"),
        "external.svg": b'<!DOCTYPE svg [<!ENTITY e SYSTEM "file://%s">]>' % secret
        + svg % (b'width="300" height="300"', b'<text y="50">&e;</text><image width="300" height="300" xlink:href="'
                 b'file://%s"/><image width="9" height="9" xlink:href="%s"/><script>x</script>'
                 % (str(canary.picture).encode(), canary.url.encode())),
        "size.svg": svg % (b'width="1e30" height="1e-30"', b'<rect width="9" height="9"/>'),
        "loop.eps": box + b"{ } loop",
        "memory.eps": box + b"/a [] def { /a [ a aload pop 100000 array ] def } loop",
        "messages.eps": box + b"{ (endless) print flush } loop",
        "pages.eps": box + b"{ showpage } loop",
        "recursion.eps": box + b"/f { f f } def f",
        "page.eps": box.replace(b"100 100", b"14400 0.1")
        + b"<< /PageSize [99999999 99999999] >> setpagedevice showpage",
        "pipe.eps": box + b"(%%pipe%%touch %s) (w) file closefile showpage" % target,
        "write.eps": box + b"(%s) (w) file (x) writestring showpage" % target,
        "rename.eps": box + b"(%s) (%s) renamefile (%s) deletefile showpage" % (secret, target, secret),
        "read.eps": box + b"/Courier findfont 5 scalefont setfont 0 50 moveto (%s) (r) file 50 string readline pop show"
        % secret + b" showpage",
        "run.eps": box + b"(%s) run showpage" % secret,
        "list.eps": box + b"(/*) { print } 200 string filenameforall showpage",
        "unsafe.eps": box + b"false .setsafe << /Permit [(*)] >> setuserparams (%s) (w) file showpage" % target,
    }  # fmt: skip

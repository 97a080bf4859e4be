"""Bytes of a source file to text, by what the file declares and by what its bytes allow."""

from __future__ import annotations

import codecs
import re

_DECLARED = re.compile(
    rb"\\(?:usepackage|RequirePackage)\s*\[\s*([A-Za-z0-9-]+)\s*\]\s*\{\s*inputenc\s*\}|\\inputencoding\{([a-z0-9]+)\}"
)
_CODECS = {
    "latin1": "cp1252",  # what editors wrote under that name
    "ansinew": "cp1252",
    "cp1252": "cp1252",
    "latin2": "iso8859-2",
    "latin3": "iso8859-3",
    "latin4": "iso8859-4",
    "latin5": "iso8859-9",
    "latin9": "iso8859-15",
    "latin10": "iso8859-16",
    "applemac": "mac-roman",
    "macce": "mac-latin2",
    "cp1250": "cp1250",
    "cp1251": "cp1251",
    "cp437": "cp437",
    "cp850": "cp850",
    "cp852": "cp852",
    "cp866": "cp866",
    "cp1257": "cp1257",
    "koi8-r": "koi8-r",
    "koi8-u": "koi8-u",
}  # fmt: skip
_ASCII = bytes(range(128))
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def _western(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("latex-western", _western)


def declared_codec(data: bytes) -> str | None:
    """Return the Python codec of the encoding that `inputenc` is loaded with, None for UTF-8 and for none."""
    found = None
    for match in _DECLARED.finditer(data):
        line_start = data.rfind(b"\n", 0, match.start()) + 1
        if b"%" not in data[line_start : match.start()]:
            found = (match[1] or match[2]).decode("ascii").lower()
    return _CODECS.get(found) if found else None


def decode(data: bytes, declared: str | None = None) -> str:
    """Return the text of a file. Never fails: what no encoding explains becomes U+FFFD.

    A mark or NUL bytes tell UTF-16; bytes that are valid UTF-8 are UTF-8 whatever is declared; then counts
    what `declared` (a codec) says; then a file of old Macintosh line ends is MacRoman, one that is mostly
    UTF-8 is that with stray Windows-1252 letters, and any other is Windows-1252.
    """
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(codec, "replace")
    head = data[:2000]
    if len(head) > 3 and head.count(0) > len(head) // 3:
        return data.decode("utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    if declared:
        return data.decode(declared, "replace")
    if b"\r" in data and b"\n" not in data:
        return data.decode("mac-roman")
    mixed = data.decode("utf-8", "latex-western")
    letters = len(mixed) - len(mixed.encode("ascii", "ignore"))
    continuation_bytes = len(data.translate(None, _ASCII)) - letters
    return mixed if continuation_bytes > letters // 2 else data.decode("cp1252", "replace")

"""A journal's line: one answer of an engine, with a checksum at its end."""

from __future__ import annotations

import json
import zlib
from typing import NamedTuple

_HEAD = b'{"key":"'
_SECOND = b'","fingerprint":"'
_KEY = len(_HEAD)
_FINGERPRINT = _KEY + 32 + len(_SECOND)
_TAIL = len(b',"crc":"00000000"}\n')


class Entry(NamedTuple):
    """One answer: what the engine said, for the row of this `key`; and what the checks then found.

    What they found holds for rows of this `fingerprint` alone (see `row_keys`).
    """

    key: str
    row: str
    text: str
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    fingerprint: str | None = None
    """None: written by a version that had none."""
    flags: tuple[str, ...] | None = None
    """None: not checked."""
    mended: str | None = None
    """The text as the checks left it; None: as it was."""


_ALWAYS = ("row", "text", "finish_reason", "prompt_tokens", "completion_tokens")
_CHECKS = ("flags", "mended")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def encode(entry: Entry) -> bytes:
    """Return an entry as one line, checksum and line feed included."""
    fields = {"key": entry.key}  # key and fingerprint first: an index is made without reading lines as JSON
    if entry.fingerprint is not None:
        fields["fingerprint"] = entry.fingerprint
    fields |= {name: getattr(entry, name) for name in _ALWAYS}
    fields |= {name: value for name in _CHECKS if (value := getattr(entry, name)) is not None}
    body = _encode(fields)[:-1].encode("utf-8", "replace")
    return body + b',"crc":"%08x"}\n' % zlib.crc32(body)


def decode(line: bytes) -> Entry | None:
    """Return a line's entry, or None where the line is cut short or damaged."""
    if not intact(line):
        return None
    fields = json.loads(line.decode())
    get, flags = fields.get, fields.get("flags")  # an earlier version has not all of them, a later one may have more
    return Entry(
        fields["key"],
        fields["row"],
        fields["text"],
        get("finish_reason"),
        get("prompt_tokens"),
        get("completion_tokens"),
        get("fingerprint"),
        None if flags is None else tuple(flags),
        get("mended"),
    )


def intact(line: bytes) -> bool:
    """Say whether a line is whole: its head, its end, and the checksum between."""
    if not line.startswith(_HEAD) or not line.endswith(b'"}\n'):
        return False
    return line[-_TAIL:] == b',"crc":"%08x"}\n' % zlib.crc32(line[:-_TAIL])


def halves(line: bytes) -> tuple[int, int]:
    """Return the first halves of an intact line's key and fingerprint, as numbers; 0 where it has no fingerprint."""
    key = int(line[_KEY : _KEY + 16], 16)
    if line[_KEY + 32 : _FINGERPRINT] != _SECOND:
        return key, 0
    return key, int(line[_FINGERPRINT : _FINGERPRINT + 16], 16)


def half(digits: str) -> int:
    """Return the first half of a key or fingerprint of 32 hex digits, as `halves` has it."""
    return int(digits[:16], 16)

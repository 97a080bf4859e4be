"""JSON that carries a checksum of its own bytes as its last line: a flipped bit or a lost end is seen when it is read.

{
 …,
 "checksum": "<sha256, hex: of every byte before the comma of the line above>"
}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

_MARK = b',\n "checksum": "'


class SealError(ValueError):
    """The bytes are not those that were sealed."""


def seal(content: Mapping[str, Any], indent: int | None = 1) -> str:
    """Return an object with at least one key as text that ends in its checksum; `indent` as in `json.dumps`.

    Raises:
        ValueError: the object has a key `checksum` of its own, or none at all.
    """
    if not content or "checksum" in content:
        raise ValueError("an object without a key `checksum`, and with another, is expected")
    head = json.dumps(content, indent=indent, ensure_ascii=False).removesuffix("}").removesuffix("\n")
    return f"{head}{_MARK.decode()}{hashlib.sha256(head.encode()).hexdigest()}" + '"\n}\n'


def is_sealed(data: bytes) -> bool:
    """Say whether bytes are a whole sealed object."""
    head, _, tail = data.rpartition(_MARK)
    return tail == hashlib.sha256(head).hexdigest().encode() + b'"\n}\n'


def unseal(data: bytes) -> dict[str, Any]:
    """Return the object without its checksum.

    Raises:
        SealError: the bytes are others than were sealed, or fewer.
    """
    if not is_sealed(data):
        raise SealError("its checksum does not fit: it was damaged, cut short or edited")
    content: dict[str, Any] = json.loads(data)
    del content["checksum"]
    return content

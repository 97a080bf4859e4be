"""arXiv's bulk tars: where each package lies in them, so that it is read without unpacking anything to disk.

    arXiv_src_2301_001.tar    members 2301/2301.00001.gz (a tar.gz, or one gzipped TeX file), 2301/2301.00002.pdf
    arXiv_src_manifest.xml    for each tar: size, md5sum, num_items

Documented at https://info.arxiv.org/help/bulk_data_s3.html. A package is the byte range of its member: plain tar
stores members as they are, so a range read is the member.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from lxml import etree

from s1_mmalign.builder.archives import forward
from s1_mmalign.builder.sources.errors import InputError

BULK_NAME = re.compile(r"arXiv_(src|pdf)_\d{4}_\d+\.tar$", re.IGNORECASE)
MANIFEST_NAME = re.compile(r"arXiv_(src|pdf)_manifest[\w.-]*\.xml$", re.IGNORECASE)
_MEMBER = re.compile(r"(?:\./)?(?:[^/]+/)*[a-z-]*\d{4}(?:\.\d{4,5}|\d{3})(v\d+)?\.(gz|pdf|tar\.gz)$")
_BLOCK = 512
_HEAD = 1 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """A package in a tar: its name there, and the bytes that it occupies."""

    name: str
    offset: int
    bytes: int


@dataclass(frozen=True, slots=True)
class ListedTar:
    """What the manifest says of a tar."""

    bytes: int
    md5: str
    items: int


def is_bulk_tar(name: str, file: BinaryIO | None = None) -> bool:
    """Whether a `.tar` is one of many packages: by its name, or by the first member's name in `file`."""
    if BULK_NAME.search(name):
        return True
    if file is None or not name.lower().endswith(".tar"):
        return False
    try:
        # The head alone, which is where a bulk tar's first package is told: the file may be a bomb.
        with tarfile.open(fileobj=io.BytesIO(file.read(_HEAD)), mode="r:") as tar:
            first = next((member for member in forward(tar) if member.isreg()), None)
    except (tarfile.TarError, OSError, EOFError, ValueError, OverflowError, RecursionError, struct.error):
        return False
    return first is not None and _MEMBER.fullmatch(first.name) is not None


def members_of(file: BinaryIO, size: int, name: str) -> Iterator[Member]:
    """Yield the packages of a bulk tar by reading its headers alone; `size` is the file's in bytes.

    Raises:
        InputError: no tar, damaged, or one that breaks off (a download that was not finished).
    """
    end = 0
    try:
        with tarfile.open(fileobj=file, mode="r:", errors="surrogateescape") as tar:
            for member in forward(tar):
                end = member.offset_data + member.size
                if end > size:
                    break
                if member.isreg():
                    yield Member(_printable(member.name), member.offset_data, member.size)
    except (tarfile.TarError, ValueError, OverflowError, RecursionError, struct.error) as error:
        if "unexpected end" not in str(error):
            raise InputError(f"{name}: is no tar or is damaged ({error}). Download it again.") from error
        end = size + 1
    # tarfile takes the end of the file for the end of the tar; only the closing zeros tell a whole one.
    closing = -(-end // _BLOCK) * _BLOCK
    if end > size or not _closes(file, closing, size):
        raise InputError(
            f"{name}: breaks off at byte {size:,}, inside a tar; its download is not finished. Download the rest."
        )


def read_manifest(path: Path) -> dict[str, ListedTar]:
    """Read arXiv's manifest: what it says of each tar, by file name without folder.

    Raises:
        InputError: no XML, or entries without name, size or md5sum.
    """
    listed: dict[str, ListedTar] = {}
    try:
        for _, entry in etree.iterparse(str(path), tag="file", resolve_entities=False, no_network=True):
            text = {str(child.tag): (child.text or "").strip() for child in entry}
            name = text["filename"].rpartition("/")[2]
            listed[name] = ListedTar(int(text["size"]), text["md5sum"].lower(), int(text.get("num_items") or 0))
            entry.clear()
    except (etree.XMLSyntaxError, KeyError, ValueError, OSError) as error:
        raise InputError(f"{path}: cannot be read as arXiv's manifest ({error!r}).") from error
    return listed


def check_listed(name: str, listed: ListedTar, size: int, file: Any) -> None:
    """Hold a tar against the manifest; its md5 is computed where `file` (opened for reading) is not None.

    Raises:
        InputError: it is half downloaded, or another file.
    """
    if size < listed.bytes:
        raise InputError(
            f"{name}: {size:,} of {listed.bytes:,} bytes; its download is not finished. Download the rest."
        )
    if size > listed.bytes:
        raise InputError(
            f"{name}: {size:,} bytes, and the manifest says {listed.bytes:,}. Take tar and manifest of one day."
        )
    if file is not None and (found := hashlib.file_digest(file, "md5").hexdigest()) != listed.md5:
        raise InputError(f"{name}: md5 {found}, and the manifest says {listed.md5}. Download it again.")


def _closes(file: BinaryIO, offset: int, size: int) -> bool:
    """Whether the zeros that end a tar stand at `offset` (one block of them is enough for every reader)."""
    if offset + _BLOCK > size:
        return False
    file.seek(offset)
    return file.read(_BLOCK) == bytes(_BLOCK)


def _printable(name: str) -> str:
    return name.encode("utf-8", "replace").decode("utf-8").removeprefix("./")

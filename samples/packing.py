"""Archives that are the same bytes on every run: members in the given order, dated at the epoch, owned by nobody."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Mapping

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest date that a zip can hold."""


def tar(members: Mapping[str, bytes]) -> bytes:
    """Return a plain tar (POSIX ustar)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def tar_gz(members: Mapping[str, bytes]) -> bytes:
    """Return a gzipped tar."""
    return gzip.compress(tar(members), compresslevel=9, mtime=0)


def meca(members: Mapping[str, bytes]) -> bytes:
    """Return a MECA package: a zip whose first member is its mimetype, stored."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(_entry("mimetype"), b"application/meca+zip", zipfile.ZIP_STORED)
        for name, data in members.items():
            archive.writestr(_entry(name), data, zipfile.ZIP_DEFLATED, 9)
    return out.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _ZIP_EPOCH)
    entry.create_system = 3  # else it names the system that ran this
    entry.external_attr = 0o644 << 16
    return entry

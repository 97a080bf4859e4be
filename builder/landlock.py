"""Landlock: this process and all that it starts read, write and run only below the folders that are named.

The interface is Linux's own (https://docs.kernel.org/userspace-api/landlock.html; constants of linux/landlock.h). It
takes no privilege, cannot be undone, and later versions of it add rights that older kernels do not know.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""System calls, of one number on every architecture."""
_VERSION_FLAG = 1
_PATH_BENEATH = 1

EXECUTE = 1 << 0
READ = 1 << 2 | 1 << 3
"""Files, and the names in folders."""
WRITE = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 13 | 1 << 14
"""Write, truncate, rename, remove; make files and folders, and neither devices, sockets, pipes nor links."""
DEVICE = 1 << 1 | 1 << 2 | 1 << 15
"""Read, write and control one device file."""
_OF_FILES = EXECUTE | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15
"""The rights that a rule on a file, not a folder, may hold."""

_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many rights on files each version of the interface knows; later ones know 16 and more."""
_TCP_VERSION, _SCOPE_VERSION = 4, 6
_TCP = 1 << 0 | 1 << 1
"""Bind and connect."""
_SCOPES = 1 << 0 | 1 << 1
"""Connect to abstract sockets of, and send signals to, processes that are not confined with this one."""


def version() -> int:
    """Return the kernel's version of Landlock, 0 where it has none or it is switched off."""
    if sys.platform != "linux":
        return 0
    found = _libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG))
    return max(int(found), 0)


def restrict(rules: Mapping[Path, int], network: bool) -> None:
    """Confine this thread and what it starts from now on. Threads that run already are not confined.

    Args:
        rules: what may be done below each path (rights of this module, added up); nothing else is allowed. Paths that
            do not exist are passed over.
        network: leave TCP and processes of others reachable.

    Raises:
        OSError: the kernel refuses; nothing is confined then.
    """
    known = version()
    if not known:
        raise OSError("this kernel has no Landlock")
    handled = (1 << _RIGHTS.get(known, 16)) - 1
    tcp = _TCP if known >= _TCP_VERSION and not network else 0
    scopes = _SCOPES if known >= _SCOPE_VERSION and not network else 0
    fields = [handled, tcp, scopes][: 1 if known < _TCP_VERSION else 2 if known < _SCOPE_VERSION else 3]
    attributes = (ctypes.c_uint64 * len(fields))(*fields)
    ruleset = _call(_CREATE_RULESET, attributes, ctypes.c_size_t(ctypes.sizeof(attributes)), ctypes.c_uint32(0))
    try:
        for path, rights in rules.items():
            _allow(ruleset, path, rights & handled)
        _call(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rule = _PathBeneath(rights if path.is_dir() else rights & _OF_FILES, opened)
        if rule.allowed:
            _call(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_PATH_BENEATH), ctypes.byref(rule), ctypes.c_uint32(0))
    finally:
        os.close(opened)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(number: int, *arguments: object) -> int:
    answer = int(_libc().syscall(ctypes.c_long(number), *arguments))
    if answer < 0:
        raise OSError(ctypes.get_errno(), f"Landlock: {os.strerror(ctypes.get_errno())}")
    return answer

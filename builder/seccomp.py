"""Seccomp: system calls that reading a paper never needs fail in this process and all that it starts.

A classic BPF program that the kernel runs before every call (linux/seccomp.h, linux/filter.h). It lists what is
refused rather than what is allowed, so that another C library or Python version cannot make honest papers fail.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER_MODE = 38, 22, 2
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ARCHITECTURE = 0, 4
"""Where `struct seccomp_data` holds the call's number and the architecture that it was made by."""
_X32 = 0x40000000
"""The bit of calls by x86's third interface, under which every number comes again."""

_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SOCKET = {"x86_64": 41, "aarch64": 198}
_REFUSED = {
    "x86_64": {
        "ptrace": 101, "pivot_root": 155, "chroot": 161, "mount": 165, "umount2": 166, "swapon": 167, "swapoff": 168,
        "reboot": 169, "init_module": 175, "delete_module": 176, "quotactl": 179, "kexec_load": 246, "add_key": 248,
        "request_key": 249, "keyctl": 250, "unshare": 272, "perf_event_open": 298, "name_to_handle_at": 303,
        "open_by_handle_at": 304, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312,
        "finit_module": 313, "kexec_file_load": 320, "bpf": 321, "userfaultfd": 323,
    },
    "aarch64": {
        "ptrace": 117, "pivot_root": 41, "chroot": 51, "mount": 40, "umount2": 39, "swapon": 224, "swapoff": 225,
        "reboot": 142, "init_module": 105, "delete_module": 106, "quotactl": 60, "kexec_load": 104, "add_key": 217,
        "request_key": 218, "keyctl": 219, "unshare": 97, "perf_event_open": 241, "name_to_handle_at": 264,
        "open_by_handle_at": 265, "setns": 268, "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272,
        "finit_module": 273, "kexec_file_load": 294, "bpf": 280, "userfaultfd": 282,
    },
}  # fmt: skip
_IO_URING = (425, 426, 427)
"""io_uring_setup, _enter and _register, of one number everywhere: they would make sockets past this filter."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def available() -> bool:
    """Whether calls can be filtered here: Linux on a processor whose numbers are listed."""
    return sys.platform == "linux" and platform.machine() in _AUDIT and sys.maxsize > 1 << 32


def no_new_privileges() -> None:
    """Let nothing that this process starts gain rights by set-user-id bits or file capabilities.

    Raises:
        OSError: the kernel refuses.
    """
    _prctl(_NO_NEW_PRIVILEGES, 1, 0)


def refuse_calls(network: bool) -> None:
    """Refuse tracing, mounting, kernel interfaces and, unless `network`, sockets of every kind (pairs stay).

    `no_new_privileges` goes before it.

    Raises:
        OSError: the kernel refuses, or `available` is false.
    """
    if not available():
        raise OSError("no filter of system calls for this machine")
    machine = platform.machine()
    refused = dict.fromkeys(_REFUSED[machine].values(), errno.EPERM) | dict.fromkeys(_IO_URING, errno.ENOSYS)
    if not network:
        refused[_SOCKET[machine]] = errno.EACCES
    lines = _assemble(_AUDIT[machine], refused)
    program = _Program(len(lines) // 8, lines)
    _prctl(_SET_SECCOMP, _FILTER_MODE, ctypes.addressof(program))


def _assemble(audit: int, refused: dict[int, int]) -> bytes:
    """Return the program: `ENOSYS` to calls of other interfaces, the errors of `refused`, all else allowed."""
    lines = [
        _line(_LOAD, _ARCHITECTURE),
        _line(_EQUAL, audit, then=1),
        _line(_RETURN, _ERRNO | errno.ENOSYS),
        _line(_LOAD, _NUMBER),
        _line(_AT_LEAST, _X32, otherwise=1),
        _line(_RETURN, _ERRNO | errno.ENOSYS),
    ]
    for number, error in refused.items():
        lines += [_line(_EQUAL, number, otherwise=1), _line(_RETURN, _ERRNO | error)]
    return b"".join([*lines, _line(_RETURN, _ALLOW)])


def _line(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)


def _prctl(option: int, value: int, argument: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(argument), ctypes.c_ulong(0), ctypes.c_ulong(0)):
        raise OSError(ctypes.get_errno(), f"prctl: {os.strerror(ctypes.get_errno())}")

"""Who may work in a dataset folder: one process that writes, or any number that read.

The lock is the kernel's (`flock` on `.s1-mmalign/lock`), so it goes with its owner, however that ends: a lock that
nobody holds cannot stay behind, and nothing has to be cleaned up. On a network file system it holds between machines;
when the owner's machine is lost, the file server lets go of it after its lease (NFS 4: about 90 s). What the file says
(who has it, where, since when) is for people, and decides nothing.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from s1_mmalign.builder.processes import is_alive
from s1_mmalign.builder.shards import MANIFEST_NAME, WORK_FOLDER, FolderError

LOCK_NAME = "lock"
LOCK_SECONDS = 5.0
"""How long is waited for the lock: the workers of a killed run may hold it for a moment more."""
_POLL_SECONDS = 0.05
_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL)
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)

_held: set[tuple[int, int, str]] = set()
"""What is locked for writing, as (process, thread, folder): a stage that holds a folder calls others that need it."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a dataset folder (made where it is missing) to write in it; nothing is done where this thread holds it.

    Raises:
        FolderError: another process holds it (the text says which), or the folder holds files of something else.
    """
    if folder.exists() and not folder.is_dir():
        raise FolderError(f"{folder}: is a file; name the folder of the dataset.")
    own = os.getpid(), threading.get_ident(), str(folder.resolve())
    if own in _held:
        yield
        return
    content = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    if content and not {MANIFEST_NAME, WORK_FOLDER} & content:
        raise FolderError(f"{folder}: is not empty and no dataset folder. Name a new or empty folder with --out.")
    try:
        (folder / WORK_FOLDER).mkdir(parents=True, exist_ok=True)
        file = _open(folder)
    except OSError as error:
        raise FolderError(f"{folder}: cannot be written to ({error.strerror}).") from error
    try:
        _take(folder, file, fcntl.LOCK_EX)
        _note_owner(file)
        _held.add(own)
        _remove_leftovers(folder)
        yield
    finally:
        if own in _held:
            _held.discard(own)
            _forget_owner(file)
        os.close(file)


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Keep others from writing in a dataset folder while it is read. One that cannot be written to needs no lock.

    Raises:
        FolderError: another process writes in it (the text says which).
    """
    if (os.getpid(), threading.get_ident(), str(folder.resolve())) in _held or not folder.is_dir():
        yield
        return
    try:
        (folder / WORK_FOLDER).mkdir(exist_ok=True)
        file = _open(folder)
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise
        yield
        return
    try:
        _take(folder, file, fcntl.LOCK_SH)
        yield
    finally:
        os.close(file)


def _remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of processes that were killed: nobody else writes here now."""
    for path in folder.rglob(".*.tmp"):
        path.unlink(missing_ok=True)
    for path in (folder / WORK_FOLDER).glob("*-*.tmp"):  # scratch folders of runs
        shutil.rmtree(path, ignore_errors=True)


def _open(folder: Path) -> int:
    return os.open(folder / WORK_FOLDER / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)


def _take(folder: Path, file: int, kind: int) -> None:
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno in _NO_LOCKS:
                logging.warning("%s: its file system has no locks; see that no other command works there", folder)
                return
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            if time.monotonic() > end:
                raise FolderError(
                    f"{folder}: another process works in this folder{_owner(file)}. Wait for it, or end it."
                ) from error
        time.sleep(_POLL_SECONDS)


def _note_owner(file: int) -> None:
    """Say in the lock who has it."""
    command = " ".join([Path(sys.argv[0] or "python").name, *sys.argv[1:2]])
    since = datetime.now(UTC).isoformat(timespec="seconds")
    owner = {"pid": os.getpid(), "host": socket.gethostname(), "since": since, "command": command}
    try:
        os.ftruncate(file, 0)
        os.pwrite(file, (json.dumps(owner) + "\n").encode(), 0)
    except OSError as error:  # a full disk: the lock holds without it
        logging.getLogger(__name__).debug("the owner of the lock could not be noted: %s", error)


def _forget_owner(file: int) -> None:
    """A process may live on when its stage has ended."""
    with suppress(OSError):
        os.ftruncate(file, 0)


def _owner(file: int) -> str:
    """What the lock says of the one that writes; nothing where others read."""
    try:
        owner = json.loads(os.pread(file, 4096, 0))
        pid, host, since, command = (owner[name] for name in ("pid", "host", "since", "command"))
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    if host != socket.gethostname():
        return (
            f" ({command}, process {pid} on {host}, since {since}; if that machine is gone, its file server lets go of "
            "the lock by itself, after a minute or two)"
        )
    return f" ({command}, process {pid} on {host}, since {since})" if is_alive(pid) else ""

"""Where strangers' files are read: a process that can compute, read, and write to a scratch folder of its own.

Beside the limits of memory and time (`workers`) a worker is confined by what the kernel offers:

1. no new privileges: nothing that it starts gains rights;
2. Landlock: it writes in its scratch folder alone, runs programs of the system and of this Python alone, and reads
   neither the hidden files of the home folder (keys, tokens) nor other places of credentials;
3. seccomp: no sockets, no tracing, no mounting.

Programs that it starts (Ghostscript, TeX, the drawing process) are under the same rules. Where papers come from URLs,
the worker itself fetches them: it keeps the network and the credentials, and what it may write stays as narrow.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from s1_mmalign.builder import landlock, seccomp
from s1_mmalign.builder.ghostscript import EXECUTABLE_VARIABLE
from s1_mmalign.builder.processes import is_alive
from s1_mmalign.builder.sources.locations import is_url

SWITCH = "S1_MMALIGN_SANDBOX"
"""Set to `off` in the environment, workers are not confined: a way out for file systems that this cannot serve."""
PREFIX = "s1-mmalign-scratch-"

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:TOKEN|SECRETS?|PASSWORD|PASSWD|CREDENTIALS?|(?:API|ACCESS|PRIVATE|SECRET|ACCOUNT|SAS)_?KEY(?:_ID)?"
    r"|CONNECTION_STRING|SESSION_TOKEN)(?:$|_)",
    re.IGNORECASE,
)
_CREDENTIAL_FILES = (
    "HF_TOKEN_PATH", "GOOGLE_APPLICATION_CREDENTIALS", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE", "NETRC", "KUBECONFIG", "SSL_CLIENT_KEY",
)  # fmt: skip
_RUNTIME_SECRETS = (
    "/proc", "/run/secrets", "/run/user", "/run/credentials", "/etc/shadow", "/etc/gshadow", "/etc/ssl/private",
)  # fmt: skip
"""Not to be read; the processes of others under /proc show their environments."""
_OF_PROC = ("cpuinfo", "filesystems", "loadavg", "meminfo", "stat", "sys", "uptime", "version", "self")
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/nix/store", "/gnu/store", "/snap")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


@dataclass(frozen=True, slots=True)
class Confinement:
    """What one pool of workers may do. `inputs` are the folders that its papers lie in."""

    scratch: Path
    inputs: tuple[Path, ...] = ()
    network: bool = False


def missing() -> list[str]:
    """Return what this system cannot do of the confinement, in words; nothing where it can do all."""
    if os.environ.get(SWITCH) == "off":
        return [f"nothing is confined ({SWITCH}=off)"]
    if sys.platform != "linux":
        return ["only limits of time hold" if sys.platform == "win32" else "only limits of time and memory hold"]
    found = []
    if not landlock.version():
        found.append("files outside of the scratch folder are not protected (no Landlock)")
    if not seccomp.available():
        found.append("sockets are not refused (no filter of system calls for this processor)")
    return found


def confinement_of(papers: Iterable[Path], scratch: Path) -> Confinement:
    """Return the confinement for reading these papers: with the network where one of them is a URL."""
    roots = list(papers)
    local = [root.resolve() for root in roots if not is_url(root)]
    inputs = dict.fromkeys([*local, *(root.with_suffix(".json") for root in local if root.suffix.lower() == ".pdf")])
    for root in local:
        inputs |= dict.fromkeys(_linked(root))
    return Confinement(scratch, tuple(inputs), len(local) < len(roots))


def confine(confinement: Confinement) -> Path:
    """Confine this process for good; return its scratch folder, which is also where `tempfile` writes from now on.

    What the kernel refuses is left out (`missing` tells of it); reading goes on.
    """
    scratch = _own_scratch(confinement.scratch)
    rules = _rules(confinement, scratch)  # variables that are removed below say where credentials lie
    os.environ |= dict.fromkeys(("TMPDIR", "TMP", "TEMP"), str(scratch))
    tempfile.tempdir = str(scratch)
    if not confinement.network:
        for name in [name for name in os.environ if _SECRET_NAME.search(name)]:
            del os.environ[name]
    if sys.platform != "linux" or os.environ.get(SWITCH) == "off":
        return scratch
    with contextlib.suppress(OSError):
        seccomp.no_new_privileges()
        with contextlib.suppress(OSError):
            landlock.restrict(rules, confinement.network)
        seccomp.refuse_calls(confinement.network)
    return scratch


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make the folder that a pool's workers have theirs in; it is removed with all in it when the block ends.

    The folders of runs that were killed are removed first: each is held by a lock that ends with its owner.
    """
    _sweep(Path(tempfile.gettempdir()))
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        held = _hold(folder)
        if folder.is_dir():  # else another run has swept it away between these two lines
            break
    try:
        yield folder
    finally:
        if held is not None:
            os.close(held)
        shutil.rmtree(folder, ignore_errors=True)


def _rules(confinement: Confinement, scratch: Path) -> dict[Path, int]:
    """What Landlock allows, by path; rights of several rules on one path's way add up."""
    if confinement.network:
        readable: Sequence[Path] = [Path("/")]
    else:
        withheld = _withheld()
        needed = [path for path in (*_code(), *_processes(), *confinement.inputs) if not _holds(path, withheld)]
        readable = [*_without(Path("/"), withheld), *needed]
    rules = dict.fromkeys(readable, landlock.READ)
    for path in _programs():
        rules[path] = rules.get(path, 0) | landlock.READ | landlock.EXECUTE
    rules |= dict.fromkeys(map(Path, _DEVICES), landlock.DEVICE)
    rules[scratch] = landlock.READ | landlock.WRITE
    return rules


def _withheld() -> list[Path]:
    """Where credentials lie: hidden entries of the home folder, files that variables name, mounts of secrets."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home raises where there is none
    paths = [Path(path) for path in _RUNTIME_SECRETS]
    with contextlib.suppress(OSError):
        paths += [entry for entry in home.iterdir() if entry.name.startswith(".")]
    paths += [Path(os.environ[name]) for name in _CREDENTIAL_FILES if os.environ.get(name)]
    hub = Path(os.environ.get("HF_HOME") or home / ".cache" / "huggingface")
    paths += [hub / "token", hub / "stored_tokens"]
    return [path.resolve() for path in paths if path.is_absolute()]


def _without(folder: Path, withheld: Sequence[Path]) -> Iterator[Path]:
    """Yield paths that hold all below `folder` but what is withheld."""
    if folder in withheld:
        return
    if not _holds(folder, withheld):
        yield folder
        return
    with contextlib.suppress(OSError):
        for entry in sorted(folder.iterdir()):
            if not entry.is_symlink():
                yield from _without(entry, withheld)


def _holds(folder: Path, withheld: Sequence[Path]) -> bool:
    return any(path != folder and path.is_relative_to(folder) for path in withheld)


def _code() -> list[Path]:
    """Where Python and this package are read from, wherever they are installed."""
    paths = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.exec_prefix), Path(__file__).parents[1]]
    return [path.resolve() for path in (*paths, *map(Path, filter(None, sys.path)))]


def _processes() -> list[Path]:
    """What is read of /proc: figures of the machine, and this process itself."""
    return [Path("/proc", name).resolve() for name in _OF_PROC]


def _programs() -> list[Path]:
    """Where programs are that may be run: the system's, this Python's, and those that the PATH names."""
    found = [Path(path) for path in _SYSTEM]
    found += [Path(sys.prefix, "bin"), Path(sys.base_prefix), Path(sys.executable).resolve().parent]
    found += [Path(entry) for entry in os.environ.get("PATH", "").split(os.pathsep) if entry.startswith("/")]
    named = shutil.which(os.environ.get(EXECUTABLE_VARIABLE, ""))
    return [path.resolve() for path in (*found, *([Path(named).resolve().parent] if named else ()))]


def _linked(root: Path) -> Iterator[Path]:
    """The folders of what links below an input point to: links to files are followed as they are found."""
    waiting = [os.fspath(root)] if root.is_dir() else []
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    yield Path(entry.path).resolve().parent
                elif entry.is_dir():
                    waiting.append(entry.path)


def _own_scratch(pool: Path) -> Path:
    """Make this process' folder in the pool's; remove those of processes that are gone."""
    for folder in pool.iterdir():
        number = folder.name.partition("-")[0]
        if number.isdecimal() and not is_alive(int(number)):
            shutil.rmtree(folder, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=pool))


def _sweep(folder: Path) -> None:
    with contextlib.suppress(OSError):
        for entry in folder.glob(f"{PREFIX}*"):
            held = _hold(entry)
            if held is not None:
                shutil.rmtree(entry, ignore_errors=True)
                os.close(held)


def _hold(folder: Path) -> int | None:
    """Lock a folder for this process; None where another one holds it, or where folders cannot be locked."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    opened = None
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        if opened is not None:
            os.close(opened)
        return None
    return opened

"""Readers as processes: an environment of their own for the peers, a time limit a paper, and what each answers."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

import psutil

READERS = Path(__file__).parent / "extraction_readers"
PEER_PACKAGES = (
    "pypandoc_binary==1.17",  # carries pandoc 3.9
    "pylatexenc==2.11",
    "TexSoup==0.3.3",
    "pymupdf==2.0",  # carries pymupdf4llm
    "pymupdf4llm==2.0",
    "pyvips==3.2.0",
    "pyvips-binary==8.18.7",
    "pillow==13.0.0",
    "zlib-ng==1.1.0",
    "isal==1.9.1",
)
START_SECONDS = 120.0


def peers_python(cache: Path) -> Path:
    """Return the interpreter of the peers' environment under `cache`; it is made on the first call."""
    folder = cache / "peers"
    python, mark = folder / "bin" / "python", folder / "packages.json"
    if not mark.is_file() or json.loads(mark.read_text()) != list(PEER_PACKAGES):
        print(f"making the peers' environment in {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PEER_PACKAGES]
        subprocess.run(install, check=True)
        mark.write_text(json.dumps(PEER_PACKAGES))
    return python


class ReaderProcess:
    """A reader in a process that is kept while it answers, and replaced when it was killed or died."""

    def __init__(self, python: Path, module: str, limit_s: float) -> None:
        self._command = [str(python), "-u", str(READERS / "serve.py"), module]
        self._limit_s = limit_s
        self._process: subprocess.Popen[bytes] | None = None
        self.version = ""

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer with `wall` and `cpu` seconds, or one with `error`."""
        process = self._running()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            answer = self._line(self._limit_s)
        except (BrokenPipeError, EOFError):
            return self._lost("the process died", request)
        except TimeoutError:
            return self._lost(f"over {self._limit_s:g} s", request)
        return answer

    def memory(self) -> tuple[int, int]:
        """Return the resident bytes of the process and of those that it started."""
        own = psutil.Process(self._running().pid)
        children = own.children(recursive=True)
        return own.memory_info().rss, sum(child.memory_info().rss for child in children)

    def close(self) -> None:
        """End the process and what it started (it leads a process group of its own)."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            self._process = subprocess.Popen(self._command, bufsize=0, start_new_session=True, **pipes)  # type: ignore[call-overload]
            try:
                self.version = self._line(START_SECONDS)["version"]
            except (EOFError, TimeoutError) as error:
                self.close()
                raise RuntimeError(f"a reader does not start; try: {' '.join(self._command)}") from error
        return self._process

    def _line(self, limit_s: float) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        end = time.monotonic() + limit_s
        line = b""
        while not line.endswith(b"\n"):
            if not select.select([self._process.stdout], [], [], max(0.0, end - time.monotonic()))[0]:
                raise TimeoutError
            block = os.read(self._process.stdout.fileno(), 1 << 20)
            if not block:
                raise EOFError
            line += block
        return json.loads(line)

    def _lost(self, why: str, request: dict[str, Any]) -> dict[str, Any]:
        self.close()
        return {"error": f"{why} over {request['id']}", "wall": self._limit_s, "cpu": self._limit_s}

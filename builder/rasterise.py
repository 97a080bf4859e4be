"""PDF and SVG figures -> pixels, by MuPDF in a process of its own.

MuPDF holds Python's lock while it draws, so a picture that takes for ever could not be stopped in this process,
and one that crashes it would take the whole paper along. One drawing process is kept at hand (its start takes
half a second) and replaced when it is lost over a picture, after which only that picture is dropped.
`python -m s1_mmalign.builder.rasterise` is that process: it reads requests from stdin and answers on stdout, each
a length, a JSON object and bytes. PyMuPDF is under the AGPL; see the README.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import math
import os
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from s1_mmalign.builder.image_form import ImageDrop, shown_box

if TYPE_CHECKING:
    from PIL import Image

    from s1_mmalign.builder.records import Graphic

_START_SECONDS = 120.0
_PICTURES_PER_PROCESS = 500
"""MuPDF's caches and leaks stay bounded: the process is replaced after so many pictures."""
_MEMORY = 4 << 30
"""Address space of the drawing process, in bytes (where the system can limit it)."""
_HEADER = struct.Struct("<II")
_ORPHAN_SECONDS = 5
"""The drawing process ends itself so long after a picture's time limit, should the process that asked be dead."""


def render_document(
    data: bytes, form: Literal["pdf", "svg"], longest_side: int, timeout_s: float, graphic: Graphic | None = None
) -> Image.Image:
    """Draw a page of a PDF or an SVG on white.

    Args:
        data: the file.
        form: what it is.
        longest_side: pixels of the longer side of what comes out.
        timeout_s: seconds that this picture may take.
        graphic: its page, and its trim or viewport where it has `clip`.

    Returns:
        An RGB picture.

    Raises:
        ImageDrop: `image_timeout`, or `image_unreadable` (corrupt, encrypted, no such page, or MuPDF died of it).
        RuntimeError: the drawing process cannot be started at all.
    """
    from PIL import Image

    clip = graphic is not None and graphic.clip
    request = {
        "form": form,
        "page": graphic.page if graphic else 1,
        "trim": graphic.trim if graphic and clip else None,
        "viewport": graphic.viewport if graphic and clip else None,
        "longest_side": longest_side,
        "alarm": math.ceil(timeout_s) + _ORPHAN_SECONDS,
    }
    answer, samples = _drawing(request, data, timeout_s)
    if "error" in answer:
        raise ImageDrop("image_unreadable", f"{form.upper()}: {answer['error']}")
    return Image.frombytes("RGB", (answer["width"], answer["height"]), samples)


class _Drawer:
    """The drawing process, seen from the process that asks it. One request at a time."""

    def __init__(self) -> None:
        command = [sys.executable, "-P", "-m", __name__]
        self.pictures = 0
        self.timed_out = False
        self._busy = False
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self._stdin: IO[bytes] = self.process.stdin  # type: ignore[assignment]  # always pipes here
        self._stdout: IO[bytes] = self.process.stdout  # type: ignore[assignment]
        if self._exchange(None, b"", _START_SECONDS) is None:
            raise RuntimeError(f"the drawing process does not start: {' '.join(command)} ended with {self.close()}")

    def ask(self, request: dict[str, Any], data: bytes, timeout_s: float) -> tuple[dict[str, Any], bytearray]:
        """Return the answer.

        Raises:
            ImageDrop: the process died over this request (`image_unreadable`) or had to be killed (`image_timeout`).
        """
        self.pictures += 1
        self._busy = True
        answer = self._exchange(request, data, timeout_s)
        self._busy = False
        if answer is not None and not self.timed_out:
            return answer
        exit_code = self.close()
        if self.timed_out:
            raise ImageDrop("image_timeout", f"MuPDF took longer than {timeout_s:g} s")
        raise ImageDrop("image_unreadable", f"MuPDF ended with exit code {exit_code} over it")

    def alive(self) -> bool:
        """Whether it can take another request. One that was interrupted in a request still owes that answer."""
        return self.process.poll() is None and not self._busy and self.pictures < _PICTURES_PER_PROCESS

    def close(self) -> int:
        """End it; return its exit code."""
        self.release()
        try:
            return self.process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def release(self) -> None:
        """Close this process' ends of the pipes; the drawing process ends when all of them are closed."""
        self._stdin.close()
        self._stdout.close()

    def _exchange(
        self, request: dict[str, Any] | None, data: bytes, timeout_s: float
    ) -> tuple[dict[str, Any], bytearray] | None:
        self.timed_out = False
        clock = threading.Timer(timeout_s, self._stop_late)
        clock.daemon = True
        clock.start()
        try:
            if request is not None:
                _send(self._stdin, request, data)
            return _receive(self._stdout)
        except (BrokenPipeError, EOFError):
            return None
        finally:
            clock.cancel()
            clock.join()

    def _stop_late(self) -> None:
        self.timed_out = True
        self.process.kill()


_drawer: _Drawer | None = None
_lock = threading.Lock()


def _drawing(request: dict[str, Any], data: bytes, timeout_s: float) -> tuple[dict[str, Any], bytearray]:
    global _drawer
    with _lock:
        if _drawer is not None and not _drawer.alive():
            _drawer.close()
            _drawer = None
        if _drawer is None:
            _drawer = _Drawer()
        return _drawer.ask(request, data, timeout_s)


@atexit.register
def _close() -> None:
    global _drawer
    if _drawer is not None:
        _drawer.close()
        _drawer = None


def _forget() -> None:
    """In a forked process: the drawing process belongs to the parent."""
    global _drawer, _lock
    _lock = threading.Lock()
    if _drawer is not None:
        _drawer.release()
        _drawer = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _send(pipe: IO[bytes], head: dict[str, Any], body: bytes) -> None:
    text = json.dumps(head).encode()
    for part in (_HEADER.pack(len(text), len(body)) + text, body):
        view = memoryview(part)
        while view:
            view = view[pipe.write(view) :]


def _receive(pipe: IO[bytes]) -> tuple[dict[str, Any], bytearray]:
    """Raise `EOFError` where the other side is gone."""
    head_bytes, body_bytes = _HEADER.unpack(_read_exactly(pipe, _HEADER.size))
    return json.loads(_read_exactly(pipe, head_bytes)), _read_exactly(pipe, body_bytes)


def _read_exactly(pipe: IO[bytes], size: int) -> bytearray:
    buffer = bytearray(size)
    view = memoryview(buffer)
    done = 0
    while done < size:
        count = pipe.readinto(view[done:])  # type: ignore[attr-defined]  # raw files have it
        if not count:
            raise EOFError
        done += count
    return buffer


def _draw(request: dict[str, Any], data: bytes | bytearray) -> tuple[int, int, bytes]:
    """Draw one request, in the drawing process. Any exception is the file's fault."""
    import pymupdf

    with pymupdf.open(stream=data, filetype=request["form"]) as document:
        if document.needs_pass:
            raise ValueError("encrypted")
        if not 1 <= request["page"] <= document.page_count:
            raise ValueError(f"page {request['page']} is asked for, it has {document.page_count}")
        page = document[request["page"] - 1]
        natural = page.rect
        if not (math.isfinite(natural.width + natural.height) and min(natural.width, natural.height) > 0):
            raise ValueError(f"page of {natural.width:g} x {natural.height:g} points")
        x0, y0, x1, y1 = shown_box(natural.width, natural.height, request["trim"], request["viewport"])
        scale = request["longest_side"] / max(x1 - x0, y1 - y0)
        # Moved to the origin and cut in whole pixels, so that rounding adds no row or column of the neighbourhood.
        left, top = (natural.x0 + x0) * scale, (natural.y0 + natural.height - y1) * scale
        width, height = max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale))
        matrix = pymupdf.Matrix(scale, 0, 0, scale, -left, -top)
        clip = pymupdf.Rect(0, 0, width, height) * ~matrix
        pixels = page.get_pixmap(matrix=matrix, clip=clip, colorspace=pymupdf.csRGB, alpha=False, annots=False)
        if pixels.stride != 3 * pixels.width:
            raise ValueError("rows of pixels with padding")
        return pixels.width, pixels.height, pixels.samples


def _serve() -> None:
    """Draw until a pipe ends: `EOFError` or `BrokenPipeError`."""
    stdin, stdout = os.fdopen(os.dup(0), "rb", buffering=0), os.fdopen(os.dup(1), "wb", buffering=0)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)  # what MuPDF prints must not come among the answers
    _limit_process()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks; this one ends with its pipes
    import pymupdf

    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    _send(stdout, {"ready": True}, b"")
    while True:
        request, data = _receive(stdin)
        if hasattr(signal, "alarm"):
            signal.alarm(request["alarm"])
        try:
            width, height, samples = _draw(request, data)
        except Exception as error:  # noqa: BLE001 - the isolation boundary: a bad file is an answer
            _send(stdout, {"error": f"{error}"[:200] or type(error).__name__}, b"")
        else:
            _send(stdout, {"width": width, "height": height}, samples)
        if hasattr(signal, "alarm"):
            signal.alarm(0)
        pymupdf.TOOLS.store_shrink(100)  # nothing that is cached serves the next file


def _limit_process() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = _MEMORY if hard == resource.RLIM_INFINITY else min(_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # It outlives the paper whose limit of processor time it was started under; each picture has an alarm of its own.
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))


if __name__ == "__main__":
    with contextlib.suppress(EOFError, BrokenPipeError):  # the process that asks is gone
        _serve()

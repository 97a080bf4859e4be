"""PostScript and EPS -> pixels, by a Ghostscript process that can read nothing else and can be stopped.

Each picture is one `gs -dSAFER` in a process group of its own, with the file and a scratch folder as its whole
world. It draws straight at the target size: the resolution comes from the bounding box. Pages come through
a pipe, and the process is killed as soon as the page that is wanted is there, so neither endless pages nor
endless messages fill anything.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from PIL import Image

from s1_mmalign.builder.image_form import Box, ImageDrop
from s1_mmalign.builder.postscript_page import BOX_COMMENT, Canvas, bounding_box, canvas_of, usable_box
from s1_mmalign.builder.processes import bounded, end_group
from s1_mmalign.builder.records import Graphic

EXECUTABLE_VARIABLE = "S1_MMALIGN_GHOSTSCRIPT"
"""Environment variable that names the Ghostscript executable where it is not on PATH under a usual name."""

_EXECUTABLES = ("gs", "gswin64c", "gswin32c")
_MISSING = (
    'EPS and PS figures need Ghostscript: "apt-get install ghostscript" or "brew install ghostscript", '
    f"or name the executable in {EXECUTABLE_VARIABLE}"
)
_MEMORY = 4 << 30
"""Address space of one Ghostscript, in bytes (where the system can limit it)."""
_MESSAGE_BYTES = 4096
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "GS_LIB", "GS_FONTPATH", "SYSTEMROOT")
"""All that Ghostscript gets of our environment: PostScript can read and draw what stands there."""

FILE_NAME = "figure.ps"
SAFELY: tuple[str, ...] = ("-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-dNOPROMPT", "-sstdout=%stderr")
TO_PIPE: tuple[str, ...] = (
    "-sDEVICE=ppmraw", "-dTextAlphaBits=4", "-dGraphicsAlphaBits=4", "-sOutputFile=%stdout"
)  # fmt: skip
_ONE_FILE: tuple[str, ...] = ("-f", FILE_NAME, "-c", "showpage")
"""The last is for plain PostScript that ends without; one page too many does no harm."""


def find_ghostscript() -> str:
    """Return the path of the Ghostscript executable.

    Raises:
        ImageDrop: `renderer_missing`; the detail says how to install it.
    """
    named = os.environ.get(EXECUTABLE_VARIABLE)
    if named:
        found = shutil.which(named)
        if found is None:
            raise ImageDrop("renderer_missing", f"{EXECUTABLE_VARIABLE}={named!r} is no executable. {_MISSING}")
        return found
    for name in _EXECUTABLES:
        found = shutil.which(name)
        if found is not None:
            return found
    raise ImageDrop("renderer_missing", _MISSING)


def render_postscript(data: bytes, longest_side: int, timeout_s: float, graphic: Graphic | None = None) -> Image.Image:
    """Draw a page of a PostScript or EPS file on white, cut to its bounding box.

    Args:
        data: the PostScript, without a DOS EPS header (`image_form.read_form` takes that off).
        longest_side: pixels of the longer side of what comes out.
        timeout_s: seconds that this file may take, search for a bounding box included.
        graphic: its page, and its trim or viewport where it has `clip`.

    Returns:
        An RGB picture.

    Raises:
        ImageDrop: `renderer_missing`, `image_timeout`, `image_blank` (nothing is drawn) or `image_unreadable`.
    """
    executable = find_ghostscript()
    deadline = time.monotonic() + timeout_s
    page = graphic.page if graphic else 1
    with tempfile.TemporaryDirectory(prefix="s1-mmalign-gs-", ignore_cleanup_errors=True) as scratch:
        Path(scratch, FILE_NAME).write_bytes(data)
        box = bounding_box(data) or _measure(executable, scratch, page, deadline)
        canvas = canvas_of(data, box, longest_side, graphic)
        pixels = _draw(executable, scratch, canvas, page, deadline)
    return canvas.picture(pixels)


def _measure(executable: str, scratch: str, page: int, deadline: float) -> Box:
    """Let Ghostscript find where the page has ink."""
    with running([executable, *SAFELY, "-sDEVICE=bbox", *_ONE_FILE], scratch, deadline) as run:
        run.read(1 << 20)  # the boxes come as messages; there is no other output
        run.finish()
    found = [match for match in BOX_COMMENT.finditer(run.messages) if match[1] and not match[2]]
    boxes = [usable_box(match.groups()[2:]) for match in found]
    if len(boxes) >= page and (box := boxes[page - 1]) is not None:
        return box
    if run.failed:
        raise ImageDrop("image_unreadable", f"PostScript: {run.explain()}")
    raise ImageDrop("image_blank", "PostScript without a bounding box that draws nothing")


def _draw(executable: str, scratch: str, canvas: Canvas, page: int, deadline: float) -> bytes:
    device = [
        *TO_PIPE,
        f"-r{canvas.dpi:.6f}",
        f"-g{canvas.width}x{canvas.height}",
        f"-dMaxBitmap={canvas.memory}",
        "-c",
        f"<<{canvas.install}>> setpagedevice",
    ]
    with running([executable, *SAFELY, *device, *_ONE_FILE], scratch, deadline) as run:
        pixels = None
        for _ in range(page):
            pixels = run.read_page(canvas.width, canvas.height)
            if pixels is None:
                break
        if pixels is None:
            run.finish()
    if pixels is None:
        raise ImageDrop("image_unreadable", f"PostScript: {run.explain()}")
    return pixels


class GhostscriptRun:
    """One Ghostscript at work. `messages` is the tail of what it said."""

    def __init__(self, process: subprocess.Popen[bytes], deadline: float) -> None:
        self.process = process
        self.messages = b""
        self.timed_out = False
        self._stdout: IO[bytes] = process.stdout  # type: ignore[assignment]  # always a pipe here
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self._clock = threading.Timer(max(0.0, deadline - time.monotonic()), self._stop_late)
        self._clock.daemon = True
        self._clock.start()

    def read(self, size: int) -> bytes:
        """Return the next bytes of output, fewer than `size` at its end."""
        return self._stdout.read(size)

    def read_page(self, width: int, height: int) -> bytes | None:
        """Return the samples of the next PPM page; None where there is none, or not all of it."""
        header: list[bytes] = []
        while len(header) < 3 and (line := self._stdout.readline(256)):
            header += [] if line.startswith(b"#") else [line]
        if b"".join(header) != b"P6\n%d %d\n255\n" % (width, height):
            return None
        pixels = self._stdout.read(3 * width * height)
        return pixels if len(pixels) == 3 * width * height else None

    def finish(self) -> None:
        """Wait for the end; the clock bounds it."""
        self.process.wait()

    def stop(self) -> None:
        """Kill the group, and collect what was said."""
        self._clock.cancel()
        end_group(self.process)
        self.process.wait()
        self._listener.join()
        self._stdout.close()

    @property
    def failed(self) -> bool:
        """Whether it ended with an error or was killed."""
        return self.process.returncode != 0

    def explain(self) -> str:
        """What Ghostscript said of its failure, in one line."""
        lines = [line.strip() for line in self.messages.decode("latin-1").splitlines() if line.strip()]
        errors = [line for line in lines if "rror" in line]
        return (errors or lines or [f"no page (exit code {self.process.returncode})"])[0][:200]

    def _stop_late(self) -> None:
        self.timed_out = True
        end_group(self.process)

    def _listen(self) -> None:
        stderr: IO[bytes] = self.process.stderr  # type: ignore[assignment]
        with stderr:
            while part := stderr.read1(65_536):  # type: ignore[attr-defined]
                self.messages = (self.messages + part)[-_MESSAGE_BYTES:]


@contextlib.contextmanager
def running(command: list[str], scratch: str, deadline: float) -> Iterator[GhostscriptRun]:
    """Run Ghostscript in `scratch`, its whole world; it is gone when the block ends.

    Raises:
        ImageDrop: `image_timeout`, at the end of the block.
    """
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    environment |= dict.fromkeys(("TMPDIR", "TEMP", "TMP", "HOME"), scratch)
    process = subprocess.Popen(
        bounded(command, deadline - time.monotonic(), _MEMORY),
        cwd=scratch,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    run = GhostscriptRun(process, deadline)
    try:
        yield run
    finally:
        run.stop()
    if run.timed_out:
        raise ImageDrop("image_timeout", "Ghostscript took longer than timeout_s")

"""PostScript and EPS -> pixels, by a Ghostscript process that can read nothing else and can be stopped.

Each picture is one `gs -dSAFER` in a process group of its own, with the file and a scratch folder as its whole
world. It draws straight at the target size: the resolution comes from the bounding box. Pages come through
a pipe, and the process is killed as soon as the page that is wanted is there, so neither endless pages nor
endless messages fill anything.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from PIL import Image

from s1_mmalign.builder.image_form import POINTS_PER_INCH, Box, ImageDrop, shown_box
from s1_mmalign.builder.records import Graphic

EXECUTABLE_VARIABLE = "S1_MMALIGN_GHOSTSCRIPT"
"""Environment variable that names the Ghostscript executable where it is not on PATH under a usual name."""

_EXECUTABLES = ("gs", "gswin64c", "gswin32c")
_MISSING = (
    'EPS and PS figures need Ghostscript: "apt-get install ghostscript" or "brew install ghostscript", '
    f"or name the executable in {EXECUTABLE_VARIABLE}"
)
_MAX_POINTS = 14_400.0
"""A box longer than this is not believed (200 inches, the limit of PDF 1.7, annex C)."""
_MIN_POINTS = 0.1
_HIRES_SLACK = 2.0
"""%%HiResBoundingBox counts where it agrees with %%BoundingBox to so many points."""
_MEMORY = 4 << 30
"""Address space of one Ghostscript, in bytes (where the system can limit it)."""
_MESSAGE_BYTES = 4096
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "GS_LIB", "GS_FONTPATH", "SYSTEMROOT")
"""All that Ghostscript gets of our environment: PostScript can read and draw what stands there."""

_SUPERSAMPLING = 2
_IMAGE_OPERATOR = re.compile(rb"(?<![/A-Za-z])(?:color)?image(?![A-Za-z])")

_NUMBER = rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_BOX = re.compile(
    rb"(?:\A|(?<=[\r\n]))%%(HiRes)?BoundingBox:[ \t]*(?:(\(atend\))|"
    + rb"[ \t]+".join([rb"(" + _NUMBER + rb")"] * 4)
    + rb")"
)


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
        Path(scratch, "figure.ps").write_bytes(data)
        box = bounding_box(data) or _measure(executable, scratch, page, deadline)
        if graphic and graphic.clip:
            shown = shown_box(box[2] - box[0], box[3] - box[1], graphic.trim, graphic.viewport)
            box = (box[0] + shown[0], box[1] + shown[1], box[0] + shown[2], box[1] + shown[3])
        # Ghostscript shrinks images by leaving pixels out; its own cure (DOINTERPOLATE) also blurs the cells of small
        # ones, such as heat maps. So files that hold images are drawn larger and averaged.
        factor = _SUPERSAMPLING if _IMAGE_OPERATOR.search(data) else 1
        image = _draw(executable, scratch, box, page, factor, longest_side, deadline)
    return image.reduce(factor) if factor > 1 else image


def bounding_box(data: bytes) -> Box | None:
    """Return what the document's comments give as its box, in points; None where they give none that can be used.

    The first %%BoundingBox of the file counts, or the last where the first says `(atend)`; the box of higher
    resolution is taken where it agrees with that.
    """
    coarse, fine = (_comment_box(data, hires) for hires in (False, True))
    if coarse is None:
        return fine
    if fine is not None and all(abs(a - b) <= _HIRES_SLACK for a, b in zip(coarse, fine, strict=True)):
        return fine
    return coarse


def _comment_box(data: bytes, hires: bool) -> Box | None:
    matches = [match for match in _BOX.finditer(data) if bool(match[1]) == hires]
    if not matches:
        return None
    at_end = bool(matches[0][2])
    numbers = [match.groups()[2:] for match in matches if not match[2]]
    return _usable(numbers[-1 if at_end else 0]) if numbers else None


def _usable(numbers: tuple[bytes, ...]) -> Box | None:
    x0, y0, x1, y1 = (float(number) for number in numbers)
    fits = _MIN_POINTS <= x1 - x0 <= _MAX_POINTS and _MIN_POINTS <= y1 - y0 <= _MAX_POINTS
    return (x0, y0, x1, y1) if fits and max(map(abs, (x0, y0, x1, y1))) < 1e6 else None


def _measure(executable: str, scratch: str, page: int, deadline: float) -> Box:
    """Let Ghostscript find where the page has ink."""
    with _running(executable, ["-sDEVICE=bbox"], scratch, deadline) as run:
        run.read(1 << 20)  # the boxes come as messages; there is no other output
        run.finish()
    boxes = [_usable(match.groups()[2:]) for match in _BOX.finditer(run.messages) if match[1] and not match[2]]
    if len(boxes) >= page and (box := boxes[page - 1]) is not None:
        return box
    if run.failed:
        raise ImageDrop("image_unreadable", f"PostScript: {run.explain()}")
    raise ImageDrop("image_blank", "PostScript without a bounding box that draws nothing")


def _draw(
    executable: str, scratch: str, box: Box, page: int, factor: int, longest_side: int, deadline: float
) -> Image.Image:
    width_pt, height_pt = box[2] - box[0], box[3] - box[1]
    scale = longest_side / max(width_pt, height_pt)
    width, height = (factor * max(1, round(side * scale)) for side in (width_pt, height_pt))
    scale *= factor
    device = [
        "-sDEVICE=ppmraw",
        f"-r{scale * POINTS_PER_INCH:.6f}",
        f"-g{width}x{height}",
        "-dTextAlphaBits=4",
        "-dGraphicsAlphaBits=4",
        f"-dMaxBitmap={2 * 4 * width * height + (16 << 20)}",  # in memory: else it bands pages through files
        "-sOutputFile=%stdout",
        # Install, unlike a translate before the file, outlives the file's own initgraphics and setpagedevice.
        "-c",
        f"<</Install {{{-box[0]:.6f} {-box[1]:.6f} translate}}>> setpagedevice",
    ]
    with _running(executable, device, scratch, deadline) as run:
        pixels = None
        for _ in range(page):
            pixels = run.read_page(width, height)
            if pixels is None:
                break
        if pixels is None:
            run.finish()
    if pixels is None:
        raise ImageDrop("image_unreadable", f"PostScript: {run.explain()}")
    return Image.frombytes("RGB", (width, height), pixels)


class _Run:
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
        _kill(self.process)
        self.process.wait()
        self._listener.join()
        self._stdout.close()

    @property
    def failed(self) -> bool:
        return self.process.returncode != 0

    def explain(self) -> str:
        """What Ghostscript said of its failure, in one line."""
        lines = [line.strip() for line in self.messages.decode("latin-1").splitlines() if line.strip()]
        errors = [line for line in lines if "rror" in line]
        return (errors or lines or [f"no page (exit code {self.process.returncode})"])[0][:200]

    def _stop_late(self) -> None:
        self.timed_out = True
        _kill(self.process)

    def _listen(self) -> None:
        stderr: IO[bytes] = self.process.stderr  # type: ignore[assignment]
        with stderr:
            while part := stderr.read1(65_536):  # type: ignore[attr-defined]
                self.messages = (self.messages + part)[-_MESSAGE_BYTES:]


@contextlib.contextmanager
def _running(executable: str, device: list[str], scratch: str, deadline: float) -> Iterator[_Run]:
    """Run Ghostscript over the file in `scratch`; it is gone when the block ends.

    Raises:
        ImageDrop: `image_timeout`, at the end of the block.
    """
    command = [
        executable, "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-dNOPROMPT", "-sstdout=%stderr", *device,
        "-f", "figure.ps",
        "-c", "showpage",  # for plain PostScript that ends without; one page too many does no harm
    ]  # fmt: skip
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    environment |= dict.fromkeys(("TMPDIR", "TEMP", "TMP", "HOME"), scratch)
    process = subprocess.Popen(
        command,
        cwd=scratch,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    _limit(process.pid, deadline)
    run = _Run(process, deadline)
    try:
        yield run
    finally:
        run.stop()
    if run.timed_out:
        raise ImageDrop("image_timeout", "Ghostscript took longer than timeout_s")


def _limit(pid: int, deadline: float) -> None:
    """Bound memory, and processor time too: the limit holds when our own process is killed before its clock rings."""
    try:
        import resource
    except ImportError:  # Windows
        return
    if hasattr(resource, "prlimit"):  # Linux
        seconds = max(1, int(deadline - time.monotonic()) + 2)
        with contextlib.suppress(OSError, ValueError):  # gone already, or under a lower limit of its own
            resource.prlimit(pid, resource.RLIMIT_CPU, (seconds, seconds))
            resource.prlimit(pid, resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is not None:  # reaped: its number may be another's by now
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()

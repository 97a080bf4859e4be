"""The tiny models, made once for a test run and shared by its tests."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from tests.models.tiny_qwen3_vl import make


@cache
def tiny_qwen3_vl() -> Path:
    """Return the folder of a tiny Qwen3-VL; 4 s the first time."""
    folder = Path(tempfile.mkdtemp(prefix="tiny-models-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return make(folder / "tiny-qwen3-vl")

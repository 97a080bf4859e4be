"""How busy the GPUs of this machine are, as the driver's own program tells; nothing where there is none."""

from __future__ import annotations

import shutil
import subprocess

_QUERY = ("--query-gpu=utilization.gpu,memory.used,memory.total", "--format=csv,noheader,nounits")
SECONDS = 5.0
"""What nvidia-smi may take; one that hangs on a lost GPU is not waited for."""


def gpu_use() -> list[tuple[int, int, int]]:
    """Return (per cent busy, MiB used, MiB there) of each GPU; [] where it is not known."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        done = subprocess.run([program, *_QUERY], capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return parse_use(done.stdout) if done.returncode == 0 else []


def parse_use(text: str) -> list[tuple[int, int, int]]:
    """Read nvidia-smi's lines; a GPU that does not tell ("[N/A]") is left out."""
    found = []
    for line in text.splitlines():
        values = [value.strip() for value in line.split(",")]
        if len(values) == 3 and all(value.isdigit() for value in values):
            found.append((int(values[0]), int(values[1]), int(values[2])))
    return found

"""A month of arXiv, made out of the sample papers: built, killed and built again, over more processes, over Ray.

    python -m tests.benchmarks.arxiv_month --papers 20000 --kills 20             # the whole thing: hours
    python -m tests.benchmarks.arxiv_month --papers 20000 --kills 20 --vector 0.05    # most figures are PNG: faster
    python -m tests.benchmarks.arxiv_month --papers 500 --kills 5 --scaling --ray --folder /data/month

Prints one JSON object. `--folder` keeps the month (made once, deterministic) and the datasets for a look.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from PIL import Image

from s1_mmalign.builder.archives import open_archive
from s1_mmalign.builder.shards import Manifest
from s1_mmalign.samples import papers_folder
from s1_mmalign.samples.packing import tar_gz
from s1_mmalign.samples.sources_forms.make import bulk_tar, manifest_of

MONTH = "2601"
RASTER_VARIANTS = 40
WORDS = ("field", "rate", "star", "map", "proof", "error", "mass", "curve")
TAR_BYTES = 500 << 20
"""Of arXiv's own bulk tars."""
BUILD = """
import sys
from pathlib import Path
from s1_mmalign.builder.build import build_dataset
from s1_mmalign.builder.options import BuildOptions
if __name__ == "__main__":
    build_dataset(
        BuildOptions(papers=(Path(sys.argv[1]),), workers=int(sys.argv[3]), engine=sys.argv[4]), Path(sys.argv[2])
    )
"""


def make_month(folder: Path, papers: int, templates: list[Path], vector: float, seed: int = 0) -> None:
    """Write tars, their manifest and the metadata of a month of `papers` packages, unless they are there.

    A share `vector` of the packages keeps its vector figures; the others have small PNG files in their place.
    """
    if (folder / "metadata.jsonl").is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    sources = [{name: archive.read(name) for name in archive.names()} for archive in map(open_archive, templates)]
    light = [drawn(files) for files in sources] if vector < 1 else sources
    chance = random.Random(seed)
    batch: dict[str, bytes] = {}
    tars: dict[str, bytes] = {}
    records = []
    manifest = b""
    for number in range(1, papers + 1):
        identifier = f"{MONTH}.{90000 + number:05d}" if papers < 10_000 else f"{MONTH}.{number:05d}"
        kind = sources if chance.random() < vector else light
        batch[f"{identifier}.gz"] = tar_gz(varied(chance.choice(kind), number, chance))
        licence = chance.choice(
            ["http://creativecommons.org/licenses/by/4.0/", "http://arxiv.org/licenses/nonexclusive-distrib/1.0/"]
        )
        records.append({
            "id": identifier, "title": f"A varied paper, number {number} of its month", "abstract": "A varied paper.",
            "categories": chance.choice(["hep-th", "math.AG cs.DM", "astro-ph.CO"]), "license": licence,
            "versions": [{"version": "v1", "created": "Mon, 5 Jan 2026 09:00:00 GMT"}],
        })  # fmt: skip
        if sum(map(len, batch.values())) >= TAR_BYTES or number == papers:
            name = f"arXiv_src_{MONTH}_{len(tars) + 1:03d}.tar"
            data = bulk_tar(MONTH, batch)
            (folder / name).write_bytes(data)
            entry = manifest_of({name: data})
            manifest += entry[entry.index(b"<file>") : entry.index(b"</arXivSRC>")]
            tars[name], batch = b"", {}
    (folder / "arXiv_src_manifest.xml").write_bytes(b"<arXivSRC>" + manifest + b"</arXivSRC>\n")
    (folder / "metadata.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


def drawn(files: dict[str, bytes]) -> dict[str, bytes]:
    """The same package with every vector figure as a PNG of 480 pixels."""
    import pymupdf

    out: dict[str, bytes] = {}
    for name, data in files.items():
        path = Path(name)
        picture = io.BytesIO()
        if path.suffix == ".pdf":
            with pymupdf.open("pdf", data) as document:
                document[0].get_pixmap(dpi=round(72 * 480 / document[0].rect.width)).pil_save(picture, "PNG")
        elif path.suffix in (".eps", ".ps"):
            with Image.open(io.BytesIO(data)) as opened:
                opened.convert("RGB").resize((480, 360)).save(picture, "PNG")
        if picture.tell():
            out[path.with_suffix(".png").as_posix().replace("-eps-converted-to", "")] = picture.getvalue()
        else:
            out[name] = re.sub(rb"\.(pdf|eps)\}", b".png}", data) if path.suffix == ".tex" else data
    return out


def varied(files: dict[str, bytes], number: int, chance: random.Random) -> dict[str, bytes]:
    """A package with words and pictures of its own."""
    out = {}
    for name, data in files.items():
        suffix = Path(name).suffix.lower()
        if suffix == ".tex":
            words = " ".join(chance.choices(WORDS, k=200))
            mark = b"\\begin{document}"
            data = data.replace(
                mark, mark + f"\n% {number}\nA paragraph of its own, number {number}: {words}.\n\n".encode()
            )
        elif suffix in (".png", ".jpg", ".tif"):
            data = _varied_raster(data, chance)
        elif suffix == ".pdf":
            data = _varied_pdf(data, chance)
        elif suffix in (".eps", ".ps"):
            x, y = chance.randint(0, 300), chance.randint(0, 300)
            data = data.replace(b"showpage", f"newpath {x} {y} moveto {y} {x} lineto stroke showpage".encode())
        out[name] = data
    return out


def _varied_raster(data: bytes, chance: random.Random) -> bytes:
    """One of a few variants of a picture; a PNG gets a comment of its own, so that no two have the same bytes."""
    variant = _raster_variant(data, chance.randrange(RASTER_VARIANTS))
    if not variant.startswith(b"\x89PNG"):
        return variant
    comment = b"tEXtnumber\0" + chance.randbytes(8).hex().encode()
    chunk = (len(comment) - 4).to_bytes(4, "big") + comment + zlib.crc32(comment).to_bytes(4, "big")
    return variant[:33] + chunk + variant[33:]  # behind IHDR, which every PNG begins with


@functools.lru_cache(maxsize=4096)
def _raster_variant(data: bytes, number: int) -> bytes:
    chance = random.Random(number)
    out = io.BytesIO()
    with Image.open(io.BytesIO(data)) as picture:
        form = picture.format or "PNG"
        copy = picture.convert("RGB")
    for _ in range(20):
        copy.paste(
            tuple(chance.randbytes(3)),
            (x := chance.randrange(copy.width), y := chance.randrange(copy.height), x + 9, y + 9),
        )
    copy.save(out, form)
    return out.getvalue()


def _varied_pdf(data: bytes, chance: random.Random) -> bytes:
    import pymupdf

    with pymupdf.open("pdf", data) as document:
        for _ in range(5):
            ends = [
                (chance.uniform(0, document[0].rect.width), chance.uniform(0, document[0].rect.height)) for _ in "ab"
            ]
            document[0].draw_line(*ends, color=(chance.random(), 0, 0))
        return document.tobytes(no_new_id=True)


class Run:
    """One build in a process group of its own, its memory watched."""

    def __init__(self, month: Path, out: Path, workers: int, engine: str = "local") -> None:
        self._command = [sys.executable, "-c", BUILD, str(month), str(out), str(workers), engine]
        self.memory: list[dict[int, int]] = []
        """Resident bytes of each process, every half second."""
        self._processor: dict[int, float] = {}
        """Seconds of each process when it was last seen."""

    def to_end(self, kill_after: float | None = None) -> dict[str, float]:
        """Run; return wall and processor seconds. With `kill_after`, SIGKILL the whole group by then.

        Processes that read papers are no children of the build's, so their time is what was last seen of it.
        """
        began = time.monotonic()
        process = subprocess.Popen(self._command, start_new_session=True)
        threading.Thread(target=self._watch, args=[process.pid], daemon=True).start()
        timer = threading.Timer(kill_after or 1e6, lambda: os.killpg(process.pid, signal.SIGKILL))
        timer.daemon = True
        timer.start()
        process.wait()
        timer.cancel()
        if kill_after is None and process.returncode:
            raise SystemExit(f"the build ended with {process.returncode}")
        return {
            "wall": time.monotonic() - began, "cpu": sum(self._processor.values()),
            "killed": float(process.returncode == -signal.SIGKILL),
        }  # fmt: skip

    def _watch(self, pid: int) -> None:
        try:
            parent = psutil.Process(pid)
            while True:
                seen = {}
                for process in (parent, *parent.children(recursive=True)):
                    with suppress(psutil.NoSuchProcess):
                        times = process.cpu_times()
                        self._processor[process.pid] = times.user + times.system
                        seen[process.pid] = process.memory_info().rss
                self.memory.append(seen)
                time.sleep(0.5)
        except psutil.Error:
            return

    def memory_mb(self) -> dict[str, Any]:
        """What the parent, and the largest of its workers, took in each tenth of the run."""
        pid = next(iter(self.memory[0]))
        tenths = [self.memory[len(self.memory) * k // 10 : len(self.memory) * (k + 1) // 10] for k in range(10)]
        return {
            "parent_by_tenths": [max((seen.get(pid, 0) for seen in tenth), default=0) >> 20 for tenth in tenths],
            "worker_by_tenths": [
                max((size for seen in tenth for own, size in seen.items() if own != pid), default=0) >> 20
                for tenth in tenths
            ],
            "processes": len(set().union(*self.memory)),
        }


def outcome(out: Path) -> str:
    """A hash of the dataset: manifest (with the sha256 of every shard) and ledger."""
    Manifest.load(out)
    return hashlib.sha256((out / "manifest.json").read_bytes() + (out / "drops.jsonl").read_bytes()).hexdigest()


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Make the month and measure what was asked for."""
    templates = arguments.templates or sorted(papers_folder().glob("26*.tar*"))
    month = folder / f"month-{arguments.papers}-{arguments.vector:g}"
    began = time.monotonic()
    make_month(month, arguments.papers, templates, arguments.vector)
    size = sum(path.stat().st_size for path in month.iterdir())
    report: dict[str, Any] = {
        "papers": arguments.papers, "packed_mb": size >> 20, "made_in": round(time.monotonic() - began, 1),
        "vector": arguments.vector, "workers": arguments.workers, "load": os.getloadavg()[0],
    }  # fmt: skip
    whole = Run(month, _fresh(folder / "whole"), arguments.workers)
    taken = whole.to_end()
    manifest = Manifest.load(folder / "whole")
    report["undisturbed"] = _rounded(taken) | whole.memory_mb() | {
        "rows": manifest.rows, "papers": manifest.papers, "drops": manifest.drops,
        "dataset_mb": sum(shard.bytes for shard in manifest.shards) >> 20,
        "cpu_seconds_per_paper": round(taken["cpu"] / arguments.papers, 3),
    }  # fmt: skip
    if arguments.kills:
        report["killed"] = _killed(month, folder, arguments, taken["wall"])
    if arguments.scaling:
        one = Run(month, _fresh(folder / "one"), 1).to_end()
        two = Run(month, _fresh(folder / "two"), 2).to_end()
        report["scaling"] = {"one": _rounded(one), "two": _rounded(two), "speedup": round(one["wall"] / two["wall"], 2)}
    if arguments.ray:
        over = Run(month, _fresh(folder / "ray"), arguments.workers, "ray").to_end()
        same = outcome(folder / "ray") == outcome(folder / "whole")
        report["ray"] = _rounded(over) | {"overhead": round(over["wall"] / taken["wall"] - 1, 3), "same": same}
    return report


def _killed(month: Path, folder: Path, arguments: argparse.Namespace, wall: float) -> dict[str, Any]:
    """Kill a build at random moments and start it again, then let it end."""
    chance = random.Random(arguments.seed)
    out = _fresh(folder / "killed")
    killed = 0
    for _ in range(arguments.kills):
        # in the mean three quarters of an undisturbed run, restarts included, so that nearly all meet a build at work
        killed += int(
            Run(month, out, arguments.workers).to_end(chance.uniform(2.0, 1.5 * wall / arguments.kills))["killed"]
        )
    last = Run(month, out, arguments.workers).to_end()
    return {"kills": killed, "last_run": _rounded(last), "same": outcome(out) == outcome(folder / "whole")}


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def _rounded(values: dict[str, float]) -> dict[str, Any]:
    return {name: round(value, 2) for name, value in values.items()}


def main() -> None:
    """Measure, and print one JSON object; exit code 1 where a killed build ended in other bytes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--papers", type=int, default=20_000)
    parser.add_argument("--vector", type=float, default=1.0, help="share of the packages with vector figures")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scaling", action="store_true", help="1 and 2 workers")
    parser.add_argument("--ray", action="store_true", help="the same by the Ray engine on this machine")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where month and datasets are kept (default: thrown away)")
    parser.add_argument("--templates", type=Path, nargs="*", help="LaTeX packages to vary (default: the samples)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        report = measure(arguments, arguments.folder or Path(scratch))
    print(json.dumps(report, indent=1))
    if not all(report.get(name, {}).get("same", True) for name in ("killed", "ray")):
        raise SystemExit(1)


if __name__ == "__main__":
    main()

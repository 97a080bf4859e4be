"""Papers made to harm who reads them end in drops, in bounded time and memory; nothing else happens.

All are read in one build, as a folder of downloads would be. The long form is `tests/campaigns/fuzz.py`.
"""

import io
import json
import os
import shutil
import socket
import threading
from collections import defaultdict
from pathlib import Path

import pytest
from PIL import Image

from s1_mmalign.builder.build import build_dataset
from s1_mmalign.builder.images import ImageOptions
from s1_mmalign.builder.options import BuildOptions, ExtractOptions
from s1_mmalign.builder.shards import DROPS_NAME, iter_tables
from tests.hostile.packages import SECRET, Canary, hostile_papers

PAPER_SECONDS = 20.0
FIGURE_SECONDS = 2.0

PAPERS = {
    "package_too_large": "zip-bomb zip-overlap zip-members tar-bomb tar-members tar-sparse braces-1gb",
    "package_unreadable": "zip-lies zip-lzma zip-unknown tar-loop tar-loop-pax tar-loop-folder tar-chain",
    "no_source": "zip-in-zip gzip-in-gzip braces-30mb jats-quadratic",
    "source_unreadable": "jats-deep jats-laughs pdf-pages-loop pdf-pages-count pdf-flate pdf-nested pdf-saves",
}
"""What becomes of whole papers, where the reason matters; the others need a drop of any reason."""
FIGURES = {
    "image_too_large": "dimensions.png largest.png dimensions.tif dimensions.gif dimensions.bmp dimensions.jp2 "
    "packed.svg",
    "image_timeout": "loop.eps messages.eps uses.svg",
    "image_unreadable": "profile.png text.png strips.tif pipe.eps write.eps rename.eps read.eps run.eps unsafe.eps "
    "pdf-pages-loop.pdf pdf-saves.pdf",
}


@pytest.fixture(scope="module")
def asked():
    """An address on this machine, and the list of who asked for it."""
    found: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    connection, address = server.accept()
                except OSError:
                    return
                found.append(address)
                connection.close()

        threading.Thread(target=listen, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/", found


@pytest.fixture(scope="module")
def build(tmp_path_factory, asked):
    """One build of every hostile paper: its folders, manifest, rows and drops by paper."""
    root = tmp_path_factory.mktemp("hostile")
    papers, temp, canary = root / "papers", root / "temp", Canary(
        root / "secret.txt", root / "secret.png", root / "target", asked[0]
    )  # fmt: skip
    papers.mkdir()
    temp.mkdir()
    canary.secret.write_text(SECRET)
    Image.new("RGB", (300, 300), "red").save(canary.picture)
    for name, make in hostile_papers(canary):
        (papers / name).write_bytes(make())
    os.mkfifo(papers / "pipe.tar.gz")
    (papers / "device.tar.gz").symlink_to("/dev/zero")
    (papers / "gone.tar.gz").symlink_to(root / "nowhere")
    before = listing(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(temp))
        options = BuildOptions(
            papers=(papers,), timeout_s=PAPER_SECONDS, memory_bytes=3 << 30,
            extract=ExtractOptions(image=ImageOptions(timeout_s=FIGURE_SECONDS, min_bytes=0)),
        )  # fmt: skip
        manifest = build_dataset(options, root / "out")
    drops = defaultdict(list)
    for line in (root / "out" / DROPS_NAME).read_text().splitlines():
        drop = json.loads(line)
        drops[drop["paper_id"]].append(drop)
    rows = [
        row
        for shard in manifest.shards
        for table in iter_tables(root / "out" / shard.path)
        for row in table.to_pylist()
    ]
    return {"root": root, "before": before, "manifest": manifest, "rows": rows, "drops": drops, "canary": canary}


def listing(root: Path) -> dict[str, bytes | int]:
    """Every path below `root` but the dataset, with the content of small files and the size of others."""
    found: dict[str, bytes | int] = {}
    for folder, names, files in os.walk(root):
        if folder == str(root) and "out" in names:
            names.remove("out")
        names[:] = [name for name in names if not name.startswith("pymp-")]  # of `multiprocessing` itself
        found[folder] = 0
        for name in files:
            path = Path(folder, name)
            small = path.is_file() and path.stat().st_size < 10_000
            found[str(path)] = path.read_bytes() if small else path.lstat().st_size
    return found


def test_every_paper_has_rows_or_a_drop_and_none_is_a_fault_of_the_reader(build) -> None:
    papers = {path.name.partition(".")[0] for path in (build["root"] / "papers").iterdir() if path.is_file()}
    found = {row["paper_id"].partition(".")[0] for row in build["rows"]} | {
        name.partition(".")[0] for name in build["drops"]
    }
    assert papers <= found | {"device", "gone", "pipe"}
    ours = [
        drop
        for drops in build["drops"].values()
        for drop in drops
        if drop["reason"] in ("reader_error", "worker_crashed")
    ]
    assert ours == []
    assert build["manifest"].papers["in"] == build["manifest"].papers["with_rows"] + build["manifest"].papers["dropped"]


@pytest.mark.parametrize(
    ("paper", "reason"), [(paper, reason) for reason, papers in PAPERS.items() for paper in papers.split()]
)
def test_a_bomb_is_refused_by_what_it_is(build, paper, reason) -> None:
    assert [drop["reason"] for drop in build["drops"][paper]] == [reason]


@pytest.mark.parametrize(
    ("figure", "reason"), [(figure, reason) for reason, figures in FIGURES.items() for figure in figures.split()]
)
def test_a_hostile_figure_costs_itself_alone(build, figure, reason) -> None:
    if figure.endswith(".eps") and not shutil.which("gs"):
        reason = "renderer_missing"
    assert [drop["reason"] for drop in build["drops"][f"figure-{figure}"]] == [reason]


def test_nothing_is_written_or_changed_outside_of_the_dataset(build) -> None:
    assert listing(build["root"]) == build["before"]


def test_nothing_outside_of_a_paper_gets_into_the_dataset(build) -> None:
    for path in (build["root"] / "out").rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    for row in build["rows"]:
        colours = Image.open(io.BytesIO(row["image"]["bytes"])).convert("RGB").getcolors(1 << 24)
        assert (255, 0, 0) not in {colour for _, colour in colours}, row["paper_id"]


def test_no_address_in_a_paper_was_asked_for(build, asked) -> None:
    assert asked[1] == []

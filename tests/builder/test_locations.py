"""Papers at URLs: an S3-compatible server on this machine, a web server with and without ranges."""

import functools
import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from s1_mmalign.builder.archives import ArchiveLimits
from s1_mmalign.builder.build import build_dataset
from s1_mmalign.builder.mirror import send_dataset
from s1_mmalign.builder.options import BuildOptions
from s1_mmalign.builder.sources.errors import InputError
from s1_mmalign.builder.sources.inventory import Inventory
from s1_mmalign.builder.sources.locations import RemoteFile, as_url, filesystem, is_url, remote_files
from s1_mmalign.builder.sources.package import check_unchanged, load_package
from s1_mmalign.samples.packing import tar_gz
from s1_mmalign.samples.sources_forms.make import bulk_tar, manifest_of
from s1_mmalign.samples.sources_forms.papers import latex

TAR = "arXiv_src_2301_001.tar"


class Ranges(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; with `ranges`, bytes of a file as asked for."""

    ranges = True
    sent = 0

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        wanted = self.headers.get("Range")
        if not (self.ranges and wanted and path.is_file()):
            return super().do_GET()
        start, end = wanted.removeprefix("bytes=").split("-")
        data = path.read_bytes()[int(start) : int(end or path.stat().st_size) + 1]
        self.send_response(206)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Range", f"bytes {start}-{int(start) + len(data) - 1}/{path.stat().st_size}")
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        type(self).sent += len(data)
        self.wfile.write(data)
        return None

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


@pytest.fixture
def served(tmp_path):
    """A folder, and the URL under which it is served."""
    handler = type("Handler", (Ranges,), {"sent": 0})
    (tmp_path / "served").mkdir()
    server = Server(("127.0.0.1", 0), functools.partial(handler, directory=str(tmp_path / "served")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield tmp_path / "served", f"http://127.0.0.1:{server.server_address[1]}", handler
    server.shutdown()
    server.server_close()


def month(papers: int = 3) -> bytes:
    return bulk_tar(
        "2301", {f"2301.{index:05d}.gz": tar_gz(latex(f"the subject number {index}", index)) for index in range(papers)}
    )


def test_urls_survive_pathlib():
    assert as_url(Path("s3://bucket/papers")) == "s3://bucket/papers" == as_url("s3://bucket/papers")
    assert is_url(Path("https://x/y")) and not is_url(Path("papers/x")) and not is_url(Path("C:/papers"))


def test_of_a_tar_on_a_web_server_only_the_ranges_that_are_needed_are_fetched(served, tmp_path):
    folder, url, handler = served
    packages = {f"2301.{index:05d}.gz": os.urandom(300_000) for index in range(10)}
    (folder / TAR).write_bytes(bulk_tar("2301", packages))
    inventory = Inventory(BuildOptions(papers=(Path(f"{url}/{TAR}"),)), tmp_path / "work")
    found = list(inventory.packages())
    assert [package.paper_id for package in found] == [name[:-3] for name in packages]
    assert handler.sent < 1_500_000, "headers alone, in blocks"
    handler.sent = 0
    archive = load_package(found[4]).open(ArchiveLimits())
    assert archive.read(archive.names()[0]) == packages["2301.00004.gz"]
    assert handler.sent == 300_000
    check_unchanged(found[4])
    (folder / TAR).write_bytes(b"another")
    with pytest.raises(InputError, match="changed while it was read"):
        check_unchanged(found[4])


def test_a_server_without_ranges_gives_the_same_bytes(served):
    folder, url, handler = served
    handler.ranges = False
    (folder / "x.bin").write_bytes(bytes(range(256)))
    ((_, file),) = remote_files(f"{url}/x.bin", {})
    assert file.read(10, 20) == bytes(range(10, 20))


def test_what_is_not_there_or_not_known_is_one_error_that_names_it(served):
    _, url, _ = served
    with pytest.raises(InputError, match=r"nowhere\.tar: nothing is there"):
        list(remote_files(f"{url}/nowhere.tar", {}))
    with pytest.raises(InputError, match="nonsense://x"):
        filesystem("nonsense://x", {})


def test_requester_pays_is_passed_on_where_it_means_something():
    pytest.importorskip("s3fs")
    assert filesystem("s3://bucket", {"requester_pays": True}).req_kw == {"RequestPayer": "requester"}
    filesystem("https://x", {"requester_pays": True})


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    """An S3-compatible server on this machine, in a process of its own; its address is in the environment."""
    pytest.importorskip("moto.server", reason="moto[server] is not installed")
    pytest.importorskip("s3fs")
    code = (
        "from moto.server import ThreadedMotoServer\nimport time\n"
        "server = ThreadedMotoServer('127.0.0.1', 0, verbose=False)\nserver.start()\n"
        "print(server.get_host_and_port()[1], flush=True)\ntime.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    port = int(process.stdout.readline())
    settings = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1",
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        files = filesystem("s3://", {})
        files.mkdir("s3://papers")
        files.mkdir("s3://dataset")
        yield files
    process.kill()
    process.wait()
    process.stdout.close()


def test_papers_in_a_bucket_become_a_dataset_in_a_bucket(s3, tmp_path):
    data = month()
    for name, content in {
        f"src/{TAR}": data,
        "src/arXiv_src_manifest.xml": manifest_of({TAR: data}),
        "src/metadata.jsonl": json.dumps({"id": "2301.00001", "license": "CC0"}).encode() + b"\n",
        "src/single/2302.00001.tar.gz": tar_gz(latex("a package by itself", 9)),
    }.items():
        s3.pipe_file(f"s3://papers/{name}", content)
    options = BuildOptions(papers=(Path("s3://papers/src"),), workers=1, storage={"requester_pays": True})
    manifest = build_dataset(options, tmp_path / "out")
    assert manifest.papers == {"in": 4, "with_rows": 4, "dropped": 0}
    assert "data/arxiv/open" in {shard.path.rpartition("/")[0] for shard in manifest.shards}

    assert send_dataset(tmp_path / "out", "s3://dataset/v1", {}, lambda *_: None) > len(manifest.shards)
    for shard in manifest.shards:
        assert s3.cat_file(f"s3://dataset/v1/{shard.path}") == (tmp_path / "out" / shard.path).read_bytes()
    assert not s3.exists("s3://dataset/v1/.s1-mmalign")
    assert send_dataset(tmp_path / "out", "s3://dataset/v1", {}, lambda *_: None) == 0, (
        "what is there is not sent again"
    )
    s3.pipe_file("s3://dataset/v1/data/arxiv/open/train-00009-of-00010.parquet", b"of an earlier build")
    s3.rm_file(f"s3://dataset/v1/{manifest.shards[0].path}")
    assert send_dataset(tmp_path / "out", "s3://dataset/v1", {}, lambda *_: None) == 1
    s3.invalidate_cache()
    assert not s3.exists("s3://dataset/v1/data/arxiv/open/train-00009-of-00010.parquet")


def test_a_bucket_that_may_not_be_read_says_what_to_do(monkeypatch):
    def denied(*_: object, **__: object) -> bytes:
        raise PermissionError("Access Denied")

    monkeypatch.setattr("fsspec.implementations.memory.MemoryFileSystem.cat_file", denied)
    with pytest.raises(InputError, match=r"--requester-pays"):
        RemoteFile("memory://x", 1, "").read()

"""A whole run with marked secrets: none of them is in a file, in what is printed, or in a command line."""

import contextlib
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from s1_mmalign.builder.sources.locations import shown_url
from s1_mmalign.samples import papers_folder
from tests.hub.routing import WRITE
from tests.hub.server import LoopbackHub
from tests.processing.caption_server import caption_server

MARK = "marked5ecret"
PROGRAM = [sys.executable, "-m", "s1_mmalign.processing.process"]
SECRETS = {
    "HF_TOKEN": f"hf_{MARK}hub", "OPENAI_API_KEY": f"sk-{MARK}openai", "AWS_SECRET_ACCESS_KEY": f"{MARK}aws",
    "AWS_ACCESS_KEY_ID": f"AKIA{MARK}", "AWS_SESSION_TOKEN": f"{MARK}session",
}  # fmt: skip
BUILD_WITH_STORAGE = """
import sys
from pathlib import Path
from s1_mmalign import BuildOptions, build_dataset
from s1_mmalign.processing.commands.stages import finish_stage
if __name__ == "__main__":
    storage = {"key": "K", "secret": sys.stdin.readline().strip()}
    options = BuildOptions(papers=(Path(sys.argv[1]),), workers=1, storage=storage)
    build_dataset(options, Path(sys.argv[2]))
    finish_stage(Path(sys.argv[2]), "build", options, {})
"""


class Run:
    """Programs run one after another with the secrets in their environment; what they say, and all command lines."""

    def __init__(self, home: Path) -> None:
        self.environment = os.environ | SECRETS | {"S1_MMALIGN_DEBUG": "1", "HOME": str(home), "USE_TORCH": "0"}
        self.said: dict[str, str] = {}
        self.command_lines: set[bytes] = set()

    def __call__(
        self, *arguments: object, code: int = 0, stdin: str | None = None, program=PROGRAM, **more: str
    ) -> str:
        command = [*program, *map(str, arguments)]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=self.environment | more,
        )  # fmt: skip
        ended = threading.Event()
        watching = threading.Thread(target=self._watch, args=[ended])
        watching.start()
        said, _ = process.communicate(stdin)
        ended.set()
        watching.join()
        self.said[" ".join(map(str, arguments))[:60]] = said
        assert (process.returncode != 0) == (code != 0), said
        return said

    def _watch(self, ended: threading.Event) -> None:
        while not ended.wait(0.02):
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    self.command_lines.add(entry.read_bytes())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The whole way, and the ways in which it fails."""
    root = tmp_path_factory.mktemp("secrets")
    home, dataset = root / "home", root / "dataset"
    home.mkdir()
    run = Run(home)
    with LoopbackHub(root / "hub") as hub, caption_server(root / "asked.log") as server:
        hub.tokens[SECRETS["HF_TOKEN"]] = WRITE
        at_hub = hub.environment(home / "hf", token=None)
        openai = ["--captioner", "openai", "--model", "test-model", "--base-url"]
        run("quickstart", "--out", dataset)
        run("recaption", dataset, *openai, server)
        run("push", dataset, "tester/marked", **at_hub)
        run(
            next(papers_folder().rglob("*.pdf")).as_uri(), root / "stored", stdin=f"{MARK}storage\n",
            program=[sys.executable, "-c", BUILD_WITH_STORAGE],
        )  # fmt: skip
        hub.tokens.clear()
        run("push", dataset, "tester/refused", code=1, **at_hub)
        run("recaption", dataset, *openai[:3], "other-model", "--base-url", "http://127.0.0.1:9/v1", code=1)
    run(
        "build",
        f"https://user:{MARK}url@127.0.0.1:9/a.tar.gz?sig={MARK}query",
        "--out",
        root / "never",
        code=1,
        S1_MMALIGN_DEBUG="",
    )
    return run, root


def test_no_secret_is_in_any_file_that_a_run_leaves(run) -> None:
    files = [path for path in run[1].rglob("*") if path.is_file()]
    assert len(files) > 30
    assert [path for path in files if MARK.encode() in path.read_bytes()] == []


def test_no_secret_is_printed_or_in_a_traceback(run) -> None:
    assert [arguments for arguments, said in run[0].said.items() if MARK in said] == []
    assert "Traceback" in "".join(run[0].said.values())


def test_no_secret_is_in_the_command_line_of_a_process(run) -> None:
    ours = [line for line in run[0].command_lines if MARK.encode() in line and b"user:" not in line]
    assert ours == [] and len(run[0].command_lines) > 5


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:pass@host/a/1.tar.gz?X-Amz-Signature=1#x", "https://host/a/1.tar.gz"),
        ("https:/me@host/a", "https://host/a"),
        ("s3:/bucket/papers", "s3://bucket/papers"),
        ("file:/home/papers", "file:///home/papers"),
        ("papers/what?#1.pdf", "papers/what?#1.pdf"),
    ],
)
def test_a_url_is_shown_without_what_opens_it(url, shown) -> None:
    assert shown_url(url) == shown


def test_no_file_of_the_project_holds_a_key() -> None:
    root = Path(__file__).parents[2]
    known = re.compile(r"hf_[A-Za-z]{30,}|sk-[A-Za-z0-9]{32,}|AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY")
    listed = subprocess.run(["git", "-C", root, "ls-files"], capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("no git checkout")
    for name in listed.stdout.splitlines():
        if (root / name).is_file():
            assert not known.search((root / name).read_text("utf-8", "replace")), name

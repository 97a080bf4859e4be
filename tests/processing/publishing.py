"""What the tests of publishing share: a push in this process, and clients in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from pathlib import Path

import huggingface_hub.constants
import pytest

from s1_mmalign.builder.shards import Manifest
from s1_mmalign.processing.publish import PushOptions, PushResult, push_dataset
from s1_mmalign.processing.retry import RetryPolicy
from tests.hub.server import WRITE_TOKEN, LoopbackHub

REPO = "tester/figures"
QUICK = RetryPolicy(tries=4, first_wait_s=0.01, longest_wait_s=0.05)
PUSH = [sys.executable, "-m", "s1_mmalign.processing.process", "push"]
VERIFY = [sys.executable, "-m", "s1_mmalign.processing.process", "verify"]


@contextmanager
def hub_of_this_process(root: Path):
    """A hub that this process pushes to, by the large file protocol; Xet is for processes of their own."""
    with LoopbackHub(root / "hub") as hub, pytest.MonkeyPatch.context() as patch:
        patch.setattr(huggingface_hub.constants, "ENDPOINT", hub.url)
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        patch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        patch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
        patch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(root / "no-login"))
        patch.setenv("HF_TOKEN", WRITE_TOKEN)
        yield hub


def push(folder: Path, repo: str = REPO, **options) -> PushResult:
    return push_dataset(folder, repo, PushOptions(retry=QUICK, **options))


def client(hub: LoopbackHub, home: Path, token: str | None = WRITE_TOKEN, **more: str) -> dict[str, str]:
    """The environment of a process that knows the hub by it alone; `datasets` without its torch starts sooner."""
    own = {"PATH": os.environ["PATH"], "HOME": str(home), "USE_TORCH": "0"}
    return own | hub.environment(home / "hf", token) | more


def run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=300)
    assert "hf_write_token" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done


def plain(hub: LoopbackHub, home: Path, code: str, *arguments: object, token: str | None = None) -> str:
    """Run code of a user who has `datasets` and `huggingface_hub` only; return what it prints."""
    check = "\nimport sys\nassert not any(name.startswith('s1_mmalign') for name in sys.modules)\n"
    command = [sys.executable, "-c", textwrap.dedent(code) + check, *map(str, arguments)]
    done = run(command, client(hub, home, token))
    assert done.returncode == 0, done.stderr
    return done.stdout


def published(hub: LoopbackHub, ref: str = "main", repo: str = REPO) -> set[str]:
    return set(hub.repo(repo).head(ref).files) - {".gitattributes"}


def shards_of(folder: Path) -> set[str]:
    return {shard.path for shard in Manifest.load(folder).shards}


def assert_every_commit_is_whole(hub: LoopbackHub, repo: str = REPO) -> None:
    """What a reader can see at any time: the manifest of a commit names its shards, and its card their rows."""
    for commit in hub.history(repo)[:-1]:
        manifest = hub.manifest(repo, commit.id)
        shards = {path: file.sha256 for path, file in commit.files.items() if path.startswith("data/")}
        assert shards == {shard["path"]: shard["sha256"] for shard in manifest["shards"]}
        card = hub.text(repo, "README.md", commit.id)
        assert f"{sum(shard['rows'] for shard in manifest['shards']):,} images from the figures" in card

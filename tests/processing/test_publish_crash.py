"""A push that is killed, has no disk or no rights, or meets a Hub in trouble, does no harm and says what to do."""

import os
import random
import signal
import subprocess

import pytest

from tests.dataset_card.small_dataset import default_rows, make_folder, recaptioned
from tests.hub.server import DROP_CONNECTION, LoopbackHub
from tests.processing.publishing import PUSH, REPO, assert_every_commit_is_whole, client, published, run, shards_of

KILLS = 3


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "dataset")


@pytest.fixture
def hub(tmp_path):
    with LoopbackHub(tmp_path / "hub") as hub:
        yield hub


def push_until(hub, folder, environment, requests):
    """Push in a process of its own and kill it at its n-th request, before that one is answered."""
    process = subprocess.Popen([*PUSH, str(folder), REPO], env=environment, stderr=subprocess.PIPE, text=True)
    seen = 0

    def count(request):
        nonlocal seen
        seen += 1
        if seen == requests:
            os.kill(process.pid, signal.SIGKILL)

    hub.on_request = count
    _, stderr = process.communicate(timeout=120)
    hub.on_request = lambda request: None
    return process.returncode, seen, stderr


def test_a_push_killed_at_any_moment_and_run_again_ends_in_the_right_revision(hub, folder, tmp_path):
    environment = client(hub, tmp_path / "home")
    code, requests, stderr = push_until(hub, folder, environment, requests=-1)
    assert code == 0, stderr
    first = hub.repo(REPO).head("main")
    make_folder(folder, [recaptioned(one) for one in default_rows()])
    moments = sorted(random.SystemRandom().sample(range(2, requests), KILLS))
    for moment in moments:
        code, _, stderr = push_until(hub, folder, environment, moment)
        assert code in (-signal.SIGKILL, 0), (moments, stderr)
    assert run([*PUSH, str(folder), REPO], environment).returncode == 0, moments
    history = hub.history(REPO)
    assert [commit.id for commit in history[1:]][:1] == [first.id], f"one commit, killed at requests {moments}"
    assert shards_of(folder) < published(hub)
    shards = {shard["path"]: shard["sha256"] for shard in hub.manifest(REPO)["shards"]}
    assert all(history[0].files[path].sha256 == sha256 for path, sha256 in shards.items())
    assert_every_commit_is_whole(hub)


def test_a_store_in_trouble_is_asked_again_by_all_that_talk_to_it(hub, folder, tmp_path):
    hub.fail("GET", "/xet-write-token/", 429, headers={"Retry-After": "1"})
    hub.fail("POST", "/cas/v1/xorbs/", 500)
    hub.fail("POST", "/cas/v1/shards", DROP_CONNECTION)
    hub.fail("POST", "/commit/", 429, headers={"Retry-After": "1"})
    done = run([*PUSH, str(folder), REPO], client(hub, tmp_path))
    assert done.returncode == 0, done.stderr
    assert not [fault for fault in hub.faults if fault.times]
    assert len(hub.history(REPO)) == 2
    assert_every_commit_is_whole(hub)


def test_a_full_disk_is_one_line_that_names_it_and_nothing_becomes_visible(hub, folder, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk can be mounted by root only")
    try:
        done = run([*PUSH, str(folder), REPO], client(hub, tmp_path, HF_HOME=str(disk)))
    finally:
        subprocess.run(["umount", disk], check=True)
    assert done.returncode == 2
    assert done.stderr.strip().count("\n") == 0
    assert f"{disk}) is full" in done.stderr
    assert published(hub) == set()

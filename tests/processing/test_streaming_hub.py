"""From a repository: the rows of the folder that was pushed, by ranges, of the revision asked for."""

import json
import subprocess
import sys

import pytest
from huggingface_hub import CommitOperationAdd, HfApi

from tests.hub.server import WRITE_TOKEN, LoopbackHub
from tests.processing.stream_dataset import id_row, write_rows

REPO = "tester/pairs"
SCRIPT = """
import itertools, json, sys
from s1_mmalign import StreamError, training_stream
for options, stop, state in json.loads(sys.argv[1]):
    try:
        stream = training_stream("tester/pairs", **options)
        if state:
            stream.load_state_dict(state)
        rows = [row["image_path"] for row in itertools.islice(stream, stop)]
        print(json.dumps([rows, stream.state_dict()]))
    except (StreamError, ValueError) as error:
        print(json.dumps([str(error), None]))
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    root = tmp_path_factory.mktemp("hub")
    with LoopbackHub(root / "hub") as hub:
        api = HfApi(endpoint=hub.url, token=WRITE_TOKEN)
        api.create_repo(REPO, repo_type="dataset", private=True)
        push(api, root / "first", range(60))
        api.create_branch(REPO, branch="old", repo_type="dataset")
        push(api, root / "second", range(60, 120))
        yield hub, root


def push(api, folder, rows):
    """Three shards of two row groups each, images of 120 kB."""
    noise = {"bytes": b"\x89PNG" + bytes(120_000), "path": "a.png"}
    made = [id_row(number, image=noise) for number in rows]
    write_rows(folder, [[made[start : start + 10], made[start + 10 : start + 20]] for start in (0, 20, 40)])
    files = [path for path in folder.rglob("*") if path.is_file()]
    additions = [CommitOperationAdd(path.relative_to(folder).as_posix(), path.read_bytes()) for path in files]
    api.create_commit(REPO, additions, commit_message="rows", repo_type="dataset")


def run(hub, *calls):
    """Make calls, each (options, rows to stop after, state), in one new process; return rows and state of each."""
    server, root = hub
    environment = server.environment(root / "home", xet=False)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(calls)], capture_output=True, text=True, timeout=120,
        env={"PATH": "/usr/bin:/bin", **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def paths(numbers):
    return [f"arxiv/{number:05d}/fig1.png" for number in numbers]


def test_texts_alone_cost_a_tenth_of_the_bytes_at_most_and_a_busy_server_is_asked_again(hub):
    server, root = hub
    server.log.clear()
    server.fail("GET", r"resolve/.*parquet", 503, times=1)
    ((rows, _),) = run(hub, ({"image": "none"}, None, None))
    assert rows == paths(range(60, 120))
    answers = server.requests("GET", r"resolve/.*parquet")
    assert {answer.status for answer in answers} == {206, 503}
    whole = sum(path.stat().st_size for path in (root / "second").rglob("*.parquet"))
    assert 0 < sum(answer.got for answer in answers) < 0.1 * whole


def test_a_resume_keeps_to_its_commit_and_a_wrong_revision_or_token_is_said_in_one_line(hub):
    how = {"image": "bytes", "shuffle": 15}
    (rows, state), (nope, _), (stranger, _) = run(
        hub,
        (how | {"revision": "old"}, 25, None),
        (how | {"revision": "nope"}, None, None),
        (how | {"token": "hf_of_somebody_else"}, None, None),
    )
    assert nope == "revision='nope': tester/pairs has no such branch, tag or commit."
    assert "no such dataset on the Hub (or a private one: set HF_TOKEN, or log in)" in stranger
    (rest, _), (error, _) = run(hub, (how | {"revision": state["commit"]}, None, state), (how, None, state))
    assert sorted(rows + rest) == paths(range(60))
    assert f"pass revision={state['commit']!r}" in error

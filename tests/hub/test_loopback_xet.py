"""The loopback Hub's Xet storage takes only what is true, from whom may write, and gives back what it took."""

import hashlib
import json
import subprocess
import sys
import time

import pytest
from huggingface_hub.utils import get_session

from tests.hub.server import READ_TOKEN, WRITE_TOKEN, LoopbackHub
from tests.hub.xet_format import XetError, parse_xorb, xorb_hash

REPO = "tester/data"
CLIENT = """
import hashlib, json, os, sys
from huggingface_hub import HfApi, HfFileSystem, hf_hub_download
from huggingface_hub.utils import disable_progress_bars
disable_progress_bars()
api = HfApi()
api.create_repo(sys.argv[1], repo_type="dataset", exist_ok=True)
for name, file in (("one.parquet", sys.argv[2]), ("two.parquet", sys.argv[3])):
    api.upload_file(repo_id=sys.argv[1], repo_type="dataset", path_or_fileobj=file, path_in_repo=name)
whole = open(hf_hub_download(sys.argv[1], "two.parquet", repo_type="dataset"), "rb").read()
with HfFileSystem().open(f"datasets/{sys.argv[1]}/two.parquet", cache_type="none") as file:
    file.seek(150_000)
    part = file.read(1000)
print(json.dumps([hashlib.sha256(whole).hexdigest(), part.hex()]))
"""


@pytest.fixture(scope="module")
def pushed(tmp_path_factory):
    """A hub with two files that share most of their content, and what their reader saw."""
    root = tmp_path_factory.mktemp("xet")
    first = bytes(hashlib.shake_256(b"seed").digest(600_000)) + b"the same words again " * 20_000
    second = first[:300_000] + b"an insertion" + first[300_000:]
    files = []
    for name, data in (("one", first), ("two", second)):
        files.append(root / name)
        files[-1].write_bytes(data)
    with LoopbackHub(root / "hub") as hub:
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(root), **hub.environment(root / "hf")}
        command = [sys.executable, "-c", CLIENT, REPO, *map(str, files)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        yield hub, first, second, json.loads(done.stdout)


def test_files_come_back_whole_and_in_parts_and_what_they_share_is_stored_once(pushed):
    hub, first, second, (sha256, part) = pushed
    assert sha256 == hashlib.sha256(second).hexdigest()
    assert bytes.fromhex(part) == second[150_000:151_000]
    files = hub.repo(REPO).head("main").files
    assert (files["two.parquet"].sha256, files["two.parquet"].size) == (sha256, len(second))
    assert files["two.parquet"].xet in hub.store.xet.files
    assert hub.store.xet.stored_bytes < 1.3 * len(first)


def test_a_xorb_with_another_hash_or_a_flipped_bit_is_refused(pushed):
    hub = pushed[0]
    name = next(iter(hub.store.xet._chunks))
    data = hub.store.xet.xorb_path(name).read_bytes()
    assert xorb_hash([(chunk.hash, chunk.size) for chunk in parse_xorb(data)]) == name
    with pytest.raises(XetError, match="do not have the hash"):
        hub.store.xet.put_xorb("0" * 64, data)
    damaged = data[:100] + bytes([data[100] ^ 1]) + data[101:]
    with pytest.raises(XetError):
        hub.store.xet.put_xorb(name, damaged)
    with pytest.raises(XetError, match="ends within"):
        hub.store.xet.put_xorb(name, data[:-1])


def test_a_shard_of_a_xorb_that_was_never_uploaded_or_of_another_file_is_refused(pushed):
    hub = pushed[0]
    shard = next((hub.store._root / "xet" / "shards").iterdir()).read_bytes()
    with LoopbackHub(hub.store._root / "other") as other, pytest.raises(XetError, match="never uploaded"):
        other.store.xet.put_shard(shard)
    with pytest.raises(XetError, match="do not have the hash"):
        hub.store.xet.put_shard(shard[:48] + bytes(32) + shard[80:])
    with pytest.raises(XetError, match="not a shard"):
        hub.store.xet.put_shard(b"PAR1" + shard)


@pytest.mark.parametrize(
    ("kind", "token", "status"),
    [("write", WRITE_TOKEN, 200), ("write", READ_TOKEN, 403), ("write", "hf_x", 401), ("read", READ_TOKEN, 200)],
)
def test_xet_tokens_are_given_to_those_who_may(pushed, kind, token, status):
    hub = pushed[0]
    address = f"{hub.url}/api/datasets/{REPO}/xet-{kind}-token/main"
    assert get_session().get(address, headers={"Authorization": f"Bearer {token}"}).status_code == status


def test_the_store_asks_for_its_own_tokens_and_xorbs_for_signed_addresses(pushed):
    hub = pushed[0]
    hub.store.xet_tokens |= {"r": ("read", int(time.time()) + 60), "old": ("write", int(time.time()) - 1)}
    post, get = get_session().post, get_session().get
    for token, status in (("none", 401), (WRITE_TOKEN, 401), ("old", 401), ("r", 403)):
        reply = post(f"{hub.url}/cas/v1/shards", content=b"", headers={"Authorization": f"Bearer {token}"})
        assert reply.status_code == status, token
    file = next(iter(hub.store.xet.files))
    address = f"{hub.url}/cas/v1/reconstructions/{file}"
    assert get(address).status_code == 401
    answer = get(address, headers={"Authorization": "Bearer r"}).json()
    fetch = next(iter(answer["fetch_info"].values()))[0]["url"]
    assert get(fetch).status_code == 200
    assert get(fetch.partition("?")[0]).status_code == 403

"""The loopback Hub keeps the real one's promises, so that what passes against it means something."""

import hashlib

import huggingface_hub.constants
import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError
from huggingface_hub.utils import get_session

from tests.hub.server import READ_TOKEN, WRITE_TOKEN, LoopbackHub
from tests.hub.store import HubError

REPO = "tester/data"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    with LoopbackHub(tmp_path / "hub") as hub:
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "no-login"))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield hub


@pytest.fixture
def api(hub):
    api = HfApi(endpoint=hub.url, token=WRITE_TOKEN)
    api.create_repo(REPO, repo_type="dataset", private=True)
    return api


def commit(api, files, **options):
    additions = [CommitOperationAdd(path, data) for path, data in files.items()]
    return api.create_commit(REPO, additions, commit_message="files", repo_type="dataset", **options)


def test_listings_of_many_files_come_in_pages_and_lose_none(hub, api):
    files = {f"data/{number:04d}.txt": b"x%d" % number for number in range(1200)}
    commit(api, files)
    listed = [entry.path for entry in api.list_repo_tree(REPO, recursive=True, repo_type="dataset")]
    assert set(files) <= set(listed)
    assert len(listed) == len(set(listed)) == 1200 + 2
    assert len(hub.requests("GET", "/tree/")) == 2


def test_a_range_gives_those_bytes_and_no_others(hub, api):
    data = bytes(range(256)) * 10
    commit(api, {"a.parquet": data, "a.txt": data})
    for name in ("a.parquet", "a.txt"):
        reply = get_session().get(
            f"{hub.url}/datasets/{REPO}/resolve/main/{name}",
            headers={"Range": "bytes=100-299", "Authorization": f"Bearer {READ_TOKEN}"},
        )
        assert (reply.status_code, reply.content) == (206, data[100:300])
        assert reply.headers["Content-Range"] == f"bytes 100-299/{len(data)}"


def test_a_private_repository_is_not_there_for_strangers_and_readers_cannot_write(hub, api):
    with pytest.raises(RepositoryNotFoundError):
        HfApi(endpoint=hub.url, token=False).dataset_info(REPO)
    reader = HfApi(endpoint=hub.url, token=READ_TOKEN)
    assert reader.dataset_info(REPO).private
    with pytest.raises(HfHubHTTPError, match="403"):
        commit(reader, {"a.txt": b"x"})


def test_a_commit_on_another_parent_is_refused(hub, api):
    first = commit(api, {"a.txt": b"1"}).oid
    commit(api, {"a.txt": b"2"}, parent_commit=first)
    with pytest.raises(HfHubHTTPError, match="412"):
        commit(api, {"a.txt": b"3"}, parent_commit=first)
    assert hub.text(REPO, "a.txt") == "2"


def test_content_with_another_hash_than_announced_is_refused(hub):
    with pytest.raises(HubError, match="sha256"):
        hub.store.put_large(hashlib.sha256(b"good").hexdigest(), b"evil")


def test_faults_come_as_often_as_asked_for_and_the_log_has_every_request(hub, api):
    hub.fail("GET", REPO, 500, times=1)
    with pytest.raises(HfHubHTTPError, match="500"):
        api.dataset_info(REPO)
    assert api.dataset_info(REPO).id == REPO
    assert [one.status for one in hub.requests("GET", REPO)] == [500, 200]

"""A push ends in the right revision or in none, whatever the Hub answers, and anyone can load what it published."""

import pyarrow as pa
import pytest

from s1_mmalign.builder.plot_style import can_plot
from s1_mmalign.builder.records import Drop
from s1_mmalign.builder.shards import SCHEMA, FolderError, Manifest, Shard, write_shard
from s1_mmalign.dataset_card.card import write_card
from s1_mmalign.processing.publish import PublishError, PushOptions, push_dataset
from tests.dataset_card.small_dataset import default_rows, make_folder, recaptioned
from tests.hub.server import DROP_CONNECTION, READ_TOKEN
from tests.processing.publishing import (
    QUICK,
    REPO,
    assert_every_commit_is_whole,
    hub_of_this_process,
    published,
    push,
    shards_of,
)


@pytest.fixture
def folder(tmp_path):
    folder = make_folder(tmp_path / "dataset")
    write_card(folder)
    return folder


@pytest.fixture
def hub(tmp_path):
    with hub_of_this_process(tmp_path) as hub:
        yield hub


def test_one_commit_makes_everything_visible_and_nothing_private_leaves_the_folder(hub, folder):
    for name in ("notes.txt", "gallery.html", "judgements.jsonl"):
        (folder / name).write_text("my own")
    result = push(folder)
    assert [commit.title for commit in hub.history(REPO)] == ["20 rows of 16 papers", "initial commit"]
    assert hub.history(REPO)[0].id == result.commit
    assert result.changed
    beside = {"README.md", "croissant.json", "manifest.json", "drops.jsonl", "parts.json"}
    plots = {"plots/disciplines.png", "plots/disciplines.svg"} if can_plot() else set()
    assert published(hub) == shards_of(folder) | beside | plots
    assert result.shards_sent == len(shards_of(folder))


def test_the_published_card_loads_the_repository_and_the_local_one_the_folder(hub, folder):
    local = (folder / "README.md").read_text()
    push(folder)
    card = hub.text(REPO, "README.md")
    assert f'load_dataset("{REPO}", "arxiv"' in card
    assert card.replace(REPO, "path/to/this/folder") == local == (folder / "README.md").read_text()


def test_a_second_push_sends_nothing_new_and_makes_no_commit(hub, folder):
    first = push(folder)
    hub.log.clear()
    second = push(folder)
    assert (second.commit, second.changed, second.shards_sent) == (first.commit, False, 0)
    assert not hub.requests("PUT", "/lfs/")
    assert not hub.requests("POST", "/commit/")


def test_after_a_change_only_the_changed_shards_are_sent_and_stale_ones_go(hub, folder):
    push(folder, private=True)
    before = shards_of(folder)
    manifest = Manifest.load(folder)
    changed = next(shard for shard in manifest.shards if shard.path == "data/biorxiv/open/train-00000-of-00001.parquet")
    gone = next(shard for shard in manifest.shards if shard.path == "data/arxiv/open/train-00001-of-00002.parquet")
    rows = [recaptioned(one) for one in pa.parquet.read_table(folder / changed.path).to_pylist()]
    written = write_shard(folder / changed.path, [pa.Table.from_pylist(rows, schema=SCHEMA)])
    manifest.shards.remove(changed)
    manifest.shards.remove(gone)
    manifest.shards.append(Shard(changed.path, *written, changed.source, changed.licence_class, changed.split))
    left = {
        one for shard in manifest.shards for one in pa.parquet.read_table(folder / shard.path)["paper_id"].to_pylist()
    }
    manifest.papers = {"in": len(left) + 2, "with_rows": len(left), "dropped": 2}
    manifest.save(folder)
    (folder / gone.path).unlink()
    hub.log.clear()
    result = push(folder, private=True)
    assert (result.shards_sent, result.changed) == (1, True)
    assert len(hub.requests("PUT", "/lfs/")) == 1
    assert published(hub) & before == before - {gone.path}
    assert len(hub.history(REPO)) == 3


@pytest.mark.parametrize("status", [409, 412, 429, 500, 503, DROP_CONNECTION])
def test_a_busy_hub_is_asked_again_until_the_commit_stands(hub, folder, status):
    hub.fail("POST", "/commit/", status, times=2)
    result = push(folder)
    assert hub.history(REPO)[0].id == result.commit
    assert len(hub.history(REPO)) == 2
    assert len(hub.requests("PUT", "/lfs/")) == len(shards_of(folder)) + can_plot()  # a plot as PNG


@pytest.mark.parametrize("status", [504, DROP_CONNECTION])
def test_a_commit_whose_answer_was_lost_is_not_made_twice(hub, folder, status):
    hub.fail("POST", "/commit/", status, after=True)
    result = push(folder)
    assert len(hub.history(REPO)) == 2
    assert result.commit == hub.history(REPO)[0].id


def test_a_push_that_failed_left_nothing_visible_and_goes_on_where_it_stopped(hub, folder):
    hub.fail("POST", "/commit/", 500, times=99)
    with pytest.raises(PublishError, match=r"answered 500.*the same command goes on"):
        push(folder)
    assert published(hub) == set()
    hub.faults.clear()
    hub.log.clear()
    push(folder)
    assert shards_of(folder) < published(hub)
    assert not hub.requests("PUT", "/lfs/")


def test_a_commit_that_came_between_is_built_upon(hub, folder):
    push(folder)
    make_folder(folder, [recaptioned(one) for one in default_rows()])
    repo = hub.repo(REPO)
    head = repo.head("main").id
    original = hub.store.commit

    def meanwhile(*arguments):
        hub.store.commit = original
        original(repo, "main", head, "somebody else's", lambda files: files.update(LICENSE=hub.store.put_small(b"CC0")))
        return original(*arguments)

    hub.store.commit = meanwhile
    push(folder)
    assert [commit.title for commit in hub.history(REPO)][:2] == ["20 rows of 16 papers", "somebody else's"]
    assert "LICENSE" in published(hub)
    assert_every_commit_is_whole(hub)


def test_damaged_data_is_never_published(hub, folder):
    path = folder / sorted(shards_of(folder))[0]
    data = path.read_bytes()
    path.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    with pytest.raises(PublishError, match=r"nothing was published, because data/.*sha256 differs") as error:
        push(folder)
    assert "\n" not in str(error.value)
    assert hub.store.repos == {}


def test_a_shard_that_changes_while_it_is_sent_is_never_committed(hub, folder):
    path = folder / sorted(shards_of(folder))[0]

    def swap(what, done, total):
        if what == "shards" and done == 0:
            path.write_bytes(path.read_bytes() + b"x")

    with pytest.raises(PublishError, match="changed while it was sent"):
        push_dataset(folder, REPO, PushOptions(retry=QUICK), swap)
    assert published(hub) == set()


@pytest.mark.parametrize(
    ("token", "words"),
    [(None, "Set HF_TOKEN, or log in"), ("hf_wrong", "does not accept the token"), (READ_TOKEN, "may not write to")],
)
def test_a_missing_wrong_or_weak_token_is_said_plainly_and_never_shown(hub, folder, monkeypatch, token, words):
    monkeypatch.delenv("HF_TOKEN")
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(PublishError, match=words) as error:
        push(folder)
    assert "hf_wrong" not in str(error.value)
    assert READ_TOKEN not in str(error.value)
    assert hub.store.repos == {}


def test_a_private_push_makes_a_private_repository_and_refuses_a_public_one(hub, folder):
    push(folder, private=True)
    assert hub.repo(REPO).private
    push(folder)
    hub.repo(REPO).private = False
    with pytest.raises(PublishError, match="exists and is public"):
        push(folder, private=True)


def test_a_revision_is_a_branch_of_its_own_and_a_pull_request_leaves_main_alone(hub, folder):
    push(folder, revision="v2")
    assert published(hub) == set()
    assert shards_of(folder) < published(hub, "v2")
    result = push(folder, pr=True)
    assert result.url.endswith("/discussions/1")
    assert published(hub) == set()
    assert shards_of(folder) < published(hub, "refs/pr/1")
    with pytest.raises(ValueError, match="against main"):
        PushOptions(pr=True, revision="v2")


def test_a_pull_request_whose_answer_was_lost_is_not_opened_twice(hub, folder):
    push(folder)
    make_folder(folder, [recaptioned(one) for one in default_rows()])
    hub.fail("POST", "/commit/", 504, after=True)
    first = push(folder, pr=True)
    again = push(folder, pr=True)
    assert [ref for ref in hub.repo(REPO).refs if ref.startswith("refs/")] == ["refs/pr/1"]
    assert (first.url, first.commit, again.changed) == (again.url, again.commit, False)


def test_files_of_others_are_not_written_over_unasked(hub, folder):
    strange = hub.store.create("tester/thesis", private=False)
    hub.store.commit(strange, "main", None, "mine", lambda files: files.update({"a.tex": hub.store.put_small(b"x")}))
    with pytest.raises(PublishError, match=r"did not write \(a\.tex\)"):
        push(folder, "tester/thesis")
    push(folder, "tester/thesis", replace=True)
    assert shards_of(folder) | {"a.tex"} < published(hub, repo="tester/thesis")


def test_nothing_to_publish_and_no_dataset_say_what_to_run(hub, tmp_path):
    with pytest.raises(FolderError, match="s1-mmalign build"):
        push(tmp_path / "nowhere")
    with pytest.raises(FolderError, match="no rows"):
        push(make_folder(tmp_path / "empty", [], [Drop("a", "", "timeout")]))
    assert hub.store.repos == {}

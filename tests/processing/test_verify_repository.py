"""`verify user/repo` finds whatever is wrong with a published dataset, and downloads no more than that takes."""

import json

import pytest

from s1_mmalign.builder.shards import FolderError
from s1_mmalign.processing.verify import verify_repository
from tests.dataset_card.small_dataset import make_folder
from tests.processing.publishing import QUICK, REPO, VERIFY, client, hub_of_this_process, push, run, shards_of


@pytest.fixture
def hub(tmp_path):
    with hub_of_this_process(tmp_path) as hub:
        push(make_folder(tmp_path / "dataset"))
        hub.log.clear()
        yield hub


def verify(**options):
    return verify_repository(REPO, retry=QUICK, **options)


def problems(**options):
    return [str(problem) for problem in verify(**options).problems]


def change(hub, **files):
    """Commit other content (None: nothing) under names of files; `__` stands for `/`."""
    repo = hub.repo(REPO)

    def edit(known):
        for name, content in files.items():
            path = name.replace("__", "/").replace("_DOT_", ".").replace("_DASH_", "-")
            known.pop(path) if content is None else known.update({path: content})

    hub.store.commit(repo, "main", None, "by hand", edit)


def test_a_sound_repository_is_checked_without_downloading_its_shards(hub):
    report = verify()
    assert (report.problems, report.rows, report.images) == ([], 20, 0)
    assert not [one for one in hub.requests("GET", r"\.parquet") if not one.span]
    assert verify(images=5).images == 5


def test_a_full_check_downloads_every_shard_and_decodes_every_image(hub, tmp_path):
    report = verify(full=True)
    assert (report.problems, report.images) == ([], 20)
    assert {one.path.partition("/resolve/")[2].partition("/")[2] for one in hub.requests("GET", r"\.parquet")} >= (
        shards_of(tmp_path / "dataset")
    )


def test_bytes_that_are_not_what_the_hub_says_are_found_by_a_full_check(hub):
    files = hub.repo(REPO).head("main").files
    path = min(path for path in files if path.startswith("data/"))
    place = hub.store._root / files[path].sha256
    data = place.read_bytes()
    place.write_bytes(data[:200] + bytes([data[200] ^ 1]) + data[201:])
    assert [problem for problem in problems(full=True) if path in problem and "sha256 differs" in problem]


def test_a_shard_too_many_a_missing_one_and_another_one_are_found(hub):
    files = hub.repo(REPO).head("main").files
    one, two, *_ = sorted(path for path in files if path.startswith("data/"))
    repo = hub.repo(REPO)
    stray = "data/arxiv/open/train-00009-of-00010.parquet"
    hub.store.commit(repo, "main", None, "x", lambda known: known.update({stray: known[one], two: known[one]}))
    hub.store.commit(repo, "main", None, "x", lambda known: known.pop(one))
    found = "\n".join(problems())
    assert f"{stray}: the manifest does not name it" in found
    assert f"{one}: is missing" in found
    assert f"{two}: has " in found or f"{two}: its bytes are not" in found


def test_a_card_that_does_not_give_the_rows_is_found(hub):
    card = hub.text(REPO, "README.md")
    for old, new, what in (
        ("- split: test\n    path: data/*/open/test-*.parquet", "- split: test\n    path: data/*/open/t-*", "globs"),
        ("num_examples: 16", "num_examples: 17", "not the 16 rows"),
        ("config_name: biorxiv", "config_name: bio", "has no config biorxiv"),
        ("---\n", "", "is missing, or has no YAML"),
    ):
        assert old in card
        change(hub, README_DOT_md=hub.store.put_small(card.replace(old, new, 1).encode()))
        assert any(what in problem for problem in problems()), what


def test_a_ledger_or_manifest_that_is_gone_is_found(hub):
    change(hub, drops_DOT_jsonl=None)
    assert "drops.jsonl: is missing; run `s1-mmalign build` again" in problems()
    change(hub, manifest_DOT_json=None)
    with pytest.raises(FolderError, match=r"no dataset that `s1-mmalign push` wrote"):
        verify()


def test_another_revision_is_checked_by_its_name_and_what_is_not_there_is_said(hub, tmp_path):
    folder = make_folder(tmp_path / "other", [])
    push(tmp_path / "dataset", revision="v2")
    change(hub, manifest_DOT_json=hub.store.put_small((folder / "manifest.json").read_bytes()))
    assert problems(revision="v2") == []
    assert len(problems()) >= 10
    for repo, revision in ((REPO, "v3"), ("tester/nothing", None)):
        with pytest.raises(FolderError, match="no such repository or revision"):
            verify_repository(repo, revision, retry=QUICK)


def test_the_command_says_what_it_found_and_its_exit_code_tells(hub, tmp_path):
    done = run([*VERIFY, REPO, "--sample", "3"], client(hub, tmp_path, token=None))
    assert (done.returncode, done.stdout.strip()) == (
        0, f"{REPO}: sound; 10 shards, 20 rows, 3 images decoded.",
    )  # fmt: skip
    assert json.loads(hub.text(REPO, "parts.json"))["version"] == 1

"""Folders with sources of their own can be pushed to one repository, in any order and at once; both arrive."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from s1_mmalign.builder.records import Drop
from s1_mmalign.dataset_card.recipe import record_stage
from s1_mmalign.processing.publish import PublishError
from tests.dataset_card.small_dataset import default_rows, make_folder, recaptioned, row
from tests.hub.server import LoopbackHub
from tests.processing.publishing import (
    PUSH,
    REPO,
    assert_every_commit_is_whole,
    client,
    hub_of_this_process,
    plain,
    published,
    push,
    run,
    shards_of,
)


@pytest.fixture
def hub(tmp_path):
    with hub_of_this_process(tmp_path) as hub:
        yield hub


def one_source(folder, source, rows=8, **changes):
    """A folder of one source, whose ledger names it."""
    folder = make_folder(
        folder, [row(number, source, **changes) for number in range(rows)], [Drop(source, "", "timeout")]
    )
    record_stage(folder, "build", {"papers": [source]}, {"rows": rows})
    return folder


def with_report(folder):
    """What `evaluate` leaves, as far as a push looks at it."""
    (folder / "plots").mkdir()
    (folder / "plots" / "lengths.png").write_bytes(folder.name.encode())
    (folder / "report.json").write_text(json.dumps({"of": folder.name}))
    return folder


def small_files(hub, *names):
    return {name: hub.text(REPO, name) for name in names or ("README.md", "manifest.json", "drops.jsonl", "parts.json")}


def test_a_second_source_is_added_and_all_that_describes_the_data_covers_both(hub, tmp_path):
    arxiv, medrxiv = one_source(tmp_path / "a", "arxiv"), one_source(tmp_path / "m", "medrxiv", rows=5)
    push(arxiv)
    push(medrxiv)
    assert shards_of(arxiv) | shards_of(medrxiv) < published(hub)
    manifest = hub.manifest(REPO)
    assert manifest["papers"] == {"in": 8 + 3 + 2, "with_rows": 8 + 3, "dropped": 2}
    assert manifest["drops"] == {"timeout": 2}
    assert [json.loads(line)["paper_id"] for line in hub.text(REPO, "drops.jsonl").splitlines()] == ["arxiv", "medrxiv"]
    stages = [stage["stage"] for stage in json.loads(hub.text(REPO, "recipe.json"))["stages"]]
    assert stages == ["build (arxiv)", "build (medrxiv)"]
    card = hub.text(REPO, "README.md")
    assert "`default` (13 rows), `arxiv` (8 rows), `medrxiv` (5 rows)" in card
    assert "arxiv, medrxiv" in card
    assert_every_commit_is_whole(hub)


def test_the_order_of_pushes_changes_nothing_and_neither_does_pushing_again(hub, tmp_path):
    folders = [one_source(tmp_path / source, source) for source in ("arxiv", "biorxiv", "medrxiv")]
    for folder in folders:
        push(folder)
    first = small_files(hub)
    assert not push(folders[0]).changed
    hub.store.repos.clear()
    for folder in reversed(folders):
        push(folder)
    assert small_files(hub) == first


def test_a_source_that_changed_replaces_its_own_part_alone(hub, tmp_path):
    push(one_source(tmp_path / "a", "arxiv"))
    push(one_source(tmp_path / "m", "medrxiv"))
    push(make_folder(tmp_path / "new", [recaptioned(row(number, "medrxiv")) for number in range(3)], []))
    manifest = hub.manifest(REPO)
    assert sum(shard["rows"] for shard in manifest["shards"]) == 8 + 3
    assert manifest["papers"] == {"in": 8 + 2 + 1, "with_rows": 8 + 2, "dropped": 1}
    assert "tiny/model" in hub.text(REPO, "README.md")
    push(make_folder(tmp_path / "both", [row(1, "arxiv"), row(2, "medrxiv")]))
    assert [part["sources"] for part in json.loads(hub.text(REPO, "parts.json"))["parts"]] == [["arxiv", "medrxiv"]]
    assert_every_commit_is_whole(hub)


def test_a_part_that_cannot_be_divided_is_refused_and_stays_as_it_was(hub, tmp_path):
    push(make_folder(tmp_path / "two", default_rows()))
    before = published(hub)
    with pytest.raises(PublishError, match=r"arxiv, biorxiv as one part, and this folder has arxiv .*--replace"):
        push(one_source(tmp_path / "a", "arxiv"))
    assert published(hub) == before
    push(one_source(tmp_path / "a2", "arxiv"), replace=True)
    assert {path.split("/")[1] for path in published(hub) if path.startswith("data/")} == {"arxiv"}


def test_each_part_keeps_its_report_and_the_card_points_to_it(hub, tmp_path, monkeypatch):
    monkeypatch.setattr("s1_mmalign.dataset_card.card._report", lambda folder: None)
    push(with_report(one_source(tmp_path / "a", "arxiv")))
    assert {"report.json", "plots/lengths.png"} < published(hub)
    push(with_report(one_source(tmp_path / "m", "medrxiv")))
    files = {path for path in published(hub) if "report" in path or "plots" in path}
    assert files == {
        f"reports/{name}/{file}" for name in ("arxiv", "medrxiv") for file in ("report.json", "plots/lengths.png")
    }
    assert json.loads(hub.text(REPO, "reports/arxiv/report.json")) == {"of": "a"}
    assert "- medrxiv: [`reports/medrxiv/report.json`](reports/medrxiv/report.json)" in hub.text(REPO, "README.md")
    push(make_folder(tmp_path / "both", [row(1, "arxiv"), row(2, "medrxiv")]))
    assert not [path for path in published(hub) if "report" in path or "plots" in path]


def test_two_processes_that_push_two_sources_at_once_both_arrive(tmp_path):
    folders = [one_source(tmp_path / source, source) for source in ("arxiv", "medrxiv")]
    with LoopbackHub(tmp_path / "hub") as hub:
        both, firsts = threading.Barrier(2), iter((1, 2))

        def meet(request) -> None:  # both have looked before either has committed
            if request.method == "POST" and request.path.endswith("/commit/main") and next(firsts, None):
                both.wait(120)

        hub.on_request = meet
        commands = [([*PUSH, str(folder), REPO], client(hub, tmp_path / f"home-{folder.name}")) for folder in folders]
        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(lambda one: run(*one), commands))
        assert [one.returncode for one in done] == [0, 0], [one.stderr for one in done]
        statuses = sorted(one.status for one in hub.requests("POST", "/commit/main"))
        assert statuses == [200, 200, 412]
        assert shards_of(folders[0]) | shards_of(folders[1]) < published(hub)
        assert_every_commit_is_whole(hub)
        printed = plain(
            hub, tmp_path / "user",
            """
            import json, sys
            from datasets import get_dataset_config_names, load_dataset
            repo = sys.argv[1]
            names = get_dataset_config_names(repo)
            both = load_dataset(repo, split="train").num_rows
            print(json.dumps([names, both, load_dataset(repo, "medrxiv", split="train").num_rows]))
            """,
            REPO,
        )  # fmt: skip
    assert json.loads(printed) == [["default", "arxiv", "medrxiv", "open"], 14, 7]

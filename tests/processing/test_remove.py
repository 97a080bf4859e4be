"""A removed paper is out of the shards, stays out of every later build, and is never published or exported again."""

import json
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from s1_mmalign.builder.build import build_dataset
from s1_mmalign.builder.options import BuildOptions, DeduplicateOptions, ExtractOptions
from s1_mmalign.builder.shards import FolderError, Manifest
from s1_mmalign.builder.tombstones import Tombstone, Tombstones
from s1_mmalign.dataset_card.card import write_card
from s1_mmalign.processing.export import ExportOptions, export_dataset
from s1_mmalign.processing.process import app
from s1_mmalign.processing.remove import remove_papers
from s1_mmalign.processing.verify import verify_folder, verify_repository
from s1_mmalign.samples import papers_folder
from tests.builder.small_papers import write_latex_package
from tests.dataset_card.small_dataset import default_rows, make_folder, recaptioned
from tests.processing.publishing import QUICK, REPO, hub_of_this_process, push

PAPER = "2001.00000"
SAMPLE = "10.5555/s1-mmalign.sample.1"


@pytest.fixture
def folder(tmp_path):
    folder = make_folder(tmp_path / "d", [recaptioned(one) for one in default_rows()])
    write_card(folder)
    return folder


@pytest.fixture
def hub(tmp_path):
    with hub_of_this_process(tmp_path) as hub:
        yield hub


def rows_of(folder) -> list[dict]:
    tables = [pq.read_table(folder / shard.path) for shard in Manifest.load(folder).shards]
    return [row for table in tables for row in table.to_pylist()]


def ledger(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / "drops.jsonl").read_text("utf-8").splitlines()]


def test_the_command_takes_the_rows_out_and_leaves_a_sound_dataset(folder) -> None:
    before = {row["image_path"]: row for row in rows_of(folder)}
    done = CliRunner().invoke(app, ["remove", str(folder), f"arXiv:{PAPER}v2", "--reason", "asked for by the author"])
    assert done.exit_code == 0, done.output
    assert "1 row of 1 paper taken out of 1 shard;" in done.output
    after = {row["image_path"]: row for row in rows_of(folder)}
    gone = {path for path, row in before.items() if row["paper_id"] == PAPER}
    assert len(gone) == 1
    assert after == {path: row for path, row in before.items() if path not in gone}  # recaptions stay
    assert {"paper_id": PAPER, "where": "", "reason": "removed", "detail": "asked for by the author"} in ledger(folder)
    assert verify_folder(folder).problems == []
    assert Manifest.load(folder).papers == {"in": 18, "with_rows": 15, "dropped": 3}
    card = (folder / "README.md").read_text("utf-8")
    assert "`removed.jsonl` (1 so far)" in card
    assert "19 images from the figures of 15" in card


def test_removing_again_changes_nothing_and_a_shard_without_rows_falls_away(folder) -> None:
    papers = sorted({row["paper_id"] for row in rows_of(folder)})[:3]
    first = remove_papers(folder, [Tombstone(paper) for paper in papers])
    content = (folder / "removed.jsonl").read_bytes(), (folder / "manifest.json").read_bytes()
    again = remove_papers(folder, [Tombstone(paper, "another reason") for paper in papers])
    assert (first.papers, again.papers, again.rows, again.shards) == (tuple(papers), (), 0, 0)
    assert ((folder / "removed.jsonl").read_bytes(), (folder / "manifest.json").read_bytes()) == content
    remove_papers(folder, [Tombstone(row["paper_id"]) for row in rows_of(folder)])
    assert Manifest.load(folder).shards == [] and not list((folder / "data").rglob("*.parquet"))


def test_killed_between_list_and_shards_the_same_call_goes_on(folder, monkeypatch) -> None:
    def killed(*arguments, **more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("s1_mmalign.processing.remove.put_in_place", killed)
        with pytest.raises(KeyboardInterrupt):
            remove_papers(folder, [Tombstone(PAPER)])
    remove_papers(folder)
    write_card(folder)
    assert verify_folder(folder).problems == []
    assert [line["paper_id"] for line in ledger(folder) if line["reason"] == "removed"] == [PAPER]


def test_a_later_build_leaves_the_paper_out_and_so_does_one_that_is_given_the_list(tmp_path) -> None:
    def options(**more) -> BuildOptions:
        extract = ExtractOptions(splits=(1, 0, 0))
        return BuildOptions(papers=(papers_folder(),), workers=1, extract=extract, **more)

    out = tmp_path / "out"
    build_dataset(options(), out)
    whole = rows_of(out)
    remove_papers(out, [Tombstone(SAMPLE.upper(), "by law")])
    left = rows_of(out)
    assert 0 < len(left) < len(whole)
    build_dataset(options(deduplicate=DeduplicateOptions(papers="journal")), out)
    names = {row["image_path"] for row in left}
    assert {row["image_path"] for row in rows_of(out)} == names
    (tmp_path / "list.txt").write_text(f"{SAMPLE} by law\n")
    build_dataset(options(removed=(tmp_path / "list.txt",)), tmp_path / "other")
    assert {row["image_path"] for row in rows_of(tmp_path / "other")} == names
    assert (tmp_path / "other" / "removed.jsonl").is_file()
    for folder in (out, tmp_path / "other"):
        assert [line["detail"] for line in ledger(folder) if line["reason"] == "removed"] == ["by law"]
        assert verify_folder(folder).problems == []


def test_rows_of_a_listed_paper_are_found_by_verify_and_refused_by_push_and_export(hub, folder, tmp_path) -> None:
    Tombstones().with_more([Tombstone(PAPER)]).save(folder)
    assert any(PAPER in str(problem) for problem in verify_folder(folder).problems)
    with pytest.raises(Exception, match="removed"):
        push(folder)
    with pytest.raises(FolderError, match=rf"removed papers \({PAPER}\).*s1-mmalign remove"):
        export_dataset(folder, tmp_path / "rows.jsonl", ExportOptions("jsonl"))
    remove_papers(folder)
    export_dataset(folder, tmp_path / "wds", ExportOptions("webdataset"))
    assert PAPER in (tmp_path / "wds" / "removed.jsonl").read_text("utf-8")


def test_the_list_is_published_and_stays_whatever_folder_is_pushed_later(hub, folder, tmp_path) -> None:
    remove_papers(folder, [Tombstone(PAPER, "by law")])
    push(folder)
    assert json.loads(hub.text(REPO, "removed.jsonl")) == {"paper": PAPER, "reason": "by law", "date": None}
    assert verify_repository(REPO, retry=QUICK).problems == []
    other = make_folder(tmp_path / "other")  # the same papers, and no list
    write_card(other)
    with pytest.raises(FolderError, match=rf"s1-mmalign remove .*{PAPER}"):
        push(other)
    remove_papers(other, [Tombstone(PAPER)])
    (other / "removed.jsonl").unlink()  # and even then
    manifest = Manifest.load(other)
    manifest.files.pop("removed.jsonl")
    manifest.save(other)
    push(other)
    assert PAPER in hub.text(REPO, "removed.jsonl")


def test_a_removed_paper_takes_no_duplicate_with_it(tmp_path) -> None:
    """Of two papers with one image the first keeps it; where the first is removed, it is the second's."""
    for number in (1, 2):
        write_latex_package(tmp_path / "papers" / f"2301.0000{number}.tar.gz", f"subject number {number}", seed=1)
    options = BuildOptions(papers=(tmp_path / "papers",), workers=1)
    build_dataset(options, tmp_path / "both")
    assert {row["paper_id"] for row in rows_of(tmp_path / "both")} == {"2301.00001"}
    (tmp_path / "list.txt").write_text("2301.00001\n")
    build_dataset(replace(options, removed=(tmp_path / "list.txt",)), tmp_path / "one")
    assert {row["paper_id"] for row in rows_of(tmp_path / "one")} == {"2301.00002"}

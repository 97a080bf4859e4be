"""The recipe of a dataset of real papers, run again: the same bytes, or exactly what is not the same."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from s1_mmalign.builder.shards import FolderError, Manifest
from s1_mmalign.dataset_card.reproduce.check import check_only
from s1_mmalign.dataset_card.reproduce.plan import plan_lines
from s1_mmalign.dataset_card.reproduce.recorded import open_recorded
from s1_mmalign.dataset_card.reproduce.run import ReproduceOptions
from s1_mmalign.processing.commands.quickstart import quickstart
from s1_mmalign.processing.process import main
from s1_mmalign.samples import papers_folder
from tests.dataset_card.reproducing import (
    MECA,
    again,
    edit_row,
    outcome_of,
    papers_with,
    verdicts,
    with_another_pixel,
)
from tests.processing.publishing import REPO, hub_of_this_process, push

ROWS = 22 if shutil.which("gs") else 21
"""Of the sample papers; one has a figure in EPS."""
SAME = {"build": "identical", "recaption": "identical", "evaluate": "identical", "card": "identical"}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("quickstart") / "dataset"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        quickstart(folder)
    return folder


@pytest.fixture
def copied(dataset, tmp_path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(dataset, tmp_path / "copy"))


def test_every_deterministic_stage_gives_the_same_bytes(dataset, tmp_path):
    done = again(dataset / "README.md", tmp_path / "out")
    assert verdicts(done) == SAME
    assert not done.failed
    assert (done.inputs.same, done.inputs.packages, done.versions) == (True, 4, [])
    for name in ("recipe.json", "inputs.jsonl", "report.json", "README.md"):
        assert (tmp_path / "out" / name).read_bytes() == (dataset / name).read_bytes(), name
    assert Manifest.load(tmp_path / "out").shards == Manifest.load(dataset).shards
    assert json.loads((tmp_path / "out" / "reproduction.json").read_text())["failed"] is False


def test_one_changed_pixel_is_that_package_and_that_row(dataset, tmp_path):
    def change(name: str, data: bytes) -> bytes:
        changed.append(name) if not changed and name.endswith((".tif", ".png", ".jpg")) else None
        return with_another_pixel(data) if [name] == changed else data

    changed: list[str] = []
    done = again(dataset, tmp_path / "out", inputs=papers_with(tmp_path / "papers", change))
    assert [one.key for one in done.inputs.changed] == [MECA]
    assert (done.inputs.missing, done.inputs.extra) == ([], [])
    build = outcome_of(done, "build")
    assert build.verdict == "different"
    assert (build.missing, build.extra) == ([], [])
    ((row, columns),) = build.rows.items()
    assert "sample-gray-scott" in row
    assert set(columns) <= {"image_sha256", "phash"}
    assert f"{row}  (its package {MECA} has other bytes)" in "\n".join(build.lines)
    assert list(outcome_of(done, "recaption").rows) == [row]
    assert "made otherwise by the build" in "\n".join(outcome_of(done, "recaption").lines)
    assert done.failed


def test_one_changed_option_is_named_beside_the_rows_that_it_changes(dataset, tmp_path):
    done = again(dataset, tmp_path / "out", changes=("build.extract.image.longest_side=800", "build.workers=1"))
    assert [str(change) for change in done.changes] == [
        "option changed: build.extract.image.longest_side: 1568 -> 800", "for this run: build.workers = 1",
    ]  # fmt: skip
    build = outcome_of(done, "build")
    assert build.lines[0] == "option changed: build.extract.image.longest_side: 1568 -> 800"
    assert 0 < len(build.rows) < 22
    assert all({"image_sha256", "width", "height"} <= set(columns) for columns in build.rows.values())
    recipe = json.loads((tmp_path / "out" / "recipe.json").read_text())
    assert recipe["stages"][0]["options"]["extract"]["image"]["longest_side"] == 800
    # The same folder, with the recorded option again: nothing of the other run is left.
    assert verdicts(again(dataset, tmp_path / "out", dataset)) == SAME


def test_one_missing_paper_is_named_with_its_rows_and_an_extra_one_too(dataset, tmp_path):
    papers = Path(shutil.copytree(papers_folder(), tmp_path / "papers"))
    (papers / MECA).rename(papers / "another.meca")
    (papers / "sample-arrhenius.pdf").unlink()
    done = again(dataset, tmp_path / "out", inputs=papers)
    assert [one.key for one in done.inputs.missing] == ["sample-arrhenius.pdf", MECA]
    assert [one.key for one in done.inputs.extra] == ["another.meca"]
    build = outcome_of(done, "build")
    assert build.rows == {}
    assert {row.split("/")[1] for row in build.missing} == {"sample-arrhenius", "sample-gray-scott"}
    assert {row.split("/")[1] for row in build.extra} == {"another"}
    assert "(its package sample-arrhenius.pdf is missing)" in "\n".join(build.lines)
    assert "(its package another.meca is not in the recipe)" in "\n".join(build.lines)


def test_an_edited_caption_of_the_dataset_is_found_and_the_build_can_be_taken_as_given(copied, tmp_path):
    row = edit_row(copied, "recaption", "It was I who wrote this.")
    done = again(copied, tmp_path / "out", start="recaption", inputs=None)
    assert verdicts(done)["build"] == "given"
    assert "recorded bytes" in outcome_of(done, "build").summary  # without its captions it is what the build wrote
    assert outcome_of(done, "recaption").rows == {row: ["recaption"]}
    assert done.failed
    checked = {one.stage: one.verdict for one in check_only(open_recorded(str(copied), None, tmp_path), None, print)}
    assert checked["shards"] == "different"


def test_an_edited_figure_caption_of_the_dataset_is_no_row_of_the_build(copied, tmp_path):
    row = edit_row(copied, "caption", "Not what the paper says.")
    assert outcome_of(again(copied, tmp_path / "out", copied), "build").rows == {row: ["caption"]}


def test_check_only_holds_every_hash_and_runs_nothing(copied, tmp_path):
    def check() -> dict[str, str]:
        recorded = open_recorded(str(copied / "recipe.json"), None, tmp_path)
        return {one.stage: one.verdict for one in check_only(recorded, papers_folder(), lambda *_: None)}

    names = ("inputs", "inputs.jsonl", "drops.jsonl", "shards", "report.json", "README.md")
    assert check() == dict.fromkeys(names, "identical")
    (copied / "drops.jsonl").write_text("")
    (copied / "README.md").write_text((copied / "README.md").read_text().replace(f"{ROWS} images", "99 images"))
    shard = copied / Manifest.load(copied).shards[1].path
    shard.write_bytes(shard.read_bytes()[:-1])
    assert {name for name, verdict in check().items() if verdict == "different"} == {
        "drops.jsonl", "shards", "README.md",
    }  # fmt: skip
    assert not list(tmp_path.glob("*reproduced*"))


def test_the_plan_tells_stages_sizes_options_and_where_the_inputs_are(dataset, tmp_path):
    recorded = open_recorded(str(dataset), None, tmp_path)
    text = "\n".join(plan_lines(recorded, ReproduceOptions(papers_folder(), changes=("recaption.seed=3",))))
    assert f"would run build: 4 packages, 0.8 MB -> {ROWS} rows" in text
    assert "option changed: recaption.seed: 0 -> 3" in text
    assert "  extract.image.longest_side = 1568" in text
    assert f"inputs: {papers_folder()}" in text
    assert not list(tmp_path.iterdir())


def test_a_pushed_dataset_is_reproduced_from_the_hub_and_its_card_too(dataset, tmp_path):
    with hub_of_this_process(tmp_path) as hub:
        push(dataset)
        assert hub.text(REPO, "inputs.jsonl") == (dataset / "inputs.jsonl").read_text()
        hub.log.clear()
        assert verdicts(again(f"{REPO}@main", tmp_path / "out", dataset)) == SAME
        assert not hub.requests("GET", r"\.parquet"), "equal hashes need no shard"
        done = again(REPO, tmp_path / "captions", start="recaption", inputs=None)
        assert verdicts(done) == SAME | {"build": "given"}, outcome_of(done, "card").lines


def test_the_parts_of_a_repository_are_named_and_one_of_them_is_reproduced(dataset, tmp_path):
    from tests.processing.test_publish_parts import one_source

    with hub_of_this_process(tmp_path) as hub:
        push(dataset)
        push(one_source(tmp_path / "m", "medrxiv"))
        assert "reports/arxiv-other/inputs.jsonl" in hub.repo(REPO).head("main").files
        with pytest.raises(FolderError, match="--part arxiv-other, --part medrxiv"):
            again(REPO, tmp_path / "out")
        done = again(REPO, tmp_path / "out", dataset, part="arxiv-other")
    assert verdicts(done) == SAME | {"card": "not run"}


def test_a_recipe_of_a_newer_version_is_refused_and_the_version_named(copied, tmp_path):
    path = copied / "recipe.json"
    recipe = json.loads(path.read_text())
    recipe["stages"][0]["options"]["extract"]["image"]["sharpness"] = 2
    recipe["stages"][0]["code"]["s1-mmalign"] = "9.9"
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "recipe.json").write_text(json.dumps(recipe))
    with pytest.raises(FolderError, match=r"unknown options extract\.image\.sharpness.*s1-mmalign 9\.9"):
        again(alone, tmp_path / "out")


def run(arguments: list[object], monkeypatch, capsys) -> tuple[int, str]:
    """The command's exit code, and what it prints."""
    monkeypatch.setattr(sys, "argv", ["s1-mmalign", "reproduce", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out + printed.err


def test_the_command_tells_by_its_exit_code(dataset, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(dataset / ".s1-mmalign" / "units", tmp_path / "dataset-reproduced" / ".s1-mmalign" / "units")
    code, printed = run([dataset, "--inputs", papers_folder()], monkeypatch, capsys)
    assert code == 0, printed
    lines = [line.partition(":")[0] for line in printed.splitlines()]
    assert [f"{stage:<12} {verdict}" for stage, verdict in SAME.items()] == [
        line for line in lines if "identical" in line
    ]
    (tmp_path / "empty").mkdir()
    code, printed = run([dataset, "--inputs", "empty", "--check-only"], monkeypatch, capsys)
    assert (code, f"  missing: {MECA}" in printed) == (1, True), printed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--inputs DIR is needed: where papers"),
        (["--inputs", "nowhere"], "--inputs nowhere: no such folder"),
        (["--out", "DATASET", "--inputs", "."], "is the dataset itself"),
        (["--option", "build.sharpness=1"], "build has no such option"),
        (["--option", "export.layout=1"], "the recipe has no stage 'export'"),
        (["--from", "lunch"], "one of build, recaption, evaluate, card"),
        (["--plan", "--check-only"], "one of them"),
        (["--part", "arxiv"], "is for repositories"),
    ],
)
def test_a_users_mistake_is_one_line(dataset, tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    given = [dataset, *(dataset if one == "DATASET" else one for one in arguments)]
    code, printed = run(given, monkeypatch, capsys)
    assert (code, words in printed) == (2, True), printed


def test_what_is_no_recorded_dataset_is_said(tmp_path):
    for place, words in (("nowhere", "no such folder or file"), (papers_folder(), "does not say how it was built")):
        with pytest.raises(FolderError, match=words):
            open_recorded(str(place), None, tmp_path)

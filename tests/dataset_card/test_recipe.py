"""The recipe says what each stage was told, and nothing that must not be published."""

import json
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import pytest

from s1_mmalign.builder.shards import FolderError
from s1_mmalign.dataset_card.recipe import code_sha256, load_recipe, readable, record_stage


@dataclass
class Inner:
    sizes: tuple[int, ...] = (1, 2)


@dataclass
class Options:
    papers: Path = Path("/home/somebody/papers/arxiv")
    relative: Path = Path("papers/arxiv")
    model: str = "/home/somebody/models/qwen"
    prompt: str = "/think\nDescribe <figure>."
    api_key: str = "sk-secret"
    hub_token: str | None = "hf_secret"
    max_tokens: int = 512
    server: str = "http://user:word@localhost:8000/v1"
    inner: Inner = field(default_factory=Inner)


def stage(folder, name):
    return next(stage for stage in load_recipe(folder)["stages"] if stage["stage"] == name)


def test_a_stage_records_its_options_versions_and_results(tmp_path):
    record_stage(tmp_path, "build", Options(), {"rows": 3, "papers": {"in": 2}})
    entry = stage(tmp_path, "build")
    assert entry["options"]["max_tokens"] == 512
    assert entry["options"]["inner"] == {"sizes": [1, 2]}
    assert entry["options"]["prompt"] == Options.prompt
    assert entry["results"] == {"rows": 3, "papers": {"in": 2}}
    assert entry["code"] == {"s1-mmalign": version("s1-mmalign"), "sha256": code_sha256()}
    assert entry["libraries"]["pyarrow"] == version("pyarrow")


def test_secrets_and_the_machines_folders_stay_out(tmp_path):
    record_stage(tmp_path, "recaption", Options(), {})
    text = (tmp_path / "recipe.json").read_text()
    assert "secret" not in text
    assert "somebody" not in text
    assert "user:word" not in text
    options = stage(tmp_path, "recaption")["options"]
    assert (options["papers"], options["relative"], options["model"]) == ("arxiv", "papers/arxiv", "qwen")
    assert options["server"] == "http://localhost:8000/v1"


def test_an_object_that_knows_its_recipe_is_asked_for_it(tmp_path):
    class Build:
        def recipe(self):
            return {"papers": ["a"]}

    record_stage(tmp_path, "build", Build(), {})
    assert stage(tmp_path, "build")["options"] == {"papers": ["a"]}


def test_stages_stand_in_the_order_of_the_way_and_a_second_run_replaces_the_first(tmp_path):
    names = ("evaluate", "build", "mine", "recaption_qwen", "recaption", "build")
    for rows, name in enumerate(names):
        record_stage(tmp_path, name, {}, {"rows": rows})
    stages = [entry["stage"] for entry in load_recipe(tmp_path)["stages"]]
    assert stages == ["build", "recaption", "recaption_qwen", "evaluate", "mine"]
    assert stage(tmp_path, "build")["results"] == {"rows": 5}


def test_a_page_shows_a_stage_without_its_lists_of_hashes(tmp_path):
    hashes = {f"data/{number}.parquet": "0" * 64 for number in range(3000)}
    record_stage(tmp_path, "build", {"papers": ["a"]}, {"rows": 2, "sha256": hashes})
    assert stage(tmp_path, "build")["results"]["sha256"] == hashes
    assert readable(stage(tmp_path, "build")) == {
        "options": {"papers": ["a"]}, "results": {"rows": 2, "sha256": "of 3,000 files, in recipe.json"},
    }  # fmt: skip


def test_equal_runs_leave_equal_bytes(tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        for one in ("recaption", "build"):
            record_stage(tmp_path / name, one, Options(), {"rows": 1})
    assert (tmp_path / "first/recipe.json").read_bytes() == (tmp_path / "second/recipe.json").read_bytes()
    assert [path.name for path in (tmp_path / "first").iterdir()] == ["recipe.json"]


def test_a_folder_without_a_recipe_has_no_stages(tmp_path):
    assert load_recipe(tmp_path)["stages"] == []


@pytest.mark.parametrize("text", ["{", "[]", '{"stages": 3}', json.dumps({"version": 99, "stages": []})])
def test_a_recipe_that_cannot_be_read_is_named(tmp_path, text):
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(FolderError, match=r"recipe\.json"):
        load_recipe(tmp_path)


def test_a_value_without_a_json_form_is_rejected_before_anything_is_written(tmp_path):
    with pytest.raises(TypeError, match="recipe"):
        record_stage(tmp_path, "build", {"image": b"bytes"}, {})
    assert not list(tmp_path.iterdir())

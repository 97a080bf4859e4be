"""The command line, run as its users run it: real processes, exit codes, and a dataset that opens elsewhere."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OPEN_IT = """
import sys
from datasets import load_dataset
folder = sys.argv[1]
for config, streaming in ((None, False), ("arxiv", False), ("arxiv", True), ("open", True)):
    rows = load_dataset(folder, config, split="train", streaming=streaming)
    row = next(iter(rows))
    row["image"].load()
    assert row["caption"] and row["recaption"] and row["citation_contexts"], row
    if config == "arxiv":
        assert {row["source"] for row in rows} == {0}
assert not any(name.startswith("s1_mmalign") for name in sys.modules)
print("opened")
"""


def run(*arguments, cwd=None, **environment) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "processing" / "process.py"), *map(str, arguments)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1"} | environment
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=300)


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("quickstart")
    done = run("quickstart", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "s1-mmalign-quickstart", done.stdout


def test_quickstart_ends_in_dataset_card_report_and_the_lines_that_open_it(quickstart):
    folder, out = quickstart
    for name in ("README.md", "report.json", "manifest.json", "drops.jsonl", "recipe.json"):
        assert (folder / name).is_file(), name
    assert "sound" in out
    lines = out[out.index("    from datasets import") :]
    script = "\n".join(line.strip() for line in lines.strip().splitlines())
    opened = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=folder.parent, check=True
    )  # fmt: skip
    assert "PngImageFile" in opened.stdout


def test_the_dataset_opens_where_this_project_is_unknown(quickstart, tmp_path):
    command = [sys.executable, "-I", "-c", OPEN_IT, str(quickstart[0])]
    environment = os.environ | {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    assert subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout == "opened\n"


def test_the_recipe_knows_every_stage(quickstart):
    recipe = json.loads((quickstart[0] / "recipe.json").read_text())
    assert [stage["stage"] for stage in recipe["stages"]] == ["build", "recaption", "evaluate"]


def test_quickstart_again_goes_on_and_changes_no_shard(quickstart):
    folder, _ = quickstart
    before = (folder / "manifest.json").read_bytes()
    done = run("quickstart", cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    assert (folder / "manifest.json").read_bytes() == before


def test_export_jsonl_holds_all_columns_but_the_image(quickstart, tmp_path):
    assert run("export", quickstart[0], "--layout", "jsonl", "--out", tmp_path / "rows.jsonl").returncode == 0
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert len(rows) >= 21
    assert {"paper_id", "figure_id", "caption", "subcaption", "image_source", "citation_contexts"} <= set(rows[0])
    assert "image" not in rows[0]


def test_verify_tells_a_flipped_byte_by_its_exit_code(quickstart, tmp_path):
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", quickstart[0], copy], check=True)
    assert run("verify", copy).returncode == 0
    shard = next((copy / "data").rglob("*.parquet"))
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    done = run("verify", copy)
    assert done.returncode == 1
    assert shard.name in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["build", "nowhere", "--out", "x"], "nowhere: no such file"),
        (["build", ".", "--out", "x", "--source", "mars"], "'mars'"),
        (["build", ".", "--out", "x", "--splits", "1,1"], "--splits"),
        (["recaption", "nowhere"], "s1-mmalign build"),
        (["recaption", "nowhere", "--captioner", "magic"], "vllm, openai, transformers, extractive"),
        (["evaluate", "nowhere"], "nowhere"),
        (["verify", "nowhere"], "nowhere"),
        (["export", "nowhere", "--out", "x"], "nowhere"),
        (["card", "nowhere"], "nowhere"),
    ],
)
def test_a_users_mistake_is_one_clear_line_and_exit_code_2(arguments, words, tmp_path):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "command",
    ["quickstart", "build", "recaption", "evaluate", "card", "gallery", "push", "verify", "export", "reproduce"],
)
def test_help_of_every_command_shows_an_example(command):
    done = run(command, "--help", COLUMNS="200")
    assert done.returncode == 0
    assert f"Example:\n    s1-mmalign {command}" in done.stdout


IN_THE_MIDST_OF_A_CLASS = """
import os, signal, sys, time
from s1_mmalign.processing import process

class Part:
    def __set_name__(self, owner, name):
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))
        time.sleep(60)

def importing():
    class Imported:
        part = Part()

process.app = importing
process.main()
"""


@pytest.mark.parametrize(
    ("name", "code", "words"), [("SIGINT", 130, "interrupted."), ("SIGTERM", 143, "ended by SIGTERM.")]
)
def test_an_interruption_while_a_class_is_made_ends_like_any_other(name, code, words):
    """Python makes a RuntimeError of it there: while modules are imported."""
    command = [sys.executable, "-c", IN_THE_MIDST_OF_A_CLASS, name]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == code and "Traceback" not in ended.stderr
    assert f"{words} Run the same command again to go on." in ended.stderr

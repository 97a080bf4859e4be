import fcntl
import gc
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import datasets
import pyarrow.parquet as pq
import pytest

from s1_mmalign.builder.records import RECAPTION_COLUMNS
from s1_mmalign.builder.shards import FolderError, Manifest, sha256_of
from s1_mmalign.processing.captioners.base import CaptionerError
from s1_mmalign.processing.captioners.options import parse_engine
from s1_mmalign.processing.prompt import PromptError
from s1_mmalign.processing.recaption import Recaptioner, RecaptionOptions, recaption_dataset
from s1_mmalign.processing.row_images import RowImages
from tests.processing.caption_server import asked, caption_server
from tests.processing.figure_rows import figure_row, png, read_rows, write_dataset


def quiet(text: str) -> None:
    pass


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "dataset", [figure_row(index) for index in range(20)], shards=3)


def consistent(folder: Path) -> bool:
    """The manifest says what the files are."""
    return all(
        sha256_of(folder / shard.path) == shard.sha256 and (folder / shard.path).stat().st_size == shard.bytes
        for shard in Manifest.load(folder).shards
    )


def test_every_row_gets_a_recaption_and_says_from_whom(folder: Path):
    said: list[str] = []
    summary = recaption_dataset(folder, say=said.append)
    assert (summary.rows, summary.engine, summary.failed, summary.shards_written) == (20, 20, 0, 3)
    assert "No model looks at the images" in said[0] and "--captioner vllm" in said[0]
    for row in read_rows(folder):
        assert row["recaption"].startswith(row["caption"])
        assert row["recaption_model"] == "extractive"
        assert row["recaption_prompt"].startswith("extractive-v1:")
        assert len(row["recaption_key"]) == 32 and row["recaption_finish_reason"] == "stop"
        assert isinstance(row["recaption_flags"], list)


def test_nothing_but_the_recaption_columns_changes(folder: Path):
    before = read_rows(folder)
    recaption_dataset(folder, say=quiet)
    for old, new in zip(before, read_rows(folder), strict=True):
        assert {name: value for name, value in new.items() if name not in RECAPTION_COLUMNS} == {
            name: value for name, value in old.items() if name not in RECAPTION_COLUMNS
        }
    assert consistent(folder)


def test_the_folder_opens_as_a_dataset(folder: Path, tmp_path: Path):
    recaption_dataset(folder, say=quiet)
    opened = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))["train"]
    assert len(opened) == 20 and opened[7]["recaption"] and opened[7]["image"].size == (160, 120)


def test_a_finished_run_started_again_changes_no_byte(folder: Path):
    recaption_dataset(folder, say=quiet)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}
    summary = recaption_dataset(folder, say=quiet)
    assert (summary.kept, summary.engine, summary.shards_written) == (20, 0, 0)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")} == before


def test_captions_come_back_from_the_journal_when_the_shards_are_new(folder: Path, tmp_path: Path):
    shutil.copytree(folder / "data", tmp_path / "old")
    manifest = Manifest.load(folder)
    recaption_dataset(folder, say=quiet)
    shutil.copytree(tmp_path / "old", folder / "data", dirs_exist_ok=True)
    manifest.save(folder)
    summary = recaption_dataset(folder, say=quiet)
    assert (summary.journal, summary.engine) == (20, 0)
    assert all(row["recaption"] for row in read_rows(folder))


def test_limit_captions_the_first_rows_only(folder: Path):
    summary = recaption_dataset(folder, RecaptionOptions(limit=9), say=quiet)
    done = [bool(row["recaption"]) for row in read_rows(folder)]
    assert done == [True] * 9 + [False] * 11 and summary.shards_written == 2
    assert recaption_dataset(folder, say=quiet).engine == 11
    assert recaption_dataset(folder, RecaptionOptions(limit=0), say=quiet).rows == 0


def test_progress_counts_all_rows_and_shards(folder: Path):
    told: list[tuple[str, int, int]] = []
    recaption_dataset(folder, RecaptionOptions(batch_size=4), lambda *what: told.append(what), quiet)
    assert ("rows", 20, 20) in told and told[-1] == ("shards", 3, 3)


def test_the_garbage_collector_of_who_calls_is_left_as_it_was(folder: Path):
    frozen = gc.get_freeze_count()
    recaption_dataset(folder, say=quiet)
    assert gc.get_freeze_count() == frozen


def test_two_processes_give_what_one_gives(folder: Path, tmp_path: Path):
    shutil.copytree(folder, tmp_path / "other")
    recaption_dataset(folder, say=quiet)
    summary = recaption_dataset(tmp_path / "other", RecaptionOptions(num_proc=2, batch_size=3), say=quiet)
    assert summary.engine == 20
    assert read_rows(tmp_path / "other") == read_rows(folder)


def test_a_kill_between_shard_and_manifest_is_mended(folder: Path, tmp_path: Path):
    """Killed after a shard was put in place and before the manifest names it: the note tells."""
    code = (
        "import os, sys\nfrom pathlib import Path\n"
        "from s1_mmalign.builder.shards import Manifest\n"
        "from s1_mmalign.processing.recaption import recaption_dataset\n"
        "Manifest.save = lambda self, folder: os.kill(os.getpid(), 9)\n"
        "recaption_dataset(Path(sys.argv[1]), say=lambda text: None)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(folder)], check=False)
    assert killed.returncode == -9 and not consistent(folder)
    assert len(datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))["train"]) == 20
    summary = recaption_dataset(folder, say=quiet)
    assert summary.engine == 0 and summary.kept + summary.journal == 20 and summary.kept > 0
    assert consistent(folder) and all(row["recaption"] for row in read_rows(folder))
    left = {path.name for path in (folder / ".s1-mmalign").iterdir()}
    assert left <= {"journal", "lock"}


def test_another_process_in_the_folder_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("s1_mmalign.builder.folder_lock.LOCK_SECONDS", 0.1)
    (folder / ".s1-mmalign").mkdir()
    with (folder / ".s1-mmalign" / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(FolderError, match="another process"):
            recaption_dataset(folder, say=quiet)


def test_a_server_is_asked_once_for_each_row(folder: Path, tmp_path: Path):
    with caption_server(tmp_path / "log") as url:
        options = RecaptionOptions("openai", base_url=(url,))
        summary = recaption_dataset(folder, options, say=quiet)
        assert (summary.engine, summary.completion_tokens) == (20, 20 * 50)
        assert sorted(asked(tmp_path / "log")) == list(range(20))
        assert recaption_dataset(folder, options, say=quiet).kept == 20
    assert len(asked(tmp_path / "log")) == 20
    for index, row in enumerate(read_rows(folder)):
        assert f"for sample {index}," in row["recaption"]
        assert row["recaption_model"] == "test-model" and row["recaption_flags"] == []
        assert row["recaption_prompt"].startswith("context-v1:")


def test_another_prompt_model_or_sampling_asks_anew(folder: Path, tmp_path: Path):
    with caption_server(tmp_path / "log") as url:
        options = RecaptionOptions("openai", model="a", base_url=(url,), limit=2)
        for changed in (
            options,
            replace(options, model="b"),
            replace(options, revision="r2"),
            replace(options, seed=1),
            replace(options, max_pixels=10_000),
            replace(options, context_tokens=60),
        ):
            assert recaption_dataset(folder, changed, say=quiet).engine == 2
        assert recaption_dataset(folder, options, say=quiet).journal == 2


def test_one_bad_row_costs_one_row(tmp_path: Path):
    rows = [figure_row(index) for index in range(12)]
    rows[2]["image"] = {"bytes": b"not an image", "path": None}
    rows[3]["image"] = {"bytes": png(3)[:200], "path": None}
    rows[4]["image"] = None
    rows[5]["image"] = {"bytes": png(5, (1, 1)), "path": None}
    rows[6]["image"] = {"bytes": png(6, (1, 5000)), "path": None}
    rows[7]["caption"] = "REFUSED sample 7. \x00\x1b"
    folder = write_dataset(tmp_path / "dataset", rows)
    with caption_server(tmp_path / "log", "--when", "REFUSED") as url:
        summary = recaption_dataset(folder, RecaptionOptions("openai", base_url=(url,)), say=quiet)
    assert (summary.engine, summary.failed) == (8, 4)
    done = read_rows(folder)
    flags = {index: row["recaption_flags"] for index, row in enumerate(done) if row["recaption"] is None}
    assert flags == {
        2: ["image_unreadable"], 3: ["image_unreadable"], 4: ["image_missing"], 7: ["engine_error"],
    }  # fmt: skip
    assert "figure-2.png: the server answered 400" in (folder / ".s1-mmalign" / "recaption-errors.txt").read_text()
    assert any("4 rows have no caption" in line for line in summary.lines())
    with caption_server(tmp_path / "log2") as url:
        again = recaption_dataset(folder, RecaptionOptions("openai", base_url=(url,)), say=quiet)
    assert (again.kept, again.engine, again.failed) == (8, 1, 3) and asked(tmp_path / "log2") == [7]


def test_a_row_that_fails_keeps_the_recaption_it_had(folder: Path, tmp_path: Path):
    recaption_dataset(folder, say=quiet)
    with caption_server(tmp_path / "log", "--when", "sample 5.") as url:
        summary = recaption_dataset(folder, RecaptionOptions("openai", base_url=(url,)), say=quiet)
    models = [row["recaption_model"] for row in read_rows(folder)]
    assert summary.failed == 1 and models == ["test-model"] * 5 + ["extractive"] + ["test-model"] * 14


def test_a_busy_server_is_asked_again(folder: Path, tmp_path: Path):
    with caption_server(tmp_path / "log", "--fail-first", "3") as url:
        options = RecaptionOptions("openai", base_url=(url,), limit=5, request_retries=4)
        summary = recaption_dataset(folder, options, say=quiet)
    assert (summary.engine, summary.failed) == (5, 0) and len(asked(tmp_path / "log")) == 8


def test_a_server_that_hangs_costs_the_row(folder: Path, tmp_path: Path):
    with caption_server(tmp_path / "log", "--hang", "sample 3.") as url:
        options = RecaptionOptions("openai", base_url=(url,), limit=6, request_retries=0, timeout=5.0)
        summary = recaption_dataset(folder, options, say=quiet)
    assert (summary.engine, summary.failed) == (5, 1) and "no answer within 5 s" in summary.errors[0]


def test_a_dead_server_of_two_is_made_good_by_the_other(folder: Path, tmp_path: Path):
    with caption_server(tmp_path / "log") as url:
        urls = ("http://127.0.0.1:9/v1", url)
        options = RecaptionOptions("openai", model="m", base_url=urls, request_retries=0)
        assert recaption_dataset(folder, options, say=quiet).engine == 20


def test_papers_are_spread_over_servers_and_each_stays_with_one(folder: Path, tmp_path: Path):
    with caption_server(tmp_path / "log1") as first, caption_server(tmp_path / "log2") as second:
        options = RecaptionOptions("openai", model="m", base_url=(first, second))
        recaption_dataset(folder, options, say=quiet)
    one, two = asked(tmp_path / "log1"), asked(tmp_path / "log2")
    assert one and two and sorted(one + two) == list(range(20))


def test_a_server_that_is_away_ends_the_run_with_a_way_out(folder: Path):
    options = RecaptionOptions("openai", model="m", base_url=("http://127.0.0.1:9/v1",), request_retries=0)
    with pytest.raises(CaptionerError, match=r"cannot be reached.*run the same command again"):
        recaption_dataset(folder, options, say=quiet)
    assert all(row["recaption"] is None for row in read_rows(folder)) and consistent(folder)


def test_a_wrong_model_name_ends_the_run(folder: Path, tmp_path: Path):
    server = caption_server(tmp_path / "log", "--when", "sample", "--status", "404")
    with server as url, pytest.raises(CaptionerError, match="model's name"):
        recaption_dataset(folder, RecaptionOptions("openai", model="wrong", base_url=(url,)), say=quiet)


def test_an_error_of_a_worker_process_reaches_the_user(folder: Path):
    options = RecaptionOptions("openai", model="m", base_url=("http://127.0.0.1:9/v1",), request_retries=0, num_proc=2)
    with pytest.raises(CaptionerError, match="cannot be reached"):
        recaption_dataset(folder, options, say=quiet)


def test_refusals_without_end_stop_the_run(tmp_path: Path):
    folder = write_dataset(tmp_path / "dataset", [figure_row(index) for index in range(80)])
    server = caption_server(tmp_path / "log", "--when", "sample")
    with server as url, pytest.raises(CaptionerError, match="64 rows one after another"):
        recaption_dataset(folder, RecaptionOptions("openai", model="m", base_url=(url,)), say=quiet)


def test_recaptioner_maps_any_dataset_with_images(tmp_path: Path):
    rows = [figure_row(index) for index in range(5)]
    plain = datasets.Dataset.from_list([{"image": row["image"], "caption": row["caption"]} for row in rows])
    plain = plain.cast_column("image", datasets.Image())
    with caption_server(tmp_path / "log") as url:
        recaptioner = Recaptioner(RecaptionOptions("openai", base_url=(url,)))
        mapped = plain.map(recaptioner, batched=True, batch_size=2, with_rank=True)
        recaptioner.close()
    assert [f"for sample {index}," in row["recaption"] for index, row in enumerate(mapped)] == [True] * 5


def test_row_images_reads_any_row_of_any_shard(folder: Path):
    images = RowImages(folder)
    shards = [shard.path for shard in Manifest.load(folder).shards]
    for shard, row, index in ((0, 6, 6), (2, 5, 19), (0, 0, 0), (1, 3, 10), (1, 0, 7)):
        assert images.get(shards[shard], row) == png(index)
    with pytest.raises(IndexError, match="row 7 of 7"):
        images.get(shards[0], 7)
    images.close()
    assert pq.ParquetFile(folder / shards[0]).metadata.num_row_groups > 0


def test_wrong_options_are_told_with_the_way_out(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    for change, words in (
        ({"captioner": "gpt"}, "extractive"),
        ({"max_tokens": 0}, "max_tokens=0"),
        ({"temperature": -1.0}, "temperature"),
        ({"top_p": 0.0}, "top_p"),
        ({"base_url": ("localhost:8000",)}, "http://localhost:8000/v1"),
        ({"timeout": 0.0}, "timeout"),
    ):
        with pytest.raises(ValueError, match=words):
            RecaptionOptions(**change)  # type: ignore[arg-type]
    with pytest.raises(CaptionerError, match="--base-url"):
        recaption_dataset(folder, RecaptionOptions("openai"), say=quiet)
    with pytest.raises(PromptError, match="context-v1"):
        recaption_dataset(folder, RecaptionOptions(prompt="none"), say=quiet)
    with pytest.raises(FolderError, match="no such folder"):
        recaption_dataset(tmp_path / "none", say=quiet)
    assert parse_engine(["a=1", 'b={"c": true}', "d=text"]) == {"a": 1, "b": {"c": True}, "d": "text"}
    with pytest.raises(ValueError, match="name=value"):
        parse_engine(["nothing"])


def test_a_dataset_without_rows_is_no_error(tmp_path: Path):
    folder = write_dataset(tmp_path / "dataset", [], shards=0)
    assert recaption_dataset(folder, say=quiet).rows == 0

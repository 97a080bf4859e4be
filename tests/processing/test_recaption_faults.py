"""What goes wrong around a run: servers that fail, die and come back, a full disk, a torn journal, odd characters."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.in_flight import InFlightLog, read_suspects
from s1_mmalign.processing.recaption import recaption_dataset
from tests.processing.caption_server import asked, caption_server, immortal_server
from tests.processing.figure_rows import figure_row, read_rows, write_dataset
from tests.processing.test_recaption_crash import RUN, finish, journaled, kill_when, name_of, start

ROWS = 24


def quiet(text: str) -> None:
    pass


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "dataset", [figure_row(index) for index in range(ROWS)])


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_in_trouble_is_asked_again_after_a_pause(status: int, folder: Path, tmp_path: Path):
    trouble = ("--fail-first", "6", "--fail-status", str(status))
    with caption_server(tmp_path / "log", *trouble) as url:
        options = RecaptionOptions("openai", model="m", base_url=(url,), in_flight=4)
        summary = recaption_dataset(folder, options, say=quiet)
    assert (summary.engine, summary.failed, len(asked(tmp_path / "log"))) == (ROWS, 0, ROWS + 6)


def test_a_row_that_a_server_always_fails_on_costs_one_row(folder: Path, tmp_path: Path):
    with caption_server(tmp_path / "log", "--when", "sample 7.", "--status", "500") as url:
        options = RecaptionOptions("openai", model="m", base_url=(url,), request_retries=1, in_flight=4)
        summary = recaption_dataset(folder, options, say=quiet)
    assert (summary.engine, summary.failed) == (ROWS - 1, 1) and "answered 500" in summary.errors[0]
    assert asked(tmp_path / "log").count(7) == 2


def test_a_row_that_kills_the_server_is_found_while_the_server_is_started_again(folder: Path, tmp_path: Path):
    with immortal_server(tmp_path / "log", "--die", "sample 9.") as url:
        options = RecaptionOptions("openai", model="m", base_url=(url,), request_retries=0, in_flight=8)
        summary = recaption_dataset(folder, options, say=quiet)
    assert (summary.engine, summary.failed) == (ROWS - 1, 1)
    assert read_rows(folder)[9]["recaption_flags"] == ["quarantined"]


def test_no_more_requests_are_open_at_once_than_asked_for(folder: Path, tmp_path: Path):
    with caption_server(tmp_path / "log", "--delay", "0.1") as url:
        options = RecaptionOptions("openai", model="m", base_url=(url,), in_flight=3)
        assert recaption_dataset(folder, options, say=quiet).engine == ROWS
        assert json.load(urllib.request.urlopen(f"{url}/peak"))["peak"] == 3


def test_a_full_disk_ends_the_run_with_a_way_out_and_the_next_goes_on(folder: Path, tmp_path: Path):
    """Files may not grow beyond a limit, so the journal is the first that cannot be written."""
    with caption_server(tmp_path / "log", "--add", " Another sentence for the sake of its length." * 90) as url:
        options = {"captioner": "openai", "model": "m", "base_url": [url], "in_flight": 2}
        limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, {resource.RLIM_INFINITY}))\n"
        (tmp_path / "full.py").write_text(limit + RUN)
        command = [sys.executable, str(tmp_path / "full.py"), str(folder), json.dumps(options)]
        full = subprocess.run(command, capture_output=True, text=True, check=False)
        assert full.returncode == 1
        assert "cannot be written (File too large)" in full.stderr and "run the same command again" in full.stderr
        known = set(journaled(folder))
        before = len(asked(tmp_path / "log"))
        assert 3 < len(known) < ROWS
        result = finish(start(folder, options, tmp_path / "run.py"))
        assert not {name_of(sample) for sample in asked(tmp_path / "log")[before:]} & known
    assert result == {"engine": ROWS - len(known), "journal": len(known), "kept": 0}


def test_a_torn_journal_costs_its_last_line(folder: Path, tmp_path: Path):
    log = tmp_path / "log"
    with caption_server(log) as url:
        options = RecaptionOptions("openai", model="m", base_url=(url,))
        originals = {path: path.read_bytes() for path in [*folder.rglob("*.parquet"), folder / "manifest.json"]}
        recaption_dataset(folder, options, say=quiet)
        for path, data in originals.items():
            path.write_bytes(data)
        (journal,) = (folder / ".s1-mmalign" / "journal").glob("*.jsonl")
        journal.write_bytes(journal.read_bytes()[:-20])
        before = len(asked(log))
        summary = recaption_dataset(folder, options, say=quiet)
    assert (summary.engine, summary.journal) == (1, ROWS - 1) and len(asked(log)) == before + 1
    assert len(journaled(folder)) == ROWS


def test_answers_with_nul_and_lone_surrogates_come_through(folder: Path, tmp_path: Path):
    with caption_server(tmp_path / "log", "--add", r" Odd \x00 and \ud800 characters.") as url:
        options = RecaptionOptions("openai", model="m", base_url=(url,))
        assert recaption_dataset(folder, options, say=quiet).engine == ROWS
        assert recaption_dataset(folder, options, say=quiet).kept == ROWS
    assert all("\0" not in row["recaption"] and "Odd" in row["recaption"] for row in read_rows(folder))


def test_rows_that_two_killed_runs_had_open_are_asked_for_apart_from_the_others(folder: Path, tmp_path: Path):
    log = tmp_path / "log"
    notes = folder / ".s1-mmalign" / "journal"
    options = {"captioner": "openai", "model": "m", "in_flight": 4, "batch_size": 4}
    with caption_server(log, "--hang", "sample ") as hanging:
        for _ in range(2):
            before = len(asked(log))
            process = start(folder, options | {"base_url": [hanging]}, tmp_path / "run.py")
            assert kill_when(process, lambda before=before: len(asked(log)) >= before + 4)
    assert len(read_suspects(notes)) >= 4
    log.unlink()
    with caption_server(log) as url:
        changed = RecaptionOptions(**options | {"base_url": (url,)})
        assert recaption_dataset(folder, changed, say=quiet).engine == ROWS
    assert sorted(asked(log)) == list(range(ROWS))
    assert not list(notes.glob("*.open"))


def test_only_rows_without_an_answer_count_as_open(tmp_path: Path):
    for deaths in range(2):
        notes = InFlightLog(tmp_path, deaths)
        notes.opened(["a" * 32, "b" * 32])
        notes.refused("b" * 32)
        notes.close(done=False)
        assert read_suspects(tmp_path) == (frozenset({"a" * 32}) if deaths else frozenset())
    (torn,) = list(tmp_path.glob("*-1.open"))
    torn.write_bytes(torn.read_bytes()[:40])
    assert read_suspects(tmp_path) == {"a" * 32}

"""An engine that dies or hangs: found, replaced, and the row that does it kept away; with real processes."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from s1_mmalign.processing.captioners.base import CaptionerError
from s1_mmalign.processing.captioners.engine_process import EngineProcess
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.captioners.registry import captioner_class
from s1_mmalign.processing.recaption import recaption_dataset
from s1_mmalign.processing.suspects import Suspects
from tests.processing.caption_server import asked
from tests.processing.figure_rows import figure_row, png, read_rows, write_dataset

FRAIL = "tests.processing.frail_captioner:FrailCaptioner"
ROWS = 40


def quiet(text: str) -> None:
    pass


def frail(log: Path, **changes) -> RecaptionOptions:
    engine = {"log": str(log)} | changes.pop("engine", {})
    return RecaptionOptions(FRAIL, engine=engine, **({"in_flight": 16, "batch_size": 8} | changes))


def dataset(folder: Path, words: dict[int, str], rows: int = ROWS) -> Path:
    made = [figure_row(index) for index in range(rows)]
    for index, word in words.items():
        made[index]["caption"] += f" {word}"
    return write_dataset(folder, made)


def starts(log: Path) -> int:
    return log.read_text().split().count("start")


def quarantined(folder: Path) -> list[dict]:
    files = (folder / ".s1-mmalign" / "journal").glob("*.quarantine")
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


@pytest.mark.parametrize(("word", "said"), [("KILL", "SIGKILL"), ("SEGFAULT", "SIGSEGV"), ("HANG", "no token for")])
def test_a_row_on_which_the_engine_dies_is_found_and_costs_one_row(word: str, said: str, tmp_path: Path, capfd):
    folder, log = dataset(tmp_path / "dataset", {21: word}), tmp_path / "log"
    summary = recaption_dataset(folder, frail(log, engine_timeout=3.0), say=quiet)
    assert (summary.engine, summary.failed) == (ROWS - 1, 1)
    rows = read_rows(folder)
    assert rows[21]["recaption"] is None and rows[21]["recaption_flags"] == ["quarantined"]
    assert all(f"sample {index}," in row["recaption"] for index, row in enumerate(rows) if index != 21)
    assert said in summary.errors[0] and said in capfd.readouterr().err
    assert starts(log) <= 10
    assert [entry["row"] for entry in quarantined(folder)] == [rows[21]["image_path"]]
    before = log.read_text()
    again = recaption_dataset(folder, frail(log), say=quiet)
    assert (again.kept, again.failed, again.engine) == (ROWS - 1, 1, 0)
    assert log.read_text() == before, "a quarantined row started an engine"


def test_several_such_rows_in_two_processes_are_all_found(tmp_path: Path):
    poisoned = {3: "KILL", 4: "KILL", 39: "SEGFAULT"}
    folder, log = dataset(tmp_path / "dataset", poisoned), tmp_path / "log"
    summary = recaption_dataset(folder, frail(log, num_proc=2), say=quiet)
    assert (summary.engine, summary.failed) == (ROWS - 3, 3)
    assert {index for index, row in enumerate(read_rows(folder)) if row["recaption"] is None} == set(poisoned)


def test_an_engine_that_dies_on_every_row_ends_the_run_and_condemns_none(tmp_path: Path):
    folder, log = dataset(tmp_path / "dataset", {}), tmp_path / "log"
    (tmp_path / "broken").touch()
    with pytest.raises(CaptionerError, match="the engine or the machine, not the rows"):
        recaption_dataset(folder, frail(log, in_flight=2), say=quiet)
    assert not quarantined(folder)
    (tmp_path / "broken").unlink()
    assert recaption_dataset(folder, frail(log), say=quiet).captioned == ROWS


def test_an_engine_killed_from_outside_costs_no_row(tmp_path: Path):
    """SIGKILL, and SIGSTOP (a hang), while it works: the same run goes on with another."""
    folder, log = dataset(tmp_path / "dataset", {}), tmp_path / "log"
    log.touch()
    hurt: list[int] = []

    def hurt_engines() -> None:
        for number in (signal.SIGKILL, signal.SIGSTOP):
            while starts(log) <= len(hurt) or len(asked(log)) < 10 * (len(hurt) + 1):
                time.sleep(0.01)
            (engine,) = engines_of(os.getpid())
            hurt.append(engine)
            os.kill(engine, number)

    thread = threading.Thread(target=hurt_engines)
    thread.start()
    options = frail(log, engine_timeout=4.0, engine={"delay": 0.05}, in_flight=4)
    summary = recaption_dataset(folder, options, say=quiet)
    thread.join()
    assert (summary.engine, summary.failed, starts(log)) == (ROWS, 0, 3)
    assert len(asked(log)) <= ROWS + 2 * 3 * 4
    assert not any(Path(f"/proc/{engine}").exists() for engine in hurt)


def test_a_captioner_that_cannot_start_tells_why_in_its_own_words(tmp_path: Path):
    options = RecaptionOptions("transformers", model=str(tmp_path))
    kind = captioner_class("transformers")
    with pytest.raises(CaptionerError, match="transformers cannot load it"):
        EngineProcess(kind, options, kind.identify(options))


def test_an_unreadable_image_starts_no_engine(tmp_path: Path):
    rows = [figure_row(0, image={"bytes": b"nothing", "path": None}), figure_row(1, image=None)]
    folder, log = write_dataset(tmp_path / "dataset", rows, shards=1), tmp_path / "log"
    assert recaption_dataset(folder, frail(log), say=quiet).failed == 2
    assert not log.exists()


def test_extreme_rows_cost_at_most_themselves(tmp_path: Path):
    """Corrupt and extreme images, ten megabytes of context, NUL and lone surrogates."""
    rows = [figure_row(index) for index in range(10)]
    rows[0]["image"] = {"bytes": png(0)[:150], "path": None}
    rows[1]["image"] = {"bytes": png(1, (1, 1)), "path": None}
    rows[2]["image"] = {"bytes": png(2, (1, 100_000)), "path": None}
    rows[3]["citation_contexts"] = ["As Fig. 1 shows, it grows. " * 400_000]
    rows[4]["caption"] += " \x00 \x00"
    rows[5]["title"] = "T\x00"
    folder, log = write_dataset(tmp_path / "dataset", rows), tmp_path / "log"
    summary = recaption_dataset(folder, frail(log), say=quiet)
    assert (summary.engine, summary.failed) == (9, 1)
    assert [row["recaption_flags"] for row in read_rows(folder) if row["recaption"] is None] == [["image_unreadable"]]


@pytest.mark.parametrize("guilty", [0, 1, 30, 63])
def test_the_guilty_one_of_64_is_found_in_a_few_rounds(guilty: int):
    suspects, rounds = Suspects(), 0
    keys = [str(index) for index in range(64)]
    condemned = suspects.died(keys)
    while condemned is None:
        part = suspects.part
        rounds += 1
        if str(guilty) in part:
            condemned = suspects.died(part)
        else:
            for key in part:
                suspects.answered(key)
    assert condemned == str(guilty) and rounds <= 8 and not suspects


def test_a_death_by_chance_condemns_nobody():
    suspects = Suspects()
    assert suspects.died(["a"]) is None
    assert suspects.died(suspects.part) is None
    suspects.answered("a")
    assert not suspects and suspects.part == ()


def engines_of(pid: int) -> list[int]:
    """Return the engines' processes that a process started (Linux)."""
    found = []
    for child in psutil.Process(pid).children():
        with suppress(psutil.NoSuchProcess):  # it may end meanwhile
            if "engine_child" in " ".join(child.cmdline()):
                found.append(child.pid)
    return found

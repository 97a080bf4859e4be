"""One recaptioner, called by several threads at the same time, as an actor of a Ray cluster is."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from datasets import load_dataset

from s1_mmalign.processing.captioners.base import CaptionerError
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.engine_feed import EngineFeed
from s1_mmalign.processing.recaptioner import Recaptioner
from tests.free_port import free_port
from tests.processing.caption_server import asked, caption_server
from tests.processing.figure_rows import figure_row, write_dataset

ROWS = 24
THREADS = 4


@pytest.fixture
def batches(tmp_path: Path):
    folder = write_dataset(tmp_path / "dataset", [figure_row(index) for index in range(ROWS)])
    rows = load_dataset("parquet", data_files=[str(path) for path in sorted(folder.rglob("*.parquet"))], split="train")
    return [rows[start : start + 2] for start in range(0, ROWS, 2)]


def test_threads_share_an_engine_and_each_has_its_own_rows(batches, tmp_path: Path):
    with caption_server(tmp_path / "log", "--delay", "0.02") as url:
        options = RecaptionOptions("openai", model="m", base_url=(url,), in_flight=3)
        recaptioner = Recaptioner(options, journal=tmp_path / "journal")
        recaptioner.open()
        with ThreadPoolExecutor(THREADS) as pool:
            answers = list(pool.map(recaptioner, batches))
        recaptioner.close()
    texts = [text for answer in answers for text in answer["recaption"]]
    assert all(f"for sample {index}," in text for index, text in enumerate(texts)) and len(texts) == ROWS
    assert sorted(asked(tmp_path / "log")) == list(range(ROWS))


def test_an_error_of_one_thread_ends_all_and_nothing_is_written_after_the_files_are_closed(
    batches, tmp_path: Path, monkeypatch
):
    """The thread that fails closes the journal; one that was at work then wrote to a file that was not its own."""
    closing = threading.Event()
    working: list[str] = []
    overlaps: list[list[str]] = []
    step, close = EngineFeed.step, EngineFeed.close

    def slow_step(feed: EngineFeed):
        working.append(threading.current_thread().name)
        try:
            closing.wait(0.05)
            return step(feed)
        finally:
            working.remove(threading.current_thread().name)

    def watched_close(feed: EngineFeed):
        closing.set()
        overlaps.append([name for name in working if name != threading.current_thread().name])
        close(feed)

    monkeypatch.setattr(EngineFeed, "step", slow_step)
    monkeypatch.setattr(EngineFeed, "close", watched_close)
    options = RecaptionOptions("openai", model="m", base_url=("http://127.0.0.1:9/v1",), request_retries=0)
    recaptioner = Recaptioner(options, journal=tmp_path / "journal")
    recaptioner.open()
    with ThreadPoolExecutor(THREADS) as pool:
        errors = [future.exception() for future in [pool.submit(recaptioner, batch) for batch in batches]]
    assert overlaps == [[]], "closed once, while no other thread was at work"
    assert len(errors) == len(batches)
    assert {type(error) for error in errors} == {CaptionerError} and "cannot be reached" in str(errors[0])
    recaptioner.close()


def test_after_an_error_a_call_by_one_thread_begins_anew(batches, tmp_path: Path):
    port = free_port()
    options = RecaptionOptions("openai", model="m", base_url=(f"http://127.0.0.1:{port}/v1",), request_retries=0)
    recaptioner = Recaptioner(options, journal=tmp_path / "journal")
    with pytest.raises(CaptionerError, match="cannot be reached"):
        recaptioner(batches[0])
    with caption_server(tmp_path / "log", "--port", str(port)):
        assert "for sample 0," in recaptioner(batches[0])["recaption"][0]
    recaptioner.close()

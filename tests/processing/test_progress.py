"""Progress where nobody looks at a terminal: lines with rate and ETA, now and then."""

import pytest

from s1_mmalign.processing import progress as module
from s1_mmalign.processing.progress import Progress


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_a_line_with_rate_and_eta_every_ten_seconds(clock, capsys):
    with Progress() as progress:
        for done in range(31):
            clock[0] = float(done)
            progress("papers", done, 100)
    assert capsys.readouterr().err.splitlines() == [
        "papers: 10 of 100, 1.0 papers/s, ETA 90 s",
        "papers: 20 of 100, 1.0 papers/s, ETA 80 s",
        "papers: 30 of 100, 1.0 papers/s, ETA 70 s",
    ]


def test_short_work_prints_nothing(clock, capsys):
    with Progress() as progress:
        progress("papers", 0, 3)
        clock[0] = 5.0
        progress("papers", 3, 3)
    assert capsys.readouterr().err == ""


def test_bytes_are_shown_as_megabytes(clock, capsys):
    with Progress() as progress:
        progress("bytes", 0, 80_000_000)
        clock[0] = 20.0
        progress("bytes", 40_000_000, 80_000_000)
    assert capsys.readouterr().err == "bytes: 40.0 MB of 80.0 MB, 2.0 MB/s, ETA 20 s\n"

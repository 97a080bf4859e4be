"""Lists of removed papers: what they are written like, and which rows they name."""

import pyarrow as pa
import pytest

from s1_mmalign.builder.sources.errors import InputError
from s1_mmalign.builder.tombstones import Tombstone, Tombstones, load_tombstones, read_removed

TABLE = pa.table(
    {
        "paper_id": ["2301.00001v2", "10.1101_2020.01.01", "PMC7", "math0106220", "2301.00002"],
        "doi": [None, "10.1101/2020.01.01", "10.1/abc", None, None],
        "arxiv_id": ["2301.00001", None, None, "math/0106220", "2301.00002"],
    }
)


@pytest.mark.parametrize(
    ("paper", "rows"),
    [
        ("2301.00001", [0]),
        ("arXiv:2301.00001v7", [0]),
        ("https://arxiv.org/abs/2301.00001", [0]),
        ("10.1101/2020.01.01", [1]),
        ("https://doi.org/10.1101/2020.01.01", [1]),
        ("PMC7", [2]),
        ("math/0106220", [3]),
        ("2301.0000", []),
        ("2301.00003", []),
    ],
)
def test_a_paper_is_known_by_any_of_its_names(paper, rows) -> None:
    mask, found = Tombstones().with_more([Tombstone(paper)]).find(TABLE)
    assert mask.nonzero()[0].tolist() == rows
    assert list(found) == [TABLE["paper_id"][row].as_py() for row in rows]


def test_a_list_is_read_back_as_it_was_written_and_keeps_the_first_reason(tmp_path) -> None:
    first = Tombstone("10.1234/ABC", "copyright", "2026-11-21")
    removed = Tombstones().with_more([first, Tombstone("2301.00001")])
    removed.save(tmp_path)
    again = load_tombstones(tmp_path).with_more([Tombstone("https://doi.org/10.1234/abc", "other")])
    assert again.papers["10.1234/abc"] == first
    assert again.to_text() == removed.to_text()


def test_text_gives_a_paper_and_its_reason_on_a_line(tmp_path) -> None:
    (tmp_path / "list.txt").write_text("# asked for\n2301.00001 by the author\n\n10.1/abc\tlicence\nPMC7\n")
    found = [(one.paper, one.reason) for one in read_removed([tmp_path / "list.txt"])]
    assert found == [("2301.00001", "by the author"), ("10.1/abc", "licence"), ("PMC7", "removed on request")]


@pytest.mark.parametrize("line", ['{"reason": "x"}', "{broken", '{"paper": "x", "date": "May"}', '{"paper": ""}'])
def test_a_line_that_is_none_is_named(tmp_path, line) -> None:
    (tmp_path / "removed.jsonl").write_text('{"paper": "a"}\n' + line + "\n")
    with pytest.raises(InputError, match=r"removed\.jsonl, line 2"):
        load_tombstones(tmp_path)

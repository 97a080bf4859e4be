"""A file read by ranges that are fetched ahead: the same bytes, few requests, no thread of Arrow's in Python."""

import io
import threading

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1_mmalign.processing.ranged_file import HOLE, RangedFile, RangedParquetFile, joined

DATA = bytes(range(256)) * 2000


class Counted(io.BytesIO):
    """Notes each read, and the thread that asked for it."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.asked: list[tuple[int, int]] = []
        self.threads: set[str] = set()

    def read(self, size=-1):
        self.asked.append((self.tell(), self.tell() + size))
        self.threads.add(threading.current_thread().name)
        return super().read(size)


places = st.tuples(st.integers(0, len(DATA)), st.integers(0, len(DATA))).map(lambda pair: tuple(sorted(pair)))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(fetched=st.lists(places, max_size=4), reads=st.lists(places, max_size=6))
def test_the_bytes_are_those_of_the_file_whatever_was_fetched(fetched, reads):
    file = RangedFile(Counted(DATA))
    file.fetch(fetched)
    for start, end in reads:
        file.seek(start)
        assert file.read(end - start) == DATA[start:end]
        assert file.tell() == max(start, end)
    file.seek(-5, io.SEEK_END)
    assert file.read() == DATA[-5:] and file.read(3) == b""


def test_ranges_that_nearly_touch_are_asked_for_together():
    assert joined([(10, 20), (0, 5)]) == [(0, 20)]
    assert joined([(0, 100), (20, 30), (100 + HOLE, 200 + HOLE), (300 + 2 * HOLE, 301 + 2 * HOLE)]) == [
        (0, 200 + HOLE), (300 + 2 * HOLE, 301 + 2 * HOLE),
    ]  # fmt: skip


def test_a_file_that_ends_early_is_an_error():
    remote = Counted(DATA)
    file = RangedFile(remote)
    remote.truncate(100)
    with pytest.raises(EOFError, match="bytes 50 to 150 were asked for, 50 came"):
        file.fetch([(50, 150)])


def test_what_was_fetched_of_a_row_group_is_all_that_arrow_reads():
    image = pa.array([{"bytes": bytes(200_000), "path": f"{n}.png"} for n in range(20)])
    flags = pa.array([["a", "b"], []] * 10)
    table = pa.table({"before": ["x" * 50_000] * 20, "text": ["one"] * 20, "image": image, "flags": flags})
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=10, compression="none", use_dictionary=["text"])
    remote = Counted(sink.getvalue())
    file = RangedParquetFile(RangedFile(remote))
    for columns, requests in ((["text", "flags"], 2), (["image.bytes", "text"], 1), (["image"], 1), (None, 1)):
        del remote.asked[:]
        batches = list(file.iter_batches(4, [1], columns, use_threads=False))
        assert pa.Table.from_batches(batches).num_rows == 10
        assert 0 < len(remote.asked) <= requests
        del remote.asked[:]
        assert file.read_row_group(0, columns=columns).num_rows == 10
        assert 0 < len(remote.asked) <= requests
    assert remote.threads == {threading.current_thread().name}
    file.close()
    assert remote.closed

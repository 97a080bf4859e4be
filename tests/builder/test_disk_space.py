"""A full disk is told as what it is, whatever is raised for it."""

import errno

import multiprocess
import pytest

from s1_mmalign.builder.disk_space import full_disk_explained
from s1_mmalign.builder.shards import FolderError

FULL = OSError(errno.ENOSPC, "No space left on device")
TOLD = "the disk is full.*No space left.*run the same command again"


def test_a_full_disk_is_told_with_a_way_out(tmp_path):
    with pytest.raises(FolderError, match=TOLD), full_disk_explained(tmp_path):
        raise FULL


def test_it_is_told_where_the_file_then_cannot_be_closed(tmp_path):
    with pytest.raises(FolderError, match=TOLD), full_disk_explained(tmp_path):
        write_and_close()


def write_and_close() -> None:
    try:
        raise FULL
    finally:
        raise ValueError("I/O operation on closed file")


def test_it_is_told_where_that_was_in_a_worker(tmp_path):
    with (
        multiprocess.get_context("spawn").Pool(1) as pool,
        pytest.raises(FolderError, match=TOLD),
        full_disk_explained(tmp_path),
    ):
        pool.apply(write_and_close)


@pytest.mark.parametrize("error", [ValueError("--limit: -1"), PermissionError(errno.EACCES, "no")])
def test_other_errors_stay_what_they_are(tmp_path, error):
    with pytest.raises(type(error)), full_disk_explained(tmp_path):
        raise error

"""Files beside the shards: a kill at any step of writing one leaves a folder that the next stage goes on with."""

import pytest

from s1_mmalign.builder import listed_files
from s1_mmalign.builder.listed_files import check_files, write_listed
from s1_mmalign.builder.shards import FolderError, Manifest


class Killed(BaseException):
    """As if the process had been ended here."""


def killed_before_it_is_written(folder, text, monkeypatch):
    def kill(path, data):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(listed_files, "write_bytes_atomically", kill)
        write_listed(folder, {"report.json": text})


def test_a_file_that_was_to_be_written_for_the_first_time_may_be_missing(tmp_path, monkeypatch):
    Manifest().save(tmp_path)
    killed_before_it_is_written(tmp_path, "first", monkeypatch)
    check_files(tmp_path, Manifest.load(tmp_path))
    write_listed(tmp_path, {"report.json": "first"})
    check_files(tmp_path, Manifest.load(tmp_path))
    (tmp_path / "report.json").unlink()
    with pytest.raises(FolderError, match=r"report\.json: is missing"):
        check_files(tmp_path, Manifest.load(tmp_path))


def test_a_file_that_was_to_be_replaced_may_still_be_the_old_one(tmp_path, monkeypatch):
    Manifest().save(tmp_path)
    write_listed(tmp_path, {"report.json": "old"})
    killed_before_it_is_written(tmp_path, "new", monkeypatch)
    check_files(tmp_path, Manifest.load(tmp_path))
    (tmp_path / "report.json").write_text("another")
    with pytest.raises(FolderError, match="sha256 differs"):
        check_files(tmp_path, Manifest.load(tmp_path))

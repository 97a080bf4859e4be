"""Nothing of a run's own files is left where it ends, also where the end is cut short by a signal."""

import shutil

import pytest

from s1_mmalign.builder.run_folder import run_folder


def test_it_is_there_for_the_time_of_the_run(tmp_path):
    with run_folder(tmp_path, "recaption") as scratch:
        (scratch / "rows.arrow").write_text("")
        (tmp_path / "recaption-errors.txt").write_text("")
        assert scratch.parent == tmp_path
    assert [path.name for path in tmp_path.iterdir()] == ["recaption-errors.txt"]


def test_an_interruption_while_it_is_removed_leaves_nothing(tmp_path, monkeypatch):
    remove, calls = shutil.rmtree, []

    def interrupted(*arguments, **named):
        calls.append(arguments)
        if len(calls) == 1:
            raise KeyboardInterrupt
        remove(*arguments, **named)

    monkeypatch.setattr(shutil, "rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt), run_folder(tmp_path, "scores") as scratch:
        (scratch / "scores.arrow").write_text("")
    assert list(tmp_path.iterdir()) == []

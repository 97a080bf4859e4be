"""`s1-mmalign journal`: what is captioned so far, and captions of other machines put together."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from s1_mmalign.builder.shards import FolderError
from s1_mmalign.processing.journal import Entry, JournalWriter
from s1_mmalign.processing.journal_tools import compact_journal, merge_journals, show_journal
from s1_mmalign.processing.process import app
from s1_mmalign.processing.recaption import RecaptionOptions, recaption_dataset
from tests.processing.figure_rows import figure_row, read_rows, write_dataset
from tests.processing.scripted_captioner import NAME, asked


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "dataset", [figure_row(index) for index in range(12)])


def journal_of(folder: Path) -> Path:
    return folder / ".s1-mmalign" / "journal"


def write(folder: Path, *keys: str, row: str = "elsewhere") -> Path:
    writer = JournalWriter(journal_of(folder))
    writer.append([Entry(key * 32, row, "text", "length", 5, 7) for key in keys])
    writer.close()
    return writer.path


def test_show_tells_captions_rows_files_and_damage(folder: Path):
    assert next(show_journal(folder).lines()) == "0 captions of 0 rows in 0 files, 0 bytes"
    write(folder, "a", "b")
    path = write(folder, "b", "c", row=read_rows(folder)[3]["image_path"])
    with path.open("ab") as file:
        file.write(b'{"key":"torn')
    report = show_journal(folder)
    assert (report.entries, report.rows, report.rows_here, report.dataset_rows) == (3, 2, 1, 12)
    assert (report.cut_off, report.completion_tokens) == (3, 21)
    assert [(file.entries, file.damaged) for file in report.files] == [(2, 0), (2, 1)]
    text = "\n".join(report.lines())
    assert "1 lines cut short or damaged" in text and str(report.files[0].since.year) in text


def test_captions_of_two_machines_are_merged_and_nobody_is_asked_again(folder: Path, tmp_path: Path):
    copies = [Path(shutil.copytree(folder, tmp_path / f"node{number}")) for number in (1, 2)]
    for copy, where in zip(copies, ("figure_number == '1'", "figure_number != '1'"), strict=True):
        recaption_dataset(copy, RecaptionOptions(NAME, where=where), say=lambda text: None)
    counts = merge_journals(folder, copies)
    assert counts == [show_journal(copy).entries for copy in copies] and min(counts) > 0
    assert merge_journals(folder, [journal_of(copies[0])]) == [0]
    asked.clear()
    summary = recaption_dataset(folder, RecaptionOptions(NAME), say=lambda text: None)
    assert not asked and (summary.journal, summary.engine) == (12, 0)


def test_compacting_keeps_each_caption_once_and_what_dead_runs_had_open(folder: Path):
    write(folder, "a", "b")
    write(folder, "b", "c")
    note = journal_of(folder) / "1-host-1-0.open"
    note.write_text("a\n")
    assert compact_journal(folder) == (2, 3)
    assert len(list(journal_of(folder).glob("*.jsonl"))) == 1 and show_journal(folder).entries == 3 and note.exists()
    assert compact_journal(folder) == (1, 3)


def test_a_folder_without_a_journal_is_told(folder: Path, tmp_path: Path):
    with pytest.raises(FolderError, match="no journal there"):
        merge_journals(folder, [tmp_path])
    with pytest.raises(FolderError, match="no such folder"):
        show_journal(tmp_path / "none")


def test_the_commands_print_what_they_did(folder: Path, tmp_path: Path):
    write(folder, "a")
    other = write_dataset(tmp_path / "other", [])
    write(other, "b")
    run = CliRunner().invoke
    assert json.loads(run(app, ["journal", "show", str(folder), "--json"]).stdout)["entries"] == 1
    assert "1 captions of 1 rows" in run(app, ["journal", "show", str(folder)]).stdout
    assert f"{other}: 1 captions added" in run(app, ["journal", "merge", str(folder), str(other)]).stdout.replace(
        "\n", ""
    )
    assert "2 files -> 1, 2 captions" in run(app, ["journal", "compact", str(folder)]).stdout
    assert "1 captions" in run(app, ["journal", "show", str(other)]).stdout, "a source stays as it is"

"""`card --check` says nothing of a card that agrees with its files, and names what does not."""

import json
import re

import pytest
from typer.testing import CliRunner

from s1_mmalign.builder.funnel import Funnel
from s1_mmalign.builder.shards import Manifest
from s1_mmalign.dataset_card.card import write_card
from s1_mmalign.dataset_card.card_check import check_card_numbers
from s1_mmalign.dataset_card.recipe import record_stage
from s1_mmalign.processing.process import app
from tests.dataset_card.small_dataset import default_rows, make_folder, recaptioned


@pytest.fixture
def folder(tmp_path):
    folder = make_folder(tmp_path / "d", [recaptioned(one) for one in default_rows()])
    Funnel(rows=20).write(folder)
    record_stage(folder, "build", {}, {"rows": 20})
    write_card(folder)
    return folder


def said(folder) -> list[str]:
    return [str(one) for one in check_card_numbers(folder)]


def alter(path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_a_card_that_was_just_written_agrees(folder) -> None:
    assert said(folder) == []
    assert CliRunner().invoke(app, ["card", str(folder), "--check"]).exit_code == 0


def test_a_number_that_was_changed_is_named_with_its_line_and_what_it_should_be(folder) -> None:
    text = (folder / "README.md").read_text("utf-8")
    line = next(line for line in text.splitlines() if line.startswith("| papers with rows |"))
    alter(folder / "README.md", line, line.replace("16", "17"))
    (problem,) = said(folder)
    assert re.match(rf"README\.md:{text.splitlines().index(line) + 1}: says 17 where the files give 16: ", problem)
    result = CliRunner().invoke(app, ["card", str(folder), "--check"])
    assert result.exit_code == 1
    assert "says 17 where the files give 16" in result.output


def test_lines_that_were_added_or_taken_out_are_named(folder) -> None:
    alter(folder / "README.md", "## Limits\n", "## Limits\n\nIt has none.\n")
    assert any("not what the files give: It has none." in one for one in said(folder))
    write_card(folder)
    alter(folder / "README.md", "## Asking for removal\n", "")
    assert any("a line is missing: ## Asking for removal" in one for one in said(folder))


def test_files_that_contradict_each_other_are_named(folder) -> None:
    content = json.loads((folder / "build-report" / "report.json").read_text("utf-8"))
    content["total"]["rows_kept"] = 21
    (folder / "build-report" / "report.json").write_text(json.dumps(content), "utf-8")
    with (folder / "drops.jsonl").open("a") as ledger:
        ledger.write('{"paper_id": "x", "where": "", "reason": "timeout", "detail": ""}\n')
    manifest = Manifest.load(folder)
    manifest.papers["with_rows"] = 15
    manifest.save(folder)
    problems = said(folder)
    assert any(one.startswith("build-report/report.json: rows_kept 21") for one in problems)
    assert any(one.startswith("drops.jsonl: 1 lines timeout") for one in problems)
    assert any(one.startswith("manifest.json: 15 papers with rows where the rows have 16") for one in problems)


def test_croissant_is_checked_too(folder) -> None:
    alter(folder / "croissant.json", "20 images", "21 images")
    (problem,) = said(folder)
    assert "says 21 where the files give 20" in problem
    (folder / "croissant.json").unlink()
    assert said(folder) == ["croissant.json: is missing; `s1-mmalign card` writes it"]

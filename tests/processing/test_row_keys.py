"""What a restart goes by: the fingerprint, which finds a row's answer and its checks without making either again."""

import ast
import inspect
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import s1_mmalign.processing.row_answers as row_answers
import s1_mmalign.processing.row_keys as row_keys
from s1_mmalign.builder.shards import WORK_FOLDER
from s1_mmalign.processing.captioners.base import Captioner
from s1_mmalign.processing.captioners.extractive import ExtractiveCaptioner
from s1_mmalign.processing.captioners.identity import ModelIdentity
from s1_mmalign.processing.captioners.openai import OpenAICaptioner
from s1_mmalign.processing.captioners.registry import CAPTIONERS, captioner_class
from s1_mmalign.processing.figure_text import FigureText
from s1_mmalign.processing.journal import Journal, decode, encode
from s1_mmalign.processing.prompt import Template, load_template
from s1_mmalign.processing.recaption import RecaptionOptions, recaption_dataset
from s1_mmalign.processing.row_keys import CODE, RowKeys
from tests.processing.caption_server import asked, caption_server
from tests.processing.figure_rows import figure_row, read_rows, write_dataset

ROOT = Path(row_keys.__file__).parents[1]
TEXT = FigureText("A rate.", "Rates", "We measure.", ("See Fig. 1.",), "A panel.", "1", "a")
SAMPLING = {"seed": 0}
MODEL = ModelIdentity("model", "1")
TEMPLATE = load_template("context-v1")


def quiet(text: str) -> None:
    pass


def fingerprint(
    name: str = "row",
    sha256: str = "00",
    text: FigureText = TEXT,
    captioner: type[Captioner] = OpenAICaptioner,
    template: Template = TEMPLATE,
    identity: ModelIdentity = MODEL,
    sampling: dict[str, int] = SAMPLING,
) -> str:
    keys = RowKeys(captioner, template, identity, sampling)
    return keys.fingerprint(name, sha256, text)


CHANGES = {
    "name": {"name": "other"},
    "image": {"sha256": "01"},
    **{
        name: {"text": TEXT._replace(**{name: ("Other.",) if name == "contexts" else "other"})}
        for name in FigureText._fields
    },
    "captioner": {"captioner": ExtractiveCaptioner},
    "rules": {"captioner": type("OpenAICaptioner", (OpenAICaptioner,), {"copies": True})},
    "template": {"template": replace(TEMPLATE, question="What?")},
    "budget": {"template": load_template("context-v1", 100)},
    "model": {"identity": ModelIdentity("other", "1")},
    "revision": {"identity": ModelIdentity("model", "2")},
    "sampling": {"sampling": {"seed": 1}},
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_fingerprint_changes_with_all_that_decides_key_or_checks(what: str):
    assert fingerprint() == fingerprint() != fingerprint(**CHANGES[what])


def test_words_that_cannot_be_encoded_have_a_fingerprint():
    assert fingerprint(text=TEXT._replace(caption="\ud800")) != fingerprint(text=TEXT._replace(caption="\ud801"))


def test_of_a_captioner_of_the_users_own_only_what_it_returns_counts():
    class Mine(OpenAICaptioner):
        words = "first"

        @classmethod
        def key_text(cls, template: Template, text: FigureText) -> str:
            return cls.words

    first = fingerprint(captioner=Mine)
    Mine.words = "second"
    assert fingerprint(captioner=Mine) != first
    Mine.words = "first"
    assert fingerprint(captioner=Mine) == first


def imported(module: str) -> set[str]:
    """Return the files of the package that a file imports."""
    names = []
    for node in ast.walk(ast.parse((ROOT / module).read_text())):
        if isinstance(node, ast.ImportFrom):
            within = node.module or ""
            if node.level:
                within = ".".join([*Path(module).parts[: -node.level], *filter(None, [within])])
            elif not within.startswith("s1_mmalign."):
                continue
            within = within.removeprefix("s1_mmalign.")
            names += [within, *(f"{within}.{alias.name}" for alias in node.names)]
    files = {f"{name.replace('.', '/')}.py" for name in names}
    return {name for name in files if (ROOT / name).is_file()}


def test_the_code_that_counts_is_all_that_prompts_and_checks_import():
    callers = {"processing/row_keys.py", "processing/row_answers.py"}
    definers = {
        Path(inspect.getsourcefile(captioner_class(name).key_text)).relative_to(ROOT).as_posix() for name in CAPTIONERS
    }
    found, todo = set(), {"processing/prompt.py", "processing/checks.py"}
    while todo:
        found |= todo
        todo = set().union(*map(imported, todo)) - found
    assert found | callers | definers == set(CODE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "dataset", [figure_row(index) for index in range(12)])


def captioned_and_lost(folder: Path, options: RecaptionOptions) -> list[dict]:
    """Caption a dataset, then put its shards back as they were: the captions are in the journal alone."""
    old = shutil.copytree(folder, folder.with_name("old"))
    recaption_dataset(folder, options, say=quiet)
    rows = read_rows(folder)
    shutil.copytree(old / "data", folder / "data", dirs_exist_ok=True)
    shutil.copy(old / "manifest.json", folder / "manifest.json")
    return rows


def must_not_be_called(*arguments, **named):
    raise AssertionError("this was done by the first run")


@pytest.mark.parametrize("retry", [(), ("any",)], ids=["once", "retried"])
def test_from_the_journal_no_prompt_is_rendered_and_nothing_is_checked_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, retry
):
    with caption_server(tmp_path / "log", "--add", " The figure 7 says 12 kg. " * 3) as url:
        options = RecaptionOptions("openai", model="m", base_url=(url,), retry=retry)
        rows = captioned_and_lost(folder, options)
        assert any(row["recaption_flags"] for row in rows)
        monkeypatch.setattr(row_answers, "check", must_not_be_called)
        monkeypatch.setattr(row_keys, "row_key", must_not_be_called)
        requests = len(asked(tmp_path / "log"))
        summary = recaption_dataset(folder, options, say=quiet)
        assert (summary.engine, summary.journal + summary.rejected) == (0, 12) and read_rows(folder) == rows
        summary = recaption_dataset(folder, options, say=quiet)
        assert (summary.engine, summary.shards_written) == (0, 0)
        assert len(asked(tmp_path / "log")) == requests


def test_answers_that_another_version_checked_are_checked_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with caption_server(tmp_path / "log") as url:
        options = RecaptionOptions("openai", model="m", base_url=(url,))
        rows = captioned_and_lost(folder, options)
        monkeypatch.setattr(row_keys, "CODE_HASH", "of another version")
        found = []
        check = row_answers.check

        def counted(*arguments, **named):
            found.append(arguments[0])
            return replace(check(*arguments, **named), flags=("too_short",))

        monkeypatch.setattr(row_answers, "check", counted)
        assert recaption_dataset(folder, replace(options, retry=()), say=quiet).engine == 0
        assert len(found) == 12 and len(asked(tmp_path / "log")) == 12
    assert [row["recaption"] for row in read_rows(folder)] == [row["recaption"] for row in rows]
    assert {tuple(row["recaption_flags"]) for row in read_rows(folder)} == {("too_short",)}


def test_a_journal_without_fingerprints_serves_as_before(folder: Path):
    rows = captioned_and_lost(folder, RecaptionOptions())
    (file,) = (folder / WORK_FOLDER / "journal").glob("*.jsonl")
    entries = [decode(line) for line in file.read_bytes().splitlines(keepends=True)]
    early = [entry._replace(fingerprint=None, flags=None, mended=None) for entry in entries]
    file.write_bytes(b"".join(map(encode, early)))
    assert all(set(json.loads(line)) & {"fingerprint", "flags", "mended"} == set() for line in file.open())
    summary = recaption_dataset(folder, say=quiet)
    assert (summary.engine, summary.journal) == (0, 12) and read_rows(folder) == rows


@pytest.mark.parametrize("end", [RuntimeError, KeyboardInterrupt])
def test_whatever_ends_the_checks_no_answer_is_lost(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: type[BaseException]
):
    def fails(*arguments, **named):
        raise end("in a check")

    with caption_server(tmp_path / "log") as url:
        options = RecaptionOptions("openai", model="m", base_url=(url,), in_flight=1)
        with monkeypatch.context() as patch:
            patch.setattr(row_answers, "check", fails)
            with pytest.raises(end, match="in a check"):
                recaption_dataset(folder, options, say=quiet)
        assert len(Journal.load(folder / WORK_FOLDER / "journal")) == 1
        summary = recaption_dataset(folder, options, say=quiet)
    assert (summary.engine, summary.journal) == (11, 1)

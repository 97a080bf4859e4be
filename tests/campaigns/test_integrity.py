"""A flipped bit or a lost end of any file of a dataset folder is found by `verify`, and nothing is built on it."""

import random
import shutil
from pathlib import Path

import pytest

from s1_mmalign.builder.build import build_dataset
from s1_mmalign.builder.options import BuildOptions, ExtractOptions
from s1_mmalign.builder.sealed_json import SealError, is_sealed, seal, unseal
from s1_mmalign.builder.shards import FolderError, Manifest
from s1_mmalign.eval.report import EvaluateOptions, evaluate_dataset
from s1_mmalign.processing.commands.stages import finish_stage
from s1_mmalign.processing.export import ExportOptions, export_dataset
from s1_mmalign.processing.journal import Journal
from s1_mmalign.processing.recaption import RecaptionOptions, recaption_dataset
from s1_mmalign.processing.verify import verify_folder
from tests.builder.small_papers import write_papers
from tests.campaigns.stages import hashes

UNCHECKED = ("lock", "inputs/", "recaption-rate.json")
"""In the work folder: the lock's words, the table of what was found (made anew by each build), a rate for plans."""
EVALUATE = EvaluateOptions(clip_model=None, perplexity_model=None, resamples=20)


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("papers")
    write_papers(folder, 4)
    (folder / "2301.00099.tar.gz").write_bytes(b"\x1f\x8bnot gzip")  # a line of the ledger
    return folder


@pytest.fixture(scope="module")
def made(papers, tmp_path_factory):
    """A folder in which every stage has ended."""
    folder = tmp_path_factory.mktemp("made") / "dataset"
    build(papers, folder)
    recaption_dataset(folder, RecaptionOptions(), say=lambda text: None)
    finish_stage(folder, "recaption", RecaptionOptions(), {})
    evaluate_dataset(folder, EVALUATE)
    finish_stage(folder, "evaluate", EVALUATE, {})
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "dataset"))


def build(papers: Path, folder: Path) -> Manifest:
    return build_dataset(BuildOptions((papers,), extract=ExtractOptions(splits=(0.5, 0.25, 0.25)), workers=1), folder)


def checked(folder: Path) -> list[Path]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    work = folder / ".s1-mmalign"
    return [p for p in paths if not (p.is_relative_to(work) and p.relative_to(work).as_posix().startswith(UNCHECKED))]


def found(folder: Path) -> str:
    try:
        return "\n".join(map(str, verify_folder(folder, images=0).problems))
    except FolderError as error:
        return str(error)


def flip(path: Path, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def one(folder: Path, glob: str) -> Path:
    return min(folder.glob(glob))


def test_a_flipped_bit_in_any_file_is_found_and_the_file_named(folder):
    draw = random.Random(9)
    paths = checked(folder)
    kinds = {path.name for path in paths} | {path.suffix for path in paths}
    assert {"manifest.json", "recipe.json", "report.json", "README.md", "drops.jsonl", "inputs.jsonl"} < kinds
    assert {"layout.json", ".parquet", ".jsonl", ".md"} < kinds
    assert found(folder) == ""
    for path in paths:
        whole = path.read_bytes()
        for _ in range(3 if whole else 0):
            bit = draw.randrange(len(whole) * 8)
            flip(path, bit)
            name = path.name.split(".")[0]  # a unit's file is told by the unit
            assert name in found(folder), f"{path.relative_to(folder)}: bit {bit}"
            path.write_bytes(whole)
    assert found(folder) == ""


def test_a_file_cut_short_at_any_length_never_counts(folder):
    draw = random.Random(10)
    for path in checked(folder):
        whole = path.read_bytes()
        lengths = {0, 1, len(whole) - 1, draw.randrange(max(len(whole), 1))} if whole else ()
        lengths = {*lengths, len(whole.rstrip(b"\n").rpartition(b"\n")[0]) + 1} if path.suffix == ".jsonl" else lengths
        for length in sorted(length for length in lengths if 0 <= length < len(whole)):
            path.write_bytes(whole[:length])
            assert found(folder), f"{path.relative_to(folder)}: {length} of {len(whole)} bytes"
        path.write_bytes(whole)


@pytest.mark.parametrize("name", ["data/*/*/*.parquet", "recipe.json", "report.json", "drops.jsonl", "manifest.json"])
def test_no_stage_builds_on_a_damaged_file_and_says_which_it_is(folder, tmp_path, name):
    path = one(folder, name)
    flip(path, path.stat().st_size * 4)
    before = hashes(folder)
    with pytest.raises(FolderError, match=path.name):
        recaption_dataset(folder, RecaptionOptions(), say=lambda text: None)
    with pytest.raises(FolderError, match=path.name):
        evaluate_dataset(folder, EVALUATE)
    if path.suffix == ".parquet":
        with pytest.raises(FolderError, match=path.name):
            export_dataset(folder, tmp_path / "out", ExportOptions("webdataset"))
    assert hashes(folder) == before


def test_a_damaged_card_is_written_anew_by_the_next_stage(folder):
    before = hashes(folder)
    flip(folder / "README.md", 999)
    finish_stage(folder, "evaluate", EVALUATE, {})
    assert hashes(folder) == before


@pytest.mark.parametrize("suffix", ["json", "parquet", "drops.jsonl"])
def test_a_unit_that_is_damaged_is_read_from_its_papers_again(papers, tmp_path, suffix):
    whole, folder = tmp_path / "whole", tmp_path / "dataset"
    build(papers, whole)
    shutil.copytree(whole, folder)
    shutil.rmtree(folder / "data")
    flip(one(folder, f".s1-mmalign/units/*.{suffix}"), 77)
    build(papers, folder)
    assert hashes(folder) == hashes(whole)
    assert found(folder) == ""


def test_a_damaged_line_of_a_journal_is_absent_and_the_caption_is_made_again(papers, folder):
    journal = folder / ".s1-mmalign" / "journal"
    flip(one(journal, "*.jsonl"), 888)
    before = {path: path.read_bytes() for path in (folder / "data").rglob("*.parquet")}
    shutil.rmtree(folder / "data")  # so that captions are in the journal alone
    build(papers, folder)
    summary = recaption_dataset(folder, RecaptionOptions(), say=lambda text: None)
    assert (summary.engine, summary.journal) == (1, 7)
    loaded = Journal.load(journal)
    assert (len(loaded), loaded.damaged) == (8, 0)
    assert before.keys() == {path for path in before if path.is_file()}


def test_a_sealed_object_comes_back_as_it_was_and_nothing_else_does():
    text = seal({"sha256": "x", "n": [1, {"a": "ü"}]}).encode()
    assert unseal(text) == {"sha256": "x", "n": [1, {"a": "ü"}]}
    for place in range(len(text)):
        for data in (text[:place], text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :]):
            assert not is_sealed(data)
    with pytest.raises(SealError, match="damaged"):
        unseal(b"{}")

"""The five stages as a campaign sees them: a state to begin with, a command, and what it must have led to."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from s1_mmalign.builder.shards import Manifest, iter_tables
from tests.builder.small_papers import write_papers
from tests.hub.server import LoopbackHub

LICENCES = ("http://creativecommons.org/licenses/by/4.0/", "http://arxiv.org/licenses/nonexclusive-distrib/1.0/", None)
Run = Callable[[list[str]], None]
"""Runs a command to its end and raises where it fails."""


class Stage(ABC):
    """One command over one state, again and again."""

    name: str
    workers = False
    """Whether it has processes of its own, one of which can be killed or stopped."""

    def __init__(self, work: Path, run: Run, papers: int) -> None:
        """Make the state that every round begins with in `work`/start."""
        self.work, self.start, self.folder = work, work / "start", work / "round" / "dataset"
        self.papers = papers
        self.prepare(run)

    def reset(self) -> None:
        """Begin a round."""
        shutil.rmtree(self.work / "round", ignore_errors=True)
        if (self.start / "dataset").is_dir():
            shutil.copytree(self.start / "dataset", self.folder)
        else:
            self.folder.parent.mkdir(parents=True)

    def prepare(self, run: Run) -> None:  # noqa: B027 - `build` begins with nothing
        """Build, and recaption if need be, the dataset to begin with."""

    @property
    @abstractmethod
    def command(self) -> list[str]:
        """The command line's arguments."""

    @abstractmethod
    def outcome(self) -> dict[str, str]:
        """What must be the same as undisturbed: hashes by name."""

    @abstractmethod
    def rows(self) -> list[str]:
        """The rows, or what stands for them, each of which must be there once."""

    def _build(self, out: Path) -> list[str]:
        papers = self.work / "papers"
        if not papers.is_dir():
            write_papers(papers, self.papers)
            records = [
                {"id": f"2301.{n:05d}", "license": LICENCES[n % 3], "categories": "hep-th"} for n in range(self.papers)
            ]
            (papers / "metadata.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
        shares = ["--splits", "0.8,0.1,0.1"]
        return ["build", str(papers), "--out", str(out), "--workers", "2", "--timeout", "20", *shares]

    @staticmethod
    def _recaption(folder: Path) -> list[str]:
        return ["recaption", str(folder), "--captioner", "extractive"]


class Build(Stage):
    """Papers -> dataset."""

    name = "build"
    workers = True

    @property
    def command(self) -> list[str]:
        return self._build(self.folder)

    def outcome(self) -> dict[str, str]:
        return hashes(self.folder)

    def rows(self) -> list[str]:
        return image_paths(self.folder)


class Recaption(Build):
    """Dataset -> dataset with recaptions."""

    name = "recaption"

    def prepare(self, run: Run) -> None:
        run(self._build(self.start / "dataset"))

    @property
    def command(self) -> list[str]:
        return self._recaption(self.folder)

    def rows(self) -> list[str]:
        """Rows that have a recaption."""
        return image_paths(self.folder, "recaption")

    workers = False


class Evaluate(Recaption):
    """Dataset -> report."""

    name = "evaluate"

    def prepare(self, run: Run) -> None:
        super().prepare(run)
        run(self._recaption(self.start / "dataset"))

    @property
    def command(self) -> list[str]:
        return ["evaluate", str(self.folder), "--clip-model", "none", "--perplexity-model", "none", "--write-columns"]

    def rows(self) -> list[str]:
        """Rows that have their score."""
        return image_paths(self.folder, "scored_by")


class Export(Evaluate):
    """Dataset -> other layout; a layout each round in turn."""

    name = "export"
    layouts = ("jsonl", "webdataset", "release")
    turn = -1

    def reset(self) -> None:
        super().reset()
        self.turn += 1

    @property
    def _out(self) -> Path:
        return self.work / "round" / f"out.{self._layout}"

    @property
    def _layout(self) -> str:
        return self.layouts[self.turn % 3]

    @property
    def command(self) -> list[str]:
        size = ["--shard-mb", "1", "--volume-bytes", "200000"]
        return ["export", str(self.folder), "--layout", self._layout, "--out", str(self._out), *size]

    def outcome(self) -> dict[str, str]:
        parts = self._out.rglob("*") if self._out.is_dir() else [self._out]
        return {str(path.relative_to(self.work)): sha256(path) for path in parts if path.is_file()}

    def rows(self) -> list[str]:
        if self._layout == "webdataset":
            return [name for path in self._out.rglob("*.tar") for name in members(path) if name.endswith(".json")]
        lines = [self._out] if self._out.is_file() else self._out.rglob("*.jsonl")
        return [json.loads(line)["image_path"] for path in lines for line in path.open(encoding="utf-8")]


class Push(Recaption):
    """Dataset -> Hub (a loopback one), a repository each round; the second push of it, after a recaption."""

    name = "push"
    hub: LoopbackHub
    turn = 0

    def prepare(self, run: Run) -> None:
        run(self._build(self.start / "dataset"))
        self.run = run

    def reset(self) -> None:
        super().reset()
        self.turn += 1

    @property
    def _repo(self) -> str:
        return f"tester/round-{self.turn}"

    @property
    def command(self) -> list[str]:
        return ["push", str(self.folder), self._repo]

    def outcome(self) -> dict[str, str]:
        files = self.hub.repo(self._repo).head("main").files
        return {path: file.sha256 for path, file in files.items() if path != "README.md"}

    def rows(self) -> list[str]:
        """The commits after the first, by what they changed: there must be one."""
        commits = len(self.hub.history(self._repo)) - 1
        return ["the dataset's commit"] * commits


STAGES: dict[str, type[Stage]] = {one.name: one for one in (Build, Recaption, Evaluate, Export, Push)}


def hashes(folder: Path) -> dict[str, str]:
    """sha256 of all that a reader of a dataset folder sees; the report of the build tells seconds."""
    files = (path for path in folder.rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in files}
    return {
        name: sha256(path) for name, path in names.items() if not name.startswith((".s1-mmalign/", "build-report/"))
    }


def members(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        return archive.getnames()


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def image_paths(folder: Path, column: str | None = None) -> list[str]:
    """`image_path` of the rows that a manifest's shards hold; with `column`, of those where it is not null."""
    rows: list[dict[str, Any]] = []
    for shard in Manifest.load(folder).shards:
        for table in iter_tables(folder / shard.path, ["image_path", *([column] if column else [])]):
            rows += table.to_pylist()
    return [row["image_path"] for row in rows if column is None or row[column] is not None]


def compared(expected: list[str], found: list[str]) -> tuple[int, int]:
    """How many of the expected are lost, and how many are there more often than expected."""
    wanted, there = Counter(expected), Counter(found)
    return sum((wanted - there).values()), sum((there - wanted).values())

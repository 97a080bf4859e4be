"""The recorded stages, one after the other, each compared when it is done."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from s1_mmalign.builder.folder_lock import locked
from s1_mmalign.builder.shards import MANIFEST_NAME, WORK_FOLDER, FolderError, write_atomically
from s1_mmalign.dataset_card.caption_runs import column_of
from s1_mmalign.dataset_card.reproduce.build_stage import compare_build, run_build
from s1_mmalign.dataset_card.reproduce.caption_stage import NotAvailableError, compare_captions, run_captions
from s1_mmalign.dataset_card.reproduce.card_stage import compare_card, run_card
from s1_mmalign.dataset_card.reproduce.given import place_captions, place_dataset
from s1_mmalign.dataset_card.reproduce.inputs import InputCheck, check_inputs, find_places
from s1_mmalign.dataset_card.reproduce.options import OptionChange, changed_options, kind_of
from s1_mmalign.dataset_card.reproduce.outcome import Outcome
from s1_mmalign.dataset_card.reproduce.recorded import Recorded
from s1_mmalign.dataset_card.reproduce.report_stage import compare_report, run_report
from s1_mmalign.dataset_card.reproduce.versions import version_lines

STAGES = ("build", "recaption", "evaluate", "card")
"""What can be run again, and where `--from` can begin."""
RESULT_NAME = "reproduction.json"
"""In the folder of the reproduction: what was said of it."""

Progress = Callable[[str, int, int], None]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ReproduceOptions:
    """What is run again, of which inputs, with what changed."""

    inputs: Path | None = None
    """Folder that holds the recorded inputs, or the one recorded input itself."""
    start: str = "build"
    """The first stage that is run; what stands before is taken as it is."""
    changes: tuple[str, ...] = ()
    """`stage.option=value`."""

    def __post_init__(self) -> None:
        """Reject what cannot be meant."""
        if self.start not in STAGES:
            raise ValueError(f"--from {self.start!r}: one of {', '.join(STAGES)} is expected")


@dataclass(slots=True)
class Reproduction:
    """What came of it."""

    outcomes: list[Outcome] = field(default_factory=list)
    inputs: InputCheck | None = None
    versions: list[str] = field(default_factory=list)
    changes: list[OptionChange] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether a stage gave something else than it gave."""
        return any(outcome.failed for outcome in self.outcomes)

    def content(self) -> dict[str, Any]:
        """Return all of it as JSON has it."""
        return {
            "failed": self.failed,
            "inputs": list(self.inputs.lines()) if self.inputs else [],
            "versions": self.versions,
            "options": [str(change) for change in self.changes],
            "stages": [outcome.content() for outcome in self.outcomes],
        }


def work_folder(out: Path, recorded_folder: Path | None = None) -> Path:
    """Return the folder inside `out` for what only this program needs, made where it is missing.

    Raises:
        FolderError: `out` is the dataset itself, holds something else, or another process works in it.
    """
    if recorded_folder is not None and out.exists() and out.resolve() == recorded_folder.resolve():
        raise FolderError(f"--out {out}: is the dataset itself. Name another folder.")
    with locked(out):
        return out / WORK_FOLDER


def reproduce(
    recorded: Recorded, options: ReproduceOptions, out: Path, progress: Progress, say: Say = lambda line: None
) -> Reproduction:
    """Run a recorded recipe again. Killed at any moment and called again, it goes on.

    Args:
        recorded: the dataset.
        options: see there.
        out: folder of the reproduction, made where it is missing.
        progress: called with what is counted, how many are done, and all.
        say: called with each line that a person reads, as it is known.

    Raises:
        FolderError: inputs that are needed are not there, the recipe is of another version, or `out` is something else.
        ValueError: an option that does not exist.
        InputError, EvaluateError, JournalError: as the stages.
    """
    work = work_folder(out, recorded.folder)
    return _Run(recorded, options, out, work, progress, say).all()


class _Run:
    """One reproduction."""

    def __init__(
        self, recorded: Recorded, options: ReproduceOptions, out: Path, work: Path, progress: Progress, say: Say
    ) -> None:
        self._recorded, self._options, self._out, self._work = recorded, options, out, work
        self._progress, self._say = progress, say
        self._values, changes = changed_options(recorded.stages, options.changes)
        self._done = Reproduction(changes=changes, versions=list(version_lines(recorded.stages)))

    def all(self) -> Reproduction:
        """Run and compare each stage that the recipe has, from the one that is to be the first."""
        for line in ["versions: those of the recipe"] if not self._done.versions else self._done.versions:
            self._say(line)
        for change in self._done.changes:
            self._say(str(change))
        start = STAGES.index(self._options.start)
        build = self._build() if start == 0 else self._given()
        if start <= 1:
            self._captions(build)
        if start <= 2 and (stage := self._recorded.stage("evaluate")):
            self._report(stage)
        self._card()
        write_atomically(self._out / RESULT_NAME, json.dumps(self._done.content(), indent=1, ensure_ascii=False) + "\n")
        return self._done

    def _add(self, outcome: Outcome) -> Outcome:
        changed = [str(one) for one in self._done.changes if one.shapes and one.stage == outcome.stage]
        if outcome.verdict != "identical":
            outcome.lines = [*changed, *outcome.lines]
        self._done.outcomes.append(outcome)
        for line in outcome.printed():
            self._say(line)
        return outcome

    def _build(self) -> Outcome:
        values = self._values["build"]
        places = find_places(values, self._options.inputs, self._recorded)
        check = check_inputs(self._recorded, places, values, self._work, self._progress)
        self._done.inputs = check
        for line in check.lines():
            self._say(line)
        run_build(self._recorded, values, places, check, self._out, self._progress)
        return self._add(compare_build(self._recorded, self._out, check, self._progress))

    def _given(self) -> Outcome:
        """The build (for later stages: the captions, too) of `out`, else of the dataset."""
        kept = (self._out / MANIFEST_NAME).is_file()
        if not kept:
            place_dataset(self._recorded, self._out, self._options.start != "recaption", self._progress)
        whose = f"{self._out} as it is" if kept else "taken from the dataset"
        outcome = compare_build(self._recorded, self._out, InputCheck(), self._progress)
        if outcome.verdict == "different":
            return self._add(outcome)
        outcome.verdict, outcome.summary = "given", f"{whose}; {outcome.summary}"
        return self._add(outcome)

    def _captions(self, build: Outcome) -> None:
        runs = [stage for name in self._recorded.caption_stages if (stage := self._recorded.stage(name))]
        for number, stage in enumerate(runs):
            name = stage["stage"]
            try:
                run_captions(stage, self._values[name], self._out, self._progress)
            except NotAvailableError as reason:
                self._take_captions(stage, str(reason))
                continue
            later = [run["stage"] for run in runs[number + 1 :] if column_of(run) == column_of(stage)]
            if later:
                self._add(Outcome(name, "given", f"run again; {later[-1]} wrote after it, and is compared"))
            else:
                self._add(compare_captions(self._recorded, stage, build, self._out, self._progress))

    def _take_captions(self, stage: dict[str, Any], reason: str) -> None:
        try:
            place_captions(self._recorded, stage, self._out, self._progress)
            outcome = Outcome(stage["stage"], "not run", "the dataset's captions are taken as they are", [reason])
        except FolderError as error:
            outcome = Outcome(stage["stage"], "not run", str(error), [reason], counts=False)
        self._add(outcome)

    def _report(self, stage: dict[str, Any]) -> None:
        same = all(one.verdict != "different" and one.counts for one in self._done.outcomes)
        left_out = run_report(self._recorded, stage, self._values["evaluate"], self._out, self._progress)
        outcome = compare_report(self._recorded, stage, left_out, same, self._out, self._progress)
        outcome.counts = outcome.counts or any(one.failed for one in self._done.outcomes)
        self._add(outcome)

    def _card(self) -> None:
        run_card(self._recorded, self._values.get("card"), self._out)
        self._add(compare_card(self._recorded, self._done.outcomes, self._out))


def stages_of(recorded: Recorded, start: str) -> Sequence[str]:
    """Return the stages that would be run."""
    first = STAGES.index(start)
    names = [stage["stage"] for stage in recorded.stages if kind_of(stage["stage"]) in STAGES]
    return [*(name for name in names if STAGES.index(kind_of(name)) >= first and name != "card"), "card"]

"""A stage of the real command line disturbed at random moments: in the end it has done what it does undisturbed.

    python -m tests.campaigns.crash build --kills 200 --seed 1
    python -m tests.campaigns.crash push --fault steps
    python -m tests.campaigns.crash recaption --fault disk-full --times 10

Stages: build, recaption, evaluate, export, push (to a loopback Hub). Faults: see `faults.py`; `kill` is the default.
A round begins with the same state, is disturbed (killed several times, mostly), and ends with the same command run to
its end. Then the outcome must have the bytes of an undisturbed run, each row once. The last line is a row of the table:
fault, stage, times tried, survived (rounds with the outcome; in them so many disturbances), rows lost, rows doubled.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.campaigns.faults import FAULTS, Fault
from tests.campaigns.stages import STAGES, Push, Stage, compared
from tests.campaigns.warm import Warm
from tests.hub.server import LoopbackHub


@dataclass
class Result:
    """What a campaign saw."""

    fault: str
    stage: str
    tried: int = 0
    """Disturbances that met a command while it ran."""
    survived: int = 0
    """Of these, those after which the outcome was the undisturbed one."""
    lost: int = 0
    doubled: int = 0

    def row(self) -> str:
        """The table's row."""
        return f"| {self.fault} | {self.stage} | {self.tried} | {self.survived} | {self.lost} | {self.doubled} |"


class Campaign:
    """One stage, started again and again."""

    def __init__(self, stage: Stage, warm: Warm, seed: int) -> None:
        self.stage, self.warm = stage, warm
        self.draw = random.Random(seed)
        self.log = stage.work / "log"
        self.undisturbed: dict[int, tuple[dict[str, str], list[str]]] = {}
        self.seconds = 0.0
        self.problems: list[str] = []
        for _ in range(3 if stage.name == "export" else 1):  # its layouts
            stage.reset()
            started = time.monotonic()
            self.finish()
            self.seconds = max(self.seconds, time.monotonic() - started)
            self.undisturbed[getattr(stage, "turn", 0) % 3] = stage.outcome(), stage.rows()

    def finish(self) -> None:
        """Run the command to its end; an export that was killed when all was done says that it is there."""
        self.warm.start(self.stage.command, self.log)
        code = self.warm.ended()
        assert code == 0 or "exists already" in self.log.read_text(), (
            f"{self.stage.command}: {code}\n{self.log.read_text()}"
        )

    def judge(self, result: Result, disturbances: int) -> None:
        """Compare what is there now with what must be."""
        key = getattr(self.stage, "turn", 0) % 3 if self.stage.name == "export" else next(iter(self.undisturbed))
        outcome, rows = self.undisturbed[key]
        found = self.stage.outcome()
        lost, doubled = compared(rows, self.stage.rows())
        result.tried += disturbances
        result.survived += disturbances if found == outcome and not (lost or doubled) else 0
        result.lost += lost
        result.doubled += doubled
        if found != outcome:
            names = sorted(name for name in {*found, *outcome} if found.get(name) != outcome.get(name))
            self.problems.append(f"other bytes: {', '.join(names)}")

    def run(self, fault: Fault, times: int, seconds: float = float("inf")) -> Result:
        """Disturb until there were so many disturbances, or the time is up."""
        result = Result(fault.name, self.stage.name)
        end = time.monotonic() + seconds
        rounds, least = 0, self.seconds / 2
        while result.tried < times and rounds < 5 * times and not fault.over and time.monotonic() < end:
            rounds += 1
            self.stage.reset()
            met = fault.round(self)
            if not met:
                self.seconds = max(0.8 * self.seconds, least)  # the run that was measured was slower than these
            self.finish()
            self.judge(result, met)
            print(f"{result.row()} {self.problems[-1:]}", file=sys.stderr, flush=True)
        return result


@contextmanager
def campaign(name: str, papers: int, seed: int) -> Iterator[Campaign]:
    """A stage in a folder of its own, with a Hub where it needs one."""
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"campaign-{name}-")))
        hub = stack.enter_context(LoopbackHub(work / "hub"))
        environment = hub.environment(work / "hf") | {"USE_TORCH": "0", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        warm = stack.enter_context(Warm(environment))

        def run(command: list[str]) -> None:
            warm.start(command, work / "log")
            code = warm.ended()
            assert code == 0, f"{command}: {code}\n{(work / 'log').read_text()}"

        Push.hub = hub
        yield Campaign(STAGES[name](work, run, papers), warm, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=sorted(STAGES))
    parser.add_argument("--fault", choices=sorted(FAULTS), default="kill")
    parser.add_argument("--kills", "--times", type=int, default=20, dest="times")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no round after so many")
    parser.add_argument("--papers", type=int, default=60, help="of two figures each")
    chosen = parser.parse_args()
    started = time.monotonic()
    with campaign(chosen.stage, chosen.papers, chosen.seed) as one:
        if reason := FAULTS[chosen.fault].refuses(one.stage):
            print(f"{chosen.fault}, {chosen.stage}: not tried, {reason}")
            return
        result = one.run(FAULTS[chosen.fault](one), chosen.times, chosen.seconds)
        for problem in one.problems:
            print(problem)
        alone = f"undisturbed {one.seconds:.1f} s, {len(one.stage.rows())} rows"
    print(f"{alone}, {time.monotonic() - started:.0f} s in all, seed {chosen.seed}")
    print(result.row())
    sys.exit(bool(one.problems))


if __name__ == "__main__":
    main()

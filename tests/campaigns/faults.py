"""What is done to a command while it runs. A fault disturbs one round and says how often it met a running command."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

import psutil

from tests.campaigns.stages import Stage

if TYPE_CHECKING:
    from tests.campaigns.crash import Campaign

KILLS_A_ROUND = 4
PLENTY = 1 << 30
"""Bytes of a file system on which nothing is wanting."""


class Fault:
    """A way to disturb a stage."""

    name: ClassVar[str]
    over = False
    """Nothing is left to try."""

    def __init__(self, campaign: Campaign) -> None:
        self.campaign = campaign
        self.draw = campaign.draw
        self.ready()

    def ready(self) -> None:
        """What is measured before the first round."""

    @classmethod
    def refuses(cls, stage: Stage) -> str | None:
        """Why it cannot be tried here, None where it can."""
        return None

    def round(self, campaign: Campaign) -> int:
        """Disturb commands over one state; return how many were met while they ran."""
        raise TypeError("each fault has its own")

    def start(self, **how: Any) -> int:
        """Start the command."""
        return self.campaign.warm.start(self.campaign.stage.command, self.campaign.log, **how)

    def moment(self) -> None:
        """Wait for a random moment of the command's run."""
        time.sleep(self.draw.uniform(0.0, self.campaign.seconds * 0.95))

    def said(self) -> str:
        """What the command printed."""
        return self.campaign.log.read_text(errors="replace")


class Kill(Fault):
    """SIGKILL for the command and all that it started, at random moments, several times a round."""

    name = "SIGKILL"
    how: ClassVar[dict[str, Any]] = {}

    def round(self, campaign: Campaign) -> int:
        met = 0
        for _ in range(self.draw.randint(1, KILLS_A_ROUND)):
            pid = self.start(**self.how)
            self.moment()
            self.end(pid)
            code = campaign.warm.ended()
            if code == 0 or "exists already" in self.said():  # an export, killed when all was done
                break
            met += 1
            self.check(code)
        return met

    def end(self, pid: int) -> None:
        end_group(pid, signal.SIGKILL)

    def check(self, code: int) -> None:
        """Whether it ended as it should."""
        assert code == -signal.SIGKILL, f"{code}: {self.said()}"


class Terminate(Kill):
    """SIGTERM for the command, or for it and all that it started: it says how to go on, and ends in order."""

    name = "SIGTERM"

    def end(self, pid: int) -> None:
        if self.draw.random() < 0.5:
            end_group(pid, signal.SIGTERM)
        else:
            end_process(pid, signal.SIGTERM)

    def check(self, code: int) -> None:
        if code == -signal.SIGTERM:  # it had not begun
            return
        assert code == 143, f"{code}: {self.said()}"
        assert "Run the same command again" in self.said() and "Traceback" not in self.said(), self.said()
        left = list((self.campaign.stage.folder / ".s1-mmalign").glob("*.tmp"))
        assert not left, f"left behind: {left}"


class SlowRename(Kill):
    """As on a network file system: each rename, sync and removal late by up to 50 ms, and SIGKILL at random moments."""

    name = "slow rename, SIGKILL"
    how: ClassVar[dict[str, Any]] = {"interfere": {"slow_s": 0.05}}

    def moment(self) -> None:
        time.sleep(self.draw.uniform(0.0, self.campaign.seconds * 2))


class Steps(Fault):
    """SIGKILL just before each rename, sync, truncation and removal in turn: no random moment, all of them."""

    name = "SIGKILL at each durable step"

    def ready(self) -> None:
        stage = self.campaign.stage
        stage.reset()
        counted = stage.work / "count"
        self.start(interfere={"count": str(counted)})
        assert self.campaign.warm.ended() == 0, self.said()
        self.steps, self.done = int(counted.read_text()), 0

    def round(self, campaign: Campaign) -> int:
        self.done += 1
        self.over = self.done >= self.steps
        self.start(interfere={"die_at": self.done})
        return int(campaign.warm.ended() != 0)


class WorkerKilled(Fault):
    """SIGKILL for one process of the command's own, as the kernel does where memory runs out."""

    name = "a worker killed"
    signal = signal.SIGKILL

    @classmethod
    def refuses(cls, stage: Stage) -> str | None:
        return None if stage.workers else "it has one process"

    def round(self, campaign: Campaign) -> int:
        pid = self.start()
        self.moment()
        met = int(disturb_worker(pid, self.signal, self.draw))
        campaign.warm.ended()
        return met


class WorkerHangs(WorkerKilled):
    """SIGSTOP for one process of the command's own; after a while the command is ended by SIGTERM, if it waits."""

    name = "a worker stopped, then SIGTERM"
    signal = signal.SIGSTOP

    def round(self, campaign: Campaign) -> int:
        pid = self.start()
        self.moment()
        met = int(disturb_worker(pid, self.signal, self.draw))
        time.sleep(1)
        end_process(pid, signal.SIGTERM)
        started = time.monotonic()
        campaign.warm.ended()
        assert time.monotonic() - started < 60, "it waits for a process that hangs"
        end_group(pid, signal.SIGKILL)  # what hung
        return met


class Memory(Fault):
    """Address space (RLIMIT_AS) that ends somewhere on the way: the command says so or dies, and goes on later.

    CPython waits for ever for a thread that has no memory to start. Who waits so is killed, as a user would.
    """

    name = "out of memory"
    patience = 60.0
    """Seconds; an undisturbed run takes a few."""

    def round(self, campaign: Campaign) -> int:
        met = 0
        for _ in range(self.draw.randint(1, 3)):
            pid = self.start(memory=int(10 ** self.draw.uniform(6.5, 9)))
            killer = threading.Timer(self.patience, end_group, (pid, signal.SIGKILL))
            killer.start()
            met += campaign.warm.ended() != 0
            killer.cancel()
        return met


class DiskFull(Fault):
    """A file system (tmpfs) with room for a part of what is to be written (ENOSPC); later there is more."""

    name = "disk full"

    @classmethod
    def refuses(cls, stage: Stage) -> str | None:
        return None if os.getuid() == 0 and shutil.which("mount") else "file systems can be mounted by root only"

    def round(self, campaign: Campaign) -> int:
        place = campaign.stage.work / "round"
        met = 0
        kept = campaign.stage.work / "kept"
        shutil.rmtree(kept, ignore_errors=True)
        place.rename(kept)
        place.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={PLENTY}", "tmpfs", place], check=True)
        try:
            shutil.copytree(kept, place, dirs_exist_ok=True)
            disk = os.statvfs(place)
            room = (disk.f_blocks - disk.f_bfree) * disk.f_bsize + int(10 ** self.draw.uniform(3.7, 5.7))
            subprocess.run(["mount", "-o", f"remount,size={room}", place], check=True)
            self.start()
            if code := campaign.warm.ended():
                met += 1
                assert code == 2 and "Traceback" not in self.said(), f"{code}: {self.said()}"
                assert "full" in self.said() or "No space left" in self.said(), self.said()
            shutil.rmtree(kept)
            subprocess.run(["mount", "-o", f"remount,size={PLENTY}", place], check=True)
            campaign.finish()
            shutil.copytree(place, kept)
        finally:
            subprocess.run(["umount", place], check=True)
        place.rmdir()
        kept.rename(place)
        return met


class FileLimit(Fault):
    """No file may grow over a limit (RLIMIT_FSIZE, EFBIG): what a full disk looks like where nothing can be mounted."""

    name = "file too large"

    def round(self, campaign: Campaign) -> int:
        self.start(file_bytes=int(10 ** self.draw.uniform(3.3, 5)))  # what it says fits: that is a file, too
        code = campaign.warm.ended()
        assert code in (0, 2) and "Traceback" not in self.said(), f"{code}: {self.said()}"
        return int(code != 0)


class ReadOnly(Fault):
    """The file system cannot be written to (a read-only bind mount): the command refuses and changes nothing."""

    name = "read-only output"
    refuses = DiskFull.refuses

    def round(self, campaign: Campaign) -> int:
        place = campaign.stage.work / "round"
        subprocess.run(["mount", "--bind", place, place], check=True)
        try:
            subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)
            self.start()
            code = campaign.warm.ended()
        finally:
            subprocess.run(["umount", place], check=True)
        if code:
            assert code == 2 and "Traceback" not in self.said(), f"{code}: {self.said()}"
        elif campaign.stage.name != "push":
            raise AssertionError(f"it wrote where nothing can be written: {self.said()}")
        return 1


class ClockJumps(Kill):
    """Runs under clocks that stand years apart (libfaketime), each killed at a random moment."""

    name = "clock jumps, SIGKILL"

    @classmethod
    def refuses(cls, stage: Stage) -> str | None:
        return None if shutil.which("faketime") else "faketime is not installed"

    def round(self, campaign: Campaign) -> int:
        met = 0
        for _ in range(2):
            days = self.draw.choice([-4000, -400, -1, 1, 400, 4000])
            environment = os.environ | campaign.warm.environment | {"FAKETIME_DONT_FAKE_MONOTONIC": "1"}
            command = ["faketime", "-f", f"{days:+d}d", *COMMAND, *campaign.stage.command]
            with campaign.log.open("w") as log:
                process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
                time.sleep(self.draw.uniform(2.0, 3.5 + campaign.seconds))  # importing takes the first seconds
                met += process.poll() is None
                end_group(process.pid, signal.SIGKILL)
                process.wait()
        return met


COMMAND = [sys.executable, "-m", "s1_mmalign.processing.process"]
FAULTS: dict[str, type[Fault]] = {
    "kill": Kill, "term": Terminate, "steps": Steps, "slow-rename": SlowRename, "worker-killed": WorkerKilled,
    "worker-hangs": WorkerHangs, "memory": Memory, "disk-full": DiskFull, "file-limit": FileLimit,
    "read-only": ReadOnly, "clock": ClockJumps,
}  # fmt: skip


def end_group(pid: int, number: int) -> None:
    """Send a signal to a command and all that it started."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:  # it has not made its group yet, or has ended
        end_process(pid, number)


def end_process(pid: int, number: int) -> None:
    """Send a signal to a process, if it is there."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def disturb_worker(pid: int, number: int, draw: Any) -> bool:
    """Send a signal to one of a command's processes that read papers; False where there is none."""
    try:
        below = psutil.Process(pid).children(recursive=True)
        workers = [child for child in below if child.memory_info().rss > 60 << 20]
        if not workers:
            return False
        os.kill(draw.choice(workers).pid, number)
    except (psutil.Error, ProcessLookupError):
        return False
    return True

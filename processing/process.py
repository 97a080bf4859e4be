"""The command line: `s1-mmalign COMMAND` and `python processing/process.py COMMAND` are this program.

Exit codes: 0 done; 1 done, but something is wrong with the data (verify found problems, rows got no caption);
2 the command or its input is wrong, or memory ran out; 130 interrupted, 143 ended by SIGTERM: run the same command
again, every stage goes on where it was.
With S1_MMALIGN_DEBUG=1 in the environment every error shows its traceback.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading

import typer

from s1_mmalign.builder.printable import PrintableLog, PrintableOutput, printable
from s1_mmalign.builder.shards import FolderError
from s1_mmalign.builder.sources.packages import InputError
from s1_mmalign.eval.models import EvaluateError
from s1_mmalign.processing.captioners.base import CaptionerError
from s1_mmalign.processing.commands.build import build
from s1_mmalign.processing.commands.card import card
from s1_mmalign.processing.commands.evaluate import evaluate
from s1_mmalign.processing.commands.gallery import gallery
from s1_mmalign.processing.commands.journal import journal
from s1_mmalign.processing.commands.publish import export, push, verify
from s1_mmalign.processing.commands.quickstart import quickstart
from s1_mmalign.processing.commands.recaption import recaption
from s1_mmalign.processing.commands.remove import remove
from s1_mmalign.processing.commands.reproduce import reproduce
from s1_mmalign.processing.journal import JournalError
from s1_mmalign.processing.publish import PublishError

USERS_MISTAKES = (
    FolderError,
    InputError,
    CaptionerError,
    EvaluateError,
    JournalError,
    PublishError,
    ValueError,
    OSError,
)
"""What ends in one line and exit code 2; anything else is a fault of this program and shows its traceback."""

INTERRUPTED, TERMINATED = 130, 143
OUT_OF_MEMORY = (
    "out of memory. Run the same command again with fewer --workers or --num-proc, or on a machine with more: "
    "it goes on."
)
ENDED_BY_CTRL_C = "interrupted. Run the same command again to go on."
ENDED_BY_SIGTERM = "ended by SIGTERM. Run the same command again to go on."
GRACE_SECONDS = 15.0
"""After SIGTERM; batch systems kill after 30."""

LINES = "\n\t"
"""What an error of several lines keeps; other control characters in it come from names and papers."""

app = typer.Typer(
    name="s1-mmalign",
    help="Papers -> figures with caption, context and recaption -> a dataset that `load_dataset` opens. "
    "Start with:  s1-mmalign quickstart",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (quickstart, build, recaption, evaluate, card, gallery, remove, push, verify, export, reproduce):
    app.command()(command)
app.add_typer(journal, name="journal")


def main() -> None:
    """Run the command line."""
    log = logging.StreamHandler()
    log.setFormatter(PrintableLog("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[log])
    sys.stdout = PrintableOutput(sys.stdout)  # type: ignore[assignment]  # progress is drawn on stderr
    terminated = _interrupted_by_sigterm()
    try:
        app()
    except Exception as error:
        if os.environ.get("S1_MMALIGN_DEBUG"):
            raise
        if terminated or _interrupted(error):  # what it led to
            raise _ended(terminated) from None
        if not isinstance(error, (*USERS_MISTAKES, MemoryError)):
            raise
        text = OUT_OF_MEMORY if isinstance(error, MemoryError) else printable(str(error), LINES)
        print(f"s1-mmalign: {text}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:  # before typer looks after it
        raise _ended(terminated) from None
    except SystemExit as ended:
        if ended.code == INTERRUPTED or (terminated and ended.code):  # Ctrl-C: typer makes an exit code of it
            raise _ended(terminated) from None
        raise


def _interrupted(error: BaseException | None) -> bool:
    """Say whether Ctrl-C is at the bottom of an error: in the midst of an import Python makes a RuntimeError of it."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _ended(terminated: list[int]) -> SystemExit:
    """Say how to go on after an interruption; return what ends the process."""
    print(f"\ns1-mmalign: {ENDED_BY_SIGTERM if terminated else ENDED_BY_CTRL_C}", file=sys.stderr)
    return SystemExit(TERMINATED if terminated else INTERRUPTED)


def _give_up() -> None:
    """End at once, as a kill would: a process of this one hangs and does not let it end in order."""
    print(f"\ns1-mmalign: {ENDED_BY_SIGTERM}", file=sys.stderr, flush=True)
    os._exit(TERMINATED)


def _interrupted_by_sigterm() -> list[int]:
    """Have SIGTERM, by which batch systems end a job, do what Ctrl-C does; return what tells whether it came."""
    came: list[int] = []

    def end(number: int, frame: object) -> None:
        came.append(number)
        signal.signal(number, signal.SIG_IGN)  # once is enough: what is being put in order is not to be cut short
        giving_up = threading.Timer(GRACE_SECONDS, _give_up)
        giving_up.daemon = True
        giving_up.start()
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    return came


if __name__ == "__main__":
    main()

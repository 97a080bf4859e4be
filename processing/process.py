"""The command line: `s1-mmalign COMMAND` and `python processing/process.py COMMAND` are this program.

Exit codes: 0 done; 1 done, but something is wrong with the data (verify found problems, rows got no caption);
2 the command or its input is wrong; 130 interrupted: run the same command again, every stage goes on where it was.
With S1_MMALIGN_DEBUG=1 in the environment every error shows its traceback.
"""

from __future__ import annotations

import logging
import os
import sys

import typer

from s1_mmalign.builder.shards import FolderError
from s1_mmalign.builder.sources.packages import InputError
from s1_mmalign.eval.models import EvaluateError
from s1_mmalign.processing.captioners.base import CaptionerError
from s1_mmalign.processing.commands.build import build
from s1_mmalign.processing.commands.evaluate import card, evaluate
from s1_mmalign.processing.commands.gallery import gallery
from s1_mmalign.processing.commands.journal import journal
from s1_mmalign.processing.commands.publish import export, push, verify
from s1_mmalign.processing.commands.quickstart import quickstart
from s1_mmalign.processing.commands.recaption import recaption
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

INTERRUPTED = 130

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
for command in (quickstart, build, recaption, evaluate, card, gallery, push, verify, export):
    app.command()(command)
app.add_typer(journal, name="journal")


def main() -> None:
    """Run the command line."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        app()
    except USERS_MISTAKES as error:
        if os.environ.get("S1_MMALIGN_DEBUG"):
            raise
        print(f"s1-mmalign: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except SystemExit as ended:
        if ended.code == INTERRUPTED:  # Ctrl-C: typer makes an exit code of it
            print("\ns1-mmalign: interrupted. Run the same command again to go on.", file=sys.stderr)
        raise


if __name__ == "__main__":
    main()

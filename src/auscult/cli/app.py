"""The `auscult` command: its subcommands, and how every failure becomes a message and an exit code.

Exit codes: 0 all done, 1 some input failed (each is named), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Any

from cyclopts import App, CycloptsError, Parameter

from auscult.cli import forget_interrupt
from auscult.cli.classify import classify
from auscult.cli.data import data
from auscult.cli.demo import demo
from auscult.cli.detect import detect
from auscult.cli.embed import embed
from auscult.cli.evaluate import evaluate
from auscult.cli.listen import listen
from auscult.cli.mix import mix
from auscult.cli.models import models
from auscult.cli.output import say_error
from auscult.cli.search import search
from auscult.cli.spectrogram import spectrogram
from auscult.cli.train import train
from auscult.errors import AuscultError
from auscult.training.options import flag_of

INTERRUPTED = 130
WRONG_USAGE = 2


def version() -> str:
    from auscult import __version__

    return __version__


def _shown_default(value: Any) -> str | None:
    # That a switch is off, and a list empty, until it is named goes without saying.
    if value is None or value is False or value == ():
        return None
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


app = App(
    name="auscult",
    help="Learn to tell sounds apart from a folder of recordings, and run what was learned anywhere.",
    version=version,
    # Markdown, the default, takes a third of the time of such a short command to import.
    version_format="plaintext",
    default_parameter=Parameter(negative="", show_default=_shown_default, name_transform=flag_of),
    # Ctrl-C is for `run` to answer.
    suppress_keyboard_interrupt=False,
)
app.command(classify, usage="Usage: auscult classify [OPTIONS] FILES...", sort_key=1)
app.command(detect, usage="Usage: auscult detect [OPTIONS] FILES...", sort_key=2)
app.command(listen, usage="Usage: auscult listen [OPTIONS] [-|URL]", sort_key=2)
app.command(train, sort_key=2)
app.command(evaluate, sort_key=3)
app.command(embed, usage="Usage: auscult embed [OPTIONS] FILES...", sort_key=4)
app.command(search, usage="Usage: auscult search [OPTIONS] INDEX QUERY...", sort_key=4)
app.command(spectrogram, usage="Usage: auscult spectrogram [OPTIONS] FILES...", sort_key=4)
app.command(mix, usage="Usage: auscult mix [OPTIONS] [SOURCE] -o DIR", sort_key=5)
app.command(data)
app.command(models)
app.command(demo, sort_key=7)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
        return code if isinstance(code, int) else 0
    except CycloptsError as error:
        say_error(f"{error} See {' '.join(['auscult', *(error.command_chain or ())])} --help.")
        return WRONG_USAGE
    except AuscultError as error:
        say_error(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        say_error("interrupted")
        forget_interrupt()
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has gone (`auscult ... | head`): nothing more to say.
        return 0


def main() -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # JSON is UTF-8 whatever the terminal speaks, and no label or name of a file is beyond it.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    code = run()
    _give_up_stdout_if_broken()
    sys.exit(code)


def _give_up_stdout_if_broken() -> None:
    """What cannot be written now must not be tried again, with a traceback, when Python ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

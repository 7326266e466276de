"""The command line: parse, call, print, exit. Whatever it does, Python can do with one call."""

from __future__ import annotations

import sys

__all__ = ["forget_interrupt", "main"]


def main() -> None:
    """The command `auscult`."""
    try:
        from auscult.cli import app
    except KeyboardInterrupt:
        # What is imported takes a moment, in which Ctrl-C is no error either.
        print("auscult: interrupted", file=sys.stderr)
        forget_interrupt()
        sys.exit(130)
    app.main()


def forget_interrupt() -> None:
    """CPython would end as if killed by the signal, though it was answered, where it came while code from a string ran.

    Dataclasses and named tuples are made of such code, so that an interrupt during imports did this now and then. The
    note that CPython keeps of it is cleared as soon as any other string is run.
    """
    exec("")

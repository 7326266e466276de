"""How far long work has come, on stderr: a live bar on a terminal, now and then a line elsewhere.

Standard output is left to results, so that they can be piped.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, Protocol

LINES = 10  # where there is no terminal, say something this many times


class Advance(Protocol):
    """Called after each piece of work; `note` is a few words on how it goes."""

    def __call__(self, note: str = "", *, done: int = 1) -> None: ...


Unit = Literal["pieces", "bytes"]


@contextmanager
def progress(text: str, total: int, *, unit: Unit = "pieces", quiet: bool = False) -> Iterator[Advance]:
    """Show `text` and how many of `total` pieces, or bytes, are done.

    Examples
    --------
    >>> with progress("Decoding", 3, quiet=True) as advance:
    ...     for _ in range(3):
    ...         advance()
    """
    if quiet or total == 0:
        yield _say_nothing
    elif sys.stderr.isatty():
        with _bar(text, total, unit) as advance:
            yield advance
    else:
        yield _Lines(text, total, unit)


def bytes_in_words(n_bytes: int) -> str:
    """A size for people, in decimal units, as disks and networks are measured.

    Examples
    --------
    >>> bytes_in_words(4126810), bytes_in_words(0), bytes_in_words(999_960)
    ('4.1 MB', '0 bytes', '1.0 MB')
    """
    if n_bytes < 1000:
        return f"{n_bytes} bytes"
    size = n_bytes / 1000
    for name in ("kB", "MB", "GB"):
        if round(size, 1) < 1000:
            return f"{size:.1f} {name}"
        size /= 1000
    return f"{size:.1f} TB"


def _say_nothing(note: str = "", *, done: int = 1) -> None:
    pass


class _Lines:
    """One line for each tenth of the work, for logs."""

    def __init__(self, text: str, total: int, unit: Unit) -> None:
        self.text = text
        self.total = total
        self.in_words = bytes_in_words if unit == "bytes" else str
        self.done = 0

    def __call__(self, note: str = "", *, done: int = 1) -> None:
        before = self.done * LINES // self.total
        self.done += done
        if self.done * LINES // self.total > before:
            detail = f"  {note}" if note else ""
            share = f"{self.in_words(self.done)} of {self.in_words(self.total)}"
            print(f"{self.text}: {share}{detail}", file=sys.stderr, flush=True)


@contextmanager
def _bar(text: str, total: int, unit: Unit) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn() if unit == "bytes" else MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(text, total=total, note="")

        def advance(note: str = "", *, done: int = 1) -> None:
            bar.update(task, advance=done, note=note)

        yield advance

"""Results go to stdout, everything else to stderr."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auscult.audio import AUDIO_SUFFIXES, find_audio_files, find_files
from auscult.errors import AuscultError, InputError, OutputError, UsageError
from auscult.features import PICTURE_SUFFIXES

if TYPE_CHECKING:
    from auscult.metrics import Figure

# The widest that text gets, and the part of it that names take, where values stand beside them.
MAX_COLUMNS = 100
NAME_COLUMNS = 16


def emit(text: str) -> None:
    """Print a result, at once, so that a reader can take results as they come.

    Raises
    ------
    OutputError : where stdout is a file on a full disk, say
    BrokenPipeError : where the reader has gone
    """
    try:
        # Text and line end in one call: Ctrl-C cannot come between the two.
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(_stdout_problem(error)) from error


def _stdout_problem(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "standard output: the disk is full; free some space and run again"
    return f"standard output: cannot be written ({error.strerror or error}); send it somewhere else and run again"


def print_json(record: Mapping[str, Any]) -> None:
    """One object a line."""
    emit(json.dumps(record, ensure_ascii=False))


def say(text: str, *, quiet: bool = False) -> None:
    if not quiet:
        print(text, file=sys.stderr, flush=True)


def say_error(text: str) -> None:
    print(f"auscult: {text}", file=sys.stderr, flush=True)


def say_problems(problems: Iterable[AuscultError]) -> int:
    """Name each input that failed; how many there were."""
    count = 0
    for problem in problems:
        say_error(str(problem))
        count += 1
    return count


def print_figures(metrics: Mapping[str, Figure]) -> None:
    """A table with a line a figure: its name, its value, and the interval that holds it with 95 % confidence."""
    from auscult.report.html import FIGURES

    if not metrics:
        return
    rows = [("", "", "95 % interval", "clips", "")]
    for name, figure in metrics.items():
        title, _, is_share = FIGURES.get(name, (name.replace("_", " "), "", False))
        caveat = f"({figure.caveat})" if figure.caveat else ""
        rows.append((title, _value(figure, is_share), _interval(figure, is_share), str(figure.n), caveat))
    emit("\n".join(columns(rows, right=(1, 3))))


def _value(figure: Figure, is_share: bool) -> str:
    """
    >>> from auscult.metrics import Figure
    >>> _value(Figure(0.914, 0.88, 0.94, 400), True), _value(Figure(0.914, 0.88, 0.94, 400), False)
    ('91.4 %', '0.914  ')
    """
    if figure.value is None:
        return "unknown"
    # The two spaces put the digits of losses under those of shares.
    return f"{figure.value:.1%}".replace("%", " %") if is_share else f"{figure.value:.3f}  "


def _interval(figure: Figure, is_share: bool) -> str:
    """
    >>> from auscult.metrics import Figure
    >>> _interval(Figure(0.914, 0.88, 0.94, 400), True), _interval(Figure(0.5, None, None, 2), True)
    ('88.0 to 94.0 %', '-')
    """
    if figure.low is None or figure.high is None:
        return "-"
    if is_share:
        return f"{100 * figure.low:.1f} to {100 * figure.high:.1f} %"
    return f"{figure.low:.3f} to {figure.high:.3f}"


def columns(rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> list[str]:
    """Rows as lines with their columns under each other, those in `right` against their right edge.

    >>> columns([["a", "10"], ["bcd", "5"]], right=[1])
    ['  a    10', '  bcd   5']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(("  " + "  ".join(cells)).rstrip())
    return lines


def filled(text: str, *, indent: str, first: str) -> str:
    """Text in lines that fit the terminal, the first after `first`, all others after `indent`."""
    # Addresses and digests are for copying: they stay whole.
    return textwrap.fill(
        text, _width(), initial_indent=first, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def beside(name: str, value: str) -> str:
    """A name, and beside it what it stands for; what is one word and too long for that begins a line of its own."""
    if " " not in value and len(value) > _width() - NAME_COLUMNS:
        return f"{name}\n  {value}"
    return filled(value, indent=" " * NAME_COLUMNS, first=f"{name:<{NAME_COLUMNS - 1}} ")


def _width() -> int:
    return min(shutil.get_terminal_size().columns, MAX_COLUMNS)


def failure_record(error: InputError) -> dict[str, Any]:
    """The JSON of an input that failed."""
    return {
        "source": error.source,
        "error": {"kind": error.kind, "message": f"{error.problem}; {error.next_step}"},
    }


def check_at_least_one(option: str, value: int | None) -> None:
    if value is not None and value < 1:
        raise UsageError(f"{option} must be at least 1. Got {value} instead.")


def gather_sources(files: Iterable[str], files_from: str | None) -> tuple[list[str], list[InputError]]:
    """Files and URLs to work on, in order: those named, those in folders named, those listed in a file or stdin.

    A folder whose name ends like a sound is left as it is: it is a mistake that should be named, not searched.

    Returns
    -------
    sources : never empty where there is no problem
    problems : folders that hold no sound or cannot be read

    Raises
    ------
    UsageError : nothing was named, or the list cannot be read
    """
    sources: list[str] = []
    problems: list[InputError] = []
    for name in [*files, *_listed(files_from)]:
        if not os.path.isdir(name) or Path(name).suffix.lower() in AUDIO_SUFFIXES:
            sources.append(name)
            continue
        try:
            sources += _sounds_in(name)
        except InputError as problem:
            problems.append(problem)
    if not sources and not problems:
        raise UsageError("No sound was named; give files, folders, URLs, or a list with --files-from FILE.")
    return sources, problems


def _sounds_in(folder: str) -> list[str]:
    """The sounds of a folder; where it holds none, its pictures, which some models take."""
    found = [str(file) for file in find_audio_files(folder) or find_files(folder, PICTURE_SUFFIXES)]
    if not found:
        raise InputError(folder, "empty", "this folder holds no sound", "name a folder with recordings in it")
    return found


def _listed(files_from: str | None) -> list[str]:
    """Names, one a line, as bytes that the file system knows, whether they are UTF-8 or not."""
    if files_from is None:
        return []
    try:
        content = sys.stdin.buffer.read() if files_from == "-" else Path(files_from).read_bytes()
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--files-from {files_from}: cannot be read ({error}); give a text file, a name a line, or - for stdin."
        ) from error
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return [os.fsdecode(line.removesuffix(b"\r")) for line in lines if line.strip()]

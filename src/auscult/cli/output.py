"""Results go to stdout, everything else to stderr."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import textwrap
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from auscult.archive.finding import find_sources, parse_since
from auscult.errors import AuscultError, InputError, OutputError, UsageError

if TYPE_CHECKING:
    from auscult.metrics import Figure

T = TypeVar("T")
# The widest that text gets, and the part of it that names take, where values stand beside them.
MAX_COLUMNS = 100
NAME_COLUMNS = 16
UTF8_MARK = b"\xef\xbb\xbf"


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


def gather_sources(
    files: Iterable[str], files_from: str | None, since: str | None = None
) -> tuple[list[str], list[InputError]]:
    """What `each_source` gives, all at once.

    Returns
    -------
    sources : never empty where there is no problem
    problems : folders that hold no sound or cannot be read, and patterns that nothing is like
    """
    found = list(each_source(files, files_from, since))
    return [one for one in found if isinstance(one, str)], [one for one in found if isinstance(one, InputError)]


def each_source(files: Iterable[str], files_from: str | None, since: str | None = None) -> Iterator[str | InputError]:
    """What to work on, one after the other: what is named, found in folders, like a pattern, or in a list.

    See `archive.find_sources`. Of a list, lines are read as they are needed: a program may still be writing it.

    Parameters
    ----------
    files : names from the command line
    files_from : a file with a name a line, or "-" for standard input
    since : a date, or how long ago; see `archive.parse_since`

    Raises
    ------
    UsageError : at once, where nothing was named, the list cannot be read, or `since` is no time
    """
    earliest = None if since is None else parse_since(since)
    return find_sources(each_name(files, files_from), since=earliest)


def each_name(files: Iterable[str], files_from: str | None) -> Iterator[str]:
    """What was named: see `each_source`, which says what is meant by it."""
    names = chain(files, _listed(files_from))
    first = next(names, None)
    if first is None:
        raise UsageError("No sound was named; give files, folders, URLs, or a list with --files-from FILE.")
    return chain([first], names)


class InPlace:
    """Works on what `each_source` gives, and puts what is wrong with a folder where its sounds would have come.

    Examples
    --------
    >>> empty = InputError("b", "empty", "this folder holds no sound", "name another")
    >>> places = InPlace(iter(["a", empty, "c"]))
    >>> [str(one) for one in places.filled(name.upper() for name in places.sources())]
    ['A', 'b: this folder holds no sound; name another', 'C']
    """

    def __init__(self, found: Iterable[str | InputError]) -> None:
        self._found = found
        self._problems: deque[tuple[int, InputError]] = deque()
        self._n_given = 0

    def sources(self) -> Iterator[str]:
        """Those that can be worked on."""
        for one in self._found:
            if isinstance(one, InputError):
                self._problems.append((self._n_given, one))
            else:
                self._n_given += 1
                yield one

    def filled(self, outcomes: Iterable[T], ends: Callable[[T], bool] = lambda _: True) -> Iterator[T | InputError]:
        """`outcomes` with the problems in their places; `ends` says which outcome is the last of its source."""
        n_done = 0
        for outcome in outcomes:
            while self._problems and self._problems[0][0] <= n_done:
                yield self._problems.popleft()[1]
            yield outcome
            n_done += ends(outcome)
        for _, problem in self._problems:
            yield problem


def _listed(files_from: str | None) -> Iterator[str]:
    """Names, one a line, as bytes that the file system knows, whether they are UTF-8 or not."""
    if files_from is None:
        return iter(())
    try:
        file: Any = sys.stdin.buffer if files_from == "-" else open(files_from, "rb")  # noqa: SIM115 - `_names` closes it
        # Whether it can be read is known now, before any work.
        start = file.peek()
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--files-from {files_from}: cannot be read ({error}); give a text file, a name a line, or - for stdin."
        ) from error
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        file.close()
        raise UsageError(f"--files-from {files_from}: is UTF-16 text; save it as UTF-8.")
    file.read(len(UTF8_MARK) if start.startswith(UTF8_MARK) else 0)
    return _names(file, _between_nuls if b"\0" in start else _lines)


def _names(file: BinaryIO, parts: Callable[[BinaryIO], Iterator[bytes]]) -> Iterator[str]:
    with nullcontext() if file is sys.stdin.buffer else file:
        for part in parts(file):
            if part.strip():
                yield os.fsdecode(part)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    for line in file:
        yield line.rstrip(b"\n").removesuffix(b"\r")


def _between_nuls(file: BinaryIO) -> Iterator[bytes]:
    """As `find -print0` ends names, which may hold line ends then."""
    held = b""
    for line in file:
        *whole, held = (held + line).split(b"\0")
        yield from whole
    yield held

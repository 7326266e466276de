"""What can go wrong, and the exit code that each kind of failure gives.

::

    AuscultError                 exit code 1
    ├── InputError               1   one sound could not be read; the others are still done
    ├── OutputError              1   a result could not be written (disk full, no permission)
    │   └── OutputNameError      1   no file can have the name of that one; the others are still written
    ├── DownloadError            1   a file that is kept (a named model, a corpus) could not be fetched
    └── UsageError               2   what was asked for cannot be done, whatever the sounds are
        ├── DataError            2   a dataset as a whole does not fit (no labels, one class, a leaking split)
        ├── ModelFileError       2   a model file is damaged, of a newer format, or not one of ours
        └── MissingExtraError    2   an optional part of auscult is not installed

An error says four things: the file or parameter, the rule, what came instead, and the next step. Exceptions of
libraries (libsndfile, ONNX Runtime, ...) are turned into these where the library is called, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

InputErrorKind = Literal[
    "missing",  # no such file
    "not_a_file",  # a folder, a FIFO, a device
    "no_permission",
    "empty",  # no bytes, a header with no samples after it, or a folder with no sound in it
    "unsupported",  # not a sound, or in a format that nothing here reads
    "damaged",  # begins like a sound and does not go on like one
    "not_finite",  # NaN or infinity among the samples
    "too_large",  # over the limit for downloads
    "unreachable",  # a URL that did not answer
    "crashes",  # a native library ends the process that decodes it
    "invalid",  # an array or option that does not describe a sound
]


class AuscultError(Exception):
    """Anything that auscult reports to its user. `exit_code` is what the command line ends with."""

    exit_code = 1
    kind = "error"


class InputError(AuscultError):
    """One sound that could not be used.

    Parameters
    ----------
    source : name of the sound: a path, a URL, or a description such as ``"<array>"``
    kind : one of `InputErrorKind`, stable, for programs
    problem : the rule and what was found instead, in words
    next_step : what the user can do about it

    Examples
    --------
    >>> print(InputError("dog.wav", "empty", "the file holds no bytes", "record or copy it again"))
    dog.wav: the file holds no bytes; record or copy it again
    """

    def __init__(self, source: str, kind: InputErrorKind, problem: str, next_step: str) -> None:
        super().__init__(source, kind, problem, next_step)
        self.source = source
        self.kind: InputErrorKind = kind
        self.problem = problem
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.source}: {self.problem}; {self.next_step}"


def unique_problems(problems: Iterable[InputError]) -> tuple[InputError, ...]:
    """Each problem once, in the order in which they come first.

    Examples
    --------
    >>> found = [InputError(name, "empty", "no bytes", "record it again") for name in ("a", "b", "a")]
    >>> [problem.source for problem in unique_problems(found)]
    ['a', 'b']
    """
    return tuple({str(problem): problem for problem in problems}.values())


class OutputError(AuscultError):
    """A result that could not be written. Nothing half-written is left behind."""

    kind = "output"


class OutputNameError(OutputError):
    """A result whose name no file can have there: too long, or that of a folder."""


class DownloadError(AuscultError):
    """A file that could not be fetched whole and right.

    Parameters
    ----------
    source : the address it should come from, or the name that stands for it
    kind : "unreachable" (no answer, too slow, broken off too often), "missing" (404, 410), "no_permission" (401, 403),
        "damaged" (other bytes than expected), "unsupported" (neither http nor https)
    problem : what went wrong, in words
    next_step : what the user can do about it

    Examples
    --------
    >>> print(DownloadError("https://a.org/x", "missing", "the server answered 404", "upgrade auscult"))
    https://a.org/x: the server answered 404; upgrade auscult
    """

    def __init__(self, source: str, kind: InputErrorKind, problem: str, next_step: str) -> None:
        super().__init__(source, kind, problem, next_step)
        self.source = source
        self.kind: InputErrorKind = kind
        self.problem = problem
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.source}: {self.problem}; {self.next_step}"


class UsageError(AuscultError):
    """A request that cannot be met, whatever the sounds are."""

    exit_code = 2
    kind = "usage"


class DataError(UsageError):
    """A dataset that does not fit what is asked of it."""

    kind = "data"


class ModelFileError(UsageError):
    """A model file that cannot be opened or does not hold what it should."""

    kind = "model_file"


class MissingExtraError(UsageError):
    """An optional part of auscult that is not installed."""

    kind = "missing_extra"

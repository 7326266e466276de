"""Recordings that may end a process, opened one by one in a process of their own.

The child says on its standard output, a JSON value a line, which recording it begins, what it finds, and that it is
through. It ends when its standard input does, which also tells it that its parent has died.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import auscult
from auscult.archive.unit import ModelChoice
from auscult.decide import EventOptions, LabelSummary
from auscult.errors import AuscultError, InputError
from auscult.records import Event
from auscult.result import Heard

# How a process ends that somebody stops, whatever it was doing.
_STOPPED = frozenset(-getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_MAX_EXIT_CODE = 127  # beyond it are ends that are no program's own: of Windows, 0xC0000005 and kin


@dataclass(frozen=True)
class Begun:
    """What follows is of this recording; what came of it before does not count."""


@dataclass(frozen=True)
class Crashed:
    """The process ended while it had this recording open, and had opened no other before it."""

    how: str


@dataclass(frozen=True)
class Unclear:
    """The process could not try it, and nothing speaks against the recording."""


Tried = Begun | Event | Heard | InputError | Crashed | Unclear


def try_alone(
    sources: Sequence[str], choice: ModelChoice, options: EventOptions, *, workers: int | None
) -> Generator[tuple[int, Tried], None, None]:
    """What `Classifier.detect_many` gives, with the index of the source, in processes that may end at any of them.

    One process takes one source after the other. Where it ends, the source at hand is tried again as the first of a
    new one; only where it ends that too is it `Crashed`.

    Raises
    ------
    KeyboardInterrupt : the child was stopped from outside
    """
    first = 0
    while first < len(sources):
        job = {"sources": sources[first:], "model": choice.to_dict(), "options": asdict(options), "workers": workers}
        at, is_through = -1, False
        with _child(job) as child:
            for index, one in _said(child):
                at, is_through = index, isinstance(one, Heard | InputError)
                yield first + index, one
            code = child.wait()
        if code in _STOPPED:
            raise KeyboardInterrupt
        if is_through:
            # Whatever ended the process, it was not this one.
            first += at + 1
        elif at < 0 or 0 <= code <= _MAX_EXIT_CODE:
            # Python's own end, such as an error of the model: the next attempt in this process will say it.
            yield first + max(at, 0), Unclear()
            first += max(at, 0) + 1
        elif at == 0:
            yield first, Crashed(_how(code))
            first += 1
        else:
            first += at


def _how(code: int) -> str:
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"exit code {code:#x}"


@contextmanager
def _child(job: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
    # The child has to import what this process did, wherever that was found.
    places = [str(Path(auscult.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    child = subprocess.Popen(
        # -P: what lies in the folder where one happens to be is no module.
        [sys.executable, "-P", "-c", "from auscult.archive.trial import main; main()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(places)},
        # Ctrl-C is for the parent to answer.
        start_new_session=True,
    )
    try:
        assert child.stdin is not None
        try:
            child.stdin.write(json.dumps(job) + "\n")
            child.stdin.flush()
        except BrokenPipeError:
            pass  # it has died; how, its exit code tells
        yield child
    finally:
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            # What was not taken is of no interest, nor is what could not be given.
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]  # both are pipes


def _said(child: subprocess.Popen[str]) -> Iterator[tuple[int, Begun | Event | Heard | InputError]]:
    assert child.stdout is not None
    kinds: dict[str, Any] = {"Begun": Begun, "Event": Event, "Heard": _heard, "InputError": InputError}
    for line in child.stdout:
        if not line.endswith("\n"):
            return  # it ended in the middle of a word
        index, kind, values = json.loads(line)
        yield index, kinds[kind](**values)


def _heard(labels: list[dict[str, Any]], **values: Any) -> Heard:
    return Heard(**values, labels=tuple(LabelSummary(**label) for label in labels))


def main() -> None:
    """What the child does."""
    # Libraries that print must not be taken for what is said here.
    said = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    code = 0
    try:
        _try(job, said)
    except (AuscultError, BrokenPipeError):
        code = 1
    # At once: some threads may be at work still, and what libraries do at the end of a process proves nothing.
    os._exit(code)


def _try(job: dict[str, Any], said: IO[str]) -> None:
    classifier = ModelChoice(**job["model"]).open(quiet=True)
    options = EventOptions(**job["options"])
    for index, source in enumerate(job["sources"]):
        _say(said, index, "Begun", {})
        for one in classifier.detect_many([source], options, workers=job["workers"]):
            if isinstance(one, InputError):
                values = {name: getattr(one, name) for name in ("source", "kind", "problem", "next_step")}
            else:
                values = asdict(one)
            _say(said, index, type(one).__name__, values)


def _say(said: IO[str], index: int, kind: str, values: dict[str, Any]) -> None:
    said.write(json.dumps([index, kind, values]) + "\n")
    said.flush()


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    os._exit(1)

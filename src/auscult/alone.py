"""Work that may end the process that does it, done in one of its own: decoders are native code, and some file makes
one crash.

The child says on its standard output, a JSON value a line, which item it begins, what comes of it, and that it is
through. It ends when its standard input does, which also tells it that its parent has died.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from auscult.errors import AuscultError

# How a process ends that somebody stops, whatever it was doing.
_STOPPED = frozenset(-getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_MAX_EXIT_CODE = 127  # beyond it are ends that are no program's own: of Windows, 0xC0000005 and kin
_BEGUN, _SAID, _DONE = "begun", "said", "done"


@dataclass(frozen=True)
class Begun:
    """What follows is of this item; what came of it before does not count."""


@dataclass(frozen=True)
class Said:
    """What came of an item, or a part of it, as JSON has it."""

    value: Any


@dataclass(frozen=True)
class Crashed:
    """The process ended while it was at this item, and had been at no other before it."""

    how: str


@dataclass(frozen=True)
class Unclear:
    """The process could not try it, and nothing speaks against the item."""


def try_alone(
    opening: str, given: Mapping[str, Any], items: Sequence[str]
) -> Generator[tuple[int, Begun | Said | Crashed | Unclear], None, None]:
    """What comes of each item, with its index, in processes that may end at any of them.

    One process takes one item after the other. Where it ends, the item at hand is tried again as the first of a new
    one; only where it ends that too is it `Crashed`.

    Parameters
    ----------
    opening : ``module:function`` of what is called in the process, once, with `given`, and gives what is called with
        each item; that gives JSON values
    given : JSON values
    items : whatever they are called

    Raises
    ------
    KeyboardInterrupt : the child was stopped from outside
    """
    first = 0
    while first < len(items):
        at, is_through = -1, False
        with child_of(opening, given, items[first:]) as child:
            for index, what, value in _lines(child):
                at, is_through = index, what == _DONE
                if not is_through:
                    yield first + index, Begun() if what == _BEGUN else Said(value)
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
def child_of(opening: str, given: Mapping[str, Any], items: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """The process, at work; see `try_alone`. It ends with the block."""
    # It has to import what this process did, wherever that was found.
    places = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    child = subprocess.Popen(
        # -P: what lies in the folder where one happens to be is no module.
        [sys.executable, "-P", "-c", "from auscult.alone import main; main()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(places)},
        # Ctrl-C is for the parent to answer.
        start_new_session=True,
    )
    try:
        assert child.stdin is not None
        # A broken pipe: it has died; how, its exit code tells.
        with suppress(BrokenPipeError):
            child.stdin.write(json.dumps({"opening": opening, "given": given, "items": list(items)}) + "\n")
            child.stdin.flush()
        yield child
    finally:
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            # What was not taken is of no interest, nor is what could not be given.
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]  # both are pipes


def _lines(child: subprocess.Popen[str]) -> Iterator[tuple[int, str, Any]]:
    assert child.stdout is not None
    for line in child.stdout:
        if not line.endswith("\n"):
            return  # it ended in the middle of a word
        index, what, value = json.loads(line)
        yield index, what, value


def main() -> None:
    """What the child does."""
    # Libraries that print must not be taken for what is said here.
    said = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    code = 0
    try:
        _work(job["opening"], job["given"], job["items"], said)
    except (AuscultError, BrokenPipeError):
        code = 1
    # At once: some threads may be at work still, and what libraries do at the end of a process proves nothing.
    os._exit(code)


def _work(opening: str, given: Mapping[str, Any], items: Sequence[str], said: IO[str]) -> None:
    module, _, name = opening.partition(":")
    work: Callable[[str], Iterable[Any]] = getattr(importlib.import_module(module), name)(given)
    for index, item in enumerate(items):
        _say(said, index, _BEGUN)
        for value in work(item):
            _say(said, index, _SAID, value)
        _say(said, index, _DONE)


def _say(said: IO[str], index: int, what: str, value: Any = None) -> None:
    said.write(json.dumps([index, what, value]) + "\n")
    said.flush()


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    os._exit(1)

"""Writers and pruning keep out of each other's way, without locks, which object stores do not have.

A writer says that it is at work, then looks whether anybody prunes; who prunes says so, then looks for writers. Each
does so in this order, so at least one of two that begin at once sees the other, and gives way.
"""

from __future__ import annotations

import json
import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from auscult.data.versions.places import Place
from auscult.data.versions.record import now
from auscult.errors import OutputError

PRUNING = "pruning.json"
WRITERS = "writers"
# Nobody writes for so long; a process on another machine that was killed is not asked.
GIVEN_UP_AFTER = timedelta(days=7)


@contextmanager
def writing(place: Place) -> Iterator[None]:
    """While a version is being made.

    Raises
    ------
    OutputError : somebody prunes
    """
    key = f"{WRITERS}/{uuid.uuid4().hex}.json"
    place.replace(key, _who())
    try:
        if (other := _alive(place, PRUNING)) is not None:
            raise OutputError(f"{place.url}: this store is being pruned ({other}); wait, then run again.")
        yield
    finally:
        place.delete(key)


@contextmanager
def pruning(place: Place, *, force: bool) -> Iterator[None]:
    """While what nobody needs is removed. With `force` nobody else is believed to be at work.

    Raises
    ------
    OutputError : somebody prunes or writes
    """
    if not place.create(PRUNING, _who()):
        if not force and (other := _alive(place, PRUNING)) is not None:
            raise _busy(place, "pruned", other)
        place.replace(PRUNING, _who())
    try:
        for entry in list(place.entries(WRITERS)):
            if not force and (other := _alive(place, entry.key)) is not None:
                raise _busy(place, "written", other)
        yield
    finally:
        place.delete(PRUNING)


def _busy(place: Place, what: str, who: str) -> OutputError:
    return OutputError(
        f"{place.url}: this store is being {what} ({who}); wait for it. If that process is dead, and you are sure of "
        "it, prune with --force."
    )


def _who() -> bytes:
    return json.dumps({"host": socket.gethostname(), "process": os.getpid(), "since": now()}).encode()


def _alive(place: Place, key: str) -> str | None:
    """Who is at work there, in words; None where nobody is, as far as can be known."""
    try:
        record = json.loads(place.read(key))
        host, process, since = str(record["host"]), int(record["process"]), str(record["since"])
        if datetime.now(UTC) - datetime.fromisoformat(since) > GIVEN_UP_AFTER:
            return None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    if host == socket.gethostname() and os.name == "posix" and not _runs(process):
        return None
    return f"process {process} on {host} since {since}"


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it is somebody else's
    return True

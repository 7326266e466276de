"""What a run is about, and how far it has come with each recording, so that it can go on after anything that ends it.

A recording is marked as in flight before it is opened. What is found in flight at the next start was open when the
process ended, so it may be what ended it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from auscult.archive.results import Results
from auscult.archive.store import (
    DONE,
    FAILED,
    IN_FLIGHT,
    QUARANTINED,
    WAITING,
    as_key,
    forget,
    told,
)
from auscult.audio import source_name
from auscult.decide import longest_first
from auscult.errors import InputError
from auscult.records import Event
from auscult.result import Heard

PAGE = 500  # recordings read at a time
MAX_INTEGER = 2**63 - 1  # of SQLite: in nanoseconds, the year 2262


class Fingerprint(NamedTuple):
    """By what a changed file is told from the one that was read: its bytes are not read for it."""

    size: int | None
    mtime_ns: int | None

    @classmethod
    def of(cls, source: str) -> Fingerprint:
        """Of a file; of addresses, and what is not there, nothing is known."""
        try:
            status = os.stat(source)
        except (OSError, ValueError):
            return cls(None, None)
        return cls(status.st_size, max(-MAX_INTEGER, min(status.st_mtime_ns, MAX_INTEGER)))


@dataclass(frozen=True)
class Recording:
    """A row of the journal. `source` is what to open, `name` what to print."""

    id: int
    position: int
    source: str
    size: int

    @property
    def name(self) -> str:
        return source_name(self.source)


class Journal(Results):
    """One run's journal; made or opened by `opened`."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        super().__init__(path, connection)
        self._flying: set[int] = set()

    @classmethod
    @contextmanager
    def opened(
        cls, path: Path, settings: Mapping[str, Any], *, decoding: str, overwrite: bool = False
    ) -> Iterator[Journal]:
        """Begin a journal, or go on with the one that was begun with the same settings.

        What is quarantined becomes suspect again where it was quarantined with another `decoding`, the versions of
        what decodes.

        At the end of the block nothing is in flight any more but what was before and was not tried: whoever leaves it
        alive was not ended by a recording.

        Raises
        ------
        UsageError : the file holds a run with other settings, or is damaged
        OutputError : it cannot be written
        """
        if overwrite:
            forget(path)
        with told(path):
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        journal = cls(path, connection)
        try:
            with told(path):
                journal._prepare(settings, decoding)
            yield journal
        finally:
            # On a full disk nothing more is written, and what was in flight counts as suspect.
            with suppress(sqlite3.Error):
                journal._land()
            connection.close()

    # What the run is about.

    def list_sources(self, found: Iterable[str | InputError]) -> Iterator[InputError]:
        """Take down what this run is about, each recording once; all of it, or on an error nothing.

        What is done and has not changed stays done, and what is quarantined stays so. All others wait, those that
        failed before too.

        Yields
        ------
        what cannot be searched, and stands among what failed
        """
        with self._writing():
            self._sql.execute("DELETE FROM listing")
            for one in found:
                if isinstance(one, InputError):
                    self._list(one.source, Fingerprint(None, None))
                    self._fail(self._id(one.source), one, FAILED)
                    yield one
                else:
                    self._list(one, Fingerprint.of(one))

    def _list(self, source: str, now: Fingerprint) -> None:
        key = as_key(source)
        row = self._sql.execute("SELECT id, state, size, mtime_ns FROM recordings WHERE source=?", (key,)).fetchone()
        if row is None:
            printed = source_name(source)
            columns = (key, None if as_key(printed) == key else printed, WAITING, *now)
            identity = self._sql.execute(
                "INSERT INTO recordings (source, alias, state, size, mtime_ns) VALUES (?, ?, ?, ?, ?)", columns
            ).lastrowid
        else:
            identity, state, *before = row
            is_kept = state == IN_FLIGHT or (state in (DONE, QUARANTINED) and tuple(before) == now)
            if not is_kept:
                self._sql.execute(
                    "UPDATE recordings SET state=?, size=?, mtime_ns=? WHERE id=?", (WAITING, *now, identity)
                )
        self._sql.execute("INSERT OR IGNORE INTO listing (recording) VALUES (?)", (identity,))

    def suspects(self) -> list[Recording]:
        """What was in flight when an earlier run died."""
        return [one for one in self._page(IN_FLIGHT, 0, -1) if one.id not in self._flying]

    def waiting(self) -> Iterator[Recording]:
        """What is to be searched, in order. Each is marked as in flight before it is given."""
        position = 0
        while page := self._page(WAITING, position, PAGE):
            for one in page:
                position = one.position
                self.start(one)
                yield one

    def n_waiting(self) -> tuple[int, int]:
        """How many recordings wait or are in flight, and their bytes; of what has none, an address say, one."""
        query = (
            "SELECT count(*), coalesce(sum(max(coalesce(size, 0), 1)), 0) "
            "FROM listing JOIN recordings ON id = recording WHERE state IN (?, ?)"
        )
        with told(self._path):
            count, n_bytes = self._sql.execute(query, (WAITING, IN_FLIGHT)).fetchone()
        return count, n_bytes

    def _page(self, state: int, after: int, count: int) -> list[Recording]:
        query = (
            "SELECT id, position, source, coalesce(size, 0) FROM listing CROSS JOIN recordings ON id = recording "
            "WHERE position > ? AND state = ? ORDER BY position LIMIT ?"
        )
        with told(self._path):
            rows = self._sql.execute(query, (after, state, count)).fetchall()
        return [Recording(identity, position, os.fsdecode(key), size) for identity, position, key, size in rows]

    # What becomes of each.

    def start(self, recording: Recording, *, is_suspect: bool = False) -> None:
        """Mark as in flight, with what the file is like at this moment. What was found in it before is forgotten.

        A suspect stays one until it is known what becomes of it, also where this run ends alive before that.
        """
        with self._writing():
            columns = (IN_FLIGHT, *Fingerprint.of(recording.source), recording.id)
            self._sql.execute("UPDATE recordings SET state=?, size=?, mtime_ns=? WHERE id=?", columns)
            for table in ("events", "labels", "complete"):
                self._sql.execute(f"DELETE FROM {table} WHERE recording=?", (recording.id,))
        if not is_suspect:
            self._flying.add(recording.id)

    def add(self, recording: Recording, events: Sequence[Event], *, first: int) -> None:
        """Keep events of a recording in flight; `first` is how many of it are kept already."""
        rows = [
            (recording.id, event.start_s, event.end_s, first + i, event.label, event.name, event.score)
            for i, event in enumerate(events)
        ]
        with self._writing():
            self._sql.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def finish(self, recording: Recording, heard: Heard, started_at: datetime | None) -> None:
        """It was searched to its end; `started_at` is when it was recorded, where that is known."""
        began = None if started_at is None else started_at.isoformat()
        lines = [(recording.id, number, *astuple(one)) for number, one in enumerate(longest_first(heard.labels))]
        with self._writing():
            self._sql.executemany("INSERT INTO labels VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", lines)
            self._sql.execute(
                "UPDATE recordings SET state=?, duration_s=?, n_windows=?, started_at=?, kind=NULL, problem=NULL, "
                "next_step=NULL WHERE id=?",
                (DONE, heard.duration_s, heard.n_windows, began, recording.id),
            )
        self._flying.discard(recording.id)

    def release(self, recording: Recording) -> None:
        """It waits again."""
        with self._writing():
            self._sql.execute("UPDATE recordings SET state=? WHERE id=?", (WAITING, recording.id))
        self._flying.discard(recording.id)

    def fail(self, recording: Recording, problem: InputError) -> None:
        """It cannot be used. Events that were found in it before that are forgotten."""
        with self._writing():
            self._fail(recording.id, problem, FAILED)
        self._flying.discard(recording.id)

    def quarantine(self, recording: Recording, problem: InputError) -> None:
        """It ends the process that opens it: it is not opened again until it changes, or what decodes it does."""
        with self._writing():
            self._fail(recording.id, problem, QUARANTINED)
        self._flying.discard(recording.id)

    def _fail(self, identity: int, problem: InputError, state: int) -> None:
        for table in ("events", "labels"):
            self._sql.execute(f"DELETE FROM {table} WHERE recording=?", (identity,))
        self._sql.execute(
            "UPDATE recordings SET state=?, kind=?, problem=?, next_step=?, duration_s=NULL, n_windows=NULL, "
            "started_at=NULL WHERE id=?",
            (state, problem.kind, problem.problem, problem.next_step, identity),
        )

    def _land(self) -> None:
        rows = [(WAITING, identity) for identity in self._flying]
        self._sql.executemany("UPDATE recordings SET state=? WHERE id=?", rows)

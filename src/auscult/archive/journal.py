"""What a run has done, on the disk, so that it can go on after anything that ends it.

A SQLite file in WAL mode: what is written is appended to a log whose parts carry checksums, and a torn end of it is
left out when it is opened again. Nothing of it is in memory but the page in use, for any number of recordings.

A recording is marked as in flight before it is opened. What is found in flight at the next start was open when the
process ended, so it may be what ended it.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from auscult.audio import source_name
from auscult.errors import InputError, InputErrorKind, OutputError, UsageError
from auscult.records import Event
from auscult.result import Heard

VERSION = 1
SIDE_FILES = ("", "-wal", "-shm", "-journal")
PAGE = 500  # recordings read at a time

WAITING, IN_FLIGHT, DONE, FAILED, QUARANTINED = range(5)

_TABLES = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE recordings (
    id INTEGER PRIMARY KEY,
    source BLOB NOT NULL UNIQUE,
    -- How it is printed, where that is other than the bytes of its name.
    alias TEXT,
    size INTEGER,
    mtime_ns INTEGER,
    state INTEGER NOT NULL,
    duration_s REAL,
    n_windows INTEGER,
    started_at TEXT,
    kind TEXT,
    problem TEXT,
    next_step TEXT
);
-- What this run is about, in its order.
CREATE TABLE listing (position INTEGER PRIMARY KEY, recording INTEGER NOT NULL UNIQUE);
CREATE TABLE events (
    recording INTEGER NOT NULL,
    start_s REAL NOT NULL,
    end_s REAL NOT NULL,
    number INTEGER NOT NULL,
    label TEXT NOT NULL,
    name TEXT NOT NULL,
    score REAL NOT NULL,
    PRIMARY KEY (recording, start_s, end_s, number)
) WITHOUT ROWID;
CREATE INDEX aliases ON recordings (alias) WHERE alias IS NOT NULL;
CREATE TABLE outputs (path BLOB PRIMARY KEY);
-- What was made of single recordings, clips say: which files, and whether all of them are there.
CREATE TABLE made (recording INTEGER, what TEXT, path BLOB, PRIMARY KEY (recording, what, path));
CREATE TABLE complete (recording INTEGER, what TEXT, PRIMARY KEY (recording, what));
"""


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
        return cls(status.st_size, status.st_mtime_ns)


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


@dataclass(frozen=True)
class Searched:
    """A recording that was searched to its end. `source` is what to open, `name` what to print."""

    source: str
    name: str
    duration_s: float
    started_at: datetime | None

    @classmethod
    def of(cls, key: bytes, duration_s: float, started_at: str | None) -> Searched:
        """From a row of the journal."""
        source = os.fsdecode(key)
        began = None if started_at is None else datetime.fromisoformat(started_at)
        return cls(source, source_name(source), duration_s, began)


_SEARCHED = "source, duration_s, started_at"


@dataclass(frozen=True)
class Counts:
    """Of the recordings that a run is about."""

    recordings: int
    done: int
    failed: int
    quarantined: int
    events: int
    sound_s: float


class Journal:
    """One run's journal; made or opened by `opened`."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._sql = connection
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
            for suffix in SIDE_FILES:
                path.with_name(path.name + suffix).unlink(missing_ok=True)
        with _told(path):
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        journal = cls(path, connection)
        try:
            with _told(path):
                journal._prepare(settings, decoding)
            yield journal
        finally:
            # On a full disk nothing more is written, and what was in flight counts as suspect.
            with suppress(sqlite3.Error):
                journal._land()
            connection.close()

    def _prepare(self, settings: Mapping[str, Any], decoding: str) -> None:
        # The folder is locked, so no other process needs to see the log: no shared memory, which network disks lack.
        self._sql.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._sql.execute("PRAGMA journal_mode=WAL")
        # A power cut may cost the last moments, and never leaves a journal that cannot be read.
        self._sql.execute("PRAGMA synchronous=NORMAL")
        (version,) = self._sql.execute("PRAGMA user_version").fetchone()
        if version == 0:
            rows = [(name, _as_json(value)) for name, value in settings.items()]
            self._sql.execute("BEGIN")
            for statement in _TABLES.split(";\n"):
                self._sql.execute(statement)
            self._sql.executemany("INSERT INTO settings VALUES (?, ?)", rows)
            self._sql.execute(f"PRAGMA user_version={VERSION}")
            self._sql.execute("COMMIT")
        elif version > VERSION:
            raise UsageError(
                f"{self._path}: was written by a newer auscult; upgrade, or choose another folder with -o."
            )
        else:
            self._check_same(settings)
        before = self._sql.execute("SELECT value FROM settings WHERE name='decoding'").fetchone()
        if before != (decoding,):
            with self._writing():
                self._sql.execute("INSERT OR REPLACE INTO settings VALUES ('decoding', ?)", (decoding,))
                self._sql.execute("UPDATE recordings SET state=? WHERE state=?", (IN_FLIGHT, QUARANTINED))

    def _check_same(self, settings: Mapping[str, Any]) -> None:
        before = dict(self._sql.execute("SELECT name, value FROM settings"))
        changed = [
            line for name, value in settings.items() for line in _differences(json.loads(before[name]), value, name)
        ]
        if changed:
            raise UsageError(
                f"{self._path.parent}: holds a run that was begun otherwise ({'; '.join(changed)}); go on with what it "
                "was begun with, choose another folder with -o, or add --overwrite to begin anew."
            )

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
        key = _key(source)
        row = self._sql.execute("SELECT id, state, size, mtime_ns FROM recordings WHERE source=?", (key,)).fetchone()
        if row is None:
            printed = source_name(source)
            columns = (key, None if _key(printed) == key else printed, WAITING, *now)
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

    def _id(self, source: str) -> int:
        (identity,) = self._sql.execute("SELECT id FROM recordings WHERE source=?", (_key(source),)).fetchone()
        return int(identity)

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
        """How many recordings wait or are in flight, and their bytes."""
        query = (
            "SELECT count(*), coalesce(sum(size), 0) FROM listing JOIN recordings ON id = recording "
            "WHERE state IN (?, ?)"
        )
        with _told(self._path):
            count, n_bytes = self._sql.execute(query, (WAITING, IN_FLIGHT)).fetchone()
        return count, n_bytes

    def _page(self, state: int, after: int, count: int) -> list[Recording]:
        query = (
            "SELECT id, position, source, coalesce(size, 0) FROM listing CROSS JOIN recordings ON id = recording "
            "WHERE position > ? AND state = ? ORDER BY position LIMIT ?"
        )
        with _told(self._path):
            rows = self._sql.execute(query, (after, state, count)).fetchall()
        return [Recording(identity, position, os.fsdecode(key), size) for identity, position, key, size in rows]

    # What becomes of each.

    def start(self, recording: Recording) -> None:
        """Mark as in flight, with what the file is like at this moment. What was found in it before is forgotten."""
        with self._writing():
            columns = (IN_FLIGHT, *Fingerprint.of(recording.source), recording.id)
            self._sql.execute("UPDATE recordings SET state=?, size=?, mtime_ns=? WHERE id=?", columns)
            self._sql.execute("DELETE FROM events WHERE recording=?", (recording.id,))
            self._sql.execute("DELETE FROM complete WHERE recording=?", (recording.id,))
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
        with self._writing():
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
        self._sql.execute("DELETE FROM events WHERE recording=?", (identity,))
        self._sql.execute(
            "UPDATE recordings SET state=?, kind=?, problem=?, next_step=?, duration_s=NULL, n_windows=NULL, "
            "started_at=NULL WHERE id=?",
            (state, problem.kind, problem.problem, problem.next_step, identity),
        )

    def _land(self) -> None:
        rows = [(WAITING, identity) for identity in self._flying]
        self._sql.executemany("UPDATE recordings SET state=? WHERE id=?", rows)

    # What came of it, in the order of the sources.

    def events(self) -> Iterator[Event]:
        """All events of the recordings that this run is about, those of one by their start."""
        query = (
            "SELECT source, start_s, end_s, label, score, name FROM listing "
            "CROSS JOIN recordings ON id = listing.recording CROSS JOIN events ON events.recording = id "
            "ORDER BY position, start_s, end_s, number"
        )
        source, name = b"", ""
        for key, *event in self._rows(query):
            if key != source:
                source, name = key, source_name(os.fsdecode(key))
            yield Event(name, *event)

    def searched(self) -> Iterator[Searched]:
        """The recordings that were searched to their end."""
        query = (
            f"SELECT {_SEARCHED} FROM listing CROSS JOIN recordings ON id = recording WHERE state = ? ORDER BY position"
        )
        for row in self._rows(query, DONE):
            yield Searched.of(*row)

    def searched_as(self, name: str) -> Searched | None:
        """The recording that is printed so."""
        for column, value in (("source", _key(name)), ("alias", name)):
            for row in self._rows(f"SELECT {_SEARCHED} FROM recordings WHERE {column} = ? AND state = ?", value, DONE):
                return Searched.of(*row)
        return None

    def events_of(self, source: str) -> Iterator[Event]:
        """The events of one recording, by their start."""
        query = (
            "SELECT start_s, end_s, label, score, name FROM recordings CROSS JOIN events ON recording = id "
            "WHERE source = ? ORDER BY start_s, end_s, number"
        )
        name = source_name(source)
        for event in self._rows(query, _key(source)):
            yield Event(name, *event)

    def problems(self, *, quarantined: bool = False) -> Iterator[InputError]:
        """What failed, and why; or only what is quarantined."""
        query = (
            "SELECT source, kind, problem, next_step FROM listing CROSS JOIN recordings ON id = recording "
            "WHERE state IN (?, ?) ORDER BY position"
        )
        kind: InputErrorKind
        for key, kind, problem, next_step in self._rows(query, QUARANTINED if quarantined else FAILED, QUARANTINED):
            yield InputError(source_name(os.fsdecode(key)), kind, problem, next_step)

    def counts(self) -> Counts:
        """How many there are of each."""
        by_state = dict(
            self._rows("SELECT state, count(*) FROM listing CROSS JOIN recordings ON id = recording GROUP BY state")
        )
        ((sound_s,),) = self._rows(
            "SELECT coalesce(sum(duration_s), 0.0) FROM listing CROSS JOIN recordings ON id = recording"
        )
        ((n_events,),) = self._rows("SELECT count(*) FROM listing CROSS JOIN events USING (recording)")
        return Counts(
            recordings=sum(by_state.values()),
            done=by_state.get(DONE, 0),
            failed=by_state.get(FAILED, 0),
            quarantined=by_state.get(QUARANTINED, 0),
            events=n_events,
            sound_s=sound_s,
        )

    # Which files were written from it.

    def outputs(self) -> list[str]:
        """The files that this run or an earlier one has written, relative to the output folder."""
        return [os.fsdecode(path) for (path,) in self._rows("SELECT path FROM outputs")]

    def keep_outputs(self, paths: Iterable[str]) -> None:
        """Take down which files are or will be written."""
        with self._writing():
            self._sql.execute("DELETE FROM outputs")
            self._sql.executemany("INSERT INTO outputs VALUES (?)", [(_key(path),) for path in sorted(set(paths))])

    # What was made of single recordings.

    def unmade(self, what: str) -> Iterator[Searched]:
        """Recordings that were searched, and of which `what` was not made to the end."""
        query = (
            f"SELECT {_SEARCHED} FROM listing CROSS JOIN recordings ON id = recording WHERE state = ? AND position > ? "
            "AND NOT EXISTS (SELECT 1 FROM complete WHERE complete.recording = id AND what = ?) "
            "ORDER BY position LIMIT 1"
        )
        place = "SELECT position FROM listing JOIN recordings ON id = recording WHERE source = ?"
        position = 0
        while rows := list(self._rows(query, DONE, position, what)):
            yield Searched.of(*rows[0])
            ((position,),) = self._rows(place, rows[0][0])

    def made(self, source: str, what: str) -> set[str]:
        """The files that were made of a recording."""
        query = "SELECT path FROM made JOIN recordings ON id = recording WHERE source = ? AND what = ?"
        return {os.fsdecode(path) for (path,) in self._rows(query, _key(source), what)}

    def keep_made(self, source: str, what: str, paths: Iterable[str], *, is_complete: bool) -> None:
        """Take down which files are or will be made of a recording."""
        with self._writing():
            identity = self._id(source)
            self._sql.execute("DELETE FROM made WHERE recording = ? AND what = ?", (identity, what))
            rows = [(identity, what, _key(path)) for path in sorted(set(paths))]
            self._sql.executemany("INSERT INTO made VALUES (?, ?, ?)", rows)
            if is_complete:
                self._sql.execute("INSERT OR REPLACE INTO complete VALUES (?, ?)", (identity, what))

    def left_over(self, what: str) -> list[str]:
        """Files that were made of recordings that are gone; they are forgotten with this."""
        where = "FROM made WHERE what = ? AND recording NOT IN (SELECT recording FROM listing)"
        paths = [os.fsdecode(path) for (path,) in self._rows(f"SELECT path {where}", what)]
        with self._writing():
            self._sql.execute(f"DELETE {where}", (what,))
            self._sql.execute(
                "DELETE FROM complete WHERE what = ? AND recording NOT IN (SELECT recording FROM listing)", (what,)
            )
        return paths

    def _rows(self, query: str, *values: object) -> Iterator[Any]:
        with _told(self._path):
            yield from self._sql.execute(query, values)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """All that is written in the block is there after a kill, or nothing of it."""
        with _told(self._path):
            self._sql.execute("BEGIN")
            try:
                yield
                self._sql.execute("COMMIT")
            except BaseException:
                # SQLite has gone back by itself after some errors, such as a full disk.
                if self._sql.in_transaction:
                    self._sql.execute("ROLLBACK")
                raise


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What SQLite says, in words that help."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
            raise OutputError(
                f"{path}: the disk is full; what was done before is kept. Free some space and run the same command "
                "again."
            ) from error
        raise OutputError(f"{path}: cannot be written ({error}); choose another place with -o") from error
    except sqlite3.DatabaseError as error:
        raise UsageError(
            f"{path}: is damaged, or no journal ({error}); add --overwrite to begin anew, or choose another folder "
            "with -o."
        ) from error


def _differences(before: Any, now: Any, name: str) -> list[str]:
    """Each value that is not the same, as "name was X, is Y"."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = sorted({*before, *now})
        return [line for key in keys for line in _differences(before.get(key), now.get(key), f"{name}.{key}")]
    if _as_json(before) == _as_json(now):
        return []
    return [f"{name} was {_as_json(before)}, is {_as_json(now)}"]


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _key(source: str) -> bytes:
    """A name as bytes: those of files need not be text."""
    try:
        return os.fsencode(source)
    except UnicodeEncodeError:
        return source.encode("utf-8", "surrogatepass")

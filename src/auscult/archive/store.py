"""The file that a run keeps what it has done in: a SQLite file in WAL mode.

What is written is appended to a log whose parts carry checksums, and a torn end of it is left out when it is opened
again. Nothing of it is in memory but the pages in use, for any number of recordings.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from auscult.errors import OutputError, UsageError

VERSION = 1
# In the order in which they may go: a log that outlives its file would be taken for that of the next one.
SIDE_FILES = ("-wal", "-shm", "-journal", "")

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
-- What `decide.LabelSummary` says of a recording, those that are heard longest first.
CREATE TABLE labels (
    recording INTEGER NOT NULL,
    number INTEGER NOT NULL,
    label TEXT NOT NULL,
    name TEXT NOT NULL,
    is_heard INTEGER NOT NULL,
    mean REAL NOT NULL,
    max REAL NOT NULL,
    count INTEGER NOT NULL,
    total_s REAL NOT NULL,
    first_s REAL,
    PRIMARY KEY (recording, number)
) WITHOUT ROWID;
CREATE INDEX aliases ON recordings (alias) WHERE alias IS NOT NULL;
CREATE TABLE outputs (path BLOB PRIMARY KEY);
-- What was made of single recordings, clips say: which files, and whether all of them are there.
CREATE TABLE made (
    -- 0: one that is forgotten. Its files are still to be removed.
    recording INTEGER NOT NULL,
    what TEXT NOT NULL,
    path BLOB NOT NULL,
    -- Of the recording among all, after which the files are called.
    name TEXT NOT NULL,
    PRIMARY KEY (recording, what, path)
);
CREATE TABLE complete (recording INTEGER, what TEXT, PRIMARY KEY (recording, what));
"""


class Store:
    """The file, open, for one process alone."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._sql = connection

    def _prepare(self, settings: Mapping[str, Any], decoding: str) -> None:
        """Make the tables, or see that they are of a run with the same settings."""
        # The folder is locked, so no other process needs to see the log: no shared memory, which network disks lack.
        self._sql.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._sql.execute("PRAGMA journal_mode=WAL")
        # A power cut may cost the last moments, and never leaves a journal that cannot be read.
        self._sql.execute("PRAGMA synchronous=NORMAL")
        (version,) = self._sql.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._sql.execute("BEGIN")
            for statement in _TABLES.split(";\n"):
                self._sql.execute(statement)
            self._sql.execute(f"PRAGMA user_version={VERSION}")
            self._sql.execute("COMMIT")
        elif version > VERSION:
            raise UsageError(
                f"{self._path}: was written by a newer auscult; upgrade, or choose another folder with -o."
            )
        settled = dict(self._sql.execute("SELECT name, value FROM settings WHERE name != 'decoding'"))
        if settled:
            self._check_same(settled, settings)
        else:
            rows = [(name, _as_json(value)) for name, value in settings.items()]
            with self._writing():
                self._sql.executemany("INSERT INTO settings VALUES (?, ?)", rows)
        before = self._sql.execute("SELECT value FROM settings WHERE name='decoding'").fetchone()
        if before != (decoding,):
            with self._writing():
                self._sql.execute("INSERT OR REPLACE INTO settings VALUES ('decoding', ?)", (decoding,))
                self._sql.execute("UPDATE recordings SET state=? WHERE state=?", (IN_FLIGHT, QUARANTINED))

    def _check_same(self, before: Mapping[str, str], settings: Mapping[str, Any]) -> None:
        changed = [
            line for name, value in settings.items() for line in _differences(json.loads(before[name]), value, name)
        ]
        if changed:
            raise UsageError(
                f"{self._path.parent}: holds a run that was begun otherwise ({'; '.join(changed)}); go on with what it "
                "was begun with, choose another folder with -o, or add --overwrite to begin anew."
            )

    def _rows(self, query: str, *values: object) -> Iterator[Any]:
        with told(self._path):
            yield from self._sql.execute(query, values)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """All that is written in the block is there after a kill, or nothing of it."""
        with told(self._path):
            self._sql.execute("BEGIN")
            try:
                yield
                self._sql.execute("COMMIT")
            except BaseException:
                # SQLite has gone back by itself after some errors, such as a full disk.
                if self._sql.in_transaction:
                    self._sql.execute("ROLLBACK")
                raise


def forget(path: Path) -> None:
    """Begin anew, and keep only which files were written: they go when the next run writes its own."""
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as sql:
            sql.execute("PRAGMA locking_mode=EXCLUSIVE")
            if sql.execute("PRAGMA user_version").fetchone() == (VERSION,):
                sql.execute("BEGIN")
                for table in ("settings", "recordings", "listing", "events", "labels", "complete"):
                    sql.execute(f"DELETE FROM {table}")
                sql.execute("UPDATE OR REPLACE made SET recording = 0")
                sql.execute("COMMIT")
                return
    except sqlite3.DatabaseError:  # it is damaged, or no journal at all
        pass
    for suffix in SIDE_FILES:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


@contextmanager
def told(path: Path) -> Iterator[None]:
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


def as_key(source: str) -> bytes:
    """A name as bytes: those of files need not be text."""
    try:
        return os.fsencode(source)
    except UnicodeEncodeError:
        return source.encode("utf-8", "surrogatepass")

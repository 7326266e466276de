"""What a run has found, read from its journal in the order of the recordings; and which files were made of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from auscult.archive.store import DONE, FAILED, QUARANTINED, Store, as_key
from auscult.audio import source_name
from auscult.decide import LabelSummary
from auscult.errors import InputError, InputErrorKind
from auscult.records import Event


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


class Results(Store):
    """What came of the recordings that a run is about."""

    def _id(self, source: str) -> int:
        (identity,) = self._sql.execute("SELECT id FROM recordings WHERE source=?", (as_key(source),)).fetchone()
        return int(identity)

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

    def labels(self) -> Iterator[tuple[str, LabelSummary]]:
        """Of each recording that was searched its name with each of its labels, those that are heard longest first."""
        query = (
            "SELECT source, label, name, is_heard, mean, max, count, total_s, first_s FROM listing "
            "CROSS JOIN recordings ON id = listing.recording CROSS JOIN labels ON labels.recording = id "
            "WHERE state = ? ORDER BY position, number"
        )
        for key, label, name, is_heard, *figures in self._rows(query, DONE):
            yield source_name(os.fsdecode(key)), LabelSummary(label, name, bool(is_heard), *figures)

    def searched(self) -> Iterator[Searched]:
        """The recordings that were searched to their end."""
        query = (
            f"SELECT {_SEARCHED} FROM listing CROSS JOIN recordings ON id = recording WHERE state = ? ORDER BY position"
        )
        for row in self._rows(query, DONE):
            yield Searched.of(*row)

    def searched_as(self, name: str) -> Searched | None:
        """The recording that is printed so."""
        for column, value in (("source", as_key(name)), ("alias", name)):
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
        for event in self._rows(query, as_key(source)):
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
            self._sql.executemany("INSERT INTO outputs VALUES (?)", [(as_key(path),) for path in sorted(set(paths))])

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
        return {os.fsdecode(path) for (path,) in self._rows(query, as_key(source), what)}

    def keep_made(self, source: str, what: str, paths: Iterable[str], *, name: str, is_complete: bool) -> None:
        """Take down which files are made of a recording, which is called `name` among all."""
        with self._writing():
            identity = self._id(source)
            self._sql.execute("DELETE FROM made WHERE recording = ? AND what = ?", (identity, what))
            rows = [(identity, what, as_key(path), name) for path in sorted(set(paths))]
            self._sql.executemany("INSERT INTO made VALUES (?, ?, ?, ?)", rows)
            if is_complete:
                self._sql.execute("INSERT OR REPLACE INTO complete VALUES (?, ?)", (identity, what))

    def leave(self, what: str, names: Mapping[str, str]) -> list[str]:
        """Files to be removed: of recordings that are gone or fail now, or are called otherwise among all."""
        query = (
            "SELECT DISTINCT recording, source, made.name FROM made LEFT JOIN listing USING (recording) "
            "LEFT JOIN recordings ON id = listing.recording AND state = ? WHERE what = ?"
        )
        gone = [
            identity
            for identity, key, name in self._rows(query, DONE, what)
            if key is None or names.get(source_name(os.fsdecode(key))) != name
        ]
        with self._writing():
            for identity in gone:
                columns = (identity, what)
                self._sql.execute("UPDATE OR REPLACE made SET recording = 0 WHERE recording = ? AND what = ?", columns)
                self._sql.execute("DELETE FROM complete WHERE recording = ? AND what = ?", columns)
        forgotten = self._rows("SELECT path FROM made WHERE recording = 0 AND what = ?", what)
        return [os.fsdecode(path) for (path,) in forgotten]

    def have_left(self, what: str) -> None:
        """What `leave` gave is removed."""
        with self._writing():
            self._sql.execute("DELETE FROM made WHERE recording = 0 AND what = ?", (what,))

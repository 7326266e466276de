"""What all formats share: facts of recordings, times of day, text that fits on a line.

How exact a format is, is one rule: ``jsonl``, ``csv`` and ``parquet`` hold labels as they are, and times and scores to
the last bit; all others round times to a millisecond or better and scores to `SCORE_DIGITS`, show the name of a label,
and put a space in place of what breaks lines.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any

from auscult.errors import UsageError
from auscult.records import Event

SCORE_DIGITS = 4
NAMELESS = "(no name)"
_REPLACEMENT = "�"


@dataclass(frozen=True, kw_only=True)
class RecordingFacts:
    """What writers need to know of a recording besides its events; None: not known.

    Parameters
    ----------
    duration_s : length in seconds; where one Raven table is of several recordings, each must have it
    sample_rate : Hz, of the file itself, not of the model
    started_at : when its first sample was recorded, with a time zone where that is known; see `audio.recorded`
    """

    duration_s: float | None = None
    sample_rate: int | None = None
    started_at: datetime | None = None


Recordings = Mapping[str, RecordingFacts]
NOTHING_KNOWN = RecordingFacts()


def event_record(event: Event, facts: RecordingFacts = NOTHING_KNOWN) -> dict[str, Any]:
    """`Event.to_dict` and, where it is known when the recording began, ``time``: when the event did, ISO 8601.

    Examples
    --------
    >>> facts = RecordingFacts(started_at=datetime(2026, 5, 1, 23, 59, 59))
    >>> event_record(Event("night.flac", 1.5, 2.5, "owl", 0.75), facts)["time"]
    '2026-05-02T00:00:00.500'
    """
    time = time_of_day(facts, event.start_s)
    return event.to_dict() if time is None else {**event.to_dict(), "time": time}


def time_of_day(facts: RecordingFacts, position_s: float) -> str | None:
    """When a position of a recording was recorded: ISO 8601 to the millisecond, with the offset where it is known."""
    moment = moment_of(facts, position_s)
    return None if moment is None else moment.isoformat(timespec="milliseconds")


def moment_of(facts: RecordingFacts, position_s: float) -> datetime | None:
    """When a position of a recording was recorded, to the nearest millisecond; None where nobody knows."""
    if facts.started_at is None:
        return None
    try:
        moment = facts.started_at + timedelta(milliseconds=round(position_s * 1000))
    except OverflowError:  # a recorder that believes it is the year 9999
        return None
    return moment


def by_recording(events: Iterable[Event]) -> Iterator[tuple[str, list[Event]]]:
    """The events of one recording after the other, by their start; those of one at a time are in memory."""
    for source, group in groupby(events, key=attrgetter("source")):
        yield source, sorted(group, key=lambda event: (event.start_s, event.end_s))


def only_recording(events: Iterable[Event], recordings: Recordings, name: str) -> tuple[str, list[Event]]:
    """The recording that a file is of, and its events by start; for formats that know of one.

    Raises
    ------
    UsageError : there are several
    """
    found = list(events)
    sources = list(dict.fromkeys([*recordings, *(event.source for event in found)]))
    if len(sources) > 1:
        raise UsageError(
            f"The format {name!r} holds the events of one recording, and these are of {len(sources)}, such as "
            f"{sources[0]} and {sources[1]}; write a file for each, or choose csv, jsonl, parquet, raven or rttm."
        )
    return (sources or [""])[0], sorted(found, key=lambda event: (event.start_s, event.end_s))


def one_line(text: str, *, xml: bool = False) -> str:
    """A label fit for formats of lines and tabs: a space for each character that ends a line or is for control.

    Halves of surrogate pairs (names on disk that are no UTF-8) become the replacement character; with `xml` also what
    XML cannot hold at all.

    Examples
    --------
    >>> one_line("rain\\ton a roof\\n"), one_line("\\x00")
    ('rain on a roof', '(no name)')
    """
    kept = "".join(_kept(character, xml) for character in text)
    return kept.strip() or NAMELESS


def _kept(character: str, xml: bool) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    if category == "Cs" or (xml and character in "\ufffe\uffff"):
        return _REPLACEMENT
    return character


def encodable(text: str) -> str:
    """Text that UTF-8 can hold: halves of surrogate pairs spelled as numbers.

    >>> encodable("caf\\udce9")
    'caf\\\\udce9'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def milliseconds(event: Event) -> tuple[int, int]:
    """Start and end in whole milliseconds, the end at least one after the start."""
    start_ms = round(event.start_s * 1000)
    return start_ms, max(round(event.end_s * 1000), start_ms + 1)


def clock(position_ms: int) -> str:
    """
    >>> clock(3_723_004), clock(360_000_000)
    ('01:02:03.004', '100:00:00.000')
    """
    seconds, ms = divmod(position_ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{ms:03d}"


def delimited(fields: Sequence[object], delimiter: str = ",") -> str:
    """Fields as a line of a table (RFC 4180), with quotes around those that hold the delimiter, quotes or line ends.

    >>> delimited(["car, horn", 2, None])
    '"car, horn",2,'
    """
    line = io.StringIO()
    # Of what ends lines, the writer quotes what ends its own.
    csv.writer(line, delimiter=delimiter, lineterminator="\r\n").writerow(fields)
    return line.getvalue().removesuffix("\r\n")

"""The registry of formats, and `write_events`."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

from auscult.data.writers.captions import vtt_lines
from auscult.data.writers.elan import elan_lines
from auscult.data.writers.facts import Recordings
from auscult.data.writers.labels import audacity_lines, raven_lines, rttm_lines
from auscult.data.writers.tables import csv_lines, json_lines, table_lines, write_parquet
from auscult.errors import UsageError
from auscult.files import atomic_path
from auscult.records import Event


@dataclass(frozen=True, kw_only=True)
class EventFormat:
    """A form that events are written in.

    Parameters
    ----------
    name : what users call it
    title : what it is, in a few words
    suffix : ending of its files. Where a recording has a file of its own, readers find the recording by what stands
        before it
    one_recording : whether a file can be of one recording only
    by_start : whether events stand by their start, those of a recording all in memory; else as they come
    lines : from events to pieces of text, each without its last line end; None where the file is no text
    write : what writes the file where it is no text
    """

    name: str
    title: str
    suffix: str
    one_recording: bool = False
    by_start: bool = False
    lines: Callable[[Iterable[Event], Recordings], Iterator[str]] | None = None
    write: Callable[[BinaryIO, Iterable[Event], Recordings], None] | None = None


_ALL = (
    EventFormat(name="table", title="text for people", suffix=".txt", lines=table_lines),
    EventFormat(name="jsonl", title="JSON, an object a line", suffix=".jsonl", lines=json_lines),
    EventFormat(name="csv", title="CSV with a header", suffix=".csv", lines=csv_lines),
    EventFormat(name="parquet", title="Parquet", suffix=".parquet", write=write_parquet),
    EventFormat(
        name="audacity",
        title="label track of Audacity",
        suffix=".txt",
        one_recording=True,
        by_start=True,
        lines=audacity_lines,
    ),
    EventFormat(
        name="raven",
        title="selection table of Raven",
        suffix=".Table.1.selections.txt",
        by_start=True,
        lines=raven_lines,
    ),
    EventFormat(name="vtt", title="WebVTT captions", suffix=".vtt", one_recording=True, by_start=True, lines=vtt_lines),
    EventFormat(
        name="elan", title="document of ELAN", suffix=".eaf", one_recording=True, by_start=True, lines=elan_lines
    ),
    EventFormat(name="rttm", title="rich transcription time marks", suffix=".rttm", by_start=True, lines=rttm_lines),
)

EVENT_FORMATS: dict[str, EventFormat] = {each.name: each for each in _ALL}


def event_format(name: str) -> EventFormat:
    """The format of a name.

    Raises
    ------
    UsageError : there is none
    """
    if name not in EVENT_FORMATS:
        raise UsageError(f"The format of events must be one of {', '.join(EVENT_FORMATS)}. Got {name!r} instead.")
    return EVENT_FORMATS[name]


def write_events(
    target: str | os.PathLike[str] | BinaryIO | TextIO,
    events: Iterable[Event],
    format: str,
    *,
    recordings: Recordings | None = None,
) -> None:
    """Write events to a file, which appears whole or not at all, or into an open one, as they come.

    Parameters
    ----------
    target : a path, or a file that is open for writing
    events : those of a recording one after the other; taken as they come, and never all kept but where the format
        holds one recording, or sorts those of one (`EventFormat`)
    format : a name of `EVENT_FORMATS`
    recordings : what is known of each, in the order of the recordings, also of those without events; only `raven`
        must know lengths, where a table is of several

    Raises
    ------
    UsageError : an unknown format, or several recordings where it holds one
    OutputError : the file cannot be written
    MissingExtraError : Parquet without pyarrow

    Examples
    --------
    >>> import sys
    >>> dog = Event("park.wav", 0.96, 1.92, "dog", 0.75)
    >>> write_events(sys.stdout, [dog], "csv")
    source,start_s,end_s,label,name,score,time
    park.wav,0.96,1.92,dog,dog,0.75,
    >>> write_events(sys.stdout, [dog], "table")
    park.wav
      00:00:00.960  00:00:01.920  0.75  dog
    """
    chosen = event_format(format)
    known = {} if recordings is None else recordings
    if isinstance(target, str | os.PathLike):
        with atomic_path(Path(target)) as temporary, temporary.open("wb") as file:
            _write(file, events, chosen, known)
    elif isinstance(target, io.TextIOBase):
        if chosen.lines is None:
            raise UsageError(f"The format {format!r} is no text; give a path, or a file that is open for bytes.")
        for piece in chosen.lines(events, known):
            target.write(piece + "\n")
            target.flush()
    else:
        _write(target, events, chosen, known)  # type: ignore[arg-type]


def _write(file: BinaryIO, events: Iterable[Event], chosen: EventFormat, recordings: Recordings) -> None:
    if chosen.lines is None:
        if chosen.write is not None:
            chosen.write(file, events, recordings)
        return
    for piece in chosen.lines(events, recordings):
        # In JSON this spells what UTF-8 cannot hold as JSON does.
        file.write(f"{piece}\n".encode("utf-8", "backslashreplace"))

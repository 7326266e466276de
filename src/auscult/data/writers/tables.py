"""Events as tables: for people, as JSON lines, CSV and Parquet. All take events as they come, in constant memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from auscult.data.writers.facts import (
    NOTHING_KNOWN,
    Recordings,
    clock,
    delimited,
    encodable,
    event_record,
    moment_of,
    one_line,
    time_of_day,
)
from auscult.extras import require_extra
from auscult.records import Event

COLUMNS = ("source", "start_s", "end_s", "label", "name", "score", "time")
_ROWS_AT_A_TIME = 1 << 14


def table_lines(events: Iterable[Event], recordings: Recordings) -> Iterator[str]:
    """A line for each recording that something is heard in, and below it one for each event."""
    source = None
    for event in events:
        facts = recordings.get(event.source, NOTHING_KNOWN)
        if event.source != source:
            began = moment_of(facts, 0)
            yield one_line(event.source) + ("" if began is None else f"  ({began.isoformat(' ', 'seconds')})")
            source = event.source
        start, end = (clock(round(seconds * 1000)) for seconds in (event.start_s, event.end_s))
        moment = moment_of(facts, event.start_s)
        time_of = "" if moment is None else f"{moment:%H:%M:%S}  "
        yield f"  {time_of}{start}  {end}  {event.score:.2f}  {one_line(event.name)}"


def json_lines(events: Iterable[Event], recordings: Recordings) -> Iterator[str]:
    """What `auscult detect --json` prints: an object an event."""
    for event in events:
        yield json.dumps(event_record(event, recordings.get(event.source, NOTHING_KNOWN)), ensure_ascii=False)


def csv_lines(events: Iterable[Event], recordings: Recordings) -> Iterator[str]:
    """A header, and a row an event; fields are quoted where need be."""
    yield delimited(COLUMNS)
    for event in events:
        row = _row(event, recordings)
        yield delimited(["" if row[name] is None else row[name] for name in COLUMNS])


def write_parquet(file: BinaryIO, events: Iterable[Event], recordings: Recordings) -> None:
    """Columns as in CSV: text, but times in seconds as doubles and scores as floats; ``time`` is null or text."""
    pa = require_extra("pyarrow", extra="data", purpose="writing Parquet")
    parquet = require_extra("pyarrow.parquet", extra="data", purpose="writing Parquet")
    types = {"start_s": pa.float64(), "end_s": pa.float64(), "score": pa.float32()}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in COLUMNS])
    with parquet.ParquetWriter(file, schema) as writer:
        rows: list[dict[str, Any]] = []
        for event in events:
            rows.append({name: _in_utf8(value) for name, value in _row(event, recordings).items()})
            if len(rows) == _ROWS_AT_A_TIME:
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))
                rows.clear()
        writer.write_table(pa.Table.from_pylist(rows, schema=schema))


def _row(event: Event, recordings: Recordings) -> dict[str, Any]:
    facts = recordings.get(event.source, NOTHING_KNOWN)
    return {
        "source": event.source,
        "start_s": event.start_s,
        "end_s": event.end_s,
        "label": event.label,
        "name": event.name,
        "score": event.score,
        "time": time_of_day(facts, event.start_s),
    }


def _in_utf8(value: Any) -> Any:
    return encodable(value) if isinstance(value, str) else value

"""Writers: events to files that people and their programs read. The mirror of `data/readers`.

`EVENT_FORMATS` is the registry, `write_events` writes a file, and `event_file_names` says what files are called where
each recording has its own. A group of like formats is one module.
"""

from auscult.data.writers.facts import RecordingFacts, event_record
from auscult.data.writers.formats import EVENT_FORMATS, EventFormat, event_format, write_events
from auscult.data.writers.naming import event_file_names, safe_name

__all__ = [
    "EVENT_FORMATS",
    "EventFormat",
    "RecordingFacts",
    "event_file_names",
    "event_format",
    "event_record",
    "safe_name",
    "write_events",
]

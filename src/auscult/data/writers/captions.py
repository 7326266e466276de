"""WebVTT: events as captions, for players of video and sound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from auscult.data.writers.facts import Recordings, clock, milliseconds, one_line, only_recording
from auscult.records import Event

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def vtt_lines(events: Iterable[Event], recordings: Recordings) -> Iterator[str]:
    """A cue an event, with its label and score as text, by start as the standard asks (W3C, WebVTT).

    In text, ``&``, ``<`` and ``>`` are spelled as the standard says, so that no label reads as markup, or as the
    arrow between times.
    """
    yield "WEBVTT"
    for event in only_recording(events, recordings, "vtt")[1]:
        start_ms, end_ms = milliseconds(event)
        text = one_line(event.name).translate(_ESCAPES)
        yield f"\n{clock(start_ms)} --> {clock(end_ms)}\n{text} ({event.score:.2f})"

"""Label tracks of Audacity, selection tables of Raven, RTTM: a line an event, by start."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from auscult.data.writers.facts import (
    NOTHING_KNOWN,
    SCORE_DIGITS,
    Recordings,
    by_recording,
    delimited,
    one_line,
    only_recording,
    time_of_day,
)
from auscult.data.writers.naming import distinct_stems
from auscult.errors import UsageError
from auscult.records import Event

RAVEN_COLUMNS = (
    "Selection",
    "View",
    "Channel",
    "Begin Time (s)",
    "End Time (s)",
    "Low Freq (Hz)",
    "High Freq (Hz)",
    "Begin Path",
    "File Offset (s)",
    "Annotation",
    "Label",
    "Score",
    "Time",
)
#: How high a box reaches where the rate of the recording is not known: almost every recording holds so much.
_HIGH_HZ = 8000.0
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|<")


def audacity_lines(events: Iterable[Event], recordings: Recordings) -> Iterator[str]:
    """Start and end in seconds and the label, between tabs: what Audacity imports as a label track."""
    for event in only_recording(events, recordings, "audacity")[1]:
        yield f"{event.start_s:.6f}\t{event.end_s:.6f}\t{one_line(event.name)}"


def raven_lines(events: Iterable[Event], recordings: Recordings) -> Iterator[str]:
    """A selection table of the spectrogram view; boxes reach from 0 Hz to half the sample rate.

    Begin and end time go on from one recording to the next in the order of `recordings`, as in a sequence of files
    that Raven opens together; ``File Offset (s)`` is the start in the recording itself. A label that holds quotes
    stands between quotes, as readers of such tables (pandas, `read_annotations`) expect.
    """
    yield delimited(RAVEN_COLUMNS, "\t")
    begins_s = _begins_s(recordings)
    number = 0
    for source, group in by_recording(events):
        facts = recordings.get(source, NOTHING_KNOWN)
        begin_s = begins_s.get(source, 0.0)
        if begin_s is None or (source not in begins_s and begins_s):
            raise UsageError(
                f"{source}: a Raven table of several recordings needs the length of each one before, and one is not "
                "known; write a table for each recording."
            )
        high_hz = _HIGH_HZ if facts.sample_rate is None else facts.sample_rate / 2
        for event in group:
            number += 1
            fields = (number, "Spectrogram 1", 1, *(f"{begin_s + at:.6f}" for at in (event.start_s, event.end_s)))
            named = (one_line(event.name), one_line(event.label), f"{event.score:.{SCORE_DIGITS}f}")
            time = time_of_day(facts, event.start_s) or ""
            yield delimited((*fields, 0.0, high_hz, _place(source), f"{event.start_s:.6f}", *named, time), "\t")


def rttm_lines(events: Iterable[Event], recordings: Recordings) -> Iterator[str]:
    """``SPEAKER`` lines of ten fields between spaces (NIST, RT-09 evaluation plan, appendix A), the label as speaker.

    A recording is called by its file name without ending, or by its path where two share that. Spaces, control
    characters and ``%`` in names are spelled as in addresses (``%20``).
    """
    names = distinct_stems(recordings)
    for source, group in by_recording(events):
        name = names.get(source) or distinct_stems([source])[source]
        for event in group:
            length_s = round(event.end_s, 6) - round(event.start_s, 6)
            score = f"{event.score:.{SCORE_DIGITS}f}"
            times = f"{event.start_s:.6f} {length_s:.6f}"
            yield f"SPEAKER {_word(name)} 1 {times} <NA> <NA> {_word(event.label)} {score} <NA>"


def _begins_s(recordings: Recordings) -> dict[str, float | None]:
    """Where each recording begins in the sequence of all; None from the first one of unknown length on."""
    begins_s: dict[str, float | None] = {}
    begin_s: float | None = 0.0
    for source, facts in recordings.items():
        begins_s[source] = begin_s
        begin_s = None if begin_s is None or facts.duration_s is None else begin_s + facts.duration_s
    return begins_s


def _place(source: str) -> str:
    """Raven opens the file that stands here, wherever the table lies; what is no path stays as it is."""
    return one_line(source if _ADDRESS.match(source) or not source else os.path.abspath(source))


def _word(text: str) -> str:
    """A name as one word of RTTM, in which nothing but spaces has to be spelled.

    >>> _word("Dog bark, 100%"), _word("<NA>")
    ('Dog%20bark,%20100%25', '%3CNA%3E')
    """
    if text in ("<NA>", ""):
        return quote(text) or "%20"
    spelled = "".join(
        quote(character, errors="replace") if _must_be_spelled(character) else character for character in text
    )
    return spelled.replace(";", "%3B", 1) if spelled.startswith(";") else spelled


def _must_be_spelled(character: str) -> bool:
    return character == "%" or character.isspace() or not character.isprintable()

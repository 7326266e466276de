"""ELAN documents (EAF 3.0): a tier a label, and below each the scores."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from auscult.data.writers.facts import (
    NOTHING_KNOWN,
    SCORE_DIGITS,
    RecordingFacts,
    Recordings,
    milliseconds,
    one_line,
    only_recording,
)
from auscult.records import Event

_SCHEMA = (
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd"'
)
# What ELAN itself calls them; it plays WAV, and what the system's player plays.
_MEDIA_TYPES = {
    ".wav": "audio/x-wav",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
}
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
#: A document must have a date. Its own would make two documents of the same events differ.
_NO_DATE = "1970-01-01T00:00:00Z"
_FOOT = (
    '  <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="sound" TIME_ALIGNABLE="true"/>',
    '  <LINGUISTIC_TYPE CONSTRAINTS="Symbolic_Association" GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="score" '
    'TIME_ALIGNABLE="false"/>',
    '  <CONSTRAINT DESCRIPTION="1-1 association with a parent annotation" STEREOTYPE="Symbolic_Association"/>',
    "</ANNOTATION_DOCUMENT>",
)


@dataclass
class _Tier:
    """Events that follow each other: ELAN knows no two at a time in one tier."""

    name: str
    label: str
    until_ms: int = 0
    members: list[tuple[int, int, int, Event]] = field(default_factory=list)
    """Number, start and end in ms, event."""


def elan_lines(events: Iterable[Event], recordings: Recordings) -> Iterator[str]:
    """A document of one recording. Events are kept until the last has come: times stand before tiers.

    Where events of a label overlap, the later one goes into a further tier, called ``dog (2)``.
    """
    source, found = only_recording(events, recordings, "elan")
    facts = recordings.get(source, NOTHING_KNOWN)
    tiers = _tiers(found)
    yield from _head(source, facts, n_annotations=2 * len(found))
    yield "  <TIME_ORDER>"
    times = [(at_ms, f"ts{2 * n + end}") for t in tiers for n, *ends, _ in t.members for end, at_ms in enumerate(ends)]
    for at_ms, slot in sorted(times):
        yield f'    <TIME_SLOT TIME_SLOT_ID="{slot}" TIME_VALUE="{at_ms}"/>'
    yield "  </TIME_ORDER>"
    names = {tier.name for tier in tiers}
    for tier in tiers:
        yield from _tier_lines(tier, _unused(f"score of {tier.name}", names))
    yield from _FOOT


def _tiers(events: Sequence[Event]) -> list[_Tier]:
    """By label, in the order in which they are first heard."""
    tiers: list[_Tier] = []
    names: set[str] = set()
    for number, event in enumerate(events, start=1):
        start_ms, end_ms = milliseconds(event)
        label = one_line(event.name, xml=True)
        tier = next((each for each in tiers if each.label == label and each.until_ms <= start_ms), None)
        if tier is None:
            tier = _Tier(_unused(label, names), label)
            tiers.append(tier)
        tier.until_ms = end_ms
        tier.members.append((number, start_ms, end_ms, event))
    return tiers


def _unused(name: str, names: set[str]) -> str:
    """A name that no tier has yet; it is added to those that are taken."""
    number, unused = 1, name
    while unused in names:
        number += 1
        unused = f"{name} ({number})"
    names.add(unused)
    return unused


def _head(source: str, facts: RecordingFacts, *, n_annotations: int) -> Iterator[str]:
    date = _NO_DATE if facts.started_at is None else facts.started_at.isoformat(timespec="seconds")
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f'<ANNOTATION_DOCUMENT AUTHOR="auscult" DATE="{date}" FORMAT="3.0" VERSION="3.0" {_SCHEMA}>'
    yield '  <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">'
    if source:
        yield f"    <MEDIA_DESCRIPTOR {_media(source)}/>"
    yield f'    <PROPERTY NAME="lastUsedAnnotationId">{n_annotations}</PROPERTY>'
    yield "  </HEADER>"


def _media(source: str) -> str:
    """Where ELAN looks for the sound: at its place, else beside the document."""
    name = PurePosixPath(source.replace(os.sep, "/")).name or source
    kind = _MEDIA_TYPES.get(PurePosixPath(name).suffix.lower(), "audio/*")
    place = source if _ADDRESS.match(source) else "file://" + quote(os.path.abspath(source), errors="replace")
    beside = quote(f"./{name}", errors="replace")
    urls = quoteattr(one_line(place, xml=True)), quoteattr(beside)
    return f"MEDIA_URL={urls[0]} MIME_TYPE={quoteattr(kind)} RELATIVE_MEDIA_URL={urls[1]}"


def _tier_lines(tier: _Tier, scores_name: str) -> Iterator[str]:
    value = escape(tier.label)
    yield f'  <TIER LINGUISTIC_TYPE_REF="sound" TIER_ID={quoteattr(tier.name)}>'
    for number, *_ in tier.members:
        slots = f'TIME_SLOT_REF1="ts{2 * number}" TIME_SLOT_REF2="ts{2 * number + 1}"'
        yield f'    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{2 * number - 1}" {slots}>'
        yield f"      <ANNOTATION_VALUE>{value}</ANNOTATION_VALUE>"
        yield "    </ALIGNABLE_ANNOTATION></ANNOTATION>"
    yield "  </TIER>"
    parent = quoteattr(tier.name)
    yield f'  <TIER LINGUISTIC_TYPE_REF="score" PARENT_REF={parent} TIER_ID={quoteattr(scores_name)}>'
    for number, _, _, event in tier.members:
        yield f'    <ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a{2 * number}" ANNOTATION_REF="a{2 * number - 1}">'
        yield f"      <ANNOTATION_VALUE>{event.score:.{SCORE_DIGITS}f}</ANNOTATION_VALUE>"
        yield "    </REF_ANNOTATION></ANNOTATION>"
    yield "  </TIER>"

"""Annotation files as programs for marking sounds write them: one list of labels and times for all.

Raven selection tables, Audacity label tracks, ELAN documents, and tables as BirdNET-Analyzer writes them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

from auscult.data.listing import nfc
from auscult.data.tables import Row, read_table
from auscult.errors import DataError, InputError
from auscult.files import printable

RAVEN_BEGIN, RAVEN_END = "Begin Time (s)", "End Time (s)"
RAVEN_LABELS = ("annotation", "species", "label", "common name", "call type", "tags")
RAVEN_FILES = ("Begin Path", "Begin File")
# Where a table is of several recordings, its times go on from one to the next, and this is that in the recording.
RAVEN_OFFSET = "File Offset (s)"
# BirdNET-Analyzer's CSV, and tables like it, those that `data/writers` writes among them.
TABLE_BEGIN, TABLE_END = ("Start (s)", "start_s", "start", "onset"), ("End (s)", "end_s", "end", "offset")
TABLE_LABELS = (
    "Common name",
    "common_name",
    "label",
    "event_label",
    "Scientific name",
    "scientific_name",
    "annotation",
)
TABLE_FILES = ("File", "filename", "filepath", "path", "file")
# What our own tables call it; elsewhere a source may be anything.
OWN_BEGIN, OWN_FILE = "start_s", "source"
SUFFIXES = (".txt", ".csv", ".tsv", ".eaf")
_ELAN_ENDS = ("TIME_SLOT_REF1", "TIME_SLOT_REF2")


@dataclass(frozen=True)
class Annotation:
    """A label from `start_s` to `end_s` of a recording, named as its source names it; None: it names none."""

    label: str
    start_s: float
    end_s: float
    recording: str | None = None


def read_annotations(path: Path, *, label_column: str | None = None) -> tuple[list[Annotation], list[InputError]]:
    """The annotations of one file, in its order, whichever program wrote it, and a problem for each that is none.

    Parameters
    ----------
    label_column : of a table; default: the first of the usual ones that the table has. Of an ELAN document: a tier;
        default: all whose annotations have times of their own

    Raises
    ------
    DataError : it cannot be read, or is none of these
    """
    found: list[Annotation] = []
    problems: list[InputError] = []
    for read in _readings(path, label_column):
        try:
            found.append(read())
        except InputError as problem:
            problems.append(problem)
    return found, problems


def _readings(path: Path, label_column: str | None) -> Iterator[Callable[[], Annotation]]:
    """What reads each annotation, or says what is wrong with it."""
    if path.suffix.lower() == ".eaf":
        return _read_elan(path, label_column)
    if path.is_file() and not path.stat().st_size:
        return iter(())  # a label track of Audacity without a label
    if _is_audacity(path):
        return _read_audacity(path)
    return _read_rows(path, label_column)


def _read_rows(path: Path, label_column: str | None) -> Iterator[Callable[[], Annotation]]:
    table = read_table(path, may_be_empty=True)
    files: Sequence[str]
    if RAVEN_BEGIN in table.header:
        label = _column(table.name, table.header, label_column, RAVEN_LABELS, "label_column")
        begin, end, files = RAVEN_BEGIN, RAVEN_END, RAVEN_FILES
        if end not in table.header:
            raise DataError(f"{table.name}: a selection table needs the column {end!r}. Got {table.header} instead.")
    else:
        begin = _column(table.name, table.header, None, TABLE_BEGIN, None)
        end = _column(table.name, table.header, None, TABLE_END, None)
        label = _column(table.name, table.header, label_column, TABLE_LABELS, "label_column")
        files = (*TABLE_FILES, OWN_FILE) if begin == OWN_BEGIN else TABLE_FILES
    rows = _once_a_view(table.rows, label) if begin == RAVEN_BEGIN else table.rows
    for row in rows:
        yield partial(_from_row, table.name, row, label, begin, end, files)


def has_annotation_columns(path: Path) -> bool:
    """Whether a table is one of annotations: its first line names times as Raven or BirdNET-Analyzer does."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = file.readline()
    except (OSError, UnicodeDecodeError):
        return False
    return any(name in first for name in (RAVEN_BEGIN, TABLE_BEGIN[0]))


def _once_a_view(rows: Sequence[Row], label: str) -> Iterator[Row]:
    """Raven writes a selection once for each view of it, waveform and spectrogram.

    Tables that were put together number their selections from 1 each, and differ in recording or label.
    """
    told_apart = (RAVEN_BEGIN, RAVEN_END, label, *RAVEN_FILES)
    seen = set()
    for row in rows:
        key = (row.fields.get("Selection") or row.number, *(row.fields.get(column) for column in told_apart))
        if key not in seen:
            seen.add(key)
            yield row


def _from_row(name: str, row: Row, label: str, begin: str, end: str, files: Sequence[str]) -> Annotation:
    recording = next((str(row.fields[column]) for column in files if row.fields.get(column)), None)
    start_s, end_s = (_seconds(name, row.place, row[column]) for column in (begin, end))
    if begin == RAVEN_BEGIN and recording is not None and row.fields.get(RAVEN_OFFSET):
        offset_s = _seconds(name, row.place, row[RAVEN_OFFSET])
        start_s, end_s = offset_s, offset_s + end_s - start_s
    return _annotation(name, row.place, str(row[label] or ""), start_s, end_s, recording)


def _annotation(name: str, place: str, label: str, start_s: float, end_s: float, recording: str | None) -> Annotation:
    if not label.strip():
        raise InputError(name, "invalid", f"an annotation without a label ({place})", "fill it in, or remove it")
    if not 0 <= start_s <= end_s:
        problem = (
            f"an annotation must begin at 0 s or later and not end before, not {start_s:g} to {end_s:g} s ({place})"
        )
        raise InputError(name, "invalid", problem, "correct the times")
    return Annotation(nfc(label.strip()), start_s, end_s, recording)


def _seconds(name: str, place: str, value: object) -> float:
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        problem = f"a time must be a number of seconds, not {value!r} ({place})"
        raise InputError(name, "invalid", problem, "correct it")
    return seconds


def _column(name: str, header: Sequence[str], given: str | None, names: Sequence[str], parameter: str | None) -> str:
    wanted = names if given is None else (given,)
    folded = {column.casefold(): column for column in reversed(header)}
    found = next((folded[each.casefold()] for each in wanted if each.casefold() in folded), None)
    if found is None:
        choose = f"; say which it is with {parameter!r}" if parameter and given is None else ""
        raise DataError(
            f"{name}: annotations need a column called {' or '.join(wanted)}. Got {list(header)} instead{choose}."
        )
    return found


def _is_audacity(path: Path) -> bool:
    """Whether the first line is a label of Audacity: two times and a text between tabs, and no header."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = file.readline().split("\t")
    except (OSError, UnicodeDecodeError):
        return False
    return len(first) >= 2 and all(_is_number(field) for field in first[:2])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_audacity(path: Path) -> Iterator[Callable[[], Annotation]]:
    """Lines of start, end, label; a line that begins with a backslash holds the frequencies of the one before.

    What stands behind the label, such as the score that BirdNET-Analyzer writes there, is passed over, as Audacity
    does.
    """
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").split("\n"), start=1):
        if line.strip() and not line.startswith("\\"):
            yield partial(_from_label, printable(path), f"line {number}", [*line.rstrip("\r").split("\t"), "", ""])


def _from_label(name: str, place: str, fields: Sequence[str]) -> Annotation:
    return _annotation(name, place, fields[2], _seconds(name, place, fields[0]), _seconds(name, place, fields[1]), None)


def _read_elan(path: Path, tier: str | None) -> Iterator[Callable[[], Annotation]]:
    """The annotations of an ELAN document (EAF, version 2 or 3), times in milliseconds.

    Those of one tier, or else all that have times of their own: those that refer to others say something about them,
    which need not be what is heard.
    """
    try:
        document = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, OSError) as error:
        raise DataError(f"{printable(path)}: not an ELAN document that can be read ({error}).") from error
    tiers = {each.get("TIER_ID", ""): each for each in document.iter("TIER")}
    if tier is not None and tier not in tiers:
        raise DataError(f"{printable(path)}: the 'label_column' of an ELAN document must be a tier, {list(tiers)}.")
    recording = _elan_recording(document)
    times = {slot.get("TIME_SLOT_ID"): slot.get("TIME_VALUE") for slot in document.iter("TIME_SLOT")}
    by_id = {each.get("ANNOTATION_ID"): each for entry in document.iter("ANNOTATION") for each in entry}
    wanted = document.iter("ALIGNABLE_ANNOTATION") if tier is None else _elan_annotations(tiers[tier])
    for number, annotation in enumerate(wanted, start=1):
        label = annotation.findtext("ANNOTATION_VALUE") or ""
        if label.strip():  # else a segment that nobody has named yet
            yield partial(_from_elan, path, f"annotation {number}", label, annotation, by_id, times, recording)


def _elan_annotations(tier: ElementTree.Element) -> list[ElementTree.Element]:
    return [each for entry in tier.iter("ANNOTATION") for each in entry]


def _from_elan(
    path: Path,
    place: str,
    label: str,
    annotation: ElementTree.Element,
    by_id: Mapping[str | None, ElementTree.Element],
    times: Mapping[str | None, str | None],
    recording: str | None,
) -> Annotation:
    aligned: ElementTree.Element | None = annotation
    for _ in by_id:  # no more steps than there are annotations, whatever refers to what
        if aligned is None or aligned.tag == "ALIGNABLE_ANNOTATION":
            break
        aligned = by_id.get(aligned.get("ANNOTATION_REF"))
    ends = [times.get(aligned.get(ref)) if aligned is not None else None for ref in _ELAN_ENDS]
    if None in ends:
        problem = f"{label!r} has no times of its own ({place})"
        raise InputError(printable(path), "invalid", problem, "align it in ELAN, or remove it")
    start_s, end_s = (_seconds(printable(path), place, end) / 1000 for end in ends)
    return _annotation(printable(path), place, label, start_s, end_s, recording)


def _elan_recording(document: ElementTree.Element) -> str | None:
    """What the document calls its sound: a video may stand beside."""
    media = list(document.iter("MEDIA_DESCRIPTOR"))
    sounds = [each for each in media if each.get("MIME_TYPE", "").startswith("audio")]
    first = next(iter(sounds or media), None)
    url = "" if first is None else first.get("RELATIVE_MEDIA_URL") or first.get("MEDIA_URL") or ""
    return unquote(url.removeprefix("file://")) or None

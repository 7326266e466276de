"""Annotations: what happens when in recordings, as programs for marking sounds write it. They become clips with labels.

Raven selection tables, Audacity label tracks, ELAN documents, and tables as BirdNET-Analyzer writes them.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from auscult.audio import AUDIO_SUFFIXES, probe
from auscult.data.listing import ListedClip, Listing, nfc
from auscult.data.tables import FileFinder, Row, read_table
from auscult.errors import DataError, InputError
from auscult.files import printable

RAVEN_BEGIN, RAVEN_END = "Begin Time (s)", "End Time (s)"
RAVEN_LABELS = ("annotation", "species", "label", "common name", "call type", "tags")
RAVEN_FILES = ("Begin Path", "Begin File")
# BirdNET-Analyzer's CSV, and tables like it.
TABLE_BEGIN, TABLE_END = ("Start (s)", "start_s", "start", "onset"), ("End (s)", "end_s", "end", "offset")
TABLE_LABELS = ("Common name", "label", "event_label", "Scientific name", "annotation")
TABLE_FILES = ("File", "filename", "path", "file")
SUFFIXES = (".txt", ".csv", ".tsv", ".eaf")


@dataclass(frozen=True)
class Annotation:
    """A label from `start_s` to `end_s` of a recording, named as its source names it; None: it names none."""

    label: str
    start_s: float
    end_s: float
    recording: str | None = None


@dataclass(frozen=True)
class CutPlan:
    """How recordings are cut. Parameters as in `Dataset.from_annotations`."""

    clip_s: float | None
    hop_s: float | None
    min_overlap_s: float
    keep_empty: bool

    def __post_init__(self) -> None:
        for name in ("clip_s", "hop_s"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise DataError(f"The {name!r} parameter must be a number of seconds above 0. Got {value} instead.")
        if not 0 <= self.min_overlap_s < math.inf:
            raise DataError(f"The 'min_overlap_s' parameter must be 0 s or more. Got {self.min_overlap_s} instead.")


def list_annotations(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    audio: str | os.PathLike[str] | None,
    label_column: str | None,
    plan: CutPlan,
) -> Listing:
    """List the clips that annotation files speak of. Parameters and errors as in `Dataset.from_annotations`."""
    files = annotation_files(source)
    root = Path(os.path.abspath(audio)) if audio is not None else Path(os.path.commonpath([f.parent for f in files]))
    finder = _RecordingFinder(root if root.is_dir() else root.parent, root if root.is_file() else None)
    by_recording: dict[Path, list[Annotation]] = defaultdict(list)
    problems: list[InputError] = []
    for file in files:
        for annotation in read_annotations(file, label_column=label_column):
            try:
                by_recording[finder.find(file, annotation.recording)].append(annotation)
            except InputError as problem:
                problems.append(problem)
    if not by_recording:
        raise DataError(
            f"{printable(files[0])}: none of {len(files)} annotation files speaks of a recording that is there. "
            f"The first: {problems[0] if problems else 'it holds no annotation'}"
        )
    clips: list[ListedClip] = []
    for recording in sorted(by_recording):
        try:
            clips += _cut(recording, by_recording[recording], plan)
        except InputError as problem:
            problems.append(problem)
    several = any(len(clip.labels or ()) != 1 for clip in clips)
    top = Path(os.path.commonpath([finder.root, *(path.parent for path in by_recording)]))
    unique = tuple({(problem.source, problem.problem): problem for problem in problems}.values())
    return Listing(top, tuple(clips), "annotations", "multi_label" if several else "single_label", problems=unique)


def annotation_files(source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[Path]:
    """The annotation files that a path names, one or all of a folder, or those of a list."""
    given = [source] if isinstance(source, str | os.PathLike) else list(source)
    paths = [Path(os.path.abspath(each)) for each in given]
    files = [file for path in paths for file in (_files_in(path) if path.is_dir() else [path])]
    if not files:
        raise DataError(f"{', '.join(map(printable, given))}: no annotation file ({', '.join(SUFFIXES)}) is there.")
    return files


def _files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def read_annotations(path: Path, *, label_column: str | None = None) -> list[Annotation]:
    """The annotations of one file, in its order, whichever program wrote it.

    Parameters
    ----------
    label_column : of a table; default: the first of the usual ones that the table has

    Raises
    ------
    DataError : it cannot be read, or is none of these
    """
    if path.suffix.lower() == ".eaf":
        return list(_read_elan(path))
    if _is_audacity(path):
        return list(_read_audacity(path))
    table = read_table(path)
    if RAVEN_BEGIN in table.header:
        label = _column(table.name, table.header, label_column, RAVEN_LABELS, "label_column")
        rows = _once_a_view(table.rows)
        return [_from_row(table.name, row, label, RAVEN_BEGIN, RAVEN_END, RAVEN_FILES) for row in rows]
    begin = _column(table.name, table.header, None, TABLE_BEGIN, None)
    end = _column(table.name, table.header, None, TABLE_END, None)
    label = _column(table.name, table.header, label_column, TABLE_LABELS, "label_column")
    return [_from_row(table.name, row, label, begin, end, TABLE_FILES) for row in table.rows]


def has_annotation_columns(path: Path) -> bool:
    """Whether a table is one of annotations: its first line names times as Raven or BirdNET-Analyzer does."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = file.readline()
    except (OSError, UnicodeDecodeError):
        return False
    return any(name in first for name in (RAVEN_BEGIN, TABLE_BEGIN[0]))


def _once_a_view(rows: Sequence[Row]) -> Iterator[Row]:
    """Raven writes a selection once for each view of it, waveform and spectrogram."""
    seen = set()
    for row in rows:
        key = (row.fields.get("Selection") or row.number, row[RAVEN_BEGIN], row[RAVEN_END])
        if key not in seen:
            seen.add(key)
            yield row


def _from_row(name: str, row: Row, label: str, begin: str, end: str, files: Sequence[str]) -> Annotation:
    recording = next((str(row.fields[column]) for column in files if row.fields.get(column)), None)
    start_s, end_s = (_seconds(name, row.place, row[column]) for column in (begin, end))
    return _annotation(name, row.place, str(row[label] or ""), start_s, end_s, recording)


def _annotation(name: str, place: str, label: str, start_s: float, end_s: float, recording: str | None) -> Annotation:
    if not label.strip():
        raise DataError(f"{name}, {place}: an annotation must have a label. Got none; fill it in, or remove the line.")
    if not 0 <= start_s <= end_s:
        raise DataError(
            f"{name}, {place}: an annotation must begin at 0 s or later and not end before. "
            f"Got {start_s:g} to {end_s:g} s; correct the times."
        )
    return Annotation(nfc(label.strip()), start_s, end_s, recording)


def _seconds(name: str, place: str, value: object) -> float:
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise DataError(f"{name}, {place}: a time must be a number of seconds. Got {value!r} instead; correct it.")
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


def _read_audacity(path: Path) -> Iterator[Annotation]:
    """Lines of start, end, label; a line that begins with a backslash holds the frequencies of the one before."""
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        if not line.strip() or line.startswith("\\"):
            continue
        place, fields = f"line {number}", line.split("\t", 2)
        if len(fields) < 3:
            raise DataError(f"{printable(path)}, {place}: a label must have a start, an end and a text. Got {line!r}.")
        start_s, end_s = (_seconds(printable(path), place, field) for field in fields[:2])
        yield _annotation(printable(path), place, fields[2], start_s, end_s, None)


def _read_elan(path: Path) -> Iterator[Annotation]:
    """Every aligned annotation of every tier of an ELAN document (EAF, version 2 or 3), times in milliseconds."""
    try:
        document = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, OSError) as error:
        raise DataError(f"{printable(path)}: not an ELAN document that can be read ({error}).") from error
    media = next(iter(document.iter("MEDIA_DESCRIPTOR")), None)
    url = "" if media is None else media.get("RELATIVE_MEDIA_URL") or media.get("MEDIA_URL") or ""
    recording = url.removeprefix("file://") or None
    times = {slot.get("TIME_SLOT_ID"): slot.get("TIME_VALUE") for slot in document.iter("TIME_SLOT")}
    for number, annotation in enumerate(document.iter("ALIGNABLE_ANNOTATION"), start=1):
        place = f"annotation {number}"
        label = annotation.findtext("ANNOTATION_VALUE") or ""
        if not label.strip():
            continue  # a segment that nobody has named yet
        ends = (times.get(annotation.get(ref)) for ref in ("TIME_SLOT_REF1", "TIME_SLOT_REF2"))
        start_s, end_s = (_seconds(printable(path), place, end) / 1000 for end in ends)
        yield _annotation(printable(path), place, label, start_s, end_s, recording)


@dataclass
class _RecordingFinder:
    """Finds the recording that an annotation belongs to: the one it names, else the one beside its file."""

    root: Path
    recording: Path | None

    def __post_init__(self) -> None:
        self._files = FileFinder(any_suffix=AUDIO_SUFFIXES)

    def find(self, file: Path, named: str | None) -> Path:
        if self.recording is not None:
            return self.recording
        if named is not None:
            # Programs write the path of their own machine: the name is what is left of it here.
            name = named.replace("\\", "/").rsplit("/", 1)[-1]
            guesses = [file.parent / named, self.root / named, self.root / name, file.parent / name]
        else:
            # dawn.wav is annotated in dawn.txt, dawn.Table.1.selections.txt or dawn.BirdNET.results.csv.
            stems = [file.name[: -len(suffix)] for suffix in _endings(file.name)]
            guesses = [folder / f"{stem}.wav" for folder in (file.parent, self.root) for stem in stems]
        found = next(
            (path for guess in guesses if (path := self._files.find(guess)) is not None and path.is_file()), None
        )
        if found is None:
            what = "no recording of its name is there" if named is None else f"its recording, {named!r}, is not there"
            raise InputError(printable(file), "missing", what, "put it beside, or say where it is with 'audio'")
        return Path(os.path.normpath(found))


def _endings(name: str) -> list[str]:
    """What may be the ending of a file name, shortest first.

    >>> _endings("dawn.Table.1.txt")
    ['.txt', '.1.txt', '.Table.1.txt']
    """
    parts = name.split(".")
    return ["." + ".".join(parts[i:]) for i in range(len(parts) - 1, 0, -1)]


def _cut(recording: Path, annotations: Sequence[Annotation], plan: CutPlan) -> list[ListedClip]:
    """Clips of one recording. All are of one file, and so of one group."""
    if plan.clip_s is None:
        ranges = list(dict.fromkeys((each.start_s, each.end_s) for each in annotations))
    else:
        duration_s = probe(recording).duration_s or max(each.end_s for each in annotations)
        ranges = cut_evenly(duration_s, clip_s=plan.clip_s, hop_s=plan.hop_s or plan.clip_s)
    labelled = [(*times, labels_within(annotations, *times, min_overlap_s=plan.min_overlap_s)) for times in ranges]
    return [
        ListedClip(recording, labels, start_s=start_s, end_s=end_s)
        for start_s, end_s, labels in labelled
        if labels or plan.keep_empty
    ]


def cut_evenly(duration_s: float, *, clip_s: float, hop_s: float) -> list[tuple[float, float]]:
    """Ranges of `clip_s` every `hop_s`; the last is the first that reaches the end, and ends there.

    Examples
    --------
    >>> cut_evenly(10.0, clip_s=4.0, hop_s=4.0)
    [(0.0, 4.0), (4.0, 8.0), (8.0, 10.0)]
    """
    n_more = max(0, math.ceil(round((duration_s - clip_s) / hop_s, 9)))
    starts = [k * hop_s for k in range(n_more + 1) if k * hop_s < duration_s]
    return [(start, min(start + clip_s, duration_s)) for start in starts]


def labels_within(
    annotations: Iterable[Annotation], start_s: float, end_s: float, *, min_overlap_s: float
) -> tuple[str, ...]:
    """Labels of which at least `min_overlap_s`, or all there is, lies within a range; in order of time.

    Examples
    --------
    >>> marked = [Annotation("wren", 0.0, 2.0), Annotation("owl", 1.9, 5.0), Annotation("click", 3.0, 3.1)]
    >>> labels_within(marked, 0.0, 2.0, min_overlap_s=0.25), labels_within(marked, 2.0, 4.0, min_overlap_s=0.25)
    (('wren',), ('owl', 'click'))
    """
    found = []
    for each in sorted(annotations, key=lambda annotation: annotation.start_s):
        overlap_s = min(end_s, each.end_s) - max(start_s, each.start_s)
        # Half a millisecond: times are written with three digits.
        enough = min(min_overlap_s, each.end_s - each.start_s, end_s - start_s) - 0.0005
        if overlap_s >= 0 and overlap_s >= enough and each.start_s < end_s:
            found.append(each.label)
    return tuple(dict.fromkeys(found))

"""Annotations: what happens when in recordings. They become clips with labels.

`annotation_formats` reads them from files; here recordings are found for them, and cut.
"""

from __future__ import annotations

import math
import os
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from auscult.audio import AUDIO_SUFFIXES, find_audio_files, probe
from auscult.data.listing import ListedClip, Listing, nfc
from auscult.data.readers.annotation_formats import SUFFIXES, Annotation, read_annotations
from auscult.data.schema import Task
from auscult.data.tables import FileFinder
from auscult.errors import DataError, InputError, unique_problems
from auscult.files import printable


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
        annotations, wrong = _read_one_of(files, file, label_column)
        problems += wrong
        try:
            if not annotations and not wrong and plan.keep_empty:
                by_recording[finder.find(file, None)] += []
        except InputError as problem:
            problems.append(problem)
        for annotation in finder.wanted(annotations):
            try:
                by_recording[finder.find(file, annotation.recording)].append(annotation)
            except InputError as problem:
                problems.append(problem)
    if not by_recording:
        raise DataError(
            f"{printable(files[0])}: none of {len(files)} annotation files says anything of a recording that is there. "
            f"The first: {problems[0] if problems else 'it holds no annotation'}"
        )
    clips: list[ListedClip] = []
    for recording in sorted(by_recording):
        try:
            found, wrong = _cut(recording, by_recording[recording], plan)
            clips += found
            problems += wrong
        except InputError as problem:
            problems.append(problem)
    several = any(len(clip.labels or ()) != 1 for clip in clips)
    top = Path(os.path.commonpath([finder.root, *(path.parent for path in by_recording)]))
    task: Task = "multi_label" if several else "single_label"
    return Listing(top, tuple(clips), "annotations", task, problems=unique_problems(problems))


def _read_one_of(
    files: Sequence[Path], file: Path, label_column: str | None
) -> tuple[list[Annotation], list[InputError]]:
    """`read_annotations`; among several files, one that cannot be read at all is a problem, and the others go on."""
    try:
        return read_annotations(file, label_column=label_column)
    except DataError as error:
        if len(files) == 1:
            raise
        what = str(error).removeprefix(printable(file)).lstrip(":, ").rstrip(".")
        return [], [InputError(printable(file), "invalid", what, "correct it, or take it out of the folder")]


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


@dataclass
class _RecordingFinder:
    """Finds the recording that an annotation belongs to: the one it names, else the one beside its file.

    It lies beside, or in `root`, or is the only one of its name anywhere below `root`.
    """

    root: Path
    recording: Path | None

    def __post_init__(self) -> None:
        self._files = FileFinder(any_suffix=AUDIO_SUFFIXES)

    def wanted(self, annotations: Sequence[Annotation]) -> list[Annotation]:
        """Those that can be of the one recording that is asked for, if one is: its name counts among several."""
        if self.recording is None or len({each.recording for each in annotations}) < 2:
            return list(annotations)
        stem = _stem(self.recording.name)
        return [each for each in annotations if each.recording is None or _stem(each.recording) == stem]

    def find(self, file: Path, named: str | None) -> Path:
        if self.recording is not None:
            return self.recording
        if named is not None:
            # Programs write the path of their own machine: the name is what is left of it here.
            name = _name(named)
            guesses = [file.parent / named, self.root / named, self.root / name, file.parent / name]
        else:
            # dawn.wav is annotated in dawn.txt, dawn.Table.1.selections.txt or dawn.BirdNET.results.csv.
            stems = [file.name[: -len(suffix)] for suffix in _endings(file.name)]
            guesses = [folder / f"{stem}.wav" for folder in (file.parent, self.root) for stem in stems]
        found = next(
            (path for guess in guesses if (path := self._files.find(guess)) is not None and path.is_file()), None
        )
        found = found or next(filter(None, (self._below(file, guess.name) for guess in guesses)), None)
        if found is None:
            what = "no recording of its name is there" if named is None else f"its recording, {named!r}, is not there"
            raise InputError(
                printable(file),
                "missing",
                what,
                "put it beside, or give its folder as SOURCE, and this with --annotations",
            )
        return Path(os.path.normpath(found))

    def _below(self, file: Path, name: str) -> Path | None:
        """The recording of a name, with any ending, anywhere below the root."""
        found = self._all_below.get(_stem(name), [])
        if len(found) > 1:
            what = f"{len(found)} recordings have the name {name!r}, such as {printable(found[0])}"
            raise InputError(printable(file), "invalid", what, "give one, or put each beside its annotations")
        return found[0] if found else None

    @cached_property
    def _all_below(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = defaultdict(list)
        for path in find_audio_files(self.root, on_error=lambda _: None):
            found[_stem(path.name)].append(path)
        return found


def _name(named: str) -> str:
    """The last part of a path of any system."""
    return named.replace("\\", "/").rsplit("/", 1)[-1]


def _stem(named: str) -> str:
    return nfc(Path(_name(named)).stem)


def _endings(name: str) -> list[str]:
    """What may be the ending of a file name, shortest first.

    >>> _endings("dawn.Table.1.txt")
    ['.txt', '.1.txt', '.Table.1.txt']
    """
    parts = name.split(".")
    return ["." + ".".join(parts[i:]) for i in range(len(parts) - 1, 0, -1)]


def _cut(
    recording: Path, annotations: Sequence[Annotation], plan: CutPlan
) -> tuple[list[ListedClip], list[InputError]]:
    """Clips of one recording, and the annotations that none can be made of. One file is one group."""
    duration_s = probe(recording).duration_s
    good, problems = _within(recording, annotations, math.inf if duration_s is None else duration_s, plan)
    by_start = sorted(good, key=lambda each: each.start_s)
    if plan.clip_s is None:
        ranges = list(dict.fromkeys((each.start_s, each.end_s) for each in good))
    else:
        end_s = duration_s or max((each.end_s for each in good), default=0.0)
        ranges = cut_evenly(end_s, clip_s=plan.clip_s, hop_s=plan.hop_s or plan.clip_s)
    starts = [each.start_s for each in by_start]
    longest_s = max((each.end_s - each.start_s for each in good), default=0.0)
    clips = []
    for start_s, end_s in ranges:
        near = by_start[bisect_left(starts, start_s - longest_s - 1) : bisect_left(starts, end_s)]
        labels = labels_within(near, start_s, end_s, min_overlap_s=plan.min_overlap_s)
        if labels or plan.keep_empty:
            clips.append(ListedClip(recording, labels, start_s=start_s, end_s=end_s))
    return clips, problems


def _within(
    recording: Path, annotations: Sequence[Annotation], duration_s: float, plan: CutPlan
) -> tuple[list[Annotation], list[InputError]]:
    """Annotations as far as they lie within a recording, and a problem for each of which nothing is left."""
    good, problems = [], []
    for each in annotations:
        if each.start_s >= duration_s:
            what = f"{each.label!r} is to begin at {each.start_s:g} s, and the sound lasts {duration_s:g} s"
            problems.append(InputError(str(recording), "invalid", what, "correct the times"))
        elif plan.clip_s is None and each.start_s == each.end_s:
            what = f"{each.label!r} at {each.start_s:g} s marks a moment, of which no clip can be made"
            problems.append(InputError(str(recording), "invalid", what, "cut evenly, with 'clip_s'"))
        else:
            good.append(replace(each, end_s=min(each.end_s, duration_s)))
    return good, problems


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

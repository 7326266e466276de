"""`detect_archive`: what happens when in many or long recordings, in a run that goes on wherever it was stopped.

::

    names -> the journal: what waits, what is done -> Classifier.detect_many -> the journal -> events.*, failed.csv,
    finding                 suspects -> trial                                                  run.json   outputs

The files of a run are written from the journal alone, in the order of the sources. So they do not depend on how often
the run was stopped.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import auscult
from auscult.alone import Begun, Crashed, Unclear
from auscult.archive.finding import find_sources
from auscult.archive.journal import Journal, Recording
from auscult.archive.making import Maker, make_of_each
from auscult.archive.outputs import check_formats, write_outputs
from auscult.archive.results import Counts
from auscult.archive.trial import try_alone
from auscult.archive.unit import ModelChoice, model_choice
from auscult.audio import decoding_version, probe
from auscult.audio.recorded import recorded_at
from auscult.classifier import Classifier
from auscult.decide import EventOptions, check_count
from auscult.errors import AuscultError, InputError, OutputError, UsageError
from auscult.locks import locked
from auscult.progress import Advance, progress
from auscult.records import Event
from auscult.result import Heard

JOURNAL = "journal.sqlite"
LOCK = ".lock"
# What `files.atomic_path` leaves when the process is killed while it writes.
UNFINISHED = ".*.partial*"
# Events of one recording that wait in memory to be written down together.
EVENTS_AT_ONCE = 1000
# From this size on it is worth opening a file for its length, to see how far its search has come.
LONG_BYTES = 20_000_000
MIN_RATE_S = 0.5  # before that a rate is noise

Tell = Callable[[AuscultError], None]
NOTHING_MORE: Mapping[str, Maker] = MappingProxyType({})


@dataclass(frozen=True)
class ArchiveRun:
    """A run that is through.

    Attributes
    ----------
    folder : what it wrote is in there
    counts : of recordings, events and seconds of sound
    outputs : the files of events, one a format; where each recording has its own, the folder of a format
    n_unmade : files of single recordings, clips say, that could not be made
    """

    folder: Path
    counts: Counts
    outputs: tuple[Path, ...]
    n_unmade: int = 0

    @property
    def failed(self) -> Path:
        """The table of recordings that could not be searched: source, kind, problem, next_step."""
        return self.folder / "failed.csv"

    @property
    def summary(self) -> Path:
        """The table of recordings with their labels, where it was asked for."""
        return self.folder / "summary.csv"

    @property
    def about(self) -> Path:
        """Model, options, versions and counts, as JSON."""
        return self.folder / "run.json"

    @property
    def n_failed(self) -> int:
        return self.counts.failed + self.counts.quarantined


def detect_archive(
    sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    model: str | ModelChoice,
    options: EventOptions | None = None,
    formats: Sequence[str] = ("csv",),
    each: bool = False,
    summary: bool = False,
    since: datetime | None = None,
    own: Sequence[str | os.PathLike[str]] = (),
    workers: int | None = None,
    overwrite: bool = False,
    makers: Mapping[str, Maker] = NOTHING_MORE,
    on_problem: Tell | None = None,
    quiet: bool = True,
) -> ArchiveRun:
    """Search recordings for events, and write what happens when into a folder. Go on there if it was begun before.

    Recordings that were searched before are not searched again unless their size or time of change is another;
    those that failed are tried again; those that are gone leave the output. What was open when an earlier run died is
    first tried in a process of its own, and where it ends that too, it is quarantined.

    Parameters
    ----------
    sources : files, folders, patterns and addresses, see `find_sources`; `output` itself is not searched
    output : the folder; new or empty, or that of an earlier run with the same model and options
    model : a name or file, or a `ModelChoice`
    options : when scores make an event
    formats : names of `data.writers.EVENT_FORMATS`; they may change from one start to the next
    each : write a file for each recording. Formats that hold a single recording always do.
    summary : also write `summary.csv`, of each recording a line a label
    since : see `find_sources`
    own : folders outside `output` that `makers` write to. Nothing in them is searched, and what a kill left
        half-written there is removed.
    workers : recordings, and groups of windows, worked on at once; None: one for each core
    overwrite : forget what an earlier run in `output` has done
    makers : what else is made of each recording; see `making.make_of_each`
    on_problem : called with each recording that cannot be searched, as soon as that is known, and with each file that
        cannot be made of one
    quiet : show no progress

    Raises
    ------
    UsageError : an option is wrong; the folder holds something else or another run, or another process works in it
    OutputError : something cannot be written; what was done is kept
    """
    check_count("workers", workers)
    check_formats(formats)
    names = [sources] if isinstance(sources, str | os.PathLike) else sources
    choice, options = model_choice(model), options or EventOptions()
    folder = Path(output)
    with _locked(folder, own):
        classifier = choice.open(quiet=quiet)
        # Refuses wrong options before anything is written.
        classifier.detect_many([], options)
        about = _about(classifier, choice, options)
        decoding = decoding_version(classifier.spec.sample_rate)
        with Journal.opened(folder / JOURNAL, about, decoding=decoding, overwrite=overwrite) as journal:
            tell = on_problem or (lambda _: None)
            found = find_sources((os.fsdecode(name) for name in names), since=since, leave_out=(folder, *own))
            for problem in journal.list_sources(found):
                tell(problem)
            for problem in journal.problems(quarantined=True):
                tell(problem)
            with _watched(journal, quiet=quiet) as watch:
                keeping = _Keeping(journal, watch, tell)
                _try_suspects(keeping, choice, options, workers)
                _search(keeping, classifier, options, workers)
            n_unmade = make_of_each(journal, makers, tell)
            counts = journal.counts()
            said = {**about, "formats": list(formats), "each": each, **_figures(counts), **_versions(decoding)}
            outputs = write_outputs(folder, journal, formats=formats, each=each, summary=summary, about=said)
    return ArchiveRun(folder, counts, tuple(outputs), n_unmade)


def _search(keeping: _Keeping, classifier: Classifier, options: EventOptions, workers: int | None) -> None:
    pulled: deque[Recording] = deque()

    def sources() -> Iterator[str]:
        for recording in keeping.journal.waiting():
            pulled.append(recording)
            yield recording.source

    found = classifier.detect_many(sources(), options, workers=workers)
    with closing(found):
        for one in found:
            keeping.take(pulled[0], one)
            if not isinstance(one, Event):
                pulled.popleft()


def _try_suspects(keeping: _Keeping, choice: ModelChoice, options: EventOptions, workers: int | None) -> None:
    suspects = keeping.journal.suspects()
    if not suspects:
        return
    tried = try_alone([one.source for one in suspects], choice, options, workers=workers)
    with closing(tried):
        for index, one in tried:
            if isinstance(one, Begun):
                keeping.begin(suspects[index])
            elif isinstance(one, Crashed):
                keeping.quarantine(suspects[index], one)
            elif isinstance(one, Unclear):
                keeping.journal.release(suspects[index])
            else:
                keeping.take(suspects[index], one)


class _Keeping:
    """Writes down what becomes of one recording after the other."""

    def __init__(self, journal: Journal, watch: _Watch, tell: Tell) -> None:
        self.journal = journal
        self._watch = watch
        self._tell = tell
        self._events: list[Event] = []
        self._n_written = 0

    def begin(self, recording: Recording) -> None:
        """A suspect is tried, perhaps once more."""
        self.journal.start(recording, is_suspect=True)
        self._forget()

    def take(self, recording: Recording, one: Event | Heard | InputError) -> None:
        if isinstance(one, Event):
            self._events.append(one)
            if len(self._events) >= EVENTS_AT_ONCE:
                self._write(recording)
            self._watch.reached(recording, one.end_s)
            return
        if isinstance(one, InputError):
            self.journal.fail(recording, one)
            self._tell(one)
        else:
            self._write(recording)
            self.journal.finish(recording, one, recorded_at(recording.source))
        self._watch.ended(recording, one)
        self._forget()

    def quarantine(self, recording: Recording, crash: Crashed) -> None:
        problem = InputError(
            recording.name,
            "crashes",
            f"the process that searches it ends with {crash.how}, also when it does nothing else",
            "convert it with another program, or leave it out; it is not opened again until it changes",
        )
        self.journal.quarantine(recording, problem)
        self._tell(problem)
        self._watch.ended(recording, problem)
        self._forget()

    def _write(self, recording: Recording) -> None:
        if self._events:
            self.journal.add(recording, self._events, first=self._n_written)
            self._n_written += len(self._events)
            self._events.clear()

    def _forget(self) -> None:
        self._events.clear()
        self._n_written = 0


class _Watch:
    """How far a run has come: of its bytes, and in recordings, hours of sound, and times real time."""

    def __init__(self, advance: Advance, n_recordings: int) -> None:
        self._advance = advance
        self._n_recordings = n_recordings
        self._n_done = self._n_failed = 0
        self._sound_s = 0.0
        self._began = time.monotonic()
        self._length_s: dict[int, float | None] = {}
        self._at: tuple[int, float] = (0, 0.0)  # of the recording at hand: bytes shown, seconds searched

    def reached(self, recording: Recording, position_s: float) -> None:
        """An event of a recording, at `position_s`."""
        if recording.size < LONG_BYTES:
            return
        if recording.id not in self._length_s:
            self._length_s = {recording.id: _length_s(recording.source)}
        length_s = self._length_s[recording.id]
        shown, before_s = self._at
        if not length_s or position_s - before_s < length_s / 1000:
            return
        now = int(recording.size * min(position_s / length_s, 1.0))
        self._at = (now, position_s)
        self._advance(self._note(position_s), done=max(0, now - shown))

    def ended(self, recording: Recording, outcome: Heard | InputError) -> None:
        """The recording at hand is through."""
        self._n_done += 1
        if isinstance(outcome, InputError):
            self._n_failed += 1
        else:
            self._sound_s += outcome.duration_s
        shown, self._at = self._at[0], (0, 0.0)
        self._advance(self._note(), done=max(0, max(1, recording.size) - shown))

    def _note(self, position_s: float = 0.0) -> str:
        sound_s, passed_s = self._sound_s + position_s, time.monotonic() - self._began
        words = [f"{self._n_done:,} of {self._n_recordings:,} recordings"]
        if self._n_failed:
            words.append(f"{self._n_failed:,} failed")
        words.append(f"{sound_s / 3600:,.1f} h")
        if passed_s > MIN_RATE_S:
            words += [f"{sound_s / passed_s:,.0f} x real time", f"{self._n_done / passed_s:,.1f} a second"]
        return ", ".join(words)


@contextmanager
def _watched(journal: Journal, *, quiet: bool) -> Iterator[_Watch]:
    n_recordings, n_bytes = journal.n_waiting()
    with progress("Detecting", n_bytes, unit="bytes", quiet=quiet) as advance:
        yield _Watch(advance, n_recordings)


def _length_s(source: str) -> float | None:
    try:
        return probe(source).duration_s
    except AuscultError:
        return None


def _about(classifier: Classifier, choice: ModelChoice, options: EventOptions) -> dict[str, Any]:
    """What decides which events there are."""
    how = choice.to_dict()
    # A model is the same wherever its file lies.
    del how["model"]
    model = {"name": classifier.spec.name, "digest": classifier.digest}
    return {"model": model, "opened_with": how, "options": asdict(options)}


def _figures(counts: Counts) -> Mapping[str, Any]:
    return {
        "counts": {name: value for name, value in vars(counts).items() if name != "sound_s"},
        "sound_s": counts.sound_s,
    }


def _versions(decoding: str) -> Mapping[str, Any]:
    return {"versions": {"auscult": auscult.__version__, "decoding": decoding}}


@contextmanager
def _locked(folder: Path, own: Iterable[str | os.PathLike[str]]) -> Iterator[None]:
    """The output folder, for this process alone.

    Raises
    ------
    UsageError : another process has it, or it holds something else
    OutputError : it cannot be made or written
    """
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        others = [path.name for path in folder.iterdir() if not path.name.startswith((".", JOURNAL))]
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be a folder for the events ({error.strerror}); choose another with -o."
        ) from error
    if others and not (folder / JOURNAL).exists():
        raise UsageError(
            f"{folder}: must be a new or empty folder, or hold a run to go on with. Got one with "
            f"{', '.join(sorted(others)[:3])} in it; choose another with -o."
        )
    has_died = (folder / LOCK).exists()
    taken = f"{folder}: another process works here; wait for it, stop it, or choose another folder with -o."
    try:
        with locked(folder / LOCK, taken=taken):
            try:
                if has_died:
                    for place in (folder, *map(Path, own)):
                        for unfinished in place.rglob(UNFINISHED):
                            unfinished.unlink(missing_ok=True)
                yield
            finally:
                (folder / LOCK).unlink(missing_ok=True)
    finally:
        if is_new and not any(folder.iterdir()):
            folder.rmdir()  # nothing was begun

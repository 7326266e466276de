"""`auscult detect`: what happens when."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from auscult.archive.finding import find_sources, parse_since
from auscult.cli.deciding import Deciding
from auscult.cli.making import makers_of, name_by_path
from auscult.cli.opening import Opening, model_to_use
from auscult.cli.output import (
    InPlace,
    check_at_least_one,
    columns,
    each_name,
    emit,
    failure_record,
    print_json,
    say,
    say_error,
)
from auscult.errors import InputError, UsageError
from auscult.extras import require_installed

if TYPE_CHECKING:
    from auscult.archive.making import Maker
    from auscult.archive.run import ArchiveRun
    from auscult.archive.unit import ModelChoice
    from auscult.classifier import Classifier
    from auscult.data.writers import RecordingFacts
    from auscult.decide import EventOptions
    from auscult.records import Event
    from auscult.result import Heard

AS_THE_MODEL_SAYS = Opening()
AS_USUAL = Deciding()
DEFAULT_FORMAT = "csv"
PICTURES = "plots"


def detect(
    *files: str,
    model: Annotated[str | None, Parameter(name=["--model", "-m"], metavar="FILE|NAME")] = None,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    format: Annotated[list[str] | None, Parameter(metavar="NAME")] = None,
    each: bool = False,
    summary: bool = False,
    clips: Annotated[Path | None, Parameter(metavar="DIR")] = None,
    plot: Annotated[list[str] | None, Parameter(metavar="[DIR]", consume_multiple=True)] = None,
    json: bool = False,
    csv: bool = False,
    files_from: Annotated[str | None, Parameter(metavar="FILE|-", allow_leading_hyphen=True)] = None,
    since: Annotated[str | None, Parameter(metavar="DATE|DURATION")] = None,
    overwrite: bool = False,
    jobs: int | None = None,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False,
    deciding: Annotated[Deciding, Parameter(name="*", group="Events")] = AS_USUAL,
    opening: Annotated[Opening, Parameter(name="*", group="Labels and model")] = AS_THE_MODEL_SAYS,
) -> int:
    """Say what happens when in each recording, however long.

    Without --output, events are printed as they are found. With it, they go into files, and the same command goes on
    where an earlier one was stopped.

    Parameters
    ----------
    files
        Recordings, folders of them, patterns in quotes such as "site*/**/*.wav", or http(s) URLs.
    model
        Model file, such as a run's model.onnx, or a name that "auscult models list" shows. If not given, yamnet,
        which knows 521 kinds of sound and is fetched once.
    output
        Folder for the events, failed.csv and run.json. New, empty, or of an earlier run with the same options.
    format
        With --output, the form of the events: table, jsonl, csv, parquet, audacity, raven, vtt, elan or rttm. May be
        given several times; csv if not given.
    each
        With --output, write a file for each recording. Formats that hold a single recording always do.
    summary
        Print of each recording, in place of its events, a line for each label that is heard or that --allow names: how
        often, how long, and its mean and highest score. With --output, write summary.csv as well.
    clips
        Cut the sound of each event into a file in this folder.
    plot
        Draw each recording, its spectrogram, scores over time, and events, into this folder; if none is given, into
        "plots", in the output folder where there is one.
    json
        Print a JSON object a line, one for each event; with --output, what run.json holds.
    csv
        Print a table with the columns source, start_s, end_s, label, name, score, time.
    files_from
        Read names from this file, one a line; "-" reads them from standard input.
    since
        Only what was recorded since then: a date, or how long ago, such as 12h or 7d. By header or name of the file,
        and where they do not tell by the time of its last change.
    overwrite
        With --output, begin anew: what an earlier run in that folder has done is forgotten.
    jobs
        Recordings worked on at once; as many as there are cores if not given.
    quiet
        Name only what failed.
    deciding
        When scores make an event.
    opening
        How the model is opened.
    """
    _check(output, format, json=json, csv=csv, each=each, overwrite=overwrite)
    check_at_least_one("--jobs", jobs)
    deciding.check()
    # What follows the folder is recordings: `--plot DIR a.wav`.
    pictures = None if plot is None else Path(plot[0]) if plot else (output or Path()) / PICTURES
    names, earliest = each_name((*files, *(plot or ())[1:]), files_from), None if since is None else parse_since(since)
    choice = _choice(model, opening, for_people=output is None and not (json or csv), quiet=quiet)
    if pictures is not None:
        require_installed("matplotlib", extra="plot", purpose="drawing recordings")
    # Not the pictures: they are no sounds, and may lie beside the recordings.
    own = () if clips is None else (clips,)
    if output is not None:
        formats = tuple(dict.fromkeys(format or [DEFAULT_FORMAT]))
        how = {"formats": formats, "each": each, "summary": summary, "since": earliest, "workers": jobs}
        how |= {"overwrite": overwrite, "makers": makers_of(choice, clips, pictures, jobs), "own": own}
        return _into_files(names, output, choice, deciding, how, json=json, quiet=quiet)
    classifier = choice.open(quiet=quiet)
    found = find_sources(names, since=earliest, leave_out=own)
    makers = makers_of(choice, clips, pictures, jobs)
    printed = _Printed(classifier, deciding.options(classifier.labels), jobs, found, tuple(makers.values()))
    with closing(printed.outcomes()) as outcomes:
        if json:
            _print_json(printed, outcomes, summary=summary)
        else:
            _print_text(printed, outcomes, summary=summary, csv=csv)
    say(printed.in_words(), quiet=quiet)
    return 1 if printed.n_failed or printed.n_unmade else 0


def _check(output: Path | None, format: list[str] | None, *, json: bool, csv: bool, **of_output: bool) -> None:
    """What cannot go together."""
    if json and csv:
        raise UsageError("--json and --csv exclude each other; choose one.")
    if output is not None and csv:
        raise UsageError("--csv prints, and --output writes files; give --format csv instead of --csv.")
    if output is None:
        for option, given in {"format": bool(format), **of_output}.items():
            if given:
                raise UsageError(f"--{option} belongs to --output; give a folder with -o, or leave it out.")


def _choice(model: str | None, opening: Opening, *, for_people: bool, quiet: bool) -> ModelChoice:
    """What to open, fetched if need be; wrong values are refused before that."""
    from auscult.archive.unit import ModelChoice
    from auscult.decide import Selection

    naming: dict[str, Any] = {
        "score_threshold": opening.score_threshold,
        "allow": opening.allow,
        "deny": opening.deny,
    }
    Selection(**naming)
    how = opening.opening()
    return ModelChoice(model=model_to_use(model, for_people=for_people, quiet=quiet), **how, **naming)


# With --output: into files.


def _into_files(
    names: Iterator[str],
    output: Path,
    choice: ModelChoice,
    deciding: Deciding,
    how: dict[str, Any],
    *,
    json: bool,
    quiet: bool,
) -> int:
    from auscult.archive.run import detect_archive

    # Only then names of labels have to be looked up first.
    labels = choice.open(quiet=quiet).labels if deciding.names_labels else ()
    try:
        run = detect_archive(
            names,
            output,
            model=choice,
            options=deciding.options(labels),
            on_problem=lambda problem: say_error(str(problem)),
            quiet=quiet,
            **how,
        )
    except KeyboardInterrupt:
        again = "the same command again" + (", without --overwrite" if how["overwrite"] else "")
        say(f"To go on from here, run {again}.", quiet=quiet)
        raise
    if json:
        emit(run.about.read_text(encoding="utf-8").removesuffix("\n"))
    _say_what_is_there(run, summary=how["summary"], made=how["makers"], quiet=quiet)
    return 1 if run.n_failed or run.n_unmade else 0


def _say_what_is_there(run: ArchiveRun, *, summary: bool, made: Iterable[str], quiet: bool) -> None:
    counts = run.counts
    say(_in_words(counts.events, counts.done, run.n_failed, counts.sound_s), quiet=quiet)
    for path in run.outputs:
        say(f"events  {path}", quiet=quiet)
    if summary:
        say(f"summary {run.summary}", quiet=quiet)
    for what in made:
        say(what, quiet=quiet)
    if run.n_failed:
        say(f"failed  {run.failed}", quiet=quiet)


# Without: as they are found.


class _Printed:
    """What is found, as it is, and how much that was."""

    def __init__(
        self,
        classifier: Classifier,
        options: EventOptions,
        jobs: int | None,
        found: Iterator[str | InputError],
        makers: tuple[Maker, ...],
    ) -> None:
        from auscult.result import ModelId

        self._places = InPlace(found)
        self._pulled: deque[str] = deque()
        self._work = classifier.detect_many(self._sources(), options, workers=jobs)
        head = classifier.spec.heads[0].name if len(classifier.spec.heads) > 1 else None
        self.model = ModelId(classifier.spec.name, classifier.digest, head).to_dict()
        # Of the recording at hand alone.
        self.facts: dict[str, RecordingFacts] = {}
        self._makers = makers
        # Of the recording at hand, where something is made of them.
        self._events: list[Event] = []
        self.n_events = self.n_done = self.n_failed = self.n_unmade = 0
        self.sound_s = 0.0

    def outcomes(self) -> Generator[Event | Heard | InputError, None, None]:
        """What is found, in the order of the recordings and of time; what fails is named here."""
        from auscult.records import Event

        with closing(self._work):
            for one in self._places.filled(self._with_facts(), lambda one: not isinstance(one, Event)):
                if isinstance(one, InputError):
                    self.n_failed += 1
                    say_error(str(one))
                elif isinstance(one, Event):
                    self.n_events += 1
                else:
                    self.n_done += 1
                    self.sound_s += one.duration_s
                yield one

    def in_words(self) -> str:
        return _in_words(self.n_events, self.n_done, self.n_failed, self.sound_s)

    def _sources(self) -> Iterator[str]:
        for source in self._places.sources():
            self._pulled.append(source)
            yield source

    def _with_facts(self) -> Iterator[Event | Heard | InputError]:
        from auscult.audio.recorded import recorded_at
        from auscult.data.writers import RecordingFacts
        from auscult.records import Event

        for one in self._work:
            if not isinstance(one, Event):
                source = self._pulled.popleft()
                if not isinstance(one, InputError):
                    self._make(source, one)
                self._events.clear()
                self.facts.clear()
            elif not self.facts:
                source = self._pulled[0]
                self.facts[one.source] = RecordingFacts(started_at=recorded_at(source))
            if isinstance(one, Event) and self._makers:
                self._events.append(one)
            yield one

    def _make(self, source: str, heard: Heard) -> None:
        if not self._makers:
            return
        from auscult.archive.results import Searched
        from auscult.audio.recorded import recorded_at

        searched = Searched(source, heard.source, heard.duration_s, recorded_at(source))
        for maker in self._makers:
            for _, problem in maker(searched, name_by_path(heard.source), list(self._events)):
                if problem is not None:
                    self.n_unmade += 1
                    say_error(str(problem))


def _print_json(printed: _Printed, outcomes: Iterator[Event | Heard | InputError], *, summary: bool) -> None:
    from auscult.data.writers import event_record
    from auscult.decide import longest_first
    from auscult.records import Event

    for one in outcomes:
        if isinstance(one, InputError):
            print_json(failure_record(one))
        elif not isinstance(one, Event):
            for line in longest_first(one.labels) if summary else ():
                print_json({"source": one.source, **line.to_dict(), "model": printed.model})
        elif not summary:
            print_json({**event_record(one, printed.facts[one.source]), "model": printed.model})


def _print_text(printed: _Printed, outcomes: Iterator[Event | Heard | InputError], *, summary: bool, csv: bool) -> None:
    from auscult.data.writers import EVENT_FORMATS
    from auscult.records import Event

    if summary:
        _print_summaries(outcomes, csv=csv)
        return
    lines = EVENT_FORMATS["csv" if csv else "table"].lines
    assert lines is not None  # both are text
    for line in lines((one for one in outcomes if isinstance(one, Event)), printed.facts):
        emit(line)


def _print_summaries(outcomes: Iterator[Event | Heard | InputError], *, csv: bool) -> None:
    from auscult.decide import SUMMARY_COLUMNS, longest_first, summary_row
    from auscult.files import csv_text
    from auscult.result import Heard

    if csv:
        emit(",".join(SUMMARY_COLUMNS))
    for one in outcomes:
        if not isinstance(one, Heard) or not one.labels:
            continue
        lines = longest_first(one.labels)
        if csv:
            emit(csv_text([], [summary_row(one.source, line) for line in lines]).strip("\n"))
        else:
            rows = [
                (line.name, f"{line.count} x", f"{line.total_s:.1f} s", f"mean {line.mean:.2f}", f"max {line.max:.2f}")
                for line in lines
            ]
            emit("\n".join([one.source, *columns(rows, right=(1, 2, 3, 4))]))


def _in_words(n_events: int, n_done: int, n_failed: int, sound_s: float) -> str:
    """
    >>> _in_words(3, 1, 0, 5400.0)
    '3 events in 1 recording, 1.5 h of sound'
    """
    length = f"{sound_s / 3600:,.1f} h" if sound_s >= 3600 else f"{sound_s:,.1f} s"
    events = f"{n_events:,} event{'' if n_events == 1 else 's'}"
    words = f"{events} in {n_done:,} recording{'' if n_done == 1 else 's'}, {length} of sound"
    return words + (f"; {n_failed:,} failed" if n_failed else "")

"""The files that a run leaves: events in one or several formats, `failed.csv`, and last `run.json`."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from auscult.archive.results import Results, Searched
from auscult.archive.unit import FAILURE_COLUMNS
from auscult.audio import probe
from auscult.data.writers import EVENT_FORMATS, RecordingFacts, event_file_names, event_format, write_events
from auscult.decide import SUMMARY_COLUMNS, summary_row
from auscult.errors import AuscultError
from auscult.extras import require_installed
from auscult.files import atomic_path, write_text


class Facts(Mapping[str, RecordingFacts]):
    """What is known of each recording that was searched, read from the journal when it is asked for."""

    def __init__(self, journal: Results, *, with_rates: bool) -> None:
        self._journal = journal
        self._with_rates = with_rates
        self._last: tuple[str, RecordingFacts] | None = None

    def __getitem__(self, name: str) -> RecordingFacts:
        # Events come recording by recording.
        if self._last is None or self._last[0] != name:
            searched = self._journal.searched_as(name)
            if searched is None:
                raise KeyError(name)
            self._last = (name, facts_of(searched, with_rate=self._with_rates))
        return self._last[1]

    def __iter__(self) -> Iterator[str]:
        return (searched.name for searched in self._journal.searched())

    def __len__(self) -> int:
        return self._journal.counts().done


def facts_of(searched: Searched, *, with_rate: bool) -> RecordingFacts:
    """What writers want to know. The rate is read from the file, which may be gone by now."""
    sample_rate = None
    if with_rate:
        try:
            sample_rate = probe(searched.source).sample_rate
        except AuscultError:
            sample_rate = None
    return RecordingFacts(duration_s=searched.duration_s, sample_rate=sample_rate, started_at=searched.started_at)


def check_formats(formats: Sequence[str]) -> None:
    """Say before any work what could not be written after it.

    Raises
    ------
    UsageError : there is no such format
    MissingExtraError : it needs a package that is not installed
    """
    for name in formats:
        if event_format(name).name == "parquet":
            require_installed("pyarrow", extra="data", purpose="writing Parquet")


def write_outputs(
    folder: Path, journal: Results, *, formats: Sequence[str], each: bool, summary: bool, about: Mapping[str, Any]
) -> list[Path]:
    """Write all files from the journal, and remove those of an earlier run that this one has no more.

    Returns
    -------
    the files of events; of formats with a file for each recording, their folders

    Raises
    ------
    OutputError : a file cannot be written; those that were, are whole
    """
    places = {name: _place(folder, name, each=each) for name in formats}
    files = [(path, name, source) for name in formats for path, source in _files(places[name], journal)]
    before, now = set(journal.outputs()), {path.relative_to(folder).as_posix() for path, _, _ in files}
    if summary:
        files.append((folder / "summary.csv", "summary", None))
        now.add("summary.csv")
    # What is to be removed is forgotten only after that, so that a kill in between changes nothing in the end.
    journal.keep_outputs(before | now)
    facts = Facts(journal, with_rates="raven" in formats)
    for path, name, source in files:
        if name == "summary":
            _write_rows(path, SUMMARY_COLUMNS, (summary_row(*line) for line in journal.labels()))
        elif source is None:
            write_events(path, journal.events(), name, recordings=facts)
        else:
            # The next run writes them all again: that the disk has them is waited for once, with `run.json`.
            with atomic_path(path, is_flushed=False) as temporary, temporary.open("wb") as file:
                recordings = {source.name: facts[source.name]}
                write_events(file, journal.events_of(source.source), name, recordings=recordings)
    for name in sorted(before - now):
        _remove(folder, name)
    journal.keep_outputs(now)
    problems = ([getattr(problem, name) for name in FAILURE_COLUMNS] for problem in journal.problems())
    _write_rows(folder / "failed.csv", FAILURE_COLUMNS, problems)
    write_text(folder / "run.json", json.dumps(about, ensure_ascii=False, indent=2) + "\n")
    return list(places.values())


def _place(folder: Path, name: str, *, each: bool) -> Path:
    chosen = EVENT_FORMATS[name]
    return folder / name if each or chosen.one_recording else folder / f"events{chosen.suffix}"


def _files(place: Path, journal: Results) -> Iterator[tuple[Path, Searched | None]]:
    """The files of one format: a single one of all recordings, or in a folder one for each."""
    chosen = EVENT_FORMATS.get(place.name)
    if chosen is None:
        yield place, None
        return
    names = event_file_names((searched.name for searched in journal.searched()), chosen.suffix)
    for searched in journal.searched():
        yield place / names[searched.name], searched


def _write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _remove(folder: Path, name: str) -> None:
    """A file of an earlier run, and the folders that were there for it alone."""
    path = folder / name
    path.unlink(missing_ok=True)
    for above in path.relative_to(folder).parents[:-1]:
        try:
            (folder / above).rmdir()
        except OSError:  # it holds something else
            return

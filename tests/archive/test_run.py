"""Runs: what they write, what they do again, and what they refuse. Kills are in `test_kills.py`."""

from __future__ import annotations

import csv
import errno
import json
import os
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import soundfile
from filelock import FileLock

import auscult
from auscult.archive import journal as journals
from auscult.archive.making import Maker
from auscult.archive.results import Searched
from auscult.archive.run import detect_archive
from auscult.classifier import Classifier
from auscult.decide import EventOptions
from auscult.errors import InputError, OutputError, UsageError
from auscult.records import Event

from .conftest import OPTIONS, burst, write_recording, written


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the recordings that classifiers are given, as they are given."""
    given: list[str] = []
    detect_many = Classifier.detect_many

    def watching(self: Classifier, sources: Any, *arguments: Any, **options: Any) -> Any:
        def told() -> Any:
            for source in sources:
                given.append(os.path.basename(source))
                yield source

        return detect_many(self, told(), *arguments, **options)

    monkeypatch.setattr(Classifier, "detect_many", watching)
    return given


def test_events_are_those_that_the_classifier_finds_in_the_order_of_the_sources(
    sounds: Path, model: str, tmp_path: Path
) -> None:
    problems: list[InputError] = []
    run = detect_archive(sounds, tmp_path / "out", model=model, options=OPTIONS, on_problem=problems.append)
    assert sorted(os.listdir(run.folder)) == ["events.csv", "failed.csv", "journal.sqlite", "run.json"]
    classifier = auscult.load(model)
    paths = [path for path in sorted(sounds.rglob("*.wav")) if path.name != "bad.wav"]
    expected = [
        event
        for path in paths
        for event in sorted(classifier.detect(str(path), OPTIONS), key=lambda one: (one.start_s, one.end_s))
    ]
    rows = rows_of(run.outputs[0])
    assert [
        (row["source"], float(row["start_s"]), float(row["end_s"]), row["label"], float(row["score"])) for row in rows
    ] == [(one.source, one.start_s, one.end_s, one.label, one.score) for one in expected]
    assert len(rows) > 100
    assert [one.source for one in problems] == [str(sounds / "site-0" / "bad.wav")]
    assert rows_of(run.failed) == [
        {
            "source": str(sounds / "site-0" / "bad.wav"),
            "kind": "unsupported",
            "problem": problems[0].problem,
            "next_step": problems[0].next_step,
        }
    ]
    about = json.loads(run.about.read_text())
    assert about["model"] == {"name": "loudest-part", "digest": classifier.digest}
    assert about["counts"] == {"recordings": 13, "done": 12, "failed": 1, "quarantined": 0, "events": len(rows)}
    assert about["sound_s"] == 12
    assert about["options"]["on"] == 0.8
    assert (run.n_failed, run.counts.events) == (1, len(rows))


def test_what_is_done_is_not_done_again_and_what_failed_is_tried(
    sounds: Path, model: str, tmp_path: Path, heard: list[str]
) -> None:
    first = detect_archive(sounds, tmp_path / "out", model=model, options=OPTIONS)
    before = written(first.folder)
    heard.clear()
    detect_archive(sounds, tmp_path / "out", model=model, options=OPTIONS)
    assert heard == ["bad.wav"]
    assert written(first.folder) == before
    # Repaired, with the size and the time that it had before.
    times = os.stat(sounds / "site-0" / "bad.wav")
    write_recording(sounds / "site-0" / "bad.wav", seed=99)
    os.utime(sounds / "site-0" / "bad.wav", ns=(times.st_atime_ns, times.st_mtime_ns))
    run = detect_archive(sounds, tmp_path / "out", model=model, options=OPTIONS)
    assert run.n_failed == 0


def test_changed_ones_are_done_again_gone_ones_leave_and_new_ones_come_in(
    sounds: Path, model: str, tmp_path: Path, heard: list[str]
) -> None:
    detect_archive(sounds, tmp_path / "out", model=model, options=OPTIONS)
    heard.clear()
    (sounds / "site-0" / "bad.wav").unlink()
    (sounds / "site-0" / "00.wav").unlink()
    write_recording(sounds / "site-0" / "02.wav", seed=50, seconds=2)
    same_size = sounds / "site-0" / "04.wav"
    write_recording(same_size, seed=51)
    os.utime(same_size, (0, 0))
    write_recording(sounds / "site-0" / "new.wav", seed=52)
    run = detect_archive(sounds, tmp_path / "out", model=model, options=OPTIONS)
    assert heard == ["02.wav", "04.wav", "new.wav"]
    afresh = detect_archive(sounds, tmp_path / "afresh", model=model, options=OPTIONS)
    assert written(run.folder) == written(afresh.folder)
    assert rows_of(run.failed) == []


def test_jobs_change_no_byte(sounds: Path, model: str, tmp_path: Path) -> None:
    for workers in (1, 3):
        detect_archive(sounds, tmp_path / str(workers), model=model, options=OPTIONS, workers=workers)
    assert written(tmp_path / "1") == written(tmp_path / "3")


def test_each_recording_is_in_it_once_however_often_it_is_named(sounds: Path, model: str, tmp_path: Path) -> None:
    path = str(sounds / "site-0" / "02.wav")
    run = detect_archive(
        [path, str(sounds / "site-0"), str(sounds / "**" / "02.wav")], tmp_path / "out", model=model, options=OPTIONS
    )
    assert run.counts.recordings == 7
    names = [row["source"] for row in rows_of(run.outputs[0])]
    assert names[0] == path
    assert len(set(names)) == 6


def test_forms_of_output_change_without_searching_again_and_leave_nothing_behind(
    sounds: Path, model: str, tmp_path: Path, heard: list[str]
) -> None:
    where = {"sources": sounds, "output": tmp_path / "out", "model": model, "options": OPTIONS}
    run = detect_archive(**where, formats=("jsonl", "raven", "audacity"), summary=True)
    audacity = {f"audacity/site-{index % 2}/{index:02}.txt" for index in range(12)}
    whole = {"events.jsonl", "events.Table.1.selections.txt", "summary.csv", "failed.csv", "run.json"}
    assert set(written(run.folder)) == audacity | whole
    assert sum(len(written(run.folder)[name].splitlines()) for name in audacity) == run.counts.events
    records = [json.loads(line) for line in written(run.folder)["events.jsonl"].splitlines()]
    assert list(records[0]) == ["source", "start_s", "end_s", "label", "score"]
    totals = {(row["source"], row["label"]): float(row["total_s"]) for row in rows_of(run.folder / "summary.csv")}
    for (source, label), total_s in totals.items():
        of_label = [one for one in records if (one["source"], one["label"]) == (source, label)]
        assert sum(one["end_s"] - one["start_s"] for one in of_label) == pytest.approx(total_s)
    before = written(run.folder)["summary.csv"]
    heard.clear()
    detect_archive(**where, formats=("csv",), each=True)
    assert heard == ["bad.wav"]
    assert set(written(run.folder)) == {
        *(name.replace("audacity", "csv").replace(".txt", ".csv") for name in audacity),
        "failed.csv",
        "run.json",
    }
    assert not (run.folder / "audacity").exists()
    heard.clear()
    detect_archive(**where, summary=True)
    assert heard == ["bad.wav"]
    assert written(run.folder)["summary.csv"] == before


def test_when_it_was_recorded_is_a_column(model: str, tmp_path: Path) -> None:
    path = write_recording(tmp_path / "sounds" / "20260501_235959.wav")
    run = detect_archive(path, tmp_path / "out", model=model, options=OPTIONS, formats=("csv", "jsonl"))
    row = rows_of(run.outputs[0])[0]
    began = datetime.fromisoformat(row["time"])
    assert (began - datetime(2026, 5, 1, 23, 59, 59)).total_seconds() == pytest.approx(float(row["start_s"]))
    assert json.loads(run.outputs[1].read_text().splitlines()[0])["time"] == row["time"]


def test_names_that_are_no_utf8(model: str, tmp_path: Path) -> None:
    path = tmp_path / "sounds" / os.fsdecode(b"caf\xe9.wav")
    write_recording(tmp_path / "sounds" / "a.wav").rename(path)
    run = detect_archive(tmp_path / "sounds", tmp_path / "out", model=model, options=OPTIONS, formats=("csv", "raven"))
    assert {row["source"] for row in rows_of(run.outputs[0])} == {f"{tmp_path}/sounds/caf\\xe9.wav"}
    assert run.n_failed == 0


def test_folders_without_sound_stand_among_what_failed(sounds: Path, model: str, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    names = [tmp_path / "nothing", sounds / "site-1", "no-such-folder/*.wav"]
    for _ in range(2):
        run = detect_archive(names, tmp_path / "out", model=model, options=OPTIONS)
        assert [(row["source"], row["kind"]) for row in rows_of(run.failed)] == [
            (str(tmp_path / "nothing"), "empty"),
            ("no-such-folder/*.wav", "missing"),
        ]
        assert run.counts.done == 6


def test_what_it_writes_among_the_recordings_is_not_searched(sounds: Path, model: str, tmp_path: Path) -> None:
    output = sounds / "out"
    detect_archive(sounds, output, model=model, options=OPTIONS)
    soundfile.write(output / "clip.wav", burst(0), 8000)
    run = detect_archive(sounds, output, model=model, options=OPTIONS)
    assert run.counts.recordings == 13


def test_other_options_or_another_model_are_refused(sounds: Path, model: str, tmp_path: Path) -> None:
    where = {"sources": sounds, "output": tmp_path / "out"}
    detect_archive(**where, model=model, options=OPTIONS)
    before = written(tmp_path / "out")
    with pytest.raises(UsageError, match=r"options.on was 0.8, is 0.6\); go on with what it was begun with, choose"):
        detect_archive(**where, model=model, options=EventOptions(on=0.6))
    with pytest.raises(UsageError, match=r"model.digest was \"[0-9a-f]{64}\", is \"[0-9a-f]{64}\""):
        detect_archive(**where, model="starter", options=OPTIONS)
    assert written(tmp_path / "out") == before
    run = detect_archive(**where, model=model, options=EventOptions(on=0.6), overwrite=True)
    assert written(run.folder) != before


def test_the_model_may_lie_elsewhere(sounds: Path, model: str, tmp_path: Path, heard: list[str]) -> None:
    detect_archive(sounds, tmp_path / "out", model=model, options=OPTIONS)
    moved = tmp_path / "moved.onnx"
    moved.write_bytes(Path(model).read_bytes())
    heard.clear()
    detect_archive(sounds, tmp_path / "out", model=str(moved), options=OPTIONS)
    assert heard == ["bad.wav"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"formats": ("mp3",)}, "The format of events must be one of table, "),
        ({"workers": 0}, "The 'workers' parameter must be a whole number from 1"),
        ({"options": EventOptions(on={"cow": 0.5})}, "names 'cow', a label that the model does not have"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_written(
    sounds: Path, model: str, tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        detect_archive(sounds, tmp_path / "out", model=model, **options)
    assert not (tmp_path / "out").exists()


def test_a_folder_with_something_else_in_it_is_refused(sounds: Path, model: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"must be a new or empty folder, .* Got one with site-0, site-1 in it"):
        detect_archive(sounds, sounds, model=model)
    assert sorted(os.listdir(sounds)) == ["site-0", "site-1"]
    with pytest.raises(OutputError, match="cannot be a folder for the events"):
        detect_archive(sounds, sounds / "site-0" / "bad.wav", model=model)


def test_a_time_of_change_beyond_all_clocks(model: str, tmp_path: Path) -> None:
    path = write_recording(tmp_path / "sounds" / "a.wav")
    os.utime(path, (0, datetime(2400, 1, 1).timestamp()))
    if path.stat().st_mtime < datetime(2300, 1, 1).timestamp():
        pytest.skip("this file system knows no such time")
    for _ in range(2):
        assert detect_archive(path, tmp_path / "out", model=model, options=OPTIONS).counts.done == 1


def test_to_begin_anew_leaves_nothing_of_the_run_before(
    sounds: Path, model: str, tmp_path: Path, heard: list[str]
) -> None:
    where = {"sources": sounds, "output": tmp_path / "out", "model": model}
    detect_archive(**where, options=OPTIONS, formats=("csv", "audacity"), each=True, summary=True)
    (tmp_path / "out" / "notes.txt").write_text("mine")
    heard.clear()
    options = EventOptions(on=0.6)
    run = detect_archive(**where, options=options, formats=("jsonl",), overwrite=True)
    assert len(heard) == 13
    assert set(written(run.folder)) == {"events.jsonl", "failed.csv", "run.json", "notes.txt"}
    fresh = detect_archive(sounds, tmp_path / "fresh", model=model, options=options, formats=("jsonl",))
    assert run.outputs[0].read_bytes() == fresh.outputs[0].read_bytes()


def _copying(folder: Path) -> Maker:
    """Makes of each recording one file, called after it, that holds its source."""

    def make(searched: Searched, name: str, events: list[Event]) -> Iterator[tuple[Path, None]]:
        path = folder / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(searched.source)
        yield path, None

    return make


def test_what_is_made_of_recordings_is_called_as_if_all_had_been_there_from_the_start(
    model: str, tmp_path: Path
) -> None:
    a, ab = write_recording(tmp_path / "a" / "x.wav"), write_recording(tmp_path / "x.wav", seed=1)
    for number, sources in enumerate(([a], [ab, a], [a], [ab, a])):
        made = {}
        # One run after the other, and each by itself.
        for where in ("out", f"fresh-{number}"):
            makers = {"copies": _copying(tmp_path / where / "copies")}
            options = {"options": OPTIONS, "overwrite": number == 3}
            detect_archive(sources, tmp_path / where, model=model, makers=makers, **options)
            made[where] = {name: text for name, text in written(tmp_path / where).items() if name.startswith("copies")}
        assert made["out"] == made[f"fresh-{number}"]
        assert len(made["out"]) == len(sources)


def test_files_of_a_recording_that_is_gone_leave_though_the_run_was_killed_just_then(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = write_recording(tmp_path / "a.wav"), write_recording(tmp_path / "b.wav")
    how: dict[str, Any] = {"model": model, "options": OPTIONS, "makers": {"copies": _copying(tmp_path / "copies")}}
    detect_archive([a, b], tmp_path / "out", **how)

    def killed(self: Path, missing_ok: bool = False) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("auscult.archive.making.Path.unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            detect_archive([b], tmp_path / "out", **how)
    detect_archive([b], tmp_path / "out", **how)
    assert [path.name for path in (tmp_path / "copies").iterdir()] == ["b.txt"]


def test_a_folder_with_hidden_files_counts_as_empty(sounds: Path, model: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".DS_Store").touch()
    assert detect_archive(sounds, tmp_path / "out", model=model, options=OPTIONS).counts.done == 12


def test_one_of_two_at_once_is_told(sounds: Path, model: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with (
        FileLock(tmp_path / "out" / ".lock"),
        pytest.raises(UsageError, match="another process works here; wait for it, stop it, or choose another folder"),
    ):
        detect_archive(sounds, tmp_path / "out", model=model)
    detect_archive(sounds, tmp_path / "out", model=model)


def test_a_journal_that_is_none_is_said_and_overwritten_only_when_asked(
    sounds: Path, model: str, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "journal.sqlite").write_bytes(b"Dear diary, " * 400)
    with pytest.raises(UsageError, match=r"is damaged, or no journal .* add --overwrite to begin anew"):
        detect_archive(sounds, tmp_path / "out", model=model)
    assert detect_archive(sounds, tmp_path / "out", model=model, overwrite=True).counts.done == 12


def test_a_journal_of_a_newer_auscult_is_refused(sounds: Path, model: str, tmp_path: Path) -> None:
    detect_archive(sounds, tmp_path / "out", model=model)
    with sqlite3.connect(tmp_path / "out" / "journal.sqlite") as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(UsageError, match="was written by a newer auscult; upgrade"):
        detect_archive(sounds, tmp_path / "out", model=model)


def test_a_full_disk_at_the_end_costs_nothing_that_is_done(
    sounds: Path, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, heard: list[str]
) -> None:
    whole = detect_archive(sounds, tmp_path / "whole", model=model, options=OPTIONS)
    heard.clear()

    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("auscult.data.writers.formats._write", full)
        with pytest.raises(OutputError, match=r"events\.csv: the disk is full, nothing was written"):
            detect_archive(sounds, tmp_path / "out", model=model, options=OPTIONS)
    assert len(heard) == 13
    run = detect_archive(sounds, tmp_path / "out", model=model, options=OPTIONS)
    assert heard[13:] == ["bad.wav"]
    assert written(run.folder) == written(whole.folder)


def test_many_events_of_a_recording_are_not_kept_in_memory(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_recording(tmp_path / "long.wav", seconds=60)
    whole = detect_archive(path, tmp_path / "whole", model=model, options=OPTIONS)
    assert whole.counts.events > 500
    monkeypatch.setattr("auscult.archive.run.EVENTS_AT_ONCE", 7)
    sizes: list[int] = []
    add = journals.Journal.add
    monkeypatch.setattr(
        journals.Journal,
        "add",
        lambda self, recording, events, *, first: (
            sizes.append(len(events)) or add(self, recording, events, first=first)
        ),
    )
    run = detect_archive(path, tmp_path / "out", model=model, options=OPTIONS)
    assert max(sizes) == 7
    assert written(run.folder) == written(whole.folder)

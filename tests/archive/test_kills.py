"""Runs that die: whatever the moment, the same command ends with the output of an undisturbed run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auscult.alone import Begun, Crashed
from auscult.archive import run as runs
from auscult.archive.journal import Journal
from auscult.archive.run import detect_archive
from auscult.archive.trial import try_alone
from auscult.archive.unit import ModelChoice
from auscult.errors import InputError

from .conftest import OPTIONS, write_recording, written
from .crashing import crashing_environment


class Death(BaseException):
    """Nothing answers it, as nothing answers a kill."""


@pytest.fixture
def whole(sounds: Path, model: str, tmp_path: Path) -> dict[str, bytes]:
    """What an undisturbed run writes."""
    return written(detect_archive(sounds, tmp_path / "whole", model=model, options=OPTIONS, summary=True).folder)


def die(at_write: int, sounds: Path, model: str, output: Path) -> bool:
    """Run until the journal is written to for the n-th time, and leave in `output` what a kill then leaves."""
    beside = output.with_name("dying")
    shutil.rmtree(beside, ignore_errors=True)
    if output.exists():
        shutil.copytree(output, beside)
    n_writes = 0
    writing = Journal._writing

    @contextmanager
    def counted(self: Journal) -> Any:
        nonlocal n_writes
        n_writes += 1
        with writing(self):
            yield
            if n_writes == at_write:
                raise Death

    def leave(self: Journal) -> None:
        # Before the connection is closed, which would tidy up.
        shutil.rmtree(output, ignore_errors=True)
        shutil.copytree(beside, output)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "_writing", counted)
        patch.setattr(Journal, "_land", leave)
        try:
            detect_archive(sounds, beside, model=model, options=OPTIONS, summary=True)
        except Death:
            return True
    return False


# 13 recordings are two writes each, those with events three; before them comes the listing, after them the outputs.
@pytest.mark.parametrize("at_write", [1, 2, 3, 5, 9, 16, 24, 35, 41])
def test_a_death_at_any_write(sounds: Path, model: str, tmp_path: Path, whole: dict[str, bytes], at_write: int) -> None:
    output = tmp_path / "out"
    assert die(at_write, sounds, model, output)
    assert detect_archive(sounds, output, model=model, options=OPTIONS, summary=True).counts.quarantined == 0
    assert written(output) == whole


@pytest.mark.parametrize("at_file", range(4))
def test_a_death_before_any_file(
    sounds: Path,
    model: str,
    tmp_path: Path,
    whole: dict[str, bytes],
    at_file: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    how: dict[str, Any] = {"model": model, "options": OPTIONS, "output": tmp_path / "out"}
    # What stands there of other forms goes, too.
    detect_archive(sounds, **how, formats=("jsonl", "audacity"))
    n_replaced = count()
    replace = os.replace

    def dying(*paths: Any) -> None:
        if next(n_replaced) == at_file:
            raise Death
        replace(*paths)

    with monkeypatch.context() as patch:
        patch.setattr("auscult.files.os.replace", dying)
        with pytest.raises(Death):
            detect_archive(sounds, **how, summary=True)
    detect_archive(sounds, **how, summary=True)
    assert written(tmp_path / "out") == whole


def test_one_death_after_the_other(sounds: Path, model: str, tmp_path: Path, whole: dict[str, bytes]) -> None:
    output = tmp_path / "out"
    # Each start does a little more than the one before, until one comes through.
    n_deaths = sum(die(at_write, sounds, model, output) for at_write in (4, 9, 14, 14))
    assert n_deaths == 4
    detect_archive(sounds, output, model=model, options=OPTIONS, summary=True)
    assert written(output) == whole


def test_a_journal_whose_end_is_torn(sounds: Path, model: str, tmp_path: Path, whole: dict[str, bytes]) -> None:
    output = tmp_path / "out"
    assert die(20, sounds, model, output)
    log = output / "journal.sqlite-wal"
    size = log.stat().st_size
    assert size > 50_000
    generator = np.random.default_rng(0)
    for cut in (0, 1, 31, size - 1, *generator.integers(32, size, 3).tolist()):
        torn = tmp_path / "torn"
        shutil.rmtree(torn, ignore_errors=True)
        shutil.copytree(output, torn)
        os.truncate(torn / log.name, cut)
        detect_archive(sounds, torn, model=model, options=OPTIONS, summary=True)
        assert written(torn) == whole


def test_what_was_not_in_flight_is_not_tried_alone(
    sounds: Path, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out"
    tried: list[str] = []

    def watching(sources: list[str], *arguments: Any, **options: Any) -> Any:
        tried.extend(os.path.basename(source) for source in sources)
        return try_alone(sources, *arguments, **options)

    monkeypatch.setattr(runs, "try_alone", watching)
    assert die(16, sounds, model, output)
    assert tried == []
    detect_archive(sounds, output, model=model, options=OPTIONS, workers=1)
    assert 1 <= len(tried) <= 2 * len(os.sched_getaffinity(0)) + 1


def test_stopping_by_hand_leaves_nobody_suspect(
    sounds: Path, model: str, tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out"
    finish = Journal.finish
    n_done = 0

    def interrupted(self: Journal, *arguments: Any) -> None:
        nonlocal n_done
        finish(self, *arguments)
        n_done += 1
        if n_done == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "finish", interrupted)
        with pytest.raises(KeyboardInterrupt):
            detect_archive(sounds, output, model=model, options=OPTIONS)
    assert not (output / ".lock").exists()
    monkeypatch.setattr(runs, "try_alone", lambda sources, *_, **__: pytest.fail(str(sources)))
    detect_archive(sounds, output, model=model, options=OPTIONS, summary=True)
    assert written(output) == whole


def test_stopping_by_hand_while_suspects_are_tried_leaves_them_suspect(
    sounds: Path, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out"
    assert die(9, sounds, model, output)

    def interrupted(sources: list[str], *arguments: Any, **options: Any) -> Any:
        yield 0, Begun()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(runs, "try_alone", interrupted)
        with pytest.raises(KeyboardInterrupt):
            detect_archive(sounds, output, model=model, options=OPTIONS, summary=True)
    tried: list[str] = []

    def watching(sources: list[str], *arguments: Any, **options: Any) -> Any:
        tried.extend(sources)
        return try_alone(sources, *arguments, **options)

    monkeypatch.setattr(runs, "try_alone", watching)
    detect_archive(sounds, output, model=model, options=OPTIONS, summary=True)
    assert str(sounds / "site-0" / "00.wav") in tried


def test_what_a_kill_left_half_written_is_removed(sounds: Path, model: str, tmp_path: Path) -> None:
    output = tmp_path / "out"
    run = detect_archive(sounds, output, model=model, options=OPTIONS)
    (output / ".lock").touch()
    (output / "csv").mkdir()
    for left in (".abc.partial.csv", "csv/.def.partial.csv"):
        (output / left).touch()
    (tmp_path / "clips" / "a").mkdir(parents=True)
    for left in ("a/.abc.partial.flac", "a/clip.flac"):
        (tmp_path / "clips" / left).touch()
    detect_archive(sounds, output, model=model, options=OPTIONS, own=[tmp_path / "clips"])
    assert set(written(run.folder)) == {"events.csv", "failed.csv", "run.json"}
    assert set(written(tmp_path / "clips")) == {"a/clip.flac"}


def start(sounds: Path, model: str, output: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "auscult",
        "detect",
        str(sounds),
        "-m",
        model,
        "--on",
        "0.8",
        "-o",
        str(output),
        "-q",
    ]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_a_recording_that_ends_the_process_is_quarantined_and_its_neighbours_are_not(
    sounds: Path, model: str, tmp_path: Path
) -> None:
    crash = write_recording(sounds / "site-1" / "crash.wav", seed=7)
    environment, output = crashing_environment(tmp_path), tmp_path / "out"
    died = start(sounds, model, output, environment)
    assert died.returncode == -signal.SIGSEGV
    assert not (output / "events.csv").exists()

    done = start(sounds, model, output, environment)
    assert (done.returncode, done.stdout) == (1, "")
    said = f"{crash}: the process that searches it ends with SIGSEGV, also when it does nothing else; convert it"
    assert said in done.stderr
    first = written(output)
    # The same without it, but for what stands there of it.
    crash.rename(tmp_path / "crash.wav")
    apart = detect_archive(sounds, tmp_path / "apart", model=model, options=OPTIONS)
    assert first["events.csv"] == written(apart.folder)["events.csv"]
    (tmp_path / "crash.wav").rename(crash)
    failed = first["failed.csv"].decode().splitlines()
    assert [line.split(",")[:2] for line in failed[1:]] == [
        [str(sounds / "site-0" / "bad.wav"), "unsupported"],
        [str(crash), "crashes"],
    ]

    # It is named by each run, and opened by none.
    again = start(sounds, model, output, environment)
    assert again.returncode == 1
    assert said in again.stderr
    assert written(output) == first
    # Until it is another file.
    write_recording(crash, seed=8, seconds=2)
    assert start(sounds, model, output, environment).returncode == -signal.SIGSEGV


def test_a_kill_quarantines_nothing(sounds: Path, model: str, tmp_path: Path) -> None:
    write_recording(sounds / "site-1" / "kill.wav", seed=7)
    environment, output = crashing_environment(tmp_path), tmp_path / "out"
    assert start(sounds, model, output, environment).returncode == -signal.SIGKILL
    done = start(sounds, model, output, environment)
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if "bad.wav" not in line] == []
    whole = detect_archive(sounds, tmp_path / "whole", model=model, options=OPTIONS)
    assert written(output) == written(whole.folder)


def test_one_that_crashes_does_not_take_those_tried_with_it_along(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in crashing_environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    names = ["a.wav", "crash.wav", "b.wav"]
    sources = [str(write_recording(tmp_path / name, seed=index)) for index, name in enumerate(names)]
    sources.append(str(tmp_path / "missing.wav"))
    last: dict[int, Any] = dict(try_alone(sources, ModelChoice(model=model), OPTIONS, workers=1))
    assert [type(last[index]).__name__ for index in range(4)] == ["Heard", "Crashed", "Heard", "InputError"]
    assert last[1] == Crashed("SIGSEGV")
    assert isinstance(last[3], InputError)
    assert last[3].kind == "missing"


def test_a_model_that_cannot_be_opened_in_the_child_makes_nobody_guilty(sounds: Path, tmp_path: Path) -> None:
    choice = ModelChoice(model=str(tmp_path / "no-such.onnx"))
    sources = [str(path) for path in sorted((sounds / "site-1").iterdir())[:2]]
    assert [(index, type(one).__name__) for index, one in try_alone(sources, choice, OPTIONS, workers=1)] == [
        (0, "Unclear"),
        (1, "Unclear"),
    ]

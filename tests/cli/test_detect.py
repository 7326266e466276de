from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import auscult as library
from auscult import scoring
from auscult.decide import EventOptions
from auscult.files import sha256_of_file
from tests.tiny_models import SAMPLE_RATE

from .conftest import Auscult

ON = ("--on", "0.8")


def write_bursts(path: Path, *, seconds: float = 2.0, seed: int = 0) -> Path:
    """Noise that is loud for 50 ms here and there: the model tells in which half of a window."""
    generator = np.random.default_rng(seed)
    loud = np.repeat(generator.choice([0.02, 1.0], round(seconds * 20)), SAMPLE_RATE // 20)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.3 * loud * generator.uniform(-1, 1, len(loud)), SAMPLE_RATE)
    return path


@pytest.fixture
def night(tmp_path: Path) -> Path:
    return write_bursts(tmp_path / "night.wav")


def test_json_is_an_object_an_event_and_says_what_python_says(auscult: Auscult, model: Path, night: Path) -> None:
    done = auscult("detect", night, "--model", model, *ON, "--json")
    assert done.code == 0
    assert list(done.records[0]) == ["source", "start_s", "end_s", "label", "score", "model"]
    assert done.records[0]["model"] == {"name": "loudest-part", "digest": sha256_of_file(model)}
    events = list(library.load(model).detect(str(night), EventOptions(on=0.8)))
    assert [{**one, "model": None} for one in done.records] == [{**one.to_dict(), "model": None} for one in events]
    assert len(events) > 5
    assert done.err == f"{len(events)} events in 1 recording, 2.0 s of sound\n"


def test_failures_are_lines_in_their_place_and_the_others_are_done(
    auscult: Auscult, model: Path, night: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "fifo.wav")
    done = auscult(
        "detect", night, tmp_path / "fifo.wav", tmp_path / "empty", night, "--model", model, *ON, "--json", "--jobs", 1
    )
    assert done.code == 1
    kinds = [one.get("error", {}).get("kind", "event") for one in done.records]
    n_events = (len(kinds) - 2) // 2
    assert kinds == ["event"] * n_events + ["not_a_file", "empty"] + ["event"] * n_events
    assert f"auscult: {tmp_path / 'fifo.wav'}: this is a FIFO, not a file; name a sound file\n" in done.err
    assert done.err.endswith("events in 2 recordings, 4.0 s of sound; 2 failed\n")


def test_text_and_csv(auscult: Auscult, model: Path, night: Path) -> None:
    text = auscult("detect", night, "--model", model, *ON).out.splitlines()
    table = auscult("detect", night, "--model", model, *ON, "--csv", "-q")
    assert table.err == ""
    header, *rows = csv.reader(io.StringIO(table.out))
    assert header == ["source", "start_s", "end_s", "label", "name", "score", "time"]
    assert text[0] == str(night)
    assert len(text) == 1 + len(rows)
    assert [line.split()[-1] for line in text[1:]] == [row[3] for row in rows]


def test_times_of_day_where_they_are_known(auscult: Auscult, model: Path, tmp_path: Path) -> None:
    path = write_bursts(tmp_path / "20260501_235959.wav")
    for record in auscult("detect", path, "--model", model, *ON, "--json").records:
        passed_s = (datetime.fromisoformat(record["time"]) - datetime(2026, 5, 1, 23, 59, 59)).total_seconds()
        assert passed_s == pytest.approx(record["start_s"])


def test_a_summary_is_a_line_a_label(auscult: Auscult, model: Path, night: Path) -> None:
    events = auscult("detect", night, "--model", model, *ON, "--json").records
    found = {
        one["label"]: one for one in auscult("detect", night, "--model", model, *ON, "--json", "--summary").records
    }
    for label in ("early", "late"):
        of_label = [one for one in events if one["label"] == label]
        assert (found[label]["any"], found[label]["count"]) == (True, len(of_label))
        assert found[label]["max"] == max(one["score"] for one in of_label)
        assert found[label]["first_s"] == of_label[0]["start_s"]
        assert 0 < found[label]["mean"] < found[label]["max"]
    done = auscult("detect", night, "--model", model, *ON, "--csv", "--summary")
    header, *rows = csv.reader(done.out.splitlines())
    assert header == ["source", "label", "name", "any", "mean", "max", "count", "total_s", "first_s"]
    assert [row[:4] for row in rows] == [[str(night), label, label, "true"] for label in found]
    assert [float(row[4]) for row in rows] == [one["mean"] for one in found.values()]
    done = auscult("detect", night, "--model", model, *ON, "--summary")
    first, *lines = done.out.splitlines()
    assert first == str(night)
    assert [line.split()[0] for line in lines] == list(found)


def test_a_label_that_is_asked_for_has_a_line_though_it_is_not_heard(
    auscult: Auscult, model: Path, tmp_path: Path
) -> None:
    silence = tmp_path / "silence.wav"
    soundfile.write(silence, np.zeros(3 * SAMPLE_RATE), SAMPLE_RATE)
    command = ("detect", silence, "--model", model, "--on", "0.99", "--allow", "late", "--summary")
    (line,) = auscult(*command, "--json").records
    assert (line["any"], line["count"], line["total_s"], line["first_s"]) == (False, 0, 0.0, None)
    assert 0 < line["mean"] <= line["max"] < 0.99
    auscult(*command, "-o", tmp_path / "out", "-q")
    (row,) = csv.DictReader((tmp_path / "out" / "summary.csv").read_text("utf-8").splitlines())
    assert (row["any"], row["first_s"], float(row["mean"])) == ("false", "", line["mean"])


def test_thresholds_of_single_labels(auscult: Auscult, model: Path, night: Path) -> None:
    def labels(*options: str) -> set[str]:
        return {one["label"] for one in auscult("detect", night, "--model", model, "--json", *options).records}

    assert labels("--on", "0.8") == {"early", "late"}
    assert labels("--on", "0.8", "--on", "early=1") == {"late"}
    assert labels("--on", "1", "--on", "early=0.7", "--off", "early=0.2") == {"early"}
    assert labels("--allow", "early") == {"early"}


def test_options_are_those_of_python(auscult: Auscult, model: Path, night: Path) -> None:
    done = auscult(
        *("detect", night, "--model", model, "--json", "--on", "0.7", "--off", "0.3", "--smooth", "0.1"),
        *("--min", "0.1", "--gap", "0.05", "--pad", "0.02", "--top-k", "1", "--max-per-minute", "3"),
    )
    options = EventOptions(
        on=0.7, off=0.3, smooth_s=0.1, min_s=0.1, max_gap_s=0.05, pad_s=0.02, top_k=1, max_per_minute=3
    )
    expected = [one.to_dict() for one in library.load(model).detect(str(night), options)]
    assert [{key: one[key] for key in expected[0]} for one in done.records] == expected


def test_events_come_while_a_long_recording_is_still_read(
    auscult: Auscult, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_bursts(tmp_path / "long.wav", seconds=900)
    happened: list[str] = []
    iter_waveform, emit = scoring.iter_waveform, "auscult.cli.output.emit"

    def reading(*arguments: Any, **options: Any) -> Any:
        for block in iter_waveform(*arguments, **options):
            happened.append("read")
            yield block
        happened.append("read to the end")

    monkeypatch.setattr(scoring, "iter_waveform", reading)
    monkeypatch.setattr(emit, lambda text: happened.append("event"))
    assert auscult("detect", path, "--model", model, *ON, "--json", "--jobs", 1, "-q").code == 0
    assert happened.index("event") < happened.index("read to the end") / 4


def test_a_reader_that_goes_ends_it_quietly(model: Path, tmp_path: Path) -> None:
    path = write_bursts(tmp_path / "long.wav", seconds=600)
    command = [sys.executable, "-m", "auscult", "detect", str(path), "-m", str(model), *ON, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert json.loads(running.stdout.readline())["start_s"] >= 0
        running.stdout.close()
        assert running.stderr is not None
        assert running.stderr.read() == ""
        assert running.wait(60) == 0


def test_into_files(auscult: Auscult, model: Path, tmp_path: Path) -> None:
    folder, output = tmp_path / "sounds", tmp_path / "out"
    for index in range(4):
        write_bursts(folder / f"{index}.WAV", seed=index)
    (folder / "bad.wav").write_text("Dear diary")
    command = ("detect", folder, "--model", model, *ON, "-o", output)
    done = auscult(*command, "--format", "csv", "--format", "raven", "--summary", "--json")
    assert done.code == 1
    about = json.loads(done.out)
    assert about == json.loads((output / "run.json").read_text())
    assert about["counts"]["done"] == 4
    assert f"auscult: {folder / 'bad.wav'}: " in done.err
    assert done.err.endswith(
        f"events in 4 recordings, 8.0 s of sound; 1 failed\nevents  {output / 'events.csv'}\n"
        f"events  {output / 'events.Table.1.selections.txt'}\nsummary {output / 'summary.csv'}\n"
        f"failed  {output / 'failed.csv'}\n"
    )
    before = (output / "events.csv").read_bytes()
    # Printed, it is the same, but for the order of events that overlap.
    printed = auscult("detect", folder, "--model", model, *ON, "--csv", "-q").out.encode()
    assert sorted(printed.splitlines()) == sorted(before.splitlines())
    (folder / "bad.wav").unlink()
    done = auscult(*command, "-q")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert (output / "events.csv").read_bytes() == before
    done = auscult(*command, "--on", "early=0.5", "-q")
    assert done.code == 2
    assert 'options.on was 0.8, is {"early": 0.5, "late": 0.8}' in done.err
    assert auscult(*command, "--on", "early=0.5", "-q", "--overwrite").code == 0


def test_clips_and_pictures(auscult: Auscult, model: Path, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        write_bursts(folder / "x.wav", seed=ord(folder.name))
    clips, plots = tmp_path / "clips", tmp_path / "plots"
    command = ("detect", *folders, "--model", model, *ON, "-q", "--clips", clips)
    command = (*command, "--plot", plots, "-o", tmp_path / "out")
    assert auscult(*command).code == 0
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "events.csv").read_text())))
    files = sorted(path for path in clips.rglob("*") if path.is_file())
    assert len(files) == len(rows)
    assert {path.parent.name for path in files} == {"a", "b", "c"}
    lengths = sorted(soundfile.info(path).duration for path in files)
    assert lengths == pytest.approx(sorted(float(row["end_s"]) - float(row["start_s"]) for row in rows))
    assert {path.relative_to(plots).as_posix() for path in plots.rglob("*.png")} == {"a/x.png", "b/x.png", "c/x.png"}
    # What is there is not made again; what is gone leaves with its clips.
    times = {path: path.stat().st_mtime_ns for path in files}
    shutil.rmtree(tmp_path / "b")
    (tmp_path / "b").mkdir()
    assert auscult(*command).code == 1
    left = {path: path.stat().st_mtime_ns for path in clips.rglob("*") if path.is_file()}
    assert left == {path: at for path, at in times.items() if path.parent.name != "b"}
    assert {path.parent.name for path in plots.rglob("*.png")} == {"a", "c"}
    # So does what fails now.
    for name in "ac":
        (tmp_path / name / "x.wav").write_text("Dear diary")
    assert auscult(*command).code == 1
    assert [path for folder in (clips, plots) for path in folder.rglob("*") if path.is_file()] == []


def test_pictures_go_where_they_are_wanted(
    auscult: Auscult, model: Path, night: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for where, picture in (
        (["-o", "out", "--plot"], "out/plots/night.png"),
        (["-o", "out", "--plot", "drawn"], "drawn/night.png"),
    ):
        assert auscult("detect", night, "--model", model, *ON, "-q", *where).code == 0
        assert (tmp_path / picture).exists()
    assert auscult("detect", "--model", model, "-q", "--plot", "others", "night.wav").code == 0
    assert (tmp_path / "others" / "night.png").exists()


def test_clips_among_the_recordings_are_not_searched(auscult: Auscult, model: Path, night: Path) -> None:
    for options in ([], ["-o", night.parent / "out"]):
        for _ in range(2):
            done = auscult("detect", night.parent, "--model", model, *ON, "--clips", night.parent / "clips", *options)
            assert done.code == 0
            assert "in 1 recording, " in done.err


def test_where_clips_and_pictures_are_is_said(auscult: Auscult, model: Path, night: Path, tmp_path: Path) -> None:
    out, clips = tmp_path / "out", tmp_path / "clips"
    done = auscult("detect", night, "--model", model, *ON, "-o", out, "--clips", clips, "--plot")
    assert done.err.endswith(f"clips in {clips}\npictures in {out / 'plots'}\n")


def test_clips_without_an_output_folder(auscult: Auscult, model: Path, night: Path, tmp_path: Path) -> None:
    done = auscult("detect", night, "--model", model, *ON, "--clips", tmp_path / "clips", "--json")
    assert len([path for path in (tmp_path / "clips").rglob("*") if path.is_file()]) == len(done.records)


def test_a_picture_knows_when_it_was_recorded_also_where_nothing_was_heard(
    auscult: Auscult, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[datetime | None] = []
    monkeypatch.setattr("auscult.picturing.draw_day", lambda *_, started_at, **__: drawn.append(started_at))
    path = write_bursts(tmp_path / "20260501_200000.wav")
    done = auscult("detect", path, "--model", model, "--on", "1", "--plot", tmp_path / "plots", "--json")
    assert (done.records, drawn) == ([], [datetime(2026, 5, 1, 20)])


def test_lists_of_names_with_line_ends(auscult: Auscult, model: Path, night: Path, tmp_path: Path) -> None:
    names = [night, night.rename(tmp_path / "a\nb.wav")]
    write_bursts(night, seed=1)
    (tmp_path / "list").write_bytes(b"".join(os.fsencode(name) + b"\0" for name in names))
    done = auscult("detect", "--files-from", tmp_path / "list", "--model", model, *ON, "--json")
    assert list(dict.fromkeys(record["source"] for record in done.records)) == [str(name) for name in names]


def test_a_list_in_utf_16_is_told(auscult: Auscult, model: Path, night: Path, tmp_path: Path) -> None:
    (tmp_path / "list").write_text(f"{night}\n", encoding="utf-16")
    done = auscult("detect", "--files-from", tmp_path / "list", "--model", model)
    assert (done.code, done.out) == (2, "")
    assert "is UTF-16 text; save it as UTF-8" in done.err


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_says_how_to_go_on(model: Path, tmp_path: Path) -> None:
    # Ten thousand times the same recording under other names: enough for several seconds.
    path = write_bursts(tmp_path / "sounds" / "0.wav")
    for index in range(1, 10_000):
        os.link(path, path.with_name(f"{index}.wav"))
    output = tmp_path / "out"
    command = [sys.executable, "-m", "auscult", "detect", str(path.parent), "-m", str(model), "-o", str(output)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        assert running.stderr.readline().startswith("Detecting: ")
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (130, "")
    assert err.endswith("To go on from here, run the same command again.\nauscult: interrupted\n")
    assert "Traceback" not in err
    assert sorted(os.listdir(output)) == ["journal.sqlite"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "No sound was named"),
        (["a.wav", "--json", "--csv"], "--json and --csv exclude each other"),
        (["a.wav", "--csv", "-o", "out"], "give --format csv instead of --csv"),
        (["a.wav", "--format", "csv"], "--format belongs to --output; give a folder with -o"),
        (["a.wav", "--each"], "--each belongs to --output"),
        (["a.wav", "--overwrite"], "--overwrite belongs to --output"),
        (["a.wav", "--format", "mp3", "-o", "out"], "The format of events must be one of table"),
        (["a.wav", "--on", "loud"], "--on loud: must be a score from 0 to 1, or a label and its score"),
        (["a.wav", "--on", "1.5"], "'on'"),
        (["a.wav", "--on", "cow=0.5"], "names 'cow', a label that the model does not have"),
        (["a.wav", "--gap", "-1"], "'max_gap_s'"),
        (["a.wav", "--since", "yesterday"], "--since yesterday: must be a date"),
        (["a.wav", "--jobs", "0"], "--jobs must be at least 1"),
    ],
)
def test_wrong_use(
    auscult: Auscult, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = auscult("detect", *arguments, "--model", model)
    assert (done.code, done.out) == (2, "")
    (message,) = done.err.splitlines()
    assert said in message
    assert os.listdir(tmp_path) == []


def test_a_disk_that_fills_up_on_the_way(auscult: Auscult, model: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can be mounted only by root, on Linux")
    try:
        for index in range(30):
            write_bursts(tmp_path / "sounds" / f"{index:02}.wav", seed=index, seconds=10)
        command = ("detect", tmp_path / "sounds", "--model", model, *ON, "-q", "-o")
        assert auscult(*command, tmp_path / "whole").code == 0
        done = auscult(*command, disk / "out")
        assert (done.code, done.out) == (1, "")
        assert "the disk is full" in done.err
        assert "Traceback" not in done.err
        subprocess.run([*mount[:4], "size=20m,remount", *mount[5:]], check=True)
        assert auscult(*command, disk / "out").code == 0
        for name in ("events.csv", "failed.csv", "run.json"):
            assert (disk / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_folder_for_pictures_that_cannot_be_made_is_named(
    auscult: Auscult, model: Path, night: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    done = auscult("detect", night, "--model", model, *ON, "-q", "--plot", tmp_path / "file")
    assert done.code == 1
    assert "night.png: cannot be written" in done.err

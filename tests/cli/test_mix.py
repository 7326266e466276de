"""`auscult mix`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.cli.app import run

RATE = 8000


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    for label, hz in (("beep", 800), ("hum", 100)):
        folder = tmp_path / "sounds" / label
        folder.mkdir(parents=True)
        for number in (1, 2):
            tone = 0.25 * np.sin(2 * np.pi * hz * np.arange(number * RATE // 2) / RATE)
            soundfile.write(folder / f"{number}.wav", tone, RATE)
    return tmp_path / "sounds"


def words(sounds: Path, *more: str) -> list[str]:
    return ["mix", str(sounds), "-o", str(sounds.parent / "out"), "--duration", "6", "--sample-rate", "8000", *more]


def test_scenes_and_their_truth(sounds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words(sounds, "-n", "2", "--events", "2", "3", "--snr", "-5", "10", "--seed", "3")) == 0
    out = sounds.parent / "out"
    assert sorted(path.name for path in out.iterdir()) == [
        "scene-0001.wav",
        "scene-0002.wav",
        "scenes.json",
        "truth.csv",
    ]
    assert soundfile.info(out / "scene-0001.wav").duration == 6.0
    printed = capsys.readouterr()
    n_events = len((out / "truth.csv").read_text().splitlines()) - 1
    assert printed.out == ""
    assert f"2 scenes with {n_events} events in {out}" in printed.err
    described = json.loads((out / "scenes.json").read_text())
    assert described["options"]["snr_db"] == [-5.0, 10.0]
    # Made again, they are the same bytes.
    assert run(["mix", "-o", str(sounds.parent / "again"), "--plan", str(out / "scenes.json"), "--quiet"]) == 0
    for name in ("scene-0001.wav", "scene-0002.wav", "truth.csv"):
        assert (sounds.parent / "again" / name).read_bytes() == (out / name).read_bytes()
    assert capsys.readouterr().err == ""


def test_a_table_instead_of_drawing(sounds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = sounds / "plan.csv"
    table.write_text("clip,start_s,snr_db\nbeep/1.wav,1.0,10\nhum/2.wav,3.0,0\n")
    arguments = words(sounds, "--plan", str(table), "--truth", "audacity", "--sound", "flac", "--json", "--quiet")
    del arguments[1]
    assert run(arguments) == 0
    out = sounds.parent / "out"
    assert (out / "scene-0001.txt").read_text() == "1.000000\t1.500000\tbeep\n3.000000\t4.000000\thum\n"
    assert soundfile.info(out / "scene-0001.flac").subtype == "PCM_24"
    (line,) = capsys.readouterr().out.splitlines()
    assert [one["label"] for one in json.loads(line)["placements"]] == ["beep", "hum"]


def test_a_folder_of_backgrounds(sounds: Path) -> None:
    assert run(words(sounds, "--background", str(sounds / "hum"), "--only-labels", "beep", "--quiet")) == 0
    described = json.loads((sounds.parent / "out" / "scenes.json").read_text())
    (scene,) = described["scenes"]
    assert sorted(Path(path).name for path in scene["background"]) == ["1.wav", "2.wav"]
    assert {one["label"] for one in scene["placements"]} == {"beep"}


def test_a_clip_that_cannot_be_used_is_named_and_left_out(sounds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soundfile.write(sounds / "hum" / "silent.wav", np.zeros(RATE), RATE)
    (sounds / "hum" / "broken.wav").write_bytes(b"no sound")
    assert run(words(sounds, "-n", "3", "--quiet")) == 1
    err = capsys.readouterr().err
    assert "silent.wav: this clip is all silence; leave it out" in err
    assert "broken.wav" in err
    assert (sounds.parent / "out" / "scenes.json").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["-n", "0"], "--number must be at least 1. Got 0"),
        (["--plan", "plan.csv"], "Name the clips, or a table of them with --plan"),
        (["--truth", "midi"], "format of events must be one of"),
        (["--background", "nowhere.wav"], "nowhere.wav"),
        (["--gap", "-1"], "'gap_s' parameter of a scene must be 0 or more"),
    ],
)
def test_wrong_usage(sounds: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str) -> None:
    assert run(words(sounds, *more)) in (1, 2)
    assert message in capsys.readouterr().err


def test_a_folder_without_backgrounds_is_named(sounds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (sounds.parent / "noises").mkdir()
    assert run(words(sounds, "--background", str(sounds.parent / "noises"))) == 2
    assert f"--background {sounds.parent / 'noises'}: there is no sound in this folder" in capsys.readouterr().err

"""Bad files and bad folders, end to end: the message names what, why and what to do; the good ones are done."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.tiny_models import SAMPLE_RATE

from .conftest import Auscult, tone, write_tones

TRAIN_OPTIONS = ("--backbone", "scratch", "--size", "tiny", "--epochs", "1", "--quiet")


def good(path: Path) -> None:
    soundfile.write(path, tone("high", 0), SAMPLE_RATE)


def missing(path: Path) -> None:
    pass


def empty(path: Path) -> None:
    path.touch()


def truncated(path: Path) -> None:
    good(path)
    path.write_bytes(path.read_bytes()[:3000])


def header_only(path: Path) -> None:
    good(path)
    path.write_bytes(path.read_bytes()[:44])


def not_audio(path: Path) -> None:
    path.write_text("Dear diary, today I heard an owl.\n" * 20)


def zero_length(path: Path) -> None:
    soundfile.write(path, np.zeros(0), SAMPLE_RATE)


def with_nan(path: Path) -> None:
    samples = tone("high", 0)
    samples[100] = np.nan
    soundfile.write(path, samples, SAMPLE_RATE, subtype="FLOAT")


def fifo(path: Path) -> None:
    os.mkfifo(path)


def terabytes(path: Path) -> None:
    """RF64, whose header counts bytes in 64 bits: five tebibytes of sound, says this one."""
    good(path)
    wav = path.read_bytes()
    n_bytes = 5 * 2**40
    sizes = struct.pack("<QQQI", n_bytes + 72, n_bytes, n_bytes // 2, 0)
    path.write_bytes(
        b"RF64\xff\xff\xff\xffWAVEds64"
        + struct.pack("<I", len(sizes))
        + sizes
        + wav[12:36]
        + b"data\xff\xff\xff\xff"
        + wav[44:]
    )


# What it is -> kind, and words of the message.
BAD: dict[Callable[[Path], None], tuple[str, str]] = {
    missing: ("missing", "there is no such file; check the spelling of the path"),
    empty: ("empty", "the file holds no bytes; record or copy it again"),
    truncated: ("damaged", "the file is cut off: it holds 3000 bytes, and its header promises 1844 more; copy"),
    header_only: ("damaged", "the file is cut off"),
    not_audio: ("unsupported", "this is not a sound in a format that can be read"),
    zero_length: ("empty", "it has a header and no samples; record or copy it again"),
    with_nan: ("not_finite", "NaN or infinity is among its samples; repair"),
    fifo: ("not_a_file", "this is a FIFO, not a file; name a sound file"),
    Path.mkdir: ("not_a_file", "this is a folder, not a file; name a sound file"),
    terabytes: ("damaged", "its header promises 5497558"),
}
each_bad = pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)


@each_bad
def test_classify(auscult: Auscult, model: Path, clip: Path, tmp_path: Path, make: Callable[[Path], None]) -> None:
    kind, said = BAD[make]
    path = tmp_path / "bad.wav"
    make(path)
    done = auscult("classify", clip, path, clip, "--model", model, "--json")
    assert done.code == 1
    first, second, third = done.records
    assert first == third
    assert "predictions" in first
    assert (second["source"], second["error"]["kind"]) == (str(path), kind)
    assert said in second["error"]["message"]
    assert f"auscult: {path}: {second['error']['message']}\n" in done.err


@each_bad
def test_spectrogram(auscult: Auscult, clip: Path, tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "bad.wav"
    make(path)
    done = auscult("spectrogram", path, clip, "-o", tmp_path / "out", "-q")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"auscult: {path}: ")
    assert BAD[make][1] in done.err
    assert [picture.name for picture in (tmp_path / "out").iterdir()] == ["good.png"]


def test_silence_is_a_sound(auscult: Auscult, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "silent.wav"
    soundfile.write(path, np.zeros(2400), SAMPLE_RATE)
    done = auscult("classify", path, "--model", model, "--json")
    assert (done.code, done.err) == (0, "")
    assert [one["score"] for one in done.records[0]["predictions"]] == [0.5, 0.5]
    assert auscult("spectrogram", path, "-o", tmp_path / "out").code == 0


def test_training_names_every_bad_file_and_goes_on(auscult: Auscult, tmp_path: Path) -> None:
    # Given parts: a part drawn by chance could be of bad files alone.
    folder = tmp_path / "sounds"
    write_tones(folder / "train")
    write_tones(folder / "test", clips=2, seed=1)
    # A folder named like a sound holds no clips; it is not a file that was meant to be one.
    bad = [make for make in BAD if make not in (missing, Path.mkdir)]
    for index, make in enumerate(bad):
        make(folder / ("train", "test")[index % 2] / "low" / f"{make.__name__}.wav")
    done = auscult("train", folder, "-o", tmp_path / "run", *TRAIN_OPTIONS, "--json")
    assert done.code == 1
    (metrics,) = done.records
    assert metrics["accuracy"]["n"] == 4
    for make in bad:
        named = [line for line in done.err.splitlines() if f"{make.__name__}.wav: " in line]
        assert len(named) == 1
        assert BAD[make][1] in named[0]
    assert len(done.err.splitlines()) == len(bad)
    assert (tmp_path / "run" / "report.html").exists()
    assert "inputs could not be used" in (tmp_path / "run" / "report.html").read_text()


def no_audio(folder: Path) -> None:
    (folder / "low").mkdir(parents=True)
    (folder / "low" / "notes.txt").touch()


def one_class(folder: Path) -> None:
    write_tones(folder)
    shutil.rmtree(folder / "low")


def classes_by_case(folder: Path) -> None:
    write_tones(folder, clips=2)
    shutil.copytree(folder / "low", folder / "Low")


def all_bad(folder: Path) -> None:
    for label in ("high", "low"):
        (folder / label).mkdir(parents=True)
        not_audio(folder / label / "1.wav")


def absent(folder: Path) -> None:
    pass


def class_of_one(folder: Path) -> None:
    write_tones(folder)
    for path in sorted((folder / "low").iterdir())[1:]:
        path.unlink()


@pytest.mark.parametrize(
    ("make", "code", "said"),
    [
        (no_audio, 2, ["no audio was found in this folder or below; put the recordings"]),
        (one_class, 2, ["at least two classes are needed. Got one, 'high'; add recordings"]),
        (classes_by_case, 2, ["Two classes differ by case only: 'Low' and 'low'", "rename one"]),
        (all_bad, 2, ["none of the 2 sounds listed there can be used", "1.wav: this is not a sound"]),
        (absent, 2, ["no such"]),
        (class_of_one, 2, ["'low'"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_folders_that_cannot_be_learned_from(
    auscult: Auscult, tmp_path: Path, make: Callable[[Path], None], code: int, said: list[str]
) -> None:
    make(tmp_path / "sounds")
    done = auscult("train", tmp_path / "sounds", "-o", tmp_path / "run", *TRAIN_OPTIONS)
    assert (done.code, done.out) == (code, "")
    (message,) = done.err.splitlines()
    for words in said:
        assert words in message
    assert not (tmp_path / "run").exists()

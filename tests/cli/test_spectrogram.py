from __future__ import annotations

import struct
from pathlib import Path

import pytest
import soundfile

from auscult.features import preset

from .conftest import Auscult, tone


def png_size(path: Path) -> tuple[int, int]:
    """(width, height) from the header."""
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", content[16:24])


@pytest.mark.parametrize("seconds", [0.3, 12.3])
@pytest.mark.parametrize("features", ["clearml", "yamnet"])
def test_a_pixel_a_frame_and_band_of_the_whole_sound(
    auscult: Auscult, tmp_path: Path, seconds: float, features: str
) -> None:
    path = tmp_path / "sound.wav"
    soundfile.write(path, tone("high", 0, seconds=seconds), 8000)
    done = auscult("spectrogram", path, "-o", tmp_path / "pictures", "--features", features)
    assert (done.code, done.out) == (0, "")
    spec = preset(features)
    n_samples = round(seconds * spec.sample_rate)
    width, height = png_size(tmp_path / "pictures" / "sound.png")
    assert (width, height) == (spec.n_frames(n_samples), spec.n_mels)


def test_axes_make_a_picture_for_people(auscult: Auscult, clip: Path, tmp_path: Path) -> None:
    auscult("spectrogram", clip, "-o", tmp_path / "plain", "-q")
    done = auscult("spectrogram", clip, "-o", tmp_path / "axes", "--axes", "-q")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert min(png_size(tmp_path / "axes" / "good.png")) > 200
    assert max(png_size(tmp_path / "plain" / "good.png")) <= 200


def test_our_own_features_follow_the_rate_of_the_sound(auscult: Auscult, clip: Path, tmp_path: Path) -> None:
    assert auscult("spectrogram", clip, "-o", tmp_path / "out", "--features", "auscult").code == 0
    spec = preset("auscult", sample_rate=8000)
    assert png_size(tmp_path / "out" / "good.png") == (spec.n_frames(2400), spec.n_mels)


def test_a_folder_of_sounds_keeps_its_tree(auscult: Auscult, new_sounds: Path, tmp_path: Path) -> None:
    done = auscult("spectrogram", new_sounds, "-o", tmp_path)
    assert done.code == 0
    pictures = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png"))
    assert pictures == [f"{label}/{index}.png" for label in ("high", "low") for index in range(3)]
    assert done.err.endswith(f"6 of 6 pictures in {tmp_path}\n")


def test_names_that_would_meet_stay_apart(auscult: Auscult, tmp_path: Path) -> None:
    folder = tmp_path / "sounds"
    folder.mkdir()
    for name in ("dog.wav", "dog.flac"):
        soundfile.write(folder / name, tone("high", 0), 8000)
    assert auscult("spectrogram", folder, folder / "dog.wav", "-o", tmp_path / "out").code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"dog.wav.png", "dog.flac.png"}


def test_a_bad_file_is_named_and_the_others_are_drawn(auscult: Auscult, clip: Path, tmp_path: Path) -> None:
    bad, empty = tmp_path / "bad.wav", tmp_path / "nothing"
    bad.write_text("no sound")
    empty.mkdir()
    done = auscult("spectrogram", bad, clip, empty, "-o", tmp_path / "out", "-q")
    assert (done.code, done.out) == (1, "")
    assert [line.split(": ")[1] for line in done.err.splitlines()] == [str(empty), str(bad)]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.png"]


def test_a_picture_that_cannot_have_its_name_does_not_stop_the_others(auscult: Auscult, tmp_path: Path) -> None:
    folder = tmp_path / "sounds"
    folder.mkdir()
    long = "x" * 251
    # Two sounds of one name: the pictures are called after their endings too.
    for name in (f"{long}.wav", f"{long}.au", "dog.wav"):
        soundfile.write(folder / name, tone("high", 0), 8000)
    done = auscult("spectrogram", folder, "-o", tmp_path / "out")
    assert (done.code, done.out) == (1, "")
    assert f"{long}.wav.png: no file can be called that there (File name too long); choose another name" in done.err
    assert done.err.endswith(f"1 of 3 pictures in {tmp_path / 'out'}\n")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["dog.wav.png"]


def test_a_long_name_is_kept(auscult: Auscult, tmp_path: Path) -> None:
    soundfile.write(tmp_path / f"{'x' * 251}.wav", tone("high", 0), 8000)
    done = auscult("spectrogram", tmp_path / f"{'x' * 251}.wav", "-o", tmp_path / "out", "-q")
    assert (done.code, done.err) == (0, "")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [f"{'x' * 251}.png"]


def test_only_bad_folders_draw_nothing(auscult: Auscult, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    done = auscult("spectrogram", tmp_path / "nothing", "-o", tmp_path / "out")
    assert (done.code, done.out) == (1, "")
    assert not (tmp_path / "out").exists()


def test_unknown_features_name_the_known_ones(auscult: Auscult, clip: Path, tmp_path: Path) -> None:
    done = auscult("spectrogram", clip, "-o", tmp_path / "out", "--features", "mfcc")
    assert (done.code, done.out) == (2, "")
    assert 'Invalid value "mfcc" for --features. Choose from: "auscult", "clearml", "yamnet".' in done.err

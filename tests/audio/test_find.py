from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from auscult.audio import AUDIO_SUFFIXES, find_audio_files
from auscult.errors import InputError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_finds_sounds_in_any_depth_and_case_sorted(tmp_path: Path) -> None:
    nfc, nfd = (unicodedata.normalize(form, "été.flac") for form in ("NFC", "NFD"))
    wanted = ["b/c/d/deep.ogg", "A.WAV", "a b.Mp3", "b/z.m4a", nfc, f"b/{nfd}", "鳥/鳴.webm", "two.dots.wav"]
    touch(tmp_path, *wanted)
    touch(tmp_path, "notes.txt", "wav", ".hidden.wav", "._a b.Mp3", ".git/x.wav", "b/._z.m4a", "c.wav.bak")
    found = find_audio_files(tmp_path)
    assert sorted(wanted) == sorted(path.relative_to(tmp_path).as_posix() for path in found)
    assert found == sorted(found)
    assert find_audio_files(str(tmp_path)) == found


def test_a_folder_called_wav_is_a_folder(tmp_path: Path) -> None:
    touch(tmp_path, "set.wav/inside.wav")
    assert find_audio_files(tmp_path) == [tmp_path / "set.wav" / "inside.wav"]


def test_what_only_looks_like_a_sound_is_listed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.wav")
    (tmp_path / "broken.wav").symlink_to(tmp_path / "nowhere")
    (tmp_path / "circle.wav").symlink_to(tmp_path / "circle.wav")
    assert [path.name for path in find_audio_files(tmp_path)] == ["broken.wav", "circle.wav", "fifo.wav"]


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    touch(tmp_path, "real/dog/a.wav", "elsewhere/b.wav")
    (tmp_path / "real" / "cat").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "real" / "dog" / "up").symlink_to(tmp_path / "real")
    names = [path.relative_to(tmp_path / "real").as_posix() for path in find_audio_files(tmp_path / "real")]
    assert names == ["cat/b.wav", "dog/a.wav"]


def test_an_empty_folder_has_none(tmp_path: Path) -> None:
    assert find_audio_files(tmp_path) == []


def test_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no: there is no such folder") as error:
        find_audio_files(tmp_path / "no")
    assert error.value.kind == "missing"
    touch(tmp_path, "a.wav")
    with pytest.raises(InputError, match="this is no folder") as error:
        find_audio_files(tmp_path / "a.wav")
    assert error.value.kind == "invalid"

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("auscult.audio.find.os.scandir", refuse)  # root may read everything
    with pytest.raises(InputError, match="may not be read") as error:
        find_audio_files(tmp_path)
    assert error.value.kind == "no_permission"


def test_endings_are_lower_case_with_their_dot() -> None:
    assert {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".caf", ".au", ".m4a", ".webm"} <= AUDIO_SUFFIXES
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in AUDIO_SUFFIXES)

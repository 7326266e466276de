from __future__ import annotations

import io
import os
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auscult.audio import decode, probe, source_name
from auscult.audio.sources import open_source
from auscult.errors import InputError
from auscult.records import Sound, Waveform


def test_names() -> None:
    assert source_name("dog.wav") == "dog.wav"
    assert source_name(Path("a/dog.wav")) == "a/dog.wav"
    assert source_name("https://example.org/dog.wav") == "https://example.org/dog.wav"
    assert source_name(b"RIFF") == "<bytes>"
    assert source_name(io.BytesIO()) == "<file>"
    assert source_name(Sound(np.zeros((1, 1), np.float32), 1)) == "<sound>"
    assert source_name(Waveform(np.zeros(1, np.float32), 1)) == "<waveform>"
    assert source_name({"sampling_rate": 1, "array": [0.0]}) == "<array>"


def test_an_open_file_is_named_by_its_path(wav: Path) -> None:
    with open(wav, "rb") as file:
        assert source_name(file) == str(wav)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("name", ["Ein Käuzchen.wav", "鳥 の 声.WAV", "  two  spaces .wav", "кот\n.wav", "🐕.wav"])
def test_any_unicode_in_names(wav: Path, form: Any, name: str) -> None:
    path = wav.parent / "a folder" / "été" / unicodedata.normalize(form, name)
    path.parent.mkdir(parents=True)
    path.write_bytes(wav.read_bytes())
    assert probe(path).n_frames == probe(str(path)).n_frames == 8000


def test_a_name_that_is_not_utf8(wav: Path) -> None:
    path = os.fsdecode(os.fsencode(wav.parent) + b"/caf\xe9.wav")
    try:
        os.link(wav, path)
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    assert probe(path).n_frames == 8000
    with pytest.raises(InputError) as error:
        probe(path + "x")
    str(error.value).encode("utf-8")


def test_an_open_file_is_read_from_where_it_stands_and_left_open(wav: Path) -> None:
    content = wav.read_bytes()
    file = io.BytesIO(b"something before" + content)
    file.seek(16)
    assert np.array_equal(decode(file).samples, decode(wav).samples)
    assert not file.closed
    with open(wav, "rb") as file_on_disk:
        assert probe(file_on_disk).n_frames == 8000
        assert not file_on_disk.closed


def test_a_stream_that_cannot_seek(wav: Path) -> None:
    reading, writing = os.pipe()
    with open(writing, "wb") as end:
        end.write(wav.read_bytes()[:44] + bytes(32000))
    with open(reading, "rb") as stream:
        assert decode(stream).samples.shape == (2, 8000)


def test_file_objects_that_cannot_be_read(wav: Path) -> None:
    text = wav.parent / "notes.txt"
    text.write_text("notes")
    with open(text) as file, pytest.raises(InputError, match='open for text, not for bytes; open it with mode "rb"'):
        decode(file)  # type: ignore[arg-type]
    with open(wav) as file, pytest.raises(InputError, match="open for text"):
        decode(file)  # type: ignore[arg-type]
    closed = io.BytesIO(b"RIFF")
    closed.close()
    with pytest.raises(InputError, match="the file object is closed"):
        decode(closed)
    with open(wav, "ab") as file, pytest.raises(InputError, match="not open for reading"):
        decode(file)


@pytest.mark.parametrize("source", [3, None, np.zeros(100, np.float32), ["a.wav"]])
def test_what_is_no_source(source: Any) -> None:
    with pytest.raises(InputError, match="is not a sound; give a path, a URL") as error:
        decode(source)
    assert error.value.kind == "invalid"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/a.wav", "s3://bucket/a.wav", "data://x"])
def test_other_schemes_are_refused(url: str) -> None:
    with pytest.raises(InputError, match="only http and https addresses are fetched") as error:
        decode(url)
    assert error.value.kind == "unsupported"


def test_nothing_stays_open_or_behind(wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    before = set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else set()
    for source in (wav, wav.read_bytes(), io.BytesIO(wav.read_bytes())):
        decode(source)
        probe(source) if not isinstance(source, io.BytesIO) else None
    for bad in (b"no sound", wav.read_bytes()[:100], tmp_path):
        with pytest.raises(InputError):
            decode(bad)
    assert list(scratch.iterdir()) == []
    if before:
        assert set(os.listdir("/proc/self/fd")) == before


def test_open_source_gives_the_whole_file_at_its_beginning(wav: Path) -> None:
    opened = open_source(wav)
    with opened.file:
        assert opened.file.read() == wav.read_bytes()
        assert opened.size == wav.stat().st_size

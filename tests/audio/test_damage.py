"""What goes wrong with a file: each fault has its kind, and a message that names the file and says what to do."""

from __future__ import annotations

import os
import socket
import struct
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from auscult.audio import decode, iter_blocks, iter_waveform, load_waveform, probe
from auscult.errors import InputError, InputErrorKind
from auscult.extras import require_extra
from auscult.records import Sound

from .conftest import PYAV_CASES, SNDFILE_CASES, Case, Written, make_frames, wav_header, write_sndfile

Sounds = Callable[[Case], Written]


def consume(blocks: Iterator[Any]) -> None:
    for _ in blocks:
        pass


WAYS: list[Callable[[Any], Any]] = [
    decode,
    lambda source: consume(iter_blocks(source, block_frames=1000)),
    lambda source: load_waveform(source, sample_rate=8000),
    lambda source: consume(iter_waveform(source, sample_rate=8000)),
]


def check_refused(source: Any, kind: InputErrorKind, match: str, *, ways: list[Callable[[Any], Any]] = WAYS) -> None:
    for way in ways:
        with pytest.raises(InputError, match=match) as error:
            way(source)
        assert error.value.kind == kind
        if isinstance(source, Path):
            assert str(error.value).startswith(f"{source}: ")
        assert error.value.next_step


def test_missing(tmp_path: Path) -> None:
    check_refused(tmp_path / "no.wav", "missing", "there is no such file; check the spelling", ways=[probe, *WAYS])
    check_refused("", "missing", "no such file")
    check_refused("a\0b.wav", "missing", "no such file")
    check_refused("x" * 5000, "missing", "no such file")
    (tmp_path / "file").touch()
    check_refused(tmp_path / "file" / "sound.wav", "missing", "no such file")


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    check_refused(tmp_path / "empty.wav", "empty", "the file holds no bytes", ways=[probe, *WAYS])
    check_refused(b"", "empty", "the file holds no bytes", ways=[probe, *WAYS])


@pytest.mark.parametrize("case", [Case("WAV", "PCM_16", 16000, 2), Case("AU", "PCM_16", 16000, 1)])
def test_header_only(tmp_path: Path, case: Case) -> None:
    write_sndfile(tmp_path / "header", np.empty((0, case.n_channels), np.float32), case)
    check_refused(tmp_path / "header", "empty", "a header and no samples")


def test_header_only_is_seen_by_probe(tmp_path: Path) -> None:
    (tmp_path / "header.wav").write_bytes(wav_header(data_bytes=0))
    check_refused(tmp_path / "header.wav", "empty", "a header and no samples", ways=[probe, *WAYS])


@pytest.mark.parametrize("name", ["notes.wav", "notes.mp3", "notes.au", "notes.raw", "notes.gsm", "notes.m4a", "notes"])
def test_text_that_is_called_a_sound(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("Dear diary, today I recorded a dog.\n" * 100)
    check_refused(tmp_path / name, "unsupported", "not a sound in a format that can be read", ways=[probe, *WAYS])


@pytest.mark.parametrize(
    "content", [bytes(10_000), np.random.default_rng(0).bytes(100_000), b"\x89PNG\r\n", b"R", b"RIFF"]
)
def test_bytes_that_are_no_sound(content: bytes) -> None:
    for way in (probe, *WAYS):
        with pytest.raises(InputError) as error:
            way(content)
        assert error.value.kind in ("unsupported", "damaged")


CUT = [
    *(case for case in SNDFILE_CASES if case.n_channels < 3 and case.sample_rate < 100_000),
    *PYAV_CASES,
]


@pytest.mark.parametrize("case", CUT, ids=lambda case: case.name)
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_cut_in_the_middle(case: Case, share: float, sounds: Sounds, tmp_path: Path) -> None:
    content = sounds(case).path.read_bytes()
    path = tmp_path / "cut"
    path.write_bytes(content[: int(share * len(content))])
    check_refused(path, "damaged", "(cut off|should last|cannot be decoded|cannot be read)")


@pytest.mark.parametrize("case", CUT, ids=lambda case: case.name)
def test_cut_in_the_header(case: Case, sounds: Sounds) -> None:
    content = sounds(case).path.read_bytes()
    for length in (5, 20, 50, 100):
        check_refused(content[:length], _kind_of(content[:length]), ".")


def _kind_of(content: bytes) -> InputErrorKind:
    with pytest.raises(InputError) as error:
        decode(content)
    assert error.value.kind in ("damaged", "unsupported", "empty")
    return error.value.kind  # type: ignore[no-any-return]


def test_a_cut_file_says_how_much_there_is(tmp_path: Path, wav: Path) -> None:
    content = wav.read_bytes()
    (tmp_path / "cut.wav").write_bytes(content[:-10_000])
    with pytest.raises(InputError, match=r"it holds 22044 bytes, and its header promises 10000 more; copy"):
        probe(tmp_path / "cut.wav")
    mp3 = tmp_path / "whole.mp3"
    write_sndfile(mp3, make_frames(48000, 1, 16000), Case("MP3", "MPEG_LAYER_III", 16000, 1))
    (tmp_path / "cut.mp3").write_bytes(mp3.read_bytes()[:-2000])
    with pytest.raises(InputError, match=r"it should last 3 s and can be decoded up to 2\.\d+ s"):
        decode(tmp_path / "cut.mp3")


def test_a_few_bytes_too_many_in_a_header_are_sloppy_not_damaged(wav: Path) -> None:
    content = bytearray(wav.read_bytes())
    content[40:44] = struct.pack("<I", len(content))  # the header's 44 bytes counted in
    assert decode(bytes(content)).samples.shape == (2, 8000)


@pytest.mark.parametrize("unknown", [0xFFFFFFFF, 0x7FFFF000])
def test_a_wav_written_into_a_pipe_does_not_know_its_size(wav: Path, unknown: int) -> None:
    content = bytearray(wav.read_bytes())
    content[4:8] = content[40:44] = struct.pack("<I", unknown)
    assert np.array_equal(decode(bytes(content)).samples, decode(wav).samples)


@pytest.mark.parametrize(("case"), [case for case in CUT if case.format in ("FLAC", "OGG", "MP3", "webm", "adts")])
def test_rubbish_in_the_middle_never_escapes_as_another_error(case: Case, sounds: Sounds) -> None:
    content = bytearray(sounds(case).path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = np.random.default_rng(1).bytes(3000)
    for way in WAYS:
        try:
            way(bytes(content))
        except InputError as error:
            assert error.kind in ("damaged", "unsupported", "not_finite")  # noqa: PT017 - it may also decode


def terabytes_of_wav() -> bytes:
    ds64 = b"ds64" + struct.pack("<IqqqI", 28, 1 << 43, 1 << 43, 1 << 42, 0)
    header = wav_header(data_bytes=0xFFFFFFFF)
    return b"RF64" + header[4:12] + ds64 + header[12:] + bytes(2000)


def terabytes_of_flac(tmp_path: Path) -> bytes:
    write_sndfile(tmp_path / "a", make_frames(16000, 1, 16000), Case("FLAC", "PCM_16", 16000, 1))
    content = bytearray((tmp_path / "a").read_bytes())
    content[21] |= 0x0F  # the 36 bits of STREAMINFO that count the samples
    content[22:26] = b"\xff" * 4
    return bytes(content)


@pytest.mark.parametrize("kind", ["wav", "flac", "au"])
def test_a_header_that_claims_terabytes_gets_no_memory(kind: str, tmp_path: Path) -> None:
    au = b".snd" + struct.pack(">IIIII", 24, 0xFFFFFFF0, 3, 8000, 1) + bytes(1000)
    content = {"wav": terabytes_of_wav, "flac": lambda: terabytes_of_flac(tmp_path), "au": lambda: au}[kind]()
    tracemalloc.start()
    try:
        check_refused(content, "damaged", "(cut off|should last|cannot be decoded)")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64 * 2**20


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [0, 70_000, 99_999])
def test_not_finite(tmp_path: Path, value: float, at: int) -> None:
    frames = np.zeros((100_000, 1), np.float32)
    frames[at] = value
    write_sndfile(tmp_path / "bad.wav", frames, Case("WAV", "FLOAT", 16000, 1))
    check_refused(tmp_path / "bad.wav", "not_finite", "NaN or infinity is among its samples")
    assert probe(tmp_path / "bad.wav").n_frames == 100_000


def test_a_double_beyond_float32(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "big.wav", np.full(100, 1e300), 8000, "DOUBLE", format="WAV")
    check_refused(tmp_path / "big.wav", "not_finite", "infinity")


def test_what_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder.wav").mkdir()
    check_refused(tmp_path / "folder.wav", "not_a_file", "this is a folder, not a file", ways=[probe, *WAYS])
    os.mkfifo(tmp_path / "fifo.wav")
    check_refused(tmp_path / "fifo.wav", "not_a_file", "this is a FIFO, not a file", ways=[probe, *WAYS])
    check_refused("/dev/zero", "not_a_file", "this is a device, not a file", ways=[probe, *WAYS])
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.wav")
        check_refused("socket.wav", "not_a_file", "this is a socket, not a file", ways=[probe, *WAYS])


def test_no_permission(wav: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:
        # Root may read everything, so the refusal is put in where the file is opened.
        def refuse(path: str, mode: str) -> None:
            raise PermissionError(13, "Permission denied", path)

        monkeypatch.setattr("auscult.audio.sources.io.FileIO", refuse)
    else:
        wav.chmod(0)
    check_refused(wav, "no_permission", "may not be read; change its permissions", ways=[probe, *WAYS])


def test_a_disk_that_fails(wav: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: str, mode: str) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("auscult.audio.sources.io.FileIO", fail)
    check_refused(wav, "damaged", "cannot be read .*Input/output error.*; check the disk")


def test_channels(tmp_path: Path) -> None:
    many = wav_header(data_bytes=2048 * 10, n_channels=1024) + bytes(2048 * 10)
    assert decode(many).samples.shape == (1024, 10)
    assert load_waveform(many, sample_rate=16000).samples.shape == (10,)
    too_many = wav_header(data_bytes=120_000, n_channels=60_000) + bytes(120_000)
    check_refused(too_many, "damaged", "Too many channels|60000 channels", ways=[probe, *WAYS])
    check_refused(wav_header(data_bytes=100, n_channels=0) + bytes(100), "damaged", "Channel count is zero")
    check_refused(wav_header(data_bytes=100, sample_rate=0) + bytes(100), "damaged", "cannot be read as one")


@pytest.mark.parametrize("rate", [1, 99, 10_000_001, 2**31 - 1])
def test_rates_that_no_sound_has(rate: int, tmp_path: Path) -> None:
    (tmp_path / "rate.wav").write_bytes(wav_header(data_bytes=2000, sample_rate=rate) + bytes(2000))
    match = f"from 100 to 10000000 Hz, and this one says {rate} Hz; copy it again"
    check_refused(tmp_path / "rate.wav", "damaged", match, ways=[probe, *WAYS])
    check_refused(Sound(np.zeros((1, 10), np.float32), rate), "invalid", match, ways=[probe, *WAYS])
    check_refused({"sampling_rate": rate, "array": np.zeros(10)}, "invalid", match, ways=[probe, *WAYS])


@pytest.mark.parametrize("rate", [100, 10_000_000])
def test_the_outermost_rates(rate: int) -> None:
    content = wav_header(data_bytes=40_000, sample_rate=rate) + bytes(40_000)
    assert probe(content).sample_rate == rate
    assert load_waveform(content, sample_rate=16000).samples.shape == (20_000 * 16000 // rate,)


@pytest.mark.parametrize(
    ("head", "chunk"),
    [
        (b"RIFF\0\0\0\0WAVE", bytes(8)),
        (b"FORM\0\0\0\0AIFF", bytes(8)),
        (b"caff\0\1\0\0", bytes(12)),
        (b"riff" + bytes(36), b"junk" + bytes(12) + struct.pack("<q", 24)),
    ],
    ids=["wav", "aiff", "caf", "w64"],
)
def test_chunks_without_end_are_given_up(head: bytes, chunk: bytes) -> None:
    content = head + chunk * 5_000_000
    start = time.process_time()
    check_refused(content, "damaged", "more than 65536 parts come before its sound", ways=[probe])
    assert time.process_time() - start < 3  # to follow them all takes half a minute


def test_an_mp4_may_have_many_parts(sounds: Sounds) -> None:
    content = sounds(Case("ipod", "aac", 48000, 1)).path.read_bytes() + b"\0\0\0\x08free" * 100_000
    assert probe(content).n_frames == 3 * 48000


def test_an_ending_that_lies(tmp_path: Path, sounds: Sounds) -> None:
    for case, name in [
        (Case("MP3", "MPEG_LAYER_III", 8000, 1), "song.wav"),
        (Case("FLAC", "PCM_24", 16000, 1), "song.raw"),
        (Case("ipod", "aac", 48000, 1), "song.mp3"),
        (Case("WAV", "PCM_16", 8000, 2), "song.M4A"),
    ]:
        path = tmp_path / name
        path.write_bytes(sounds(case).path.read_bytes())
        assert np.array_equal(decode(path).samples, decode(sounds(case).path).samples)


def test_mp3_inside_a_wav(sounds: Sounds) -> None:
    mp3 = sounds(Case("MP3", "MPEG_LAYER_III", 22050, 1)).path.read_bytes()
    content = wav_header(data_bytes=len(mp3), sample_rate=22050, tag=0x55) + mp3
    assert probe(content).sample_rate == 22050
    assert decode(content).samples.shape[1] > 60_000


def test_a_wav_with_an_unknown_codec() -> None:
    content = wav_header(data_bytes=2000, tag=0x1234) + bytes(2000)
    check_refused(content, "unsupported", "no sound that can be decoded", ways=[probe, *WAYS])


def _backend_errors() -> list[type[Exception]]:
    av_error = require_extra("av.error", extra="av", purpose="this test")
    found = [getattr(av_error, name) for name in dir(av_error)]
    classes = [c for c in found if isinstance(c, type) and issubclass(c, Exception)]
    return [*classes, OSError, ValueError, RuntimeError]


@pytest.mark.parametrize("error_class", _backend_errors(), ids=lambda error_class: error_class.__qualname__)
@pytest.mark.parametrize("moment", ["open", "decode"])
def test_no_exception_of_pyav_escapes(
    error_class: type[Exception], moment: str, sounds: Sounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    import av

    def fail(*args: Any, **options: Any) -> None:
        if issubclass(error_class, av.error.FFmpegError):
            raise error_class(1, "it says")
        raise error_class("it says")

    path = sounds(Case("ipod", "aac", 48000, 1)).path
    if moment == "open":
        monkeypatch.setattr(av, "open", fail)
    else:
        monkeypatch.setattr("auscult.audio.pyav.frame_samples", fail)
    check_refused(path, "damaged", "cannot be decoded to its end")


@pytest.mark.parametrize(
    "error",
    [
        soundfile.LibsndfileError(2),
        soundfile.SoundFileRuntimeError("closed"),
        soundfile.SoundFileError("?"),
        OSError(5, "x"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("moment", ["__init__", "read", "seek"])
def test_no_exception_of_soundfile_escapes(
    error: Exception, moment: str, wav: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(f"auscult.audio.libsndfile._ForwardFile.{moment}", fail)
    monkeypatch.setattr("auscult.audio.libsndfile._ForwardFile.__del__", lambda self: None)
    monkeypatch.setattr("auscult.audio.decoding.CARRIERS", ())
    with pytest.raises(InputError) as refused:
        decode(wav, start_s=0.1)
    assert refused.value.kind == "damaged"

"""PCM from a pipe: every format means what its name says, wherever reads fall, with a WAV header and without."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.audio import sound_from_array
from auscult.audio.live import NEVER_LIVE_S, LiveBlock
from auscult.audio.live.pcm import PCM_ENCODINGS, PcmForm, PcmInput
from auscult.errors import InputError, UsageError
from auscult.records import FloatArray

SAMPLES = np.random.default_rng(0).uniform(-0.9, 0.9, (2, 3001))


def written(samples: np.ndarray, form: str) -> bytes:
    """`samples`, (channels, samples) in [-1, 1], as bytes of a format, by numpy's own words for them."""
    flat = samples.T.reshape(-1)
    if form == "u8":
        return np.round(flat * 127 + 128).astype("u1").tobytes()
    if form == "s24le":
        wide = np.round(flat * (2**23 - 1)).astype("<i4")
        return b"".join(value.tobytes()[:3] for value in wide)
    kind = {"s16le": "<i2", "s16be": ">i2", "s32le": "<i4", "s32be": ">i4"}.get(form)
    if kind is not None:
        return np.round(flat * (2.0 ** (8 * int(kind[2]) - 1) - 1)).astype(kind).tobytes()
    return flat.astype({"f32le": "<f4", "f32be": ">f4", "f64le": "<f8"}[form]).tobytes()


@contextmanager
def pipe_with(pieces: list[bytes]) -> Iterator[int]:
    """The reading end of a pipe into which a thread writes the pieces."""
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb", buffering=0) as file:
            for piece in pieces:
                file.write(piece)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield reading
        thread.join()
    finally:
        os.close(reading)


def read(pieces: list[bytes], form: PcmForm | None = None) -> tuple[FloatArray, int]:
    with pipe_with(pieces) as descriptor:
        blocks = list(PcmInput(descriptor, form).blocks(threading.Event()))
    return joined(blocks), blocks[0].sample_rate


def joined(blocks: list[LiveBlock]) -> FloatArray:
    return np.concatenate(
        [sound_from_array(block.samples, block.sample_rate, channel_axis=0).samples for block in blocks], axis=1
    )


@pytest.mark.parametrize("form", PCM_ENCODINGS)
def test_each_format_is_read_as_numpy_writes_it(form: str) -> None:
    found, rate = read([written(SAMPLES, form)], PcmForm(8000, 2, form))
    assert rate == 8000
    assert found.shape == SAMPLES.shape
    np.testing.assert_allclose(found, SAMPLES, atol=1 / 64 if form == "u8" else 1e-4)


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 12004), max_size=20).map(sorted), form=st.sampled_from(["s16le", "s24le", "f32le"]))
def test_where_writes_fall_changes_nothing(cuts: list[int], form: str) -> None:
    content = written(SAMPLES, form)
    pieces = [content[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    whole, _ = read([content], PcmForm(8000, 2, form))
    found, _ = read(pieces, PcmForm(8000, 2, form))
    assert np.array_equal(found, whole)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("kind", ["WAV", "WAVEX", "RF64"])
def test_a_wav_header_says_how_it_is_read(tmp_path: Path, kind: str, subtype: str) -> None:
    soundfile.write(tmp_path / "sound", SAMPLES.T, 11025, format=kind, subtype=subtype)
    expected, _ = soundfile.read(tmp_path / "sound", dtype="float32")
    found, rate = read([(tmp_path / "sound").read_bytes()])
    assert rate == 11025
    np.testing.assert_allclose(found, expected.T, atol=1e-7)


def test_a_header_wins_over_what_was_stated(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "sound.wav", SAMPLES.T, 11025, subtype="PCM_16")
    found, rate = read([(tmp_path / "sound.wav").read_bytes()], PcmForm(8000))
    assert (rate, found.shape) == (11025, SAMPLES.shape)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF])
def test_a_writer_that_did_not_know_the_size_is_read_to_the_end(size: int) -> None:
    content = written(SAMPLES, "s16le")
    header = b"RIFF\xff\xff\xff\xffWAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 2, 8000, 32000, 4, 16)
    found, _ = read([header + b"LIST\x03\x00\x00\x00abc\x00" + b"data" + struct.pack("<I", size) + content])
    assert found.shape == SAMPLES.shape


def test_what_follows_the_samples_of_a_wav_is_no_sound(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "sound.wav", SAMPLES.T, 8000, subtype="PCM_16")
    found, _ = read([(tmp_path / "sound.wav").read_bytes() + b"LIST" + bytes(1000)])
    assert found.shape == SAMPLES.shape


def test_a_last_frame_that_is_not_whole_is_left_out() -> None:
    found, _ = read([written(SAMPLES, "s16le")[:-3]], PcmForm(8000, 2))
    assert found.shape == (2, 3000)


@pytest.mark.parametrize(
    ("content", "kind", "problem"),
    [
        (b"", "empty", "no sound came; send it PCM or WAV"),
        (bytes(100), "invalid", "no WAV header, so its rate is not known; state it with --rate"),
        (b"OggS" + bytes(100), "unsupported", "begins like Ogg, and PCM or WAV was expected; decode it first"),
        (b"fLaC" + bytes(100), "unsupported", "begins like FLAC"),
        (b"RIFF\0\0\0\0WAVEfmt ", "damaged", "ends inside its WAV header"),
        (b"RIFF\0\0\0\0WAVEdata\0\0\0\0", "damaged", "does not say how samples are written"),
        (b"RIFF\0\0\0\0WAVEfmt \x04\0\0\0abcd", "damaged", "header is too short"),
        (b"RIFF\0\0\0\0WAVEjunk\xff\xff\xff\xff", "damaged", "a chunk of 4294967295 bytes"),
        (
            b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<IHHIIHH", 16, 85, 2, 8000, 32000, 4, 16),
            "unsupported",
            "samples are of code 85 with 16 bits",
        ),
    ],
)
def test_what_cannot_be_read_is_said(content: bytes, kind: str, problem: str) -> None:
    with pytest.raises(InputError, match=f"^<stdin>: .*{problem}") as caught:
        read([content])
    assert caught.value.kind == kind


@settings(max_examples=100, deadline=None)
@given(
    rest=st.binary(max_size=200), head=st.sampled_from([b"", b"RIFF\0\0\0\0WAVE", b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0"])
)
def test_no_bytes_give_anything_but_sound_or_an_input_error(head: bytes, rest: bytes) -> None:
    with pipe_with([head + rest]) as descriptor, suppress(InputError):
        list(PcmInput(descriptor).blocks(threading.Event()))


def test_that_no_sound_came_is_said_whatever_was_stated() -> None:
    header = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 2, 8000, 32000, 4, 16) + b"data\0\0\0\0"
    for content in (b"", b"\0", header, header + b"\0\0\0"):
        with pytest.raises(InputError, match="no sound came"):
            read([content], PcmForm(8000))


def test_forms_that_are_none() -> None:
    for odd, message in (((8000, 1, "s8"), "one of u8, s16le"), ((0, 1), "rate of PCM"), ((8000, 0), "number of chan")):
        with pytest.raises(UsageError, match=message):
            PcmForm(*odd)


def test_a_stop_ends_it_while_nothing_comes() -> None:
    reading, writing = os.pipe()
    stop = threading.Event()
    os.write(writing, bytes(2000))
    blocks = PcmInput(reading, PcmForm(8000)).blocks(stop)
    assert next(blocks).samples.shape[1] > 0
    stop.set()
    assert sum(block.samples.shape[1] for block in blocks) < 1000
    os.close(reading)
    os.close(writing)


def test_how_far_ahead_a_live_writer_may_be(tmp_path: Path) -> None:
    """A full pipe, what the writer had ready, and the block just read; a file is never live."""
    with pipe_with([bytes(2000)]) as descriptor:
        source = PcmInput(descriptor, PcmForm(8000))
        list(source.blocks(threading.Event()))
        assert 2.0 < source.lead_s <= (1 << 20) / 16000 + 2
    (tmp_path / "sound.raw").write_bytes(bytes(2000))
    with open(tmp_path / "sound.raw", "rb") as file:
        source = PcmInput(file.fileno(), PcmForm(8000))
        assert len(list(source.blocks(threading.Event()))) > 0
        assert source.lead_s == NEVER_LIVE_S

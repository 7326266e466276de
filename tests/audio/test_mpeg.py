from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auscult.audio import decode, iter_blocks, probe
from auscult.errors import InputError

from .conftest import make_frames

DECODER_DELAY = 529


def write_uncounted(
    path: Path, frames: np.ndarray, sample_rate: int, *, quality: int | None, tag: bool = False
) -> None:
    """An MP3 without the frame that counts: of variable bit rate where a quality is given, else of a constant one."""
    import av
    from av.codec.context import Flags

    layout = {1: "mono", 2: "stereo"}[frames.shape[1]]
    options = {"write_xing": "0", "id3v2_version": "4" if tag else "0"}
    with av.open(path, "w", format="mp3", options=options) as container:
        if tag:
            container.metadata["title"] = "x" * 5000
        stream: Any = container.add_stream("libmp3lame", rate=sample_rate, layout=layout)
        if quality is not None:
            stream.codec_context.flags |= Flags.qscale
            stream.codec_context.global_quality = quality * 118
        for start in range(0, len(frames), 1152):
            block = np.ascontiguousarray(frames[start : start + 1152].T)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
            frame.sample_rate, frame.pts = sample_rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def by_pyav(path: Path) -> np.ndarray:
    import av

    with av.open(path) as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)


@pytest.mark.parametrize("quality", [None, 2])
@pytest.mark.parametrize(("sample_rate", "n_channels"), [(44100, 1), (44100, 2), (22050, 1), (24000, 2), (8000, 1)])
def test_all_of_it_is_read(tmp_path: Path, sample_rate: int, n_channels: int, quality: int | None) -> None:
    frames = make_frames(12 * sample_rate, n_channels, sample_rate)
    frames[3 * sample_rate :] = 0  # libsndfile takes the bit rate of the beginning for that of the whole
    frames[-sample_rate // 2 :] = 0.1 * np.sin(np.arange(sample_rate // 2) / 10)[:, np.newaxis]
    path = tmp_path / "uncounted.mp3"
    write_uncounted(path, frames, sample_rate, quality=quality)
    whole, expected = decode(path).samples, by_pyav(path)
    assert probe(path).n_frames == whole.shape[1] == expected.shape[1] - DECODER_DELAY
    # Two decoders of one standard; they differ by their rounding.
    np.testing.assert_allclose(whole, expected[:, DECODER_DELAY:], atol=1e-4)
    assert np.array_equal(np.concatenate(list(iter_blocks(path, block_frames=1000)), axis=1), whole)
    part = decode(path, start_s=11.0, end_s=11.5).samples
    np.testing.assert_allclose(part, whole[:, 11 * sample_rate : round(11.5 * sample_rate)], atol=1e-6)


def test_tags_and_rubbish_around_it(tmp_path: Path) -> None:
    frames = make_frames(2 * 44100, 1, 44100)
    write_uncounted(tmp_path / "plain.mp3", frames, 44100, quality=None)
    write_uncounted(tmp_path / "tagged.mp3", frames, 44100, quality=None, tag=True)
    expected = decode(tmp_path / "plain.mp3").samples
    assert np.array_equal(decode(tmp_path / "tagged.mp3").samples, expected)
    content = (tmp_path / "plain.mp3").read_bytes()
    assert np.array_equal(decode(content + b"TAG" + b"title".ljust(125, b"\0")).samples, expected)
    assert (
        abs(
            decode(content[: len(content) // 2] + b"\0" * 300 + content[len(content) // 2 :]).samples.shape[1]
            - expected.shape[1]
        )
        <= 3 * 1152
    )


def test_a_cut_one_gives_what_there_is(tmp_path: Path) -> None:
    # Nothing in it says how much there was.
    write_uncounted(tmp_path / "plain.mp3", make_frames(2 * 44100, 1, 44100), 44100, quality=None)
    content = (tmp_path / "plain.mp3").read_bytes()
    expected = decode(content).samples
    part = decode(content[: len(content) // 2]).samples
    assert 0.45 < part.shape[1] / expected.shape[1] < 0.55
    np.testing.assert_allclose(part[:, :-1152], expected[:, : part.shape[1] - 1152], atol=1e-6)


@pytest.mark.parametrize(
    "content",
    [
        b"ID3\x04\0\0" + bytes([0, 0, 0, 20]) + bytes(20),
        b"ID3\x04\0\0" + bytes([0x7F] * 4),
        b"\xff\xfb\x90\x44",
        b"ID3",
    ],
)
def test_headers_with_nothing_behind_them(content: bytes) -> None:
    with pytest.raises(InputError) as error:
        decode(content)
    assert error.value.kind in ("damaged", "empty", "unsupported")


def test_layer_two_has_no_certain_length(tmp_path: Path) -> None:
    import av

    frames = make_frames(2 * 44100, 1, 44100)
    with av.open(tmp_path / "a.mp2", "w", format="mp2") as container:
        stream: Any = container.add_stream("mp2", rate=44100, layout="mono")
        for start in range(0, len(frames), 1152):
            values = (frames[start : start + 1152].T * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(values), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 44100, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert probe(tmp_path / "a.mp2").n_frames is None
    assert abs(decode(tmp_path / "a.mp2").samples.shape[1] - len(frames)) < 3 * 1152

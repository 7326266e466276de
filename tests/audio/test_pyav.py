from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from auscult.audio import decode, probe
from auscult.errors import InputError, MissingExtraError

from .conftest import Case, Written, wav_header

Sounds = Callable[[Case], Written]


def test_priming_and_filling_are_taken_away_where_the_container_tells_them(sounds: Sounds) -> None:
    for case in (Case("mp4", "aac", 44100, 2), Case("ipod", "aac", 48000, 1), Case("ipod", "alac", 44100, 1)):
        written = sounds(case)
        assert probe(written.path).n_frames == len(written.frames)
        assert decode(written.path).samples.shape[1] == len(written.frames)


def test_what_probe_says(sounds: Sounds) -> None:
    info = probe(sounds(Case("mp4", "aac", 44100, 2)).path)
    assert (info.format, info.subtype, info.duration_s) == ("MOV", "AAC", 3.0)
    info = probe(sounds(Case("webm", "libopus", 48000, 2)).path)
    assert (info.format, info.subtype, info.duration_s) == ("MATROSKA", "OPUS", None)


def test_without_the_extra_the_message_says_what_to_install(sounds: Sounds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r'reading .* needs the package .*pip install "auscult\[av\]"'):
        decode(sounds(Case("ipod", "aac", 48000, 1)).path)
    # What libsndfile refuses is no case for the extra: its own message stands.
    with pytest.raises(InputError, match="cannot be read as one"):
        decode(wav_header(data_bytes=100, tag=0x1234) + bytes(100))


def test_a_playlist_opens_nothing(sounds: Sounds, tmp_path: Path) -> None:
    target = sounds(Case("adts", "aac", 16000, 1)).path
    playlist = tmp_path / "list.m4a"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nfile://{target}\n#EXT-X-ENDLIST\n")
    with pytest.raises(InputError, match="not a sound in a format"):
        decode(playlist)


def test_a_picture_in_an_mp4_is_no_sound(tmp_path: Path) -> None:
    import av

    with av.open(tmp_path / "silent.mp4", "w") as container:
        stream = container.add_stream("mpeg4", rate=10, width=16, height=16, pix_fmt="yuv420p")
        for _ in range(3):
            picture = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    with pytest.raises(InputError, match="holds no sound that can be decoded") as error:
        probe(tmp_path / "silent.mp4")
    assert error.value.kind == "unsupported"


def test_a_title_in_another_encoding(tmp_path: Path) -> None:
    import av

    with av.open(tmp_path / "title.m4a", "w", format="ipod") as container:
        container.metadata["title"] = "caf_ on Sunday"
        stream = container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    content = (tmp_path / "title.m4a").read_bytes()
    assert b"caf_ on" in content
    assert probe(content.replace(b"caf_ on", b"caf\xe9 on")).sample_rate == 16000

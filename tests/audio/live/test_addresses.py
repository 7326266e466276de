"""Radio from a server on this machine: endless, cut off, silent, finite, not there; and files."""

from __future__ import annotations

import contextlib
import io
import math
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.audio.live import NEVER_LIVE_S, LiveBlock
from auscult.audio.live.addresses import AddressInput
from auscult.errors import InputError, MissingExtraError, UsageError
from auscult.records import FloatArray
from tests.audio.live.rtsp_camera import Camera

RATE = 44100
SECONDS = 2
# Nothing waits so long where all is well.
LONG_S = 60.0
Answer = Callable[["_Handler"], None]


def sine(seconds: float = SECONDS) -> FloatArray:
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def encoded(kind: str) -> bytes:
    """A sine as Ogg Vorbis, MP3 or AAC in ADTS."""
    if kind == "adts":
        return adts()
    # In parts: libsndfile can end the process where a minute of Vorbis is written in one call.
    file = io.BytesIO()
    subtype = {"ogg": "VORBIS", "mp3": "MPEG_LAYER_III"}[kind]
    with soundfile.SoundFile(file, "w", RATE, 1, format=kind.upper(), subtype=subtype) as out:
        for part in np.array_split(sine(), 20):
            out.write(part)
    return file.getvalue()


def adts() -> bytes:
    av = pytest.importorskip("av", reason="the extra av is not installed")
    file = io.BytesIO()
    with av.open(file, "w", format="adts") as container:
        stream = container.add_stream("aac", rate=RATE, layout="mono")
        for k, part in enumerate(np.split(sine()[: 80 * 1024], 80)):
            frame = av.AudioFrame.from_ndarray(part[np.newaxis], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = RATE, k * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


class Radio(ThreadingHTTPServer):
    """Answers the first request as the first of `answers` says, and so on; the last one for all later ones."""

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = content
        self.answers: list[Answer] = [endless]
        self.n_requests = 0
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/radio"

    def handle_error(self, request: object, client_address: object) -> None:
        """Quiet: clients hang up on purpose."""


class _Handler(BaseHTTPRequestHandler):
    server: Radio

    def do_GET(self) -> None:
        answer = self.server.answers[min(self.server.n_requests, len(self.server.answers) - 1)]
        self.server.n_requests += 1
        with contextlib.suppress(OSError):
            answer(self)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def begin(self, length: int | None = None) -> None:
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()


def endless(handler: _Handler) -> None:
    handler.begin()
    while not handler.server.over.is_set():
        handler.wfile.write(handler.server.content)


def cut_off(handler: _Handler) -> None:
    handler.begin()
    handler.wfile.write(handler.server.content)


def hanging(handler: _Handler) -> None:
    cut_off(handler)
    handler.server.over.wait(LONG_S)


def finite(handler: _Handler) -> None:
    handler.begin(len(handler.server.content))
    handler.wfile.write(handler.server.content)


def refused(handler: _Handler) -> None:
    handler.send_error(404)


def not_sound(handler: _Handler) -> None:
    handler.begin()
    handler.wfile.write(b"<html>" * 1000)


@contextlib.contextmanager
def radio(kind: str = "mp3") -> Iterator[Radio]:
    pytest.importorskip("av", reason="the extra av is not installed")
    with Radio(encoded(kind)) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()


def some(source: AddressInput, seconds: float) -> list[LiveBlock]:
    """Blocks until there is so much sound."""
    stop = threading.Event()
    found: list[LiveBlock] = []
    blocks = source.blocks(stop)
    with contextlib.closing(blocks):  # type: ignore[type-var]  # it is a generator
        for block in blocks:
            found.append(block)
            if sum(one.duration_s for one in found) >= seconds:
                stop.set()
    return found


@pytest.mark.parametrize("kind", ["mp3", "ogg", "adts"])
def test_an_endless_stream_is_heard_until_it_is_stopped(kind: str) -> None:
    with radio(kind) as server:
        source = AddressInput(server.url)
        found = some(source, 3.5 * SECONDS)
        assert server.n_requests == 1
        assert source.lead_s == 60.0
    assert {(block.sample_rate, len(block.samples)) for block in found} == {(RATE, 1)}
    assert all(block.lapse is None for block in found)
    samples = np.concatenate([block.samples[0] for block in found])[: SECONDS * RATE]
    # A sine at half of full scale, whatever the codec.
    assert np.sqrt(np.mean(samples.astype(np.float64) ** 2)) == pytest.approx(0.5 / math.sqrt(2), rel=0.05)


@pytest.mark.parametrize(("breaks", "silence_s"), [(cut_off, LONG_S), (hanging, 3.0)])
def test_what_breaks_off_is_opened_again(breaks: Answer, silence_s: float) -> None:
    with radio() as server:
        server.answers = [breaks, breaks, refused, endless]
        source = AddressInput(server.url, silence_s=silence_s, first_wait_s=0.01, longest_wait_s=0.02)
        found = some(source, 3 * SECONDS)
        assert server.n_requests == 4
        assert source.trouble == ""
    lapses = [block.lapse for block in found if block.lapse is not None]
    assert [lapse.why for lapse in lapses] == ["interrupted"] * 2
    if breaks is cut_off:
        # Sound came faster than real time, so by the clock none is missing.
        assert [lapse.seconds for lapse in lapses] == [0.0, 0.0]
    else:
        # Two seconds of sound, then three of silence, each time.
        assert all(0.5 < lapse.seconds < LONG_S for lapse in lapses)


def test_packets_that_are_damaged_on_the_way_are_gaps() -> None:
    with radio() as server:
        content = bytearray(server.content)
        random = np.random.default_rng(1)
        for place in random.integers(3000, len(content), len(content) // 60):
            content[place] = random.integers(256)
        server.content = bytes(content)
        found = some(AddressInput(server.url), 10 * SECONDS)
        assert server.n_requests == 1
    lapses = [block.lapse for block in found if block.lapse is not None]
    assert {lapse.why for lapse in lapses} == {"damaged"}
    # An MP3 frame is 1152 samples; never more than a second is missing at once.
    assert all(0 < round(lapse.seconds * RATE / 1152, 3) <= 40 for lapse in lapses)


def test_a_camera_is_heard_over_rtsp_and_again_after_it_hung_up() -> None:
    pytest.importorskip("av", reason="the extra av is not installed")
    spoken = (10000 * np.sin(np.arange(1600) / 5)).astype(np.int16)
    with Camera(spoken, n_packets=500) as camera:
        found = some(AddressInput(camera.url, first_wait_s=0.01), 15)
        assert camera.n_talks == 2
    samples = np.concatenate([block.samples[0] for block in found])
    # PCM comes as it was sent.
    assert np.array_equal(samples[:80000], np.tile(spoken, 50).astype(np.float32) / 2**15)
    assert [block.lapse.why for block in found if block.lapse] == ["interrupted"]


def test_that_it_is_not_there_is_said_at_once() -> None:
    with radio() as server:
        server.answers = [refused]
        with pytest.raises(InputError, match=r"radio: it cannot be heard \(Server returned 404") as caught:
            some(AddressInput(server.url), 1)
        assert caught.value.kind == "unreachable"
        assert server.n_requests == 1
        server.answers = [not_sound]
        with pytest.raises(InputError, match="it cannot be heard"):
            some(AddressInput(server.url), 1)
        url = server.url
    with pytest.raises(InputError, match=r"it cannot be heard \(Connection refused\)"):
        some(AddressInput(url), 1)


def test_a_file_on_a_server_ends_where_it_ends() -> None:
    with radio() as server:
        server.answers = [finite]
        source = AddressInput(server.url)
        found = some(source, 100)
        assert source.lead_s == NEVER_LIVE_S
        assert server.n_requests == 1
    assert sum(block.duration_s for block in found) == pytest.approx(SECONDS, abs=0.1)


def test_a_file_here(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="the extra av is not installed")
    soundfile.write(tmp_path / "sound.wav", np.stack([sine(), -sine()], axis=1), RATE, subtype="PCM_16")
    source = AddressInput(str(tmp_path / "sound.wav"))
    found = some(source, 100)
    assert source.lead_s == NEVER_LIVE_S
    expected, _ = soundfile.read(tmp_path / "sound.wav", dtype="float32")
    assert np.array_equal(np.concatenate([block.samples for block in found], axis=1), expected.T)


def test_headers_that_claim_what_no_sound_has(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="the extra av is not installed")
    form = struct.pack("<HHIIHH", 1, 2000, RATE, 4000 * RATE, 4000, 16)
    (tmp_path / "sound.wav").write_bytes(
        b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0" + form + b"data\xff\xff\xff\x7f" + bytes(40000)
    )
    with pytest.raises(InputError, match=r"its header names (no sample rate or no|2000) channels"):
        some(AddressInput(str(tmp_path / "sound.wav")), 1)


def test_what_is_no_address() -> None:
    with pytest.raises(InputError, match=r"nowhere\.mp3: there is no such file"):
        AddressInput("nowhere.mp3")
    with pytest.raises(
        UsageError, match="ftp://somewhere/x: cannot be listened to; an address begins with one of http"
    ):
        AddressInput("ftp://somewhere/x")
    with pytest.raises(UsageError, match="file:///etc/passwd: cannot be listened to"):
        AddressInput("file:///etc/passwd")


def test_passwords_are_not_shown() -> None:
    assert AddressInput("rtsp://me:secret@camera.local:554/1?x=2").name == "rtsp://camera.local:554/1?x=2"


def test_without_pyav(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(
        MissingExtraError, match=r'listening to http://a needs the package .* pip install "auscult\[av\]"'
    ):
        some(AddressInput("http://a"), 1)

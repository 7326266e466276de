from __future__ import annotations

import contextlib
import io
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from auscult.audio import decode
from auscult.audio.fetch import DownloadLimits, fetch_url
from auscult.errors import InputError


class Server(ThreadingHTTPServer):
    content = b""
    stop = threading.Event()


class Handler(BaseHTTPRequestHandler):
    """Answers by the path, well or badly."""

    server: Server

    def do_GET(self) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            getattr(self, "answer_" + self.path.strip("/").split(".")[0].split("%")[0])()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def start(self, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def answer_good(self) -> None:
        self.start(Content_Length=str(len(self.server.content)))
        self.wfile.write(self.server.content)

    def answer_unsized(self) -> None:
        self.start()
        self.wfile.write(self.server.content)

    def answer_short(self) -> None:
        self.start(Content_Length=str(len(self.server.content) + 1000))
        self.wfile.write(self.server.content)

    def answer_big(self) -> None:
        self.start(Content_Length=str(10**12))

    def answer_endless(self) -> None:
        self.start()
        while not self.server.stop.is_set():
            self.wfile.write(bytes(65536))

    def answer_drip(self) -> None:
        self.start()
        while not self.server.stop.wait(0.05):
            self.wfile.write(b"x")
            self.wfile.flush()

    def answer_headers(self) -> None:
        while not self.server.stop.wait(0.05):
            self.wfile.write(b"X")
            self.wfile.flush()

    def answer_silent(self) -> None:
        self.server.stop.wait(30)

    def answer_rubbish(self) -> None:
        self.wfile.write(b"\x00\x01\x02 not http\r\n\r\n")

    def answer_gone(self) -> None:
        self.start(404)

    def answer_private(self) -> None:
        self.start(403)

    def answer_broken(self) -> None:
        self.start(500)

    def answer_moved(self) -> None:
        self.start(302, Location="/good.wav")

    def answer_circle(self) -> None:
        self.start(302, Location="/circle")

    def answer_tofile(self) -> None:
        self.start(302, Location="file:///etc/passwd")

    def answer_toftp(self) -> None:
        self.start(302, Location="ftp://127.0.0.1/a.wav")


@pytest.fixture
def server(wav: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "*")
    server = Server(("127.0.0.1", 0), Handler)
    server.content, server.stop = wav.read_bytes(), threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.stop.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("path", ["good.wav", "moved", "unsized", "good%20name.wav", "good name.wav", "good ä.wav"])
def test_a_sound_from_a_url(server: str, path: str, wav: Path) -> None:
    assert np.array_equal(decode(f"{server}/{path}").samples, decode(wav).samples)
    assert decode(f"{server}/{path}".replace("http", "HTTP"), start_s=0.25).samples.shape == (2, 4000)


def test_nothing_is_left_behind(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    decode(f"{server}/good.wav")
    with pytest.raises(InputError):
        decode(f"{server}/gone")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "kind", "match"),
    [
        ("gone", "missing", "the server answered 404"),
        ("private", "no_permission", "the server answered 403"),
        ("broken", "unreachable", "the server answered 500"),
        ("short", "damaged", r"announced 33044 bytes and sent 32044; try again"),
        ("big", "too_large", "larger than the limit of 1073741824 bytes"),
        ("tofile", "unsupported", "only http and https addresses are fetched, and this is file"),
        ("toftp", "unsupported", "only http and https addresses are fetched, and this is ftp"),
        ("circle", "unreachable", "the server answered 302"),
        ("rubbish", "unreachable", "could not be fetched"),
    ],
)
def test_bad_answers(server: str, path: str, kind: str, match: str) -> None:
    with pytest.raises(InputError, match=match) as error:
        decode(f"{server}/{path}")
    assert error.value.kind == kind
    assert error.value.source == f"{server}/{path}"


def test_a_limit_of_bytes(server: str) -> None:
    for path in ("endless", "good.wav"):
        with pytest.raises(InputError, match="larger than the limit of 20000 bytes") as error:
            fetch_url(f"{server}/{path}", io.BytesIO(), limits=DownloadLimits(max_bytes=20000))
        assert error.value.kind == "too_large"


@pytest.mark.parametrize("path", ["drip", "headers", "silent"])
def test_a_limit_of_time_holds_whatever_the_server_does(server: str, path: str) -> None:
    began = time.monotonic()
    with pytest.raises(InputError, match=r"not complete after the limit of 0.4 s") as error:
        fetch_url(f"{server}/{path}", io.BytesIO(), limits=DownloadLimits(total_s=0.4))
    assert error.value.kind == "unreachable"
    assert time.monotonic() - began < 5


def test_a_silent_server_is_given_up_before_the_limit(server: str) -> None:
    with pytest.raises(InputError, match=r"could not be fetched .*timed out") as error:
        fetch_url(f"{server}/silent", io.BytesIO(), limits=DownloadLimits(silence_s=0.2))
    assert error.value.kind == "unreachable"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/a.wav", "http://", "http://[bad/a.wav", "http://a b:x/a.wav"])
def test_addresses_that_do_not_answer(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(InputError) as error:
        decode(url)
    assert error.value.kind == "unreachable"

"""A web server on this machine that gives one file, well or badly, and remembers what it was asked."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Far less than what a test sends, so that a file comes in many pieces.
PIECE_BYTES = 1 << 12


class FileServer(ThreadingHTTPServer):
    """Gives `content` at every path, as `answers` say: the first for the first request, the last for all later ones."""

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = content
        self.tag = '"first"'
        self.answers: list[Answer] = [whole]
        self.requests: list[_Handler] = []
        self.lock = threading.Lock()
        self.stop = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/files/model.bin"

    @property
    def ranges(self) -> list[str | None]:
        """What part each request asked for."""
        return [request.headers["Range"] for request in self.requests]

    def handle_error(self, request: object, client_address: object) -> None:
        """Quiet: clients hang up on purpose."""


class _Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        with self.server.lock:
            answers = self.server.answers
            answer = answers[min(len(self.server.requests), len(answers) - 1)]
            self.server.requests.append(self)
        with contextlib.suppress(OSError):
            answer(self)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def start(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def send(self, content: bytes) -> None:
        for begin in range(0, len(content), PIECE_BYTES):
            self.wfile.write(content[begin : begin + PIECE_BYTES])

    def hang_up(self) -> None:
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def begin(self, **headers: object) -> bytes:
        """Answer as HTTP says, up to the body: what the body should be."""
        content, tag = self.server.content, self.server.tag
        found = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        if found and self.headers["If-Range"] in (None, tag):
            offset = int(found[1])
            span = f"bytes {offset}-{len(content) - 1}/{len(content)}"
            rest = content[offset:]
            self.start(206, **{"ETag": tag, "Content_Range": span, "Content_Length": len(rest), **headers})
            return rest
        self.start(200, **{"ETag": tag, "Content_Length": len(content), **headers})
        return content


Answer = Callable[[_Handler], None]


def whole(handler: _Handler) -> None:
    """The file, or the part that was asked for."""
    handler.send(handler.begin())


def without_ranges(handler: _Handler) -> None:
    """All of the file, whatever was asked for."""
    del handler.headers["Range"]
    whole(handler)


def unnamed(handler: _Handler) -> None:
    """All of the file, without what would tell its version."""
    content = handler.server.content
    handler.start(200, Content_Length=len(content))
    handler.send(content)


def unsized(handler: _Handler) -> None:
    """All of the file; the end of the connection is its end."""
    handler.start(200)
    handler.send(handler.server.content)


def endless(handler: _Handler) -> None:
    handler.start(200)
    handler.send(handler.server.content)
    while not handler.server.stop.is_set():
        handler.wfile.write(bytes(PIECE_BYTES))


def cut_off(n_bytes: int) -> Answer:
    """Break the connection after so many bytes of what was asked for."""

    def answer(handler: _Handler) -> None:
        handler.send(handler.begin()[:n_bytes])
        handler.hang_up()

    return answer


def cut_off_without_ranges(n_bytes: int) -> Answer:
    def answer(handler: _Handler) -> None:
        del handler.headers["Range"]
        cut_off(n_bytes)(handler)

    return answer


def announcing(n_bytes: int) -> Answer:
    """All of the file, with a wrong length before it."""

    def answer(handler: _Handler) -> None:
        handler.start(200, ETag=handler.server.tag, Content_Length=n_bytes)
        handler.send(handler.server.content)

    return answer


def changing(content: bytes) -> Answer:
    """Break off half way; from then on the file is another one."""

    def answer(handler: _Handler) -> None:
        cut_off(len(handler.server.content) // 2)(handler)
        handler.server.content, handler.server.tag = content, '"second"'

    return answer


def part_of_another(content: bytes, *, tag: str | None = None) -> Answer:
    """The part that was asked for, of another file, whatever If-Range says."""

    def answer(handler: _Handler) -> None:
        handler.server.content = content
        handler.server.tag = tag or handler.server.tag
        del handler.headers["If-Range"]
        whole(handler)

    return answer


def status(code: int) -> Answer:
    def answer(handler: _Handler) -> None:
        handler.start(code, Content_Length=0)

    return answer


def redirected(target: str) -> Answer:
    def answer(handler: _Handler) -> None:
        handler.start(302, Location=target, Content_Length=0)

    return answer


def rubbish(handler: _Handler) -> None:
    handler.wfile.write(b"\x00\x01\x02 not http\r\n\r\n")


def silent(handler: _Handler) -> None:
    handler.server.stop.wait(30)


def dripping(handler: _Handler) -> None:
    """A byte now and then, so that the connection is never silent."""
    body = handler.begin()
    for position in range(len(body)):
        handler.wfile.write(body[position : position + 1])
        if handler.server.stop.wait(0.02):
            return


@contextlib.contextmanager
def serving(content: bytes) -> Iterator[FileServer]:
    with FileServer(content) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.stop.set()
            server.shutdown()
            thread.join()

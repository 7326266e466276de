"""A sound from http or https, within limits of size and time."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, BinaryIO

from auscult.errors import InputError

_READ_BYTES = 1 << 16


@dataclass(frozen=True)
class DownloadLimits:
    """How much a URL may send and how long it may take.

    `total_s` counts from the request to the last byte; `silence_s` is how long the server may send nothing.
    """

    max_bytes: int = 1 << 30
    total_s: float = 300.0
    silence_s: float = 20.0


def fetch_url(url: str, file: BinaryIO, *, limits: DownloadLimits | None = None) -> None:
    """Write what `url` answers into `file`.

    Redirections are followed, to http and https only. Proxies are taken from the environment.

    Raises
    ------
    InputError : kind ``missing`` (404, 410), ``unreachable`` (no or another answer, too slow), ``too_large``,
        ``damaged`` (fewer bytes than announced), ``unsupported`` (another scheme)
    """
    limits = limits or DownloadLimits()
    deadline = _Deadline(limits.total_s)
    try:
        _check_scheme(url, url)
        with deadline, _opener(deadline).open(_request(url), timeout=limits.silence_s) as response:
            _copy(url, response, file, limits, deadline)
    except urllib.error.HTTPError as error:
        error.close()
        raise _status_error(url, error) from error
    except (OSError, HTTPException, ValueError) as error:
        if deadline.passed:
            raise _too_slow(url, limits) from error
        reason = getattr(error, "reason", None) or error
        raise InputError(url, "unreachable", f"it could not be fetched ({reason})", "check the address") from error


def _copy(url: str, response: Any, file: BinaryIO, limits: DownloadLimits, deadline: _Deadline) -> None:
    announced = _announced_bytes(response)
    received = 0
    if announced is not None and announced > limits.max_bytes:
        raise _too_large(url, limits)
    while block := response.read1(_READ_BYTES):
        received += len(block)
        if received > limits.max_bytes:
            raise _too_large(url, limits)
        if deadline.passed:
            raise _too_slow(url, limits)
        file.write(block)
    if deadline.passed:
        raise _too_slow(url, limits)
    if announced is not None and received < announced:
        raise InputError(
            url, "damaged", f"the server announced {announced} bytes and sent {received}", "try again later"
        )


def _announced_bytes(response: Any) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


class _Deadline:
    """Ends a request at a time, whatever it waits for.

    A socket's own timeout starts anew with each byte, so a server that sends one now and then would hold on
    for ever: a timer hangs up instead.
    """

    def __init__(self, total_s: float) -> None:
        self._end = time.monotonic() + total_s
        self._timer = threading.Timer(total_s, self._hang_up)
        self._timer.daemon = True
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> _Deadline:
        self._timer.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._timer.cancel()
        # After a bad answer, http.client closes a socket that a half-read response still holds open.
        for watched in self._sockets:
            if (descriptor := watched.detach()) >= 0:
                socket.close(descriptor)

    @property
    def passed(self) -> bool:
        return time.monotonic() >= self._end

    def watched(self, connection_class: type[HTTPConnection]) -> type[HTTPConnection]:
        """The same kind of connection, whose socket this deadline closes."""
        deadline = self

        class Watched(connection_class):  # type: ignore[misc, valid-type]
            def connect(self) -> None:
                super().connect()
                deadline._sockets.append(self.sock)
                if deadline.passed:
                    deadline._hang_up()

        return Watched

    def _hang_up(self) -> None:
        for watched in self._sockets:
            with contextlib.suppress(OSError):
                watched.shutdown(socket.SHUT_RDWR)


class _WebOnly(urllib.request.HTTPRedirectHandler):
    """urllib would follow a redirection to ftp."""

    def http_error_302(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any) -> Any:
        try:
            _check_scheme(req.full_url, urllib.parse.urljoin(req.full_url, headers.get("Location", "")))
        except InputError:
            fp.close()
            raise
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


class _Http(urllib.request.HTTPHandler):
    def __init__(self, deadline: _Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(self._deadline.watched(HTTPConnection), req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, deadline: _Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(self._deadline.watched(HTTPSConnection), req, context=ssl.create_default_context())


def _opener(deadline: _Deadline) -> urllib.request.OpenerDirector:
    # Put together by hand: urllib's default opener also reads file:, ftp: and data: addresses.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        _Http(deadline),
        _Https(deadline),
        _WebOnly(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _request(url: str) -> urllib.request.Request:
    # A browser shows addresses with spaces and letters of any script, and people copy them.
    quoted = urllib.parse.quote(url, safe="%/:=&?~#+!$,;'@()*[]")
    return urllib.request.Request(quoted, headers={"User-Agent": "auscult", "Accept-Encoding": "identity"})


def _check_scheme(url: str, target: str) -> None:
    if urllib.parse.urlsplit(target).scheme.lower() not in ("http", "https"):
        raise InputError(
            url,
            "unsupported",
            f"only http and https addresses are fetched, and this is {target}",
            "download it yourself and give the path",
        )


def _status_error(url: str, error: urllib.error.HTTPError) -> InputError:
    said = f"the server answered {error.code} {error.reason}"
    if error.code in (404, 410):
        return InputError(url, "missing", said, "check the address")
    if error.code in (401, 403):
        return InputError(url, "no_permission", said, "download it yourself and give the path")
    return InputError(url, "unreachable", said, "check the address, or try again later")


def _too_large(url: str, limits: DownloadLimits) -> InputError:
    return InputError(
        url,
        "too_large",
        f"it is larger than the limit of {limits.max_bytes} bytes for downloads",
        "download it yourself and give the path",
    )


def _too_slow(url: str, limits: DownloadLimits) -> InputError:
    return InputError(
        url,
        "unreachable",
        f"it was not complete after the limit of {limits.total_s:g} s for downloads",
        "try again later, or download it yourself and give the path",
    )

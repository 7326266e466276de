"""Requests to http and https and to nothing else, which end when they should."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPSConnection
from typing import Any

# A host may have many addresses. Behind a firewall that drops what it does not let through, each takes its full time.
_MAX_ADDRESSES_A_FAMILY = 2


class OtherSchemeError(ValueError):
    """An address, or where it redirects to, that is neither http nor https."""

    def __init__(self, target: str) -> None:
        super().__init__(f"only http and https addresses are fetched, and this is {target}")


class Deadline:
    """Ends a request at a time, whatever it waits for.

    A socket's own timeout starts anew with each byte, so a server that sends one now and then would hold on
    for ever: a timer hangs up instead.
    """

    def __init__(self, total_s: float) -> None:
        self._sockets: list[socket.socket] = []
        self._set(total_s)

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._timer.cancel()
        # After a bad answer, http.client closes a socket that a half-read response still holds open.
        for watched in self._sockets:
            if (descriptor := watched.detach()) >= 0:
                socket.close(descriptor)

    @property
    def remaining_s(self) -> float:
        return self._end - time.monotonic()

    @property
    def passed(self) -> bool:
        return self.remaining_s <= 0

    def postpone(self, total_s: float) -> None:
        """Let the request go on for `total_s` from now."""
        self._timer.cancel()
        self._set(total_s)
        self._timer.start()

    def _set(self, total_s: float) -> None:
        self._end = time.monotonic() + total_s
        self._timer = threading.Timer(total_s, self._hang_up)
        self._timer.daemon = True

    def watched(self, connection_class: type[HTTPConnection]) -> type[HTTPConnection]:
        """The same kind of connection, whose socket this deadline closes."""
        deadline = self

        class Watched(connection_class):  # type: ignore[misc, valid-type]
            def connect(self) -> None:
                self._create_connection = deadline._connection
                super().connect()
                deadline._sockets.append(self.sock)
                if deadline.passed:
                    deadline._hang_up()

        return Watched

    def _connection(self, address: tuple[str, int], timeout_s: float, *options: Any) -> socket.socket:
        """As `socket.create_connection`, but all addresses of a host together have `timeout_s`."""
        end = time.monotonic() + min(timeout_s, max(self.remaining_s, 0.0))
        addresses = _some_addresses(*address)
        problem: OSError = TimeoutError("timed out")
        for position, one in enumerate(addresses):
            share_s = (end - time.monotonic()) / (len(addresses) - position)
            if share_s <= 0:
                break
            try:
                connected = socket.create_connection(one, share_s, *options)
            except OSError as error:
                problem = error
            else:
                connected.settimeout(timeout_s)
                return connected
        raise problem

    def _hang_up(self) -> None:
        for watched in self._sockets:
            with contextlib.suppress(OSError):
                watched.shutdown(socket.SHUT_RDWR)


def open_url(url: str, *, deadline: Deadline, silence_s: float, headers: Mapping[str, str] | None = None) -> Any:
    """The answer to a GET, to be read within `deadline` and closed; redirections are followed.

    Proxies are taken from the environment.

    Parameters
    ----------
    url : http or https
    deadline : entered already
    silence_s : how long the server may send nothing, from the first attempt to connect
    headers : further ones

    Raises
    ------
    OtherSchemeError : the address, or where it leads, is neither http nor https
    urllib.error.HTTPError : the server answers with an error; to be closed
    urllib.error.URLError : the server is not reached
    OSError, http.client.HTTPException, ValueError : anything else that goes wrong
    """
    _check_scheme(url)
    return _opener(deadline).open(_request(url, headers or {}), timeout=silence_s)


def _some_addresses(host: str, port: int) -> list[tuple[str, int]]:
    """The first addresses of each family, in the order in which the system would try them."""
    found: dict[tuple[str, int], socket.AddressFamily] = {}
    for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        one = (str(address[0]), port)
        if one not in found and list(found.values()).count(family) < _MAX_ADDRESSES_A_FAMILY:
            found[one] = family
    return list(found)


class _WebOnly(urllib.request.HTTPRedirectHandler):
    """urllib would follow a redirection to ftp."""

    def http_error_302(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any) -> Any:
        try:
            _check_scheme(urllib.parse.urljoin(req.full_url, headers.get("Location", "")))
        except OtherSchemeError:
            fp.close()
            raise
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


class _Http(urllib.request.HTTPHandler):
    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(self._deadline.watched(HTTPConnection), req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(self._deadline.watched(HTTPSConnection), req, context=ssl.create_default_context())


def _opener(deadline: Deadline) -> urllib.request.OpenerDirector:
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


def _request(url: str, headers: Mapping[str, str]) -> urllib.request.Request:
    # A browser shows addresses with spaces and letters of any script, and people copy them.
    quoted = urllib.parse.quote(url, safe="%/:=&?~#+!$,;'@()*[]")
    own = {"User-Agent": "auscult", "Accept-Encoding": "identity"}
    return urllib.request.Request(quoted, headers={**own, **headers})


def _check_scheme(target: str) -> None:
    if urllib.parse.urlsplit(target).scheme.lower() not in ("http", "https"):
        raise OtherSchemeError(target)

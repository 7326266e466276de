"""A sound from http or https, within limits of size and time.

A sound is fetched to be decoded and forgotten: once, of any size up to a limit, and a server that fails it fails one
input of many. `downloads.py` fetches what is kept: files of known size and checksum, resumed and tried again.
"""

from __future__ import annotations

import urllib.error
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, BinaryIO

from auscult.errors import InputError
from auscult.web import Deadline, OtherSchemeError, open_url

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
    deadline = Deadline(limits.total_s)
    try:
        with deadline, open_url(url, deadline=deadline, silence_s=limits.silence_s) as response:
            _copy(url, response, file, limits, deadline)
    except OtherSchemeError as error:
        raise InputError(url, "unsupported", str(error), "download it yourself and give the path") from error
    except urllib.error.HTTPError as error:
        error.close()
        raise _status_error(url, error) from error
    except (OSError, HTTPException, ValueError) as error:
        if deadline.passed:
            raise _too_slow(url, limits) from error
        reason = getattr(error, "reason", None) or error
        raise InputError(url, "unreachable", f"it could not be fetched ({reason})", "check the address") from error


def _copy(url: str, response: Any, file: BinaryIO, limits: DownloadLimits, deadline: Deadline) -> None:
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

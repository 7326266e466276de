"""How a host is reached. What servers do is tested in `audio/test_fetch.py` and `test_downloads.py`."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from auscult.web import Deadline, OtherSchemeError, open_url

FAMILIES = {"6": socket.AF_INET6, "4": socket.AF_INET}


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    """A host with twenty addresses that all drop what they get: those that were tried, and for how long."""
    tried: list[tuple[str, float]] = []

    def addresses(name: str, port: int, **options: Any) -> list[Any]:
        return [
            (FAMILIES[kind], socket.SOCK_STREAM, 6, "", (f"{kind}-{number}", port))
            for number in range(10)
            for kind in FAMILIES
            for _ in range(2)
        ]

    def connect(address: tuple[str, int], timeout: float, *options: Any) -> socket.socket:
        tried.append((address[0], timeout))
        raise TimeoutError("timed out")

    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("socket.getaddrinfo", addresses)
    monkeypatch.setattr("socket.create_connection", connect)
    return tried


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_all_addresses_of_a_host_share_the_time(host: list[tuple[str, float]], scheme: str) -> None:
    with pytest.raises(OSError, match="timed out"), Deadline(1000) as deadline:
        open_url(f"{scheme}://example.org/", deadline=deadline, silence_s=100)
    assert [name for name, _ in host] == ["6-0", "4-0", "6-1", "4-1"]
    # None of them took its time, so it is left to the others.
    assert [timeout_s for _, timeout_s in host] == pytest.approx([25, 100 / 3, 50, 100], abs=5)


def test_a_deadline_that_is_near_shortens_the_time(host: list[tuple[str, float]]) -> None:
    with pytest.raises(OSError, match="timed out"), Deadline(10) as deadline:
        open_url("http://example.org/", deadline=deadline, silence_s=100)
    assert host[0][1] <= 2.5


def test_a_deadline_that_has_passed_tries_nothing(host: list[tuple[str, float]]) -> None:
    with pytest.raises(OSError, match="timed out"), Deadline(0) as deadline:
        open_url("http://example.org/", deadline=deadline, silence_s=100)
    assert host == []


def test_a_deadline_can_be_postponed() -> None:
    with Deadline(0) as deadline:
        assert deadline.passed
        deadline.postpone(1000)
        assert not deadline.passed
        assert 900 < deadline.remaining_s <= 1000


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/", "data:,x", "x", ""])
def test_other_schemes_are_refused(url: str) -> None:
    with pytest.raises(OtherSchemeError, match=f"and this is {url}"), Deadline(1000) as deadline:
        open_url(url, deadline=deadline, silence_s=100)

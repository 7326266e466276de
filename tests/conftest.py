"""Fixtures that more than one room uses."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real recordings and weights kept beside the checkout; tests that need them skip where they are absent."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip(f"no reference data beside the checkout ({folder.parent.name}/data)")
    return folder


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Processes started by the test answer Ctrl-C, also where this one was started in the background.

    A shell makes what it starts with `&` ignore the signal, and a process hands that on to those it starts.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)

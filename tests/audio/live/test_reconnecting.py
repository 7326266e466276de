"""When an input is opened again: how long it waits, and what the clock says is missing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from auscult.audio.live import Lapse, LiveBlock
from auscult.audio.live.reconnecting import Reconnecting
from auscult.errors import InputError

RATE = 100


@dataclass
class Time:
    """A clock that only waiting, and sound that comes, moves on."""

    now: float = 0.0
    waits: list[float] = field(default_factory=list)


class Stop(threading.Event):
    """Waiting takes no time here."""

    def __init__(self, time: Time) -> None:
        super().__init__()
        self.time = time

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.time.waits.append(timeout)
        self.time.now += timeout
        return self.is_set()


class Flaky(Reconnecting):
    """Sessions of so many seconds of sound each; after the last one it ends."""

    def __init__(self, time: Time, sessions: list[int], **waits: Any) -> None:
        super().__init__("<flaky>", clock=lambda: time.now, **waits)
        self.time = time
        self.sessions = iter(sessions)

    def _session(self, stop: threading.Event) -> Iterator[LiveBlock]:
        seconds = next(self.sessions, None)
        if seconds is None:
            return
        for _ in range(seconds):
            self.time.now += 1.0
            yield LiveBlock(np.zeros((1, RATE), np.float32), RATE, self.time.now)
        raise InputError(self.name, "unreachable", "gone", "look")


def heard(sessions: list[int], **waits: Any) -> tuple[Time, list[LiveBlock], Flaky]:
    time = Time()
    source = Flaky(time, sessions, **waits)
    return time, list(source.blocks(Stop(time))), source


def test_it_waits_twice_as_long_each_time_up_to_a_longest() -> None:
    time, _, _ = heard([5, 0, 0, 0, 0, 0], first_wait_s=1.0, longest_wait_s=6.0)
    assert time.waits == [1.0, 2.0, 4.0, 6.0, 6.0, 6.0]


def test_after_a_good_session_it_waits_shortly_again() -> None:
    time, _, _ = heard([5, 0, 10, 3, 3], first_wait_s=1.0, longest_wait_s=6.0)
    assert time.waits == [1.0, 2.0, 1.0, 2.0, 4.0]


def test_what_is_missing_is_what_the_clock_says() -> None:
    _, blocks, _ = heard([5, 0, 3, 2], first_wait_s=1.0)
    lapses = {k: block.lapse for k, block in enumerate(blocks) if block.lapse}
    assert lapses == {5: Lapse(3.0, "interrupted"), 8: Lapse(4.0, "interrupted")}
    # Sound and what is missing are as long as the time that went by.
    assert sum(block.duration_s for block in blocks) + 7.0 == blocks[-1].arrived_s


def test_what_never_gave_sound_is_given_up_at_once() -> None:
    time = Time()
    with pytest.raises(InputError, match="<flaky>: gone; look"):
        list(Flaky(time, [0, 5]).blocks(Stop(time)))
    assert time.waits == []


def test_it_says_what_is_wrong_meanwhile() -> None:
    time = Time()
    source = Flaky(time, [1, 0, 1])
    troubles = [source.trouble for _ in source.blocks(Stop(time))]
    assert troubles == ["", ""]
    assert source.trouble == "gone; trying again"


def test_a_stop_ends_the_waiting() -> None:
    time = Time()
    stop = Stop(time)
    blocks = Flaky(time, [1, 1]).blocks(stop)
    next(blocks)
    stop.set()
    assert list(blocks) == []

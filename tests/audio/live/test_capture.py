"""The ring buffer keeps the newest sound and tells what is missing; what can wait is waited for."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.audio.live import ALWAYS_LIVE_S, NEVER_LIVE_S, Capture, Lapse, LiveBlock
from auscult.audio.live.capture import RingBuffer
from auscult.audio.live.levels import FLOOR_DBFS, Meter
from auscult.errors import InputError

RATE = 1000
# Long enough for any machine; nothing waits for it where all is well.
LONG_S = 60.0


def block(seconds: float, lapse: Lapse | None = None, value: float = 0.0) -> LiveBlock:
    return LiveBlock(np.full((1, round(seconds * RATE)), value, np.float32), RATE, 0.0, lapse)


def never() -> bool:
    return False


def taken(ring: RingBuffer) -> list[tuple[float, float]]:
    """Of each block its length and what is missing before it."""
    found = []
    while (one := ring.take(0)) is not None:
        found.append((one.duration_s, one.lapse.seconds if one.lapse else 0.0))
    return found


def test_what_fits_stays() -> None:
    ring = RingBuffer(1.0)
    for _ in range(4):
        ring.put(block(0.25), may_wait=never)
    assert ring.waiting_s == 1.0
    assert taken(ring) == [(0.25, 0.0)] * 4
    assert ring.dropped_s == 0


def test_when_it_is_full_the_oldest_go_until_half_is_left() -> None:
    ring = RingBuffer(1.0)
    for _ in range(5):
        ring.put(block(0.25), may_wait=never)
    # The new one belongs to the half that is left.
    assert taken(ring) == [(0.25, 0.75), (0.25, 0.0)]
    assert ring.dropped_s == 0.75


def test_gaps_in_what_was_dropped_are_missing_too() -> None:
    ring = RingBuffer(1.0)
    ring.put(block(0.5), may_wait=never)
    ring.put(block(0.5, Lapse(3.0, "interrupted")), may_wait=never)
    ring.put(block(0.5, Lapse(1.0, "interrupted")), may_wait=never)
    ring.put(block(0.5), may_wait=never)
    first = ring.take(0)
    assert first is not None
    assert first.lapse == Lapse(0.5 + 3.0 + 0.5 + 1.0, "overload")


@given(
    sizes=st.lists(st.tuples(st.integers(1, 400), st.booleans(), st.integers(0, 50)), min_size=1, max_size=100),
    capacity=st.integers(400, 2000),
)
def test_nothing_is_lost_that_is_not_told(sizes: list[tuple[int, bool, int]], capacity: int) -> None:
    ring = RingBuffer(capacity / RATE)
    put_s = found_s = 0.0
    for size, takes, lapse in sizes:
        one = block(size / RATE, Lapse(lapse / RATE, "x") if lapse else None)
        put_s += one.duration_s + lapse / RATE
        ring.put(one, may_wait=never)
        assert ring.waiting_s <= capacity / RATE + 1e-9
        if takes:
            found_s += _one(ring)
    found_s += sum(length + missing for length, missing in taken(ring))
    assert found_s == pytest.approx(put_s)


def _one(ring: RingBuffer) -> float:
    one = ring.take(0)
    assert one is not None
    return one.duration_s + (one.lapse.seconds if one.lapse else 0.0)


def test_a_block_longer_than_all_is_taken() -> None:
    ring = RingBuffer(0.1)
    ring.put(block(1.0), may_wait=never)
    ring.put(block(2.0), may_wait=never)
    assert taken(ring) == [(2.0, 1.0)]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Source:
    """Gives blocks of 0.1 s; the clock goes on by `step_s` with each."""

    name = "<test>"

    def __init__(self, clock: Clock, n_blocks: int, *, lead_s: float, step_s: float = 0.1) -> None:
        self.clock = clock
        self.n_blocks = n_blocks
        self.lead_s = lead_s
        self.step_s = step_s
        self.n_given = 0
        self.may_end = threading.Event()
        self.may_end.set()

    def blocks(self, stop: threading.Event) -> Iterator[LiveBlock]:
        for _ in range(self.n_blocks):
            self.clock.now += self.step_s
            self.n_given += 1
            yield block(0.1)
        self.may_end.wait(LONG_S)


def heard_of(capture: Capture) -> tuple[float, float]:
    """How much came, and how much was missing, to the end."""
    heard_s = missing_s = 0.0
    while not capture.ended:
        one = capture.take(LONG_S)
        if one is not None:
            heard_s += one.duration_s
            missing_s += one.lapse.seconds if one.lapse else 0.0
    return heard_s, missing_s


def finished(capture: Capture) -> None:
    """Wait until all was put."""
    capture._thread.join(LONG_S)
    assert not capture._thread.is_alive()


def test_sound_in_real_time_is_dropped_where_no_one_takes_it() -> None:
    clock = Clock()
    with Capture(Source(clock, 100, lead_s=2.0), backlog_s=1.0, clock=clock) as capture:
        finished(capture)
        heard_s, missing_s = heard_of(capture)
    assert heard_s <= 1.0
    assert heard_s + missing_s == pytest.approx(10.0)
    assert capture.dropped_s == pytest.approx(missing_s)


@pytest.mark.parametrize("lead_s", [2.0, NEVER_LIVE_S])
def test_what_comes_faster_than_real_time_is_waited_for(lead_s: float) -> None:
    clock = Clock()
    source = Source(clock, 100, lead_s=lead_s, step_s=0.0)
    with Capture(source, backlog_s=1.0, clock=clock) as capture:
        heard_s, missing_s = heard_of(capture)
        assert source.n_given == 100
    assert (round(heard_s, 6), missing_s) == (10.0, 0.0)


def test_what_was_once_ahead_is_no_live_sound_for_good() -> None:
    """A file in a pipe: waiting for a slow model must not make it look live."""
    clock = Clock()
    source = Source(clock, 100, lead_s=0.5, step_s=0.0)
    with Capture(source, backlog_s=1.0, clock=clock) as capture:
        heard_s = 0.0
        while not capture.ended:
            one = capture.take(LONG_S)
            clock.now += 10.0  # as long as a very slow model takes
            if one is not None:
                assert one.lapse is None
                heard_s += one.duration_s
    assert heard_s == pytest.approx(10.0)


def test_a_device_is_never_waited_for() -> None:
    clock = Clock()
    with Capture(Source(clock, 100, lead_s=ALWAYS_LIVE_S, step_s=0.0), backlog_s=1.0, clock=clock) as capture:
        finished(capture)
        assert capture.waiting_s <= 1.0
        assert capture.dropped_s > 8.9


def test_stopping_ends_a_source_that_waits_for_room() -> None:
    clock = Clock()
    with Capture(Source(clock, 10**6, lead_s=NEVER_LIVE_S), backlog_s=1.0, clock=clock) as capture:
        assert capture.take(LONG_S) is not None
        capture.stop()
        finished(capture)


def test_an_error_comes_after_the_sound_before_it() -> None:
    class Breaking(Source):
        def blocks(self, stop: threading.Event) -> Iterator[LiveBlock]:
            yield block(0.1)
            raise InputError(self.name, "unreachable", "gone", "look")

    clock = Clock()
    with Capture(Breaking(clock, 1, lead_s=1.0), backlog_s=1.0, clock=clock) as capture:
        assert capture.take(LONG_S) is not None
        assert not capture.ended
        with pytest.raises(InputError, match="gone"):
            capture.take(LONG_S)
        assert capture.ended
        assert capture.take(0) is None


def test_nothing_comes_in_time() -> None:
    clock = Clock()
    source = Source(clock, 0, lead_s=1.0)
    source.may_end.clear()
    with Capture(source, backlog_s=1.0, clock=clock) as capture:
        assert capture.take(0.01) is None
        assert not capture.ended
        source.may_end.set()
        assert capture.take(LONG_S) is None
        assert capture.ended


def test_levels_of_a_sine_by_theory() -> None:
    meter = Meter()
    sine = 0.5 * np.sin(2 * np.pi * np.arange(8000) / 80)
    full = np.full((1, 4), 32767, np.int16)
    meter.push(LiveBlock(sine[np.newaxis].astype(np.float32), 8000, 0.0))
    levels = meter.read()
    assert levels is not None
    # Half of full scale, and 1 / sqrt(2) of that.
    assert levels.peak_dbfs == pytest.approx(-6.0206, abs=1e-3)
    assert levels.rms_dbfs == pytest.approx(-9.0309, abs=1e-3)
    assert levels.n_clipped == 0
    assert meter.read() is None
    meter.push(LiveBlock(full, 8000, 0.0))
    meter.push(LiveBlock(np.array([[128, 0]], np.uint8), 8000, 0.0))
    levels = meter.read()
    assert levels is not None
    assert (levels.peak_dbfs, levels.n_clipped) == (0.0, 5)
    meter.push(LiveBlock(np.zeros((2, 5), np.float32), 8000, 0.0))
    meter.push(LiveBlock(np.full((2, 5), np.nan, np.float32), 8000, 0.0))
    meter.push(LiveBlock(np.zeros((1, 0), np.float32), 8000, 0.0))
    levels = meter.read()
    assert levels is not None
    assert (levels.peak_dbfs, levels.rms_dbfs) == (FLOOR_DBFS, FLOOR_DBFS)

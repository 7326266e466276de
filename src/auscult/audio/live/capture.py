"""The thread that takes sound from an input, and the ring buffer between it and the thread that listens.

The rule for overload: when more than `backlog_s` of sound wait, the oldest go until half of that is left, and the
first block that stays says how much is missing before it. So time stays true, memory constant, and what is heard is
never older than `backlog_s`; and an overload that lasts makes few long gaps, not many short ones.

A source that is no live one, a file in a pipe, say, is made to wait instead; see `LiveInput.lead_s`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from auscult.audio.live.blocks import ALWAYS_LIVE_S, Lapse, LiveBlock, LiveInput
from auscult.audio.live.levels import Meter

#: Sound that may wait to be heard, unless another length is asked for.
BACKLOG_S = 5.0
#: Sound that comes this far ahead of the clock is a burst, not an overload: there is time to wait for room.
_BURST_S = 0.5
OVERLOAD = "overload"


class RingBuffer:
    """Keeps the newest blocks, `capacity_s` of them. One thread puts, another takes.

    Attributes
    ----------
    dropped_s : how much sound was dropped, all in all
    """

    def __init__(self, capacity_s: float) -> None:
        self._capacity_s = capacity_s
        self._blocks: deque[LiveBlock] = deque()
        self._waiting_s = 0.0
        self._missing_s = 0.0
        self._changed = threading.Condition()
        self._closed = False
        self.dropped_s = 0.0

    @property
    def waiting_s(self) -> float:
        """How much sound waits to be taken."""
        return self._waiting_s

    def put(self, block: LiveBlock, *, may_wait: Callable[[], bool]) -> None:
        """Add a block: where it does not fit, wait while `may_wait` says so, else drop the oldest."""
        with self._changed:
            while self._is_full(block) and not self._closed and may_wait():
                self._changed.wait(0.05)
            if self._is_full(block):
                self._drop(self._capacity_s / 2 - block.duration_s)
            self._blocks.append(block)
            self._waiting_s += block.duration_s
            self._changed.notify_all()

    def take(self, timeout_s: float) -> LiveBlock | None:
        """The oldest block; None where none came in time, or none will come."""
        with self._changed:
            if not self._blocks and not self._closed:
                self._changed.wait(timeout_s)
            if not self._blocks:
                return None
            block = self._blocks.popleft()
            # Not by subtraction: the last bits would add up in a month.
            self._waiting_s = self._waiting_s - block.duration_s if self._blocks else 0.0
            self._changed.notify_all()
            return self._with_missing(block)

    def close(self) -> None:
        """Nothing comes any more; what is there can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def ended(self) -> bool:
        """Nothing comes any more, and nothing is left."""
        with self._changed:
            return self._closed and not self._blocks

    def _is_full(self, block: LiveBlock) -> bool:
        return bool(self._blocks) and self._waiting_s + block.duration_s > self._capacity_s

    def _drop(self, leave_s: float) -> None:
        while self._blocks and self._waiting_s > leave_s:
            oldest = self._blocks.popleft()
            self._waiting_s = self._waiting_s - oldest.duration_s if self._blocks else 0.0
            self.dropped_s += oldest.duration_s
            self._missing_s += oldest.duration_s + (oldest.lapse.seconds if oldest.lapse else 0.0)

    def _with_missing(self, block: LiveBlock) -> LiveBlock:
        if not self._missing_s:
            return block
        missing_s = self._missing_s + (block.lapse.seconds if block.lapse else 0.0)
        self._missing_s = 0.0
        return replace(block, lapse=Lapse(missing_s, OVERLOAD))


class Capture:
    """An input, read by a thread of its own from `start` on; a context manager that starts and stops it.

    Attributes
    ----------
    meter : levels of what comes in
    """

    def __init__(
        self, source: LiveInput, *, backlog_s: float = BACKLOG_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.source = source
        self.meter = Meter()
        self._ring = RingBuffer(backlog_s)
        self._clock = clock
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self._received_s = 0.0
        self._first_s: float | None = None
        self._is_live = True
        self._thread = threading.Thread(target=self._run, name=f"capture {source.name}", daemon=True)

    def __enter__(self) -> Capture:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()
        # A read that nothing interrupts must not hold up the end: the thread is a daemon.
        self._thread.join(1.0)

    @property
    def waiting_s(self) -> float:
        """How much sound waits to be heard."""
        return self._ring.waiting_s

    @property
    def dropped_s(self) -> float:
        """How much sound was dropped by overload."""
        return self._ring.dropped_s

    @property
    def ended(self) -> bool:
        """The input has ended and everything was taken, what went wrong with it too."""
        return self._ring.ended and self._failure is None

    def take(self, timeout_s: float) -> LiveBlock | None:
        """The next block; None where none came in time.

        Raises
        ------
        InputError, MissingExtraError : what ended the input, after everything was taken
        """
        block = self._ring.take(timeout_s)
        if block is None and self._failure is not None and self._ring.ended:
            failure, self._failure = self._failure, None
            raise failure
        return block

    def stop(self) -> None:
        """Let the input end."""
        self._stop.set()
        self._ring.close()

    def _run(self) -> None:
        try:
            for block in self.source.blocks(self._stop):
                self._put(block)
                if self._stop.is_set():
                    break
        except Exception as error:  # noqa: BLE001  # given to whoever takes
            self._failure = error
        finally:
            self._ring.close()

    def _put(self, block: LiveBlock) -> None:
        if self._first_s is None:
            self._first_s = self._clock()
        self._received_s += block.duration_s + (block.lapse.seconds if block.lapse else 0.0)
        self._is_live = self._is_live and self._ahead_s() <= self.source.lead_s
        self.meter.push(block)
        self._ring.put(block, may_wait=self._may_wait)

    def _may_wait(self) -> bool:
        if self._stop.is_set() or self.source.lead_s == ALWAYS_LIVE_S:
            return False
        return not self._is_live or self._ahead_s() > _BURST_S

    def _ahead_s(self) -> float:
        assert self._first_s is not None
        return self._received_s - (self._clock() - self._first_s)

"""An input that is opened again when it breaks off: a device that is unplugged, a server that hangs up.

The rule: that it cannot be opened the first time is an error, for the address or the device is likely wrong. Once sound
has come, it is tried again for ever: after `first_wait_s`, then after twice as long each time, `longest_wait_s` at
most, and from the beginning after a session of `SOUND_S` or more. The sound missed meanwhile is a lapse, as long as the
clock says.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace

from auscult.audio.live.blocks import Lapse, LiveBlock
from auscult.errors import InputError

#: A session with this much sound was a good one.
SOUND_S = 10.0


def _clock() -> float:
    """Seconds that go on while the machine sleeps, where the system has such a clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Reconnecting(ABC):
    """What such inputs share; each gives the sound of one session in `_session`.

    Attributes
    ----------
    name : what it is called in messages
    trouble : what is wrong just now, in words; empty: nothing
    """

    def __init__(
        self,
        name: str,
        *,
        first_wait_s: float = 0.5,
        longest_wait_s: float = 30.0,
        clock: Callable[[], float] = _clock,
    ) -> None:
        self.name = name
        self.trouble = ""
        self._first_wait_s = first_wait_s
        self._longest_wait_s = longest_wait_s
        self._clock = clock

    def blocks(self, stop: threading.Event) -> Iterator[LiveBlock]:
        """See `LiveInput`."""
        began_s: float | None = None
        heard_s = 0.0
        wait_s = self._first_wait_s
        while not stop.is_set():
            session_s = 0.0
            try:
                for block in self._session(stop):
                    now_s = self._clock()
                    began_s = now_s - block.duration_s if began_s is None else began_s
                    if session_s == 0 and heard_s > 0:
                        missing_s = max(0.0, now_s - began_s - heard_s - block.duration_s)
                        block = replace(block, lapse=Lapse(missing_s, "interrupted"))
                    session_s += block.duration_s + (block.lapse.seconds if block.lapse else 0.0)
                    self.trouble = ""
                    yield block
                return
            except InputError as error:
                heard_s += session_s
                if heard_s == 0 or not self._comes_again(error):
                    raise
                wait_s = self._first_wait_s if session_s >= SOUND_S else wait_s
                self.trouble = f"{error.problem}; trying again"
            stop.wait(wait_s)
            wait_s = min(2 * wait_s, self._longest_wait_s)

    @abstractmethod
    def _session(self, stop: threading.Event) -> Iterator[LiveBlock]:
        """From opening to the end of the sound, or of listening; `InputError` where it breaks off."""

    def _comes_again(self, error: InputError) -> bool:
        """Whether to try again; asked only after sound has come."""
        return True

"""What a live input gives: blocks of sound, each with the time of its arrival and what is missing before it."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

#: `LiveInput.lead_s` of what is always waited for, and of what cannot wait.
NEVER_LIVE_S = -math.inf
ALWAYS_LIVE_S = math.inf


@dataclass(frozen=True)
class Lapse:
    """Sound that is missing: for how long, and why, in words."""

    seconds: float
    why: str


@dataclass(frozen=True, eq=False)
class LiveBlock:
    """A piece of live sound.

    Attributes
    ----------
    samples : float32 in [-1, 1], or int16, int32 or uint8, `(channels, samples)`
    sample_rate : Hz
    arrived_s : when its last sample came, by `time.monotonic`
    lapse : what is missing between the block before and this one; None: nothing
    """

    samples: NDArray[Any]
    sample_rate: int
    arrived_s: float
    lapse: Lapse | None = None

    @property
    def duration_s(self) -> float:
        return int(np.shape(self.samples)[1]) / self.sample_rate


class LiveInput(Protocol):
    """Something that gives sound as it happens.

    Attributes
    ----------
    name : what it is called in messages
    lead_s : how far ahead of the clock its sound may come and still be live: what a pipe holds, what a server sends at
        once. A source that is ever further ahead is no live one: it is waited for, and nothing of it is dropped.
        `ALWAYS_LIVE_S` where the source cannot be made to wait, `NEVER_LIVE_S` where it always can.
    """

    @property
    def name(self) -> str: ...

    @property
    def lead_s(self) -> float: ...

    def blocks(self, stop: threading.Event) -> Iterator[LiveBlock]:
        """The sound, until it ends or soon after `stop` is set. Everything is opened, and closed, in here.

        Raises
        ------
        InputError : there is no such input, or it is not sound
        """
        ...

"""Live sound through a model: what a thread captures, another classifies, and whoever asks gets what was heard.

::

    input -> Capture (a thread, a ring buffer) -> Stream -> windows, events, gaps
             audio.live                           streaming

Missing sound is a `Gap`, whether the model was too slow for it, a connection was lost, or samples were no numbers:
times stay true, and listening goes on.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import numpy as np

from auscult.audio.live import Capture, Levels, LiveBlock
from auscult.classifier import Classifier
from auscult.decide import EventOptions
from auscult.errors import InputError, UsageError
from auscult.records import Event
from auscult.streaming import Stream, StreamWindow

#: Latencies that `Listening.latency_s` speaks of.
N_LATENCIES = 200
#: With `seconds`, a source from which nothing comes is given up this long after they have passed.
GRACE_S = 5.0
DAMAGED = "not finite"
#: Of a window: what is left of a whole number of them by adding up times.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Gap:
    """Sound that was not heard, in seconds from the beginning, and why.

    `n_windows` is how many windows would have begun in it; none where only the form of the sound changed.
    """

    source: str
    start_s: float
    end_s: float
    why: str
    n_windows: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        span = {"start_s": self.start_s, "end_s": self.end_s, "why": self.why, "n_windows": self.n_windows}
        return {"source": self.source, "gap": span}


Heard: TypeAlias = StreamWindow | Event | Gap


class Listening:
    """What is heard in a capture, piece by piece. To be used from one thread.

    Parameters
    ----------
    model : whose labels are listened for
    capture : entered already, so that it runs
    options : when scores make an event
    seconds : how much sound to hear, gaps included; None: to the end of the input
    selection : `allow`, `deny`, `top_k`, `score_threshold`, as for `Classifier.stream`

    Attributes
    ----------
    began_at : when the first sample was recorded; None before it came
    n_windows, n_events : how many came
    n_dropped_windows : how many fell into gaps
    """

    def __init__(
        self,
        model: Classifier,
        capture: Capture,
        options: EventOptions | None = None,
        *,
        seconds: float | None = None,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
        monotonic: Callable[[], float] = time.monotonic,
        **selection: Any,
    ) -> None:
        if seconds is not None and not (math.isfinite(seconds) and seconds > 0):
            raise UsageError(f"The 'seconds' parameter must be a number above 0, or None. Got {seconds!r} instead.")
        self._model = model
        self._capture = capture
        self._options = options or EventOptions()
        self._seconds = seconds
        self._now = now
        self._monotonic = monotonic
        self._selection = selection
        self._stream: Stream | None = None
        self._done = False
        self._damaged_s = 0.0
        self._began_s: float | None = None
        self.began_at: datetime | None = None
        self.n_windows = self.n_events = self.n_dropped_windows = 0
        self._latencies_s: deque[float] = deque(maxlen=N_LATENCIES)

    @property
    def source(self) -> str:
        """Name of what is listened to."""
        return self._capture.source.name

    @property
    def trouble(self) -> str:
        """What is wrong with it just now, in words; empty: nothing."""
        return getattr(self._capture.source, "trouble", "")

    @property
    def sample_rate(self) -> int | None:
        """Hz, of what comes in; None before it came."""
        return None if self._stream is None else self._stream.sample_rate

    def levels(self) -> Levels | None:
        """Of what came in since the last call, heard or not; None: nothing."""
        return self._capture.meter.read()

    def latency_s(self, quantile: float = 0.5) -> float | None:
        """Of the last `N_LATENCIES` windows, from the arrival of the last sample to the scores; None: no window yet."""
        return float(np.quantile(self._latencies_s, quantile)) if self._latencies_s else None

    @property
    def ended(self) -> bool:
        """The input has ended, or `seconds` were heard."""
        return self._done or self._capture.ended

    @property
    def duration_s(self) -> float:
        """How much sound was heard, gaps included."""
        return 0.0 if self._stream is None else self._stream.duration_s + self._damaged_s

    def clock(self, seconds: float) -> datetime | None:
        """When that was which lies so far from the beginning; None before there is one."""
        return None if self.began_at is None else self.began_at + timedelta(seconds=seconds)

    def take(self, timeout_s: float = 0.1) -> list[Heard]:
        """What the next piece of sound brings, in order; nothing where none came in time.

        Raises
        ------
        InputError, MissingExtraError : there is no such input, or it broke off for good
        """
        block = None if self._done else self._capture.take(timeout_s)
        if block is not None:
            return self._counted(self._hear(block))
        self._done = self._done or self._is_over()
        return []

    def finish(self) -> list[Heard]:
        """What is left to say at the end; what still waits is not heard. To be called once."""
        self._done = True
        if self._stream is None:
            return []
        heard = self._gap(self._stream, self._damaged_s, DAMAGED) if self._damaged_s else []
        self._damaged_s = 0.0
        try:
            heard += self._stream.finish()
        except InputError:
            heard.append(Gap(self._stream.source, self._stream.duration_s, self._stream.duration_s, DAMAGED, 0))
        return self._counted(heard)

    def _is_over(self) -> bool:
        """Whether by the clock so much sound should have come long ago: a source that is gone must not hold it up."""
        if self._seconds is None or self._began_s is None:
            return False
        return self._monotonic() - self._began_s > self._seconds + GRACE_S

    def _counted(self, heard: list[Heard]) -> list[Heard]:
        for one in heard:
            if isinstance(one, StreamWindow):
                self.n_windows += 1
                self._latencies_s.append(one.latency_s)
            elif isinstance(one, Gap):
                self.n_dropped_windows += one.n_windows
            else:
                self.n_events += 1
        return heard

    def _hear(self, block: LiveBlock) -> list[Heard]:
        stream = self._stream or self._begin(block)
        block = self._within_seconds(block)
        samples, lapse = block.samples, block.lapse
        missing_s = self._damaged_s + (lapse.seconds if lapse else 0.0)
        if not np.isfinite(samples).all():
            # A device that goes on like this makes one long gap, not one a block.
            self._damaged_s = missing_s + block.duration_s
            return []
        heard: list[Heard] = []
        if self._damaged_s or lapse is not None:
            self._damaged_s = 0.0
            heard += self._gap(stream, missing_s, lapse.why if lapse else DAMAGED, block)
        elif block.sample_rate != stream.sample_rate:
            heard += self._gap(stream, 0.0, "another sample rate", block)
        elif len(samples) != stream.channels:
            heard += self._gap(stream, 0.0, "other channels", block)
        start_s = stream.duration_s
        try:
            return heard + stream.push(samples, arrived_s=block.arrived_s)
        except InputError as error:
            if error.kind != "not_finite":
                raise
            # Scores that are no numbers: all of the block was taken, and the stream has begun anew after it.
            return [*heard, *self._gap(stream, 0.0, DAMAGED, block, start_s=start_s)]

    def _begin(self, block: LiveBlock) -> Stream:
        self._stream = self._model.stream(
            block.sample_rate,
            self._options,
            channels=len(block.samples),
            source=self.source,
            **self._selection,
        )
        self._began_s = block.arrived_s - block.duration_s - (block.lapse.seconds if block.lapse else 0.0)
        self.began_at = self._now() - timedelta(seconds=self._monotonic() - self._began_s)
        return self._stream

    def _within_seconds(self, block: LiveBlock) -> LiveBlock:
        """As much of the block, and of what is missing before it, as is asked for."""
        if self._seconds is None:
            return block
        left_s = max(0.0, self._seconds - self.duration_s)
        lapse = block.lapse
        if lapse is not None:
            lapse = replace(lapse, seconds=min(lapse.seconds, left_s))
            left_s -= lapse.seconds
        n_left = round(left_s * block.sample_rate)
        self._done = n_left <= block.samples.shape[1]
        return replace(block, samples=block.samples[:, :n_left], lapse=lapse)

    def _gap(
        self, stream: Stream, seconds: float, why: str, block: LiveBlock | None = None, *, start_s: float | None = None
    ) -> list[Heard]:
        """Sound that is missing before the block; `start_s` where some of it was already counted, or heard even."""
        gap_s = stream.duration_s if start_s is None else start_s
        heard: list[Heard] = []
        try:
            if block is None:
                heard += stream.gap(seconds)
            else:
                heard += stream.gap(seconds, sample_rate=block.sample_rate, channels=len(block.samples))
        except InputError:
            why = DAMAGED
        if start_s is not None:
            gap_s = max([gap_s, *(one.end_s for one in heard if isinstance(one, StreamWindow))])
        end_s = stream.duration_s
        spec = self._model.spec
        n_windows = math.ceil((end_s - gap_s) * spec.sample_rate / spec.hop_samples - _ROUNDING)
        return [*heard, Gap(stream.source, gap_s, end_s, why, n_windows)]

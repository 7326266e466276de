"""A sound that arrives in blocks: what is heard in it, as soon as it can be said.

The blocks go through what a file goes through (`to_mono`, `StreamResampler`, `WindowCutter`, `Runner.run`,
`EventFinder`), none of which minds where one block ends and the next begins. So a stream that is fed the samples of a
file gives the file's scores and events, to the last bit, for any sizes of blocks.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from auscult.audio import StreamResampler, WindowCutter, sound_from_array, to_mono
from auscult.decide import EventFinder, Shortlist
from auscult.errors import InputError, UsageError
from auscult.models.runners import Runner
from auscult.records import Event, FloatArray, Prediction, Window, whole_rate
from auscult.scoring import GROUP_SAMPLES, checked_scores

STREAM_NAME = "<stream>"
#: A first block of more channels than this is more likely one of (samples, channels): the number is to be stated.
MAX_UNSTATED_CHANNELS = 8


@dataclass(frozen=True, eq=False)
class StreamWindow:
    """What a model says of one window of a stream.

    Attributes
    ----------
    source : name of the stream
    index : of the window, from 0, counted on over gaps
    start_s, end_s : where the window lies, in seconds from the beginning of the stream; what fills up the last window
        is not counted
    scores : float32 (classes,), of all of the model's labels
    latency_s : from the arrival of the window's last sample to its scores
    """

    source: str
    index: int
    start_s: float
    end_s: float
    scores: FloatArray = field(repr=False)
    latency_s: float
    _shortlist: Shortlist = field(repr=False)

    @cached_property
    def predictions(self) -> tuple[Prediction, ...]:
        """What is heard in the window, best first, as far as the selection of labels names it."""
        return self._shortlist.rank(self.scores)

    @property
    def timestamp_ms(self) -> int:
        """`start_s` in whole milliseconds, as MediaPipe's results have it."""
        return round(self.start_s * 1000)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "source": self.source,
            "start_s": self.start_s,
            "end_s": self.end_s,
            "predictions": [prediction.to_dict() for prediction in self.predictions],
            "latency_ms": round(self.latency_s * 1000, 3),
        }


Found: TypeAlias = StreamWindow | Event


class Stream:
    """A sound that is pushed block by block; made by `Classifier.stream`. To be used from one thread at a time.

    Memory is constant, however long it goes on. As a context manager it is closed at the end: what is pushed later is
    refused.

    Examples
    --------
    >>> import auscult
    >>> model = auscult.load("starter")
    >>> with model.stream(16000) as stream:
    ...     found = [stream.push(np.zeros(n, np.int16)) for n in (100, 40000, 7)]
    ...     last = stream.finish()
    >>> [len(windows) for windows in found], stream.duration_s
    ([0, ..., 0], 2.5066875)
    """

    def __init__(
        self,
        runner: Runner,
        shortlist: Shortlist,
        finder: Callable[[str], EventFinder],
        *,
        sample_rate: int,
        channels: int | None = None,
        source: str = STREAM_NAME,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.source = source
        self._runner = runner
        self._spec = runner.spec
        self._shortlist = shortlist
        self._finder = finder
        self._clock = clock
        self._n_windows = 0
        self._finished = False
        # What was found before scores that were no numbers: the next call gives it.
        self._owed: list[Found] = []
        self._channels: int | None
        self._begin(0.0, _rate(sample_rate), channels)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *exception: object) -> None:
        self._finished = True

    @property
    def sample_rate(self) -> int:
        """Hz, of what is pushed."""
        return self._sample_rate

    @property
    def channels(self) -> int | None:
        """Of what is pushed; None where the next block says it."""
        return self._channels

    @property
    def duration_s(self) -> float:
        """How much sound was pushed so far, gaps included."""
        return self._origin_s + self._n_samples / self._sample_rate

    @property
    def n_windows(self) -> int:
        """How many windows were given so far."""
        return self._n_windows

    def push(self, block: ArrayLike, *, arrived_s: float | None = None) -> list[Found]:
        """Take the next samples; give what can be said now, in order: each window, then the events it made certain.

        Parameters
        ----------
        block : float in [-1, 1], or int16, int32 or uint8, `(samples,)` or `(channels, samples)`; any number of
            samples, none too. It may be changed after the call.
        arrived_s : when its last sample came, by `time.monotonic`, from which latencies count; None: now

        Raises
        ------
        InputError : kind ``invalid`` (another shape or type, or other channels than before), ``not_finite`` (NaN or
            infinity). Nothing of the block was taken, and the stream goes on with the next. Where it is the model's
            scores that are no numbers, the block is passed over, and the next call gives what was found before it.
        UsageError : the stream is finished
        """
        self._check_open()
        arrived_s = self._clock() if arrived_s is None else arrived_s
        samples = self._samples_of(block)
        if samples.shape[1] == 0:
            return []
        mono = to_mono(samples, self._spec.mono, source=self.source)
        self._channels = len(samples)
        self._n_samples += len(mono)
        self._arrivals.append((self._n_samples, arrived_s))
        return self._found(self._cut(self._resampler.push(mono)))

    def gap(self, duration_s: float, *, sample_rate: int | None = None, channels: int | None = None) -> list[Found]:
        """Say that sound is missing here. What was heard before ends as a file ends; after it begins another.

        No window and no event reaches over a gap: the last window before it is filled up with zeros, and the first one
        after it begins with it. So a stream with gaps gives what the files between the gaps would give, at their times.

        Parameters
        ----------
        duration_s : how long the missing sound was, from 0
        sample_rate, channels : of the sound after the gap; None: as before

        Returns
        -------
        As for `push`: what could only be said at the end

        Raises
        ------
        UsageError : the stream is finished, or `duration_s` is no length of time
        """
        self._check_open()
        if not (isinstance(duration_s, int | float | np.integer | np.floating) and 0 <= duration_s < np.inf):
            raise UsageError(
                f"The 'duration_s' parameter of gap must be a number of seconds from 0. Got {duration_s!r} instead."
            )
        rate = self._sample_rate if sample_rate is None else _rate(sample_rate)
        if channels is None and sample_rate is None:
            channels = self._channels
        origin_s = self.duration_s + float(duration_s)
        try:
            return self._end()
        finally:
            self._begin(origin_s, rate, channels)

    def finish(self) -> list[Found]:
        """Say that nothing comes any more; give what is left, as for `push`. To be called once.

        Raises
        ------
        UsageError : the stream is finished
        """
        self._check_open()
        self._finished = True
        return self._end()

    def _begin(self, origin_s: float, sample_rate: int, channels: int | None) -> None:
        """A stretch of sound without gaps, which is cut and judged as a file is."""
        spec = self._spec
        self._origin_s = origin_s
        self._sample_rate = sample_rate
        self._channels = channels
        self._n_samples = 0
        self._resampler = StreamResampler(sample_rate, spec.sample_rate)
        self._cutter = WindowCutter(spec.window_samples, spec.hop_samples)
        self._n_cut = 0
        self._events = self._finder(self.source)
        # Up to which sample had come when; as far as windows need it that are not complete yet.
        self._arrivals: deque[tuple[int, float]] = deque()

    def _end(self) -> list[Found]:
        windows = self._cut(self._resampler.finish()) if self._n_samples else []
        if self._n_cut == 0:
            return self._found([])
        found = self._found([*windows, *self._cutter.finish()])
        return found + [self._placed(event) for event in self._events.finish()]

    def _cut(self, samples: FloatArray) -> list[tuple[Window, FloatArray]]:
        self._n_cut += len(samples)
        return self._cutter.push(samples)

    def _found(self, windows: list[tuple[Window, FloatArray]]) -> list[Found]:
        found, self._owed = self._owed, []
        try:
            for one in self._judged(windows):
                found.append(one)
        except InputError:
            # Scores that are no numbers: neither what came before nor what comes next is lost by it.
            self._owed = found + [self._placed(event) for event in self._events.finish()]
            self._begin(self.duration_s, self._sample_rate, self._channels)
            raise
        return found

    def _judged(self, windows: list[tuple[Window, FloatArray]]) -> Iterator[Found]:
        size = max(1, GROUP_SAMPLES // self._spec.window_samples)
        for first in range(0, len(windows), size):
            group = windows[first : first + size]
            valid = [window.valid_samples for window, _ in group]
            values = self._runner.run(np.stack([samples for _, samples in group]), valid)["scores"]
            values = checked_scores(values, self.source)
            now_s = self._clock()
            for (window, _), scores in zip(group, values, strict=True):
                yield self._window(window, scores, now_s)
                # One at a time, so that the order of windows and events is the same for all sizes of blocks.
                for event in self._events.push([window], scores[np.newaxis]):
                    yield self._placed(event)

    def _window(self, window: Window, scores: FloatArray, now_s: float) -> StreamWindow:
        # The last sample that the window holds something of, in the rate of what was pushed.
        last = min(-(-window.end * self._sample_rate // self._spec.sample_rate), self._n_samples)
        while self._arrivals[0][0] < last:
            self._arrivals.popleft()
        index = self._n_windows
        self._n_windows += 1
        rate = self._spec.sample_rate
        return StreamWindow(
            source=self.source,
            index=index,
            start_s=self._origin_s + window.start / rate,
            end_s=self._origin_s + window.end / rate,
            scores=scores,
            latency_s=now_s - self._arrivals[0][1],
            _shortlist=self._shortlist,
        )

    def _placed(self, event: Event) -> Event:
        if self._origin_s == 0:
            return event
        return replace(event, start_s=self._origin_s + event.start_s, end_s=self._origin_s + event.end_s)

    def _samples_of(self, block: ArrayLike) -> FloatArray:
        """The block as float32 `(channels, samples)`."""
        values = np.asarray(block)
        if values.size == 0 and values.ndim in (1, 2):
            return np.empty((1, 0), np.float32)
        try:
            samples = sound_from_array(values, self._sample_rate, channel_axis=0 if values.ndim == 2 else None).samples
        except InputError as error:
            raise InputError(self.source, error.kind, error.problem, error.next_step) from error
        expected = self._channels
        if expected is None and len(samples) > MAX_UNSTATED_CHANNELS:
            raise self._other_channels(values.shape, f"is at most {MAX_UNSTATED_CHANNELS} unless it is stated")
        if expected is not None and len(samples) != expected:
            raise self._other_channels(values.shape, f"is {expected}")
        return samples

    def _other_channels(self, shape: tuple[int, ...], rule: str) -> InputError:
        return InputError(
            self.source,
            "invalid",
            f"a block has the axes (samples,) or (channels, samples), and its number of channels {rule}; "
            f"this one has the shape {shape}",
            "transpose it if its axes are (samples, channels), or state channels= when the stream is made",
        )

    def _check_open(self) -> None:
        if self._finished:
            raise UsageError("The stream is finished; make another for more sound.")


def _rate(sample_rate: Any) -> int:
    try:
        return whole_rate(sample_rate)
    except ValueError as error:
        raise UsageError(str(error)) from error

"""What happens when: from the scores of windows, as they come, to events.

Conventions
-----------
* A window speaks for the hop-long middle of it; the first one also for all that lies before, the last one also for
  all that follows, up to the end of the sound. Where windows do not overlap, an event spans whole windows.
* The steps, in their order: scores are averaged (`smooth_s`); only the best of a window count (`top_k`); a label
  begins where it scores `on` and lasts while it scores `off`; what lies `max_gap_s` or less apart becomes one; what is
  shorter than `min_s` is left out; `pad_s` is added, and what then meets becomes one; what comes too often is left out
  (`max_per_minute`).
* Events come out as soon as they are certain, in the order of their ends. How windows are grouped changes nothing.
* Positions are counted in samples and divided by the rate once, at the end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from auscult.decide.assembly import Assembly, Certain
from auscult.decide.runs import Hysteresis, Smoother, Turn, best_of_each
from auscult.decide.selection import check_count, columns_of_each
from auscult.errors import UsageError
from auscult.records import Event, FloatArray, Label, Window

DEFAULT_ON = 0.5
# How far below `on` a label may fall before it ends, and how far at most in proportion to it.
OFF_BELOW_ON = 0.15
OFF_OF_ON = 0.5
MINUTE_S = 60


@dataclass(frozen=True, kw_only=True)
class EventOptions:
    """How scores become events.

    Attributes
    ----------
    on : score in [0, 1] from which an event begins: one for all labels, or by label (its id or name), where labels
        that are not named keep their own; None: the model's own threshold of the label, or 0.5
    off : score in [0, 1] while which it lasts, at most `on`; one, or by label. None: 0.15 below `on`, but at least half
        of it
    smooth_s : scores are averaged over this time first, centred: over the windows whose middles lie at most half of it
        away
    min_s : events shorter than this are left out
    max_gap_s : events of a label that lie at most this far apart become one
    pad_s : added before and after, within the recording; events of a label that then meet become one
    top_k : a label counts only in windows where it is among this many best of those asked for; None: everywhere
    max_per_minute : an event is left out where this many of its label began in the 60 s before it; None: never

    Raises
    ------
    UsageError : a value breaks its rule

    Examples
    --------
    >>> EventOptions(on=0.6, off={"dog": 0.2}, min_s=0.5).off
    {'dog': 0.2}
    """

    on: float | Mapping[str, float] | None = None
    off: float | Mapping[str, float] | None = None
    smooth_s: float = 0.0
    min_s: float = 0.0
    max_gap_s: float = 0.0
    pad_s: float = 0.0
    top_k: int | None = None
    max_per_minute: int | None = None

    def __post_init__(self) -> None:
        for one in fields(self):
            name, value = one.name, getattr(self, one.name)
            if name in ("on", "off"):
                object.__setattr__(self, name, _levels(name, value))
            elif name.endswith("_s"):
                object.__setattr__(self, name, _seconds(name, value))
            else:
                check_count(name, value)
                object.__setattr__(self, name, None if value is None else int(value))
        if isinstance(self.on, float) and isinstance(self.off, float) and self.off > self.on:
            raise UsageError(f"The 'off' parameter must be at most 'on', which is {self.on}. Got {self.off} instead.")


class EventFinder:
    """Finds the events of one sound: scores of its windows in, events out, in constant memory.

    Parameters
    ----------
    source : name of the sound
    labels : of the model, in the order of its scores
    columns : those of them that may be events
    options : see there
    thresholds : the model's own, one a label, or None
    sample_rate : Hz, of the model
    window_samples, hop_samples : of its window plan

    Raises
    ------
    UsageError : an option names a label that is not among `labels`, or `off` is above `on` for one of `columns`

    Examples
    --------
    Windows of 2 s, one each second.

    >>> from auscult.audio import plan_windows
    >>> finder = EventFinder("night.flac", [Label("owl")], [0], EventOptions(on=0.5), thresholds=None,
    ...                      sample_rate=10, window_samples=20, hop_samples=10)
    >>> scores = np.array([[0.1], [0.8], [0.9], [0.1], [0.1]], np.float32)
    >>> for event in finder.push(plan_windows(60, length=20, hop=10), scores) + finder.finish():
    ...     print(event.start_s, event.end_s, event.label, round(event.score, 2))
    1.5 3.5 owl 0.9
    """

    def __init__(
        self,
        source: str,
        labels: Sequence[Label],
        columns: Sequence[int],
        options: EventOptions,
        *,
        thresholds: Sequence[float] | None,
        sample_rate: int,
        window_samples: int,
        hop_samples: int,
    ) -> None:
        self.columns = tuple(columns)
        self._source = source
        self._labels = [labels[column] for column in columns]
        self._n_labels = len(labels)
        # A slice costs no copy of the scores.
        is_all = list(columns) == list(range(len(labels)))
        self._columns = slice(None) if is_all else np.asarray(columns, np.intp)
        self._rate, self._hop = sample_rate, hop_samples
        self._lead = (window_samples - hop_samples) // 2
        self._levels = resolve_levels(options, labels, columns, thresholds)
        self._options = options
        self._begin_anew()

    def like(self, source: str) -> EventFinder:
        """One for another sound, with the same options; it costs less than making one, and nothing is shared."""
        other = copy(self)
        other._source = source
        other._begin_anew()
        return other

    def _begin_anew(self) -> None:
        options = self._options
        self._hysteresis = Hysteresis(*self._levels)
        half = self._samples(options.smooth_s) // (2 * self._hop)
        self._smoother = Smoother(half, len(self.columns)) if half > 0 else None
        self._assembly = Assembly(
            gap=self._samples(options.max_gap_s),
            least=self._samples(options.min_s),
            pad=self._samples(options.pad_s),
            minute=MINUTE_S * self._rate,
            max_per_minute=options.max_per_minute,
        )
        self._last: Window | None = None
        # Index of the window that row 0 of the hysteresis stands for; it changes where windows are missing.
        self._offset = 0
        self._n_decided = 0

    def push(self, windows: Sequence[Window], values: FloatArray) -> list[Event]:
        """Take the next windows of the sound, in order; give the events that are certain now.

        Where windows are missing (an overloaded stream), what was heard ends with the last one before.

        Parameters
        ----------
        windows : one or more of the plan, without a hole among them
        values : float32 (windows, labels), in [0, 1], of all labels of the model

        Raises
        ------
        ValueError : windows and scores do not fit each other or come out of order
        """
        if len(windows) == 0:
            return []
        self._check(windows, values)
        expected = 0 if self._last is None else self._last.index + 1
        if windows[0].index > expected:
            self._interrupt(windows[0].index)
        self._last = windows[-1]
        scores = values[:, self._columns]
        self._decide(scores if self._smoother is None else self._smoother.push(scores))
        heard_to = min(self._begin(self._offset + self._n_decided), self._last.end)
        return self._events(self._assembly.advance(heard_to))

    def finish(self) -> list[Event]:
        """The events that only the end of the sound makes certain. To be called once, after the last window."""
        if self._last is None:
            return []
        if self._smoother is not None:
            self._decide(self._smoother.finish())
        for turn in self._hysteresis.finish():
            self._assembly.end(turn.column, self._last.end, turn.top)
        return self._events(self._assembly.finish(self._last.end))

    def _decide(self, scores: FloatArray) -> None:
        if self._options.top_k is not None:
            scores = best_of_each(scores, self._options.top_k)
        self._n_decided += len(scores)
        for turn in self._hysteresis.push(scores):
            self._take(turn, self._begin(self._offset + turn.row))

    def _take(self, turn: Turn, position: int) -> None:
        if turn.begins:
            self._assembly.begin(turn.column, position)
        else:
            self._assembly.end(turn.column, position, turn.top)

    def _interrupt(self, next_index: int) -> None:
        """Windows are missing: all that is heard ends where the last window before the hole ends to speak."""
        if self._smoother is not None:
            self._decide(self._smoother.finish())
        for turn in self._hysteresis.finish():
            self._assembly.end(turn.column, self._begin(self._offset + turn.row), turn.top)
        self._offset = next_index - self._n_decided

    def _begin(self, index: int) -> int:
        """First sample that window `index` speaks for."""
        return 0 if index == 0 else index * self._hop + self._lead

    def _samples(self, seconds: float) -> int:
        return round(seconds * self._rate)

    def _events(self, certain: Iterator[Certain]) -> list[Event]:
        found = []
        for end, start, column, top in certain:
            label = self._labels[column]
            found.append(Event(self._source, start / self._rate, end / self._rate, label.id, top, label.name))
        return found

    def _check(self, windows: Sequence[Window], values: FloatArray) -> None:
        if values.shape != (len(windows), self._n_labels):
            raise ValueError(
                "The 'values' parameter of EventFinder.push must have the shape (windows, labels) = "
                f"{(len(windows), self._n_labels)}. Got {values.shape} instead."
            )
        first, last = windows[0].index, windows[-1].index
        if last - first != len(windows) - 1 or (self._last is not None and first <= self._last.index):
            before = "none" if self._last is None else f"window {self._last.index}"
            raise ValueError(
                "The 'windows' parameter of EventFinder.push must follow each other in time. "
                f"Got {len(windows)} from window {first} to {last} after {before} instead."
            )


def resolve_levels(
    options: EventOptions, labels: Sequence[Label], columns: Sequence[int], thresholds: Sequence[float] | None
) -> tuple[FloatArray, FloatArray]:
    """The scores from which, and while which, each of `columns` is heard: two float32 (columns,).

    Raises
    ------
    UsageError : a label that is not among `labels`, or named twice with different values; `off` above `on`

    Examples
    --------
    >>> on, off = resolve_levels(EventOptions(on={"dog": 0.75}), [Label("cat"), Label("dog")], [0, 1], None)
    >>> on.tolist(), [round(float(level), 2) for level in off]
    ([0.5, 0.75], [0.35, 0.6])
    """
    own = np.full(len(labels), DEFAULT_ON) if thresholds is None else np.asarray(thresholds, np.float64)
    on = _of_labels("on", options.on, labels, own)
    off = _of_labels("off", options.off, labels, np.maximum(on - OFF_BELOW_ON, on * OFF_OF_ON))
    chosen = list(columns)
    for column in chosen if (off[chosen] > on[chosen]).any() else ():
        if off[column] > on[column]:
            raise UsageError(
                f"The 'off' parameter must be at most 'on', which is {on[column]:g} for {labels[column].name!r}. "
                f"Got {off[column]:g} instead."
            )
    return on[chosen].astype(np.float32), off[chosen].astype(np.float32)


def _of_labels(name: str, given: Any, labels: Sequence[Label], default: Any) -> Any:
    levels = np.array(default, np.float64)
    if isinstance(given, float):
        levels[:] = given
    elif given is not None:
        said: dict[int, str] = {}
        for (label, level), columns in zip(given.items(), columns_of_each(name, list(given), labels), strict=True):
            for column in columns:
                if given.get(said.setdefault(column, label)) != level:
                    raise UsageError(
                        f"The {name!r} parameter names one label twice, as {said[column]!r} and as {label!r}, with "
                        "different scores; name it once."
                    )
                levels[column] = level
    return levels


def _levels(name: str, value: Any) -> float | dict[str, float] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        return _level(name, value)
    for label in value:
        if not isinstance(label, str):
            raise UsageError(f"The {name!r} parameter must name labels by their ids or names. Got {label!r} instead.")
    return {label: _level(name, level, f" for {label!r}") for label, level in value.items()}


def _level(name: str, value: Any, of_label: str = ", or one by label, or None") -> float:
    if not _is_number(value) or not 0 <= value <= 1:
        raise UsageError(f"The {name!r} parameter must be a number in [0, 1]{of_label}. Got {value!r} instead.")
    return float(value)


def _seconds(name: str, value: Any) -> float:
    if not _is_number(value) or value < 0:
        raise UsageError(f"The {name!r} parameter must be a number of seconds, 0 or more. Got {value!r} instead.")
    return float(value)


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    return is_number and math.isfinite(value)

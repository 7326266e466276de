"""A recording in a line a label: whether and when it is heard, how often, how long, and how sure the model is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from auscult.decide.aggregate import WindowAggregate
from auscult.records import Event, FloatArray, Label

SUMMARY_COLUMNS = ("source", "label", "name", "any", "mean", "max", "count", "total_s", "first_s")
"""Of a table of many recordings, a line a label of each."""


@dataclass(frozen=True)
class LabelSummary:
    """One label in one recording.

    Attributes
    ----------
    label, name : its id, and what people call it
    any : whether it has an event
    mean, max : of its scores, over all windows, as the model gives them
    count : of its events
    total_s : length of its events together, to the microsecond; those of a label never overlap
    first_s : where its first event begins; None without any
    """

    label: str
    name: str
    any: bool
    mean: float
    max: float
    count: int
    total_s: float
    first_s: float | None

    def to_dict(self) -> dict[str, Any]:
        """For JSON; the name only where it is another word than the label."""
        named = {} if self.name == self.label else {"name": self.name}
        return {
            "label": self.label,
            **named,
            "any": self.any,
            "mean": self.mean,
            "max": self.max,
            "count": self.count,
            "total_s": self.total_s,
            "first_s": self.first_s,
        }


def longest_first(lines: Iterable[LabelSummary]) -> list[LabelSummary]:
    """The labels that are heard longest first, those that are not heard by their highest score."""
    return sorted(lines, key=lambda line: (-line.total_s, -line.max, line.label))


def summary_row(source: str, line: LabelSummary) -> list[Any]:
    """A row of a table with the columns `SUMMARY_COLUMNS`; ``any`` as JSON spells it.

    Examples
    --------
    >>> summary_row("a.wav", LabelSummary("dog", "dog", False, 0.25, 0.5, 0, 0.0, None))
    ['a.wav', 'dog', 'dog', 'false', 0.25, 0.5, 0, 0.0, None]
    """
    return [source, line.label, line.name, "true" if line.any else "false", *astuple(line)[3:]]


@dataclass(frozen=True)
class Summary:
    """A recording: its labels in the order of the model's."""

    source: str
    duration_s: float
    labels: tuple[LabelSummary, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "source": self.source,
            "duration_s": self.duration_s,
            "labels": [label.to_dict() for label in self.labels],
        }


class Summing:
    """Sums up one recording from its windows and its events as they come, in constant memory.

    Parameters
    ----------
    labels : of the model, in the order of its scores
    columns : those of them that are summed up
    always : those of `columns` that have a line even where nothing of them is heard; None: all

    Examples
    --------
    >>> import numpy as np
    >>> summing = Summing([Label("cat"), Label("dog")], [1])
    >>> summing.push(np.array([[0.5, 0.75], [0.5, 0.25]], np.float32))
    >>> summing.add([Event("a.wav", 0.0, 1.0, "dog", 0.75)])
    >>> summing.finish()[0].to_dict()
    {'label': 'dog', 'any': True, 'mean': 0.5, 'max': 0.75, 'count': 1, 'total_s': 1.0, 'first_s': 0.0}
    """

    def __init__(
        self, labels: Sequence[Label], columns: Sequence[int], *, always: Collection[int] | None = None
    ) -> None:
        self._labels, self._columns = labels, columns
        self._always = columns if always is None else always
        self._mean, self._max = WindowAggregate("mean"), WindowAggregate("max")
        self._events: dict[str, tuple[int, float, float]] = {}

    def push(self, values: FloatArray) -> None:
        """Take the scores of the next windows, float32 (windows, labels of the model)."""
        self._mean.push(values)
        self._max.push(values)

    def add(self, events: Iterable[Event]) -> None:
        """Take events of the recording."""
        for event in events:
            count, total_s, first_s = self._events.get(event.label, (0, 0.0, event.start_s))
            self._events[event.label] = (count + 1, total_s + event.end_s - event.start_s, min(first_s, event.start_s))

    def finish(self) -> tuple[LabelSummary, ...]:
        """What there was to say of the recording, in the order of `columns`.

        Raises
        ------
        ValueError : where there was no window
        """
        means, maxima = self._mean.finish(), self._max.finish()
        wanted = [one for one in self._columns if one in self._always or self._labels[one].id in self._events]
        return tuple(self._of_label(self._labels[one], float(means[one]), float(maxima[one])) for one in wanted)

    def _of_label(self, label: Label, mean: float, most: float) -> LabelSummary:
        count, total_s, first_s = self._events.get(label.id, (0, 0.0, None))
        # What adding leaves beyond a microsecond is noise of the sums.
        return LabelSummary(label.id, label.name, count > 0, mean, most, count, round(total_s, 6), first_s)

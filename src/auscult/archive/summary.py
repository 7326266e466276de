"""A recording in a line a label, from its events alone: how often, how long, how sure, when first.

`decide.Summing` also says the mean score of all windows; events do not tell that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

from auscult.records import Event


@dataclass(frozen=True)
class LabelHeard:
    """One label in one recording: number of its events, seconds of them together, highest score, first start."""

    source: str
    label: str
    name: str
    count: int
    total_s: float
    max: float
    first_s: float

    def to_dict(self) -> dict[str, Any]:
        """For JSON; the name only where it is another word than the label."""
        values = asdict(self)
        if self.name == self.label:
            del values["name"]
        return values


SUMMARY_COLUMNS = ("source", "label", "name", "count", "total_s", "max", "first_s")


def sum_up(events: Iterable[Event]) -> Iterator[LabelHeard]:
    """Of each recording its labels, those that are heard longest first; what is not heard has no line.

    Parameters
    ----------
    events : those of a recording one after the other

    Examples
    --------
    >>> night = [Event("a.wav", 0, 1, "dog", 0.75), Event("a.wav", 4, 6, "owl", 0.5), Event("a.wav", 8, 9, "dog", 0.5)]
    >>> for heard in sum_up(night):
    ...     print(heard.label, heard.count, heard.total_s, heard.max, heard.first_s)
    dog 2 2 0.75 0
    owl 1 2 0.5 4
    """
    for source, group in groupby(events, key=attrgetter("source")):
        heard: dict[str, LabelHeard] = {}
        for event in group:
            before = heard.get(event.label) or LabelHeard(
                source, event.label, event.name, 0, 0, event.score, event.start_s
            )
            heard[event.label] = LabelHeard(
                source,
                event.label,
                event.name,
                before.count + 1,
                # To the microsecond: what adding leaves beyond that is noise of the sums.
                round(before.total_s + event.end_s - event.start_s, 6),
                max(before.max, event.score),
                min(before.first_s, event.start_s),
            )
        yield from sorted(heard.values(), key=lambda one: (-one.total_s, one.label))

"""Figures of detection: found events beside true ones.

Goal: say how well events are found, by the rules that the field compares itself with.

Conventions
-----------
* Times are seconds from the beginning of a recording; an event has a length. What is found and what is true must have
  the same label to meet.
* A rule turns a recording into three counts a class: hits, false alarms, misses. All else is made of their totals:
  precision = hits / (hits + false alarms), recall = hits / (hits + misses), F1 = 2 hits / (2 hits + false alarms +
  misses).
* `micro` figures are of the totals over all classes. `macro` figures are means over classes: recall and F1 over those
  with true events, precision over those with found ones.
* Intervals resample groups of recordings, as everywhere in `metrics`; `n` counts recordings.
* Times that differ by less than a microsecond are equal.

Rules
-----
* ``event``: a found event and a true one are a pair where the beginnings are at most `onset_collar_s` apart, and the
  ends at most `offset_collar_s` or `offset_share` of the true length, whichever is more. Each is in one pair at most,
  and there are as many pairs as there can be. Mesaros, Heittola and Virtanen, "Metrics for polyphonic sound event
  detection", Applied Sciences 6(6), 2016, with the collars of the DCASE challenges.
* ``overlap``: a found event is none of the false alarms where true events cover `overlap` of it or more; a true event
  is a hit where such found events cover `overlap` of it or more. So two found halves of one sound are no mistake.
  Bilen, Ferroni, Tuveri, Azcarreta and Krstulovic, "A framework for the robust evaluation of sound event detection",
  ICASSP 2020.
* ``segment``: recordings are cut into segments of `segment_s`; a class is in a segment that any of its events
  touches. Mesaros, Heittola and Virtanen, as above.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from auscult.metrics.figures import with_intervals
from auscult.metrics.outcomes import Figure
from auscult.metrics.resampling import Floats, Measure, additive, divide, mean_of_defined, number_groups
from auscult.records import Event

EventRule = Literal["event", "overlap", "segment"]
SAME_TIME_S = 1e-6

_Spans = list[tuple[float, float]]
_Counts = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class EventCriteria:
    """How near is near enough; the defaults are those of the DCASE challenges.

    Raises
    ------
    ValueError : a time or share that is negative or no number; `overlap` or `segment_s` of 0
    """

    onset_collar_s: float = 0.2
    offset_collar_s: float = 0.2
    offset_share: float = 0.5
    overlap: float = 0.5
    segment_s: float = 1.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not math.isfinite(value) or value < 0 or (value == 0 and name in ("overlap", "segment_s")):
                raise ValueError(f"The {name!r} parameter of EventCriteria must be a positive number. Got {value!r}.")
        if self.overlap > 1:
            raise ValueError(f"The 'overlap' parameter of EventCriteria must be at most 1. Got {self.overlap!r}.")


DCASE = EventCriteria()


@dataclass(frozen=True, eq=False)
class EventOutcomes:
    """What is to be heard in some recordings, and what was found.

    Parameters
    ----------
    labels : ids of the classes, at least one, all different
    true, found : events, in any order
    durations_s : length of every recording, by the `source` of its events, also of those without any
    groups : of each recording, what it was made of (a place, a day); None: each is a group of its own
    caveat : why the figures come out better than they would on new sounds, if they do

    Raises
    ------
    ValueError : where a field breaks its rule, or an event has no length or is of no known recording or class
    """

    labels: tuple[str, ...]
    true: tuple[Event, ...]
    found: tuple[Event, ...]
    durations_s: Mapping[str, float]
    groups: Mapping[str, str] | None = None
    caveat: str | None = None

    def __post_init__(self) -> None:
        if not self.labels or len(set(self.labels)) < len(self.labels):
            raise _broken("labels", "one or more names, all different", repr(self.labels))
        if not self.durations_s:
            raise _broken("durations_s", "the lengths of one or more recordings", "none")
        if self.groups is not None and set(self.groups) != set(self.durations_s):
            raise _broken("groups", "of exactly the recordings in 'durations_s'", f"{len(self.groups)} names")
        for name, events in (("true", self.true), ("found", self.found)):
            for event in events:
                self._check(name, event)

    def _check(self, name: str, event: Event) -> None:
        if event.source not in self.durations_s:
            raise _broken(name, "events of the recordings in 'durations_s'", f"one of {event.source!r}")
        if event.label not in self.labels:
            raise _broken(name, "events with labels among 'labels'", f"one with {event.label!r}")
        if not 0 <= event.start_s < event.end_s < math.inf:
            raise _broken(name, "events that begin before they end", f"{event.start_s} to {event.end_s}")


@dataclass(frozen=True)
class EventClassFigures:
    """Figures of one class by one rule. None where one is undefined: recall and F1 without anything true, precision
    without anything found. Counts are of events, by the rule ``segment`` of segments."""

    label: str
    hits: int
    false_alarms: int
    misses: int
    precision: float | None
    recall: float | None
    f1: float | None


def evaluate_events(
    outcomes: EventOutcomes,
    *,
    criteria: EventCriteria = DCASE,
    n_resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, Figure]:
    """Precision, recall and F1 by each rule, with intervals that resample groups of recordings.

    Parameters
    ----------
    outcomes : true events and found ones
    criteria : how near is near enough
    n_resamples, confidence, seed : as for `evaluate_outcomes`

    Returns
    -------
    ``event_micro_f1``, ``event_micro_precision``, ``event_micro_recall``, the same with ``macro``, and all of them with
    ``overlap`` and ``segment``

    Examples
    --------
    >>> outcomes = EventOutcomes(
    ...     labels=("dog",),
    ...     true=(Event("a", 1.0, 2.0, "dog", 1.0), Event("a", 5.0, 6.0, "dog", 1.0)),
    ...     found=(Event("a", 1.1, 1.9, "dog", 0.9),),
    ...     durations_s={"a": 10.0},
    ... )
    >>> figures = evaluate_events(outcomes)
    >>> figures["event_micro_precision"].value, figures["event_micro_recall"].value
    (1.0, 0.5)
    """
    names = np.array([_group(outcomes, source) for source in outcomes.durations_s])
    group_of, n_groups = number_groups(names)
    measures: dict[str, Measure] = {}
    for rule in get_args(EventRule):
        counts = count_events(outcomes, rule, criteria)
        for name, formula in _FORMULAS.items():
            measures[f"{rule}_{name}"] = additive(counts.reshape(len(counts), -1), group_of, formula)
    return with_intervals(
        measures,
        n_groups=n_groups,
        n_clips=len(outcomes.durations_s),
        caveat=outcomes.caveat,
        n_resamples=n_resamples,
        confidence=confidence,
        seed=seed,
    )


def events_per_class(
    outcomes: EventOutcomes, rule: EventRule = "event", *, criteria: EventCriteria = DCASE
) -> list[EventClassFigures]:
    """Figures of each class, in the order of `outcomes.labels`."""
    totals = count_events(outcomes, rule, criteria).sum(axis=0)
    found = []
    for label, (hits, false_alarms, misses) in zip(outcomes.labels, totals.T, strict=True):
        found.append(
            EventClassFigures(
                label=label,
                hits=int(hits),
                false_alarms=int(false_alarms),
                misses=int(misses),
                precision=_share(hits, hits + false_alarms),
                recall=_share(hits, hits + misses),
                f1=_share(2 * hits, 2 * hits + false_alarms + misses) if hits + misses else None,
            )
        )
    return found


def count_events(outcomes: EventOutcomes, rule: EventRule, criteria: EventCriteria = DCASE) -> Floats:
    """Float64 (recordings, 3, classes): hits, false alarms, misses, in the order of `durations_s` and `labels`.

    Raises
    ------
    ValueError : `rule` is another word
    """
    if rule not in _RULES:
        raise ValueError(f"The 'rule' parameter must be one of {', '.join(_RULES)}. Got {rule!r} instead.")
    rows = {source: row for row, source in enumerate(outcomes.durations_s)}
    columns = {label: column for column, label in enumerate(outcomes.labels)}
    spans: dict[tuple[int, int], tuple[_Spans, _Spans]] = {}
    for side, events in enumerate((outcomes.true, outcomes.found)):
        for event in events:
            place = rows[event.source], columns[event.label]
            spans.setdefault(place, ([], []))[side].append((event.start_s, event.end_s))
    counts: Floats = np.zeros((len(rows), 3, len(columns)))
    for (row, column), (true, found) in spans.items():
        counts[row, :, column] = _RULES[rule](sorted(true), sorted(found), criteria)
    return counts


def _by_pairs(true: _Spans, found: _Spans, criteria: EventCriteria) -> _Counts:
    """Each true event with the found ones that could be its pair; as many pairs as there can be."""
    starts_s, ends_s = _rows(found).T
    partners = []
    for start_s, end_s in true:
        end_collar_s = max(criteria.offset_collar_s, criteria.offset_share * (end_s - start_s))
        is_pair = np.abs(starts_s - start_s) <= criteria.onset_collar_s + SAME_TIME_S
        is_pair &= np.abs(ends_s - end_s) <= end_collar_s + SAME_TIME_S
        partners.append(np.flatnonzero(is_pair).tolist())
    n_pairs = most_pairs(partners)
    return n_pairs, len(found) - n_pairs, len(true) - n_pairs


def most_pairs(partners: Sequence[Sequence[int]]) -> int:
    """The most pairs where each on the left has one of its partners on the right, and none is in two.

    By augmenting paths (Berge 1957): a pair is given up only where both of its members find others.

    Examples
    --------
    >>> most_pairs([[0, 1], [0], [0]])
    2
    """
    partner_of: dict[int, int] = {}
    taken_by: dict[int, int] = {}
    for left in range(len(partners)):
        _find_partner(left, partners, partner_of, taken_by)
    return len(partner_of)


def _find_partner(
    left: int, partners: Sequence[Sequence[int]], partner_of: dict[int, int], taken_by: dict[int, int]
) -> None:
    """A partner for `left`, where others can move so that it gets one. Without recursion: chains may be long."""
    asked_by: dict[int, int] = {}
    waiting = [left]
    while waiting:
        one = waiting.pop()
        for right in partners[one]:
            if right in asked_by:
                continue
            asked_by[right] = one
            if right in taken_by:
                waiting.append(taken_by[right])
                continue
            # Free: whoever asked for it takes it and leaves what it had to whoever asked for that, back to `left`.
            wanted: int | None = right
            while wanted is not None:
                asker = asked_by[wanted]
                left_behind = partner_of.get(asker)
                partner_of[asker], taken_by[wanted] = wanted, asker
                wanted = left_behind
            return


def _by_overlap(true: _Spans, found: _Spans, criteria: EventCriteria) -> _Counts:
    # Not all with all at once: a day may have tens of thousands of events.
    of_true = _rows(true)
    right = [one for one in found if _is_covered(one, of_true, criteria)]
    of_right = _rows(right)
    hits = sum(_is_covered(one, of_right, criteria) for one in true)
    return hits, len(found) - len(right), len(true) - hits


def _rows(spans: _Spans) -> Floats:
    return np.array(spans, np.float64).reshape(-1, 2)


def _is_covered(span: tuple[float, float], by: Floats, criteria: EventCriteria) -> bool:
    shared_s = np.minimum(by[:, 1], span[1]) - np.maximum(by[:, 0], span[0])
    return bool(shared_s[shared_s > 0].sum() >= criteria.overlap * (span[1] - span[0]) - SAME_TIME_S)


def _by_segments(true: _Spans, found: _Spans, criteria: EventCriteria) -> _Counts:
    in_true, in_found = (_segments(spans, criteria.segment_s) for spans in (true, found))
    return len(in_true & in_found), len(in_found - in_true), len(in_true - in_found)


def _segments(spans: _Spans, segment_s: float) -> set[int]:
    touched: set[int] = set()
    for start, end in spans:
        first = math.floor((start + SAME_TIME_S) / segment_s)
        touched.update(range(first, max(first + 1, math.ceil((end - SAME_TIME_S) / segment_s))))
    return touched


_RULES: dict[str, Callable[[_Spans, _Spans, EventCriteria], _Counts]] = {
    "event": _by_pairs,
    "overlap": _by_overlap,
    "segment": _by_segments,
}


def _split(totals: Floats) -> tuple[Floats, Floats, Floats]:
    hits, false_alarms, misses = np.split(totals, 3, axis=1)
    return hits, false_alarms, misses


def _precision(hits: Floats, false_alarms: Floats, misses: Floats) -> Floats:
    return divide(hits, hits + false_alarms)


def _recall(hits: Floats, false_alarms: Floats, misses: Floats) -> Floats:
    return divide(hits, hits + misses)


def _f1(hits: Floats, false_alarms: Floats, misses: Floats) -> Floats:
    return np.where(hits + misses > 0, divide(2 * hits, 2 * hits + false_alarms + misses), np.nan)


def _micro(formula: Callable[[Floats, Floats, Floats], Floats]) -> Callable[[Floats], Floats]:
    def of_totals(totals: Floats) -> Floats:
        hits, false_alarms, misses = (part.sum(axis=1) for part in _split(totals))
        return formula(hits, false_alarms, misses)

    return of_totals


def _macro(formula: Callable[[Floats, Floats, Floats], Floats]) -> Callable[[Floats], Floats]:
    return lambda totals: mean_of_defined(formula(*_split(totals)))


_FORMULAS: dict[str, Callable[[Floats], Floats]] = {
    "micro_f1": _micro(_f1),
    "micro_precision": _micro(_precision),
    "micro_recall": _micro(_recall),
    "macro_f1": _macro(_f1),
    "macro_precision": _macro(_precision),
    "macro_recall": _macro(_recall),
}


def _group(outcomes: EventOutcomes, source: str) -> str:
    return source if outcomes.groups is None else outcomes.groups[source]


def _share(part: float, whole: float) -> float | None:
    return None if whole == 0 else float(part / whole)


def _broken(name: str, rule: str, found: str) -> ValueError:
    return ValueError(f"The '{name}' parameter of EventOutcomes must be {rule}. Got {found} instead.")

"""Figures of detection against tables written out by hand, and pairs against scipy's assignment."""

from __future__ import annotations

import json
import math
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from auscult.metrics import EventCriteria, EventOutcomes, EventRule, evaluate_events, events_per_class
from auscult.metrics.events import count_events, most_pairs
from auscult.records import Event

Span = tuple[float, float]


def outcomes(true: dict[str, list[Any]], found: dict[str, list[Any]], **options: Any) -> EventOutcomes:
    """Of recordings of 10 s; an event is (start, end) for a dog, or (start, end, label)."""

    def events(of: dict[str, list[Any]]) -> tuple[Event, ...]:
        return tuple(
            Event(source, one[0], one[1], one[2] if len(one) > 2 else "dog", 1.0)
            for source, spans in of.items()
            for one in spans
        )

    sources = dict.fromkeys([*true, *found], 10.0)
    return EventOutcomes(("dog", "cat"), events(true), events(found), sources, **options)


def counts(true: list[Span], found: list[Span], rule: EventRule, **criteria: float) -> list[int]:
    """Hits, false alarms, misses."""
    counted = count_events(outcomes({"a": true}, {"a": found}), rule, EventCriteria(**criteria))
    return [int(value) for value in counted[0, :, 0]]


@pytest.mark.parametrize(
    ("true", "found", "expected"),
    [
        ([], [], [0, 0, 0]),
        ([(1, 2)], [], [0, 0, 1]),
        ([], [(1, 2)], [0, 1, 0]),
        ([(1, 2)], [(1, 2)], [1, 0, 0]),
        # The beginning: 0.2 s, on both sides.
        ([(1, 2)], [(1.2, 2)], [1, 0, 0]),
        ([(1, 2)], [(0.8, 2)], [1, 0, 0]),
        ([(1, 2)], [(1.21, 2)], [0, 1, 1]),
        ([(1, 2)], [(0.79, 2)], [0, 1, 1]),
        # The end: 0.2 s, or half of the true length.
        ([(1, 1.2)], [(1, 1.4)], [1, 0, 0]),
        ([(1, 1.2)], [(1, 1.41)], [0, 1, 1]),
        ([(1, 3)], [(1, 2)], [1, 0, 0]),
        ([(1, 3)], [(1, 4)], [1, 0, 0]),
        ([(1, 3)], [(1, 4.01)], [0, 1, 1]),
        # Each counts once.
        ([(1, 2)], [(1, 2), (1.1, 2)], [1, 1, 0]),
        ([(1, 2), (1.1, 2)], [(1, 2)], [1, 0, 1]),
        # The first found one fits both true ones, the second only the first of them: both are pairs.
        ([(1.0, 2.0), (1.3, 2.3)], [(1.15, 2.1), (0.9, 2.0)], [2, 0, 0]),
    ],
)
def test_by_pairs(true: list[Span], found: list[Span], expected: list[int]) -> None:
    assert counts(true, found, "event") == expected


@pytest.mark.parametrize(
    ("true", "found", "expected"),
    [
        ([], [], [0, 0, 0]),
        ([(1, 3)], [(1, 2)], [1, 0, 0]),
        ([(1, 3)], [(1, 1.9)], [0, 0, 1]),
        # Half of the found one is over what is true, then less.
        ([(1, 3)], [(2, 4)], [1, 0, 0]),
        ([(1, 3)], [(2.1, 4.1)], [0, 1, 1]),
        # Two halves of one sound are no mistake, nor is one found event over two sounds with a short gap.
        ([(1, 3)], [(1, 1.8), (2.1, 3)], [1, 0, 0]),
        ([(1, 2), (2.5, 3.5)], [(1, 3.5)], [2, 0, 0]),
        ([(1, 2)], [(5, 6)], [0, 1, 1]),
        ([], [(5, 6)], [0, 1, 0]),
        ([(5, 6)], [], [0, 0, 1]),
    ],
)
def test_by_overlap(true: list[Span], found: list[Span], expected: list[int]) -> None:
    assert counts(true, found, "overlap") == expected


@pytest.mark.parametrize(
    ("true", "found", "expected"),
    [
        ([], [], [0, 0, 0]),
        ([(0, 1)], [(0, 1)], [1, 0, 0]),
        ([(0.5, 1.5)], [(1.9, 2.1)], [1, 1, 1]),
        # What ends with a segment is not in the next, though sums of floats say so.
        ([(0, 0.1 + 0.2 + 0.7)], [(0, 1)], [1, 0, 0]),
        ([(0, 3)], [(2.9, 3)], [1, 0, 2]),
        ([(0, 0.2), (0.5, 0.7)], [(0.9, 0.95)], [1, 0, 0]),
    ],
)
def test_by_segments(true: list[Span], found: list[Span], expected: list[int]) -> None:
    assert counts(true, found, "segment") == expected


CASES = json.loads(Path(__file__).with_name("sed_eval_counts.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES["cases"])
@pytest.mark.parametrize("rule", ["event", "segment"])
def test_counts_are_those_of_sed_eval(case: dict[str, Any], rule: EventRule) -> None:
    """`make_sed_eval_counts.py` wrote them."""

    def events(of: list[Any]) -> tuple[Event, ...]:
        return tuple(Event("a", start, end, label, 1.0) for start, end, label in of)

    given = EventOutcomes(tuple(CASES["labels"]), events(case["true"]), events(case["found"]), {"a": 30.0})
    assert count_events(given, rule)[0].tolist() == case["counts"][rule]


def test_labels_and_recordings_do_not_mix() -> None:
    of = outcomes({"a": [(1, 2)], "b": []}, {"a": [(1, 2, "cat")], "b": [(1, 2)]})
    assert count_events(of, "event").tolist() == [[[0, 0], [0, 1], [1, 0]], [[0, 0], [1, 0], [0, 0]]]


def test_micro_and_macro() -> None:
    # Dogs: 3 hits, 1 false alarm, 1 miss. Cats: 1 hit, 1 false alarm, 3 misses.
    true = {"a": [(1, 2), (3, 4), (5, 6), (7, 8), (1, 2, "cat"), (3, 4, "cat"), (5, 6, "cat"), (7, 8, "cat")]}
    found = {"a": [(1, 2), (3, 4), (5, 6), (8, 9), (1, 2, "cat"), (8, 9, "cat")]}
    figures = evaluate_events(outcomes(true, found))
    assert {name: figure.value for name, figure in figures.items() if name.startswith("event")} == pytest.approx(
        {
            "event_micro_f1": 8 / (8 + 2 + 4),
            "event_micro_precision": 4 / 6,
            "event_micro_recall": 4 / 8,
            "event_macro_f1": (6 / 8 + 2 / 6) / 2,
            "event_macro_precision": (3 / 4 + 1 / 2) / 2,
            "event_macro_recall": (3 / 4 + 1 / 4) / 2,
        }
    )
    assert len(figures) == 18
    # One recording: nothing to resample.
    assert all(figure.low is None and figure.n == 1 for figure in figures.values())
    dogs, cats = events_per_class(outcomes(true, found))
    assert (dogs.hits, dogs.false_alarms, dogs.misses) == (3, 1, 1)
    assert (dogs.precision, dogs.recall, dogs.f1) == (0.75, 0.75, 0.75)
    assert (cats.precision, cats.recall, cats.f1) == pytest.approx((1 / 2, 1 / 4, 1 / 3))


def test_what_cannot_be_said_is_none() -> None:
    figures = evaluate_events(outcomes({"a": []}, {"a": [(1, 2)]}))
    assert figures["event_micro_precision"].value == 0
    assert figures["event_micro_recall"].value is None
    assert figures["event_micro_f1"].value is None
    dogs, cats = events_per_class(outcomes({"a": []}, {"a": [(1, 2)]}))
    assert (dogs.precision, dogs.recall, dogs.f1) == (0.0, None, None)
    assert (cats.precision, cats.recall, cats.f1) == (None, None, None)


def test_intervals_resample_groups() -> None:
    true = {str(i): [(1, 2)] for i in range(20)}
    found = {str(i): [(1, 2)] if i % 2 else [] for i in range(20)}
    each = evaluate_events(outcomes(true, found))["event_micro_recall"]
    assert each.value == 0.5
    assert each.n == 20
    # Binomial with 20 tries: 0.5 -+ 1.96 * sqrt(0.25 / 20), to a step of 0.05.
    assert each.low == pytest.approx(0.28, abs=0.05)
    assert each.high == pytest.approx(0.72, abs=0.05)
    by_pairs = {str(i): str(i % 2) for i in range(20)}
    two = evaluate_events(outcomes(true, found, groups=by_pairs))["event_micro_recall"]
    assert (two.low, two.high) == (0.0, 1.0)


def test_the_order_changes_nothing() -> None:
    true = {"a": [(1, 2), (3, 4)], "b": [(5, 6)]}
    found = {"a": [(1, 2)], "b": [(5, 6), (8, 9)]}
    backwards = outcomes(
        {key: true[key][::-1] for key in reversed(true)}, {key: found[key][::-1] for key in reversed(found)}
    )
    assert evaluate_events(outcomes(true, found)) == evaluate_events(backwards)


@given(st.lists(st.lists(st.booleans(), min_size=7, max_size=7), max_size=9))
def test_as_many_pairs_as_there_can_be(fits: list[list[bool]]) -> None:
    partners = [[i for i, fit in enumerate(row) if fit] for row in fits]
    weights = np.array(fits, dtype=float).reshape(len(fits), 7)
    rows, columns = linear_sum_assignment(-weights)
    assert most_pairs(partners) == int(weights[rows, columns].sum())


def test_long_chains_of_pairs() -> None:
    n = 3000
    partners = [[i, i + 1] for i in range(n)] + [[0]]
    assert most_pairs(partners) == n + 1


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"labels": ()}, "'labels' parameter of EventOutcomes must be one or more names"),
        ({"labels": ("dog", "dog")}, "all different"),
        ({"labels": ("cat",)}, "'true' parameter .* labels among 'labels'. Got one with 'dog'"),
        ({"durations_s": {}}, "'durations_s' parameter"),
        ({"durations_s": {"b": 1.0}}, "events of the recordings in 'durations_s'. Got one of 'a'"),
        ({"groups": {"b": "x"}}, "'groups' parameter"),
        ({"true": (Event("a", 2.0, 2.0, "dog", 1.0),)}, "begin before they end. Got 2.0 to 2.0"),
        ({"found": (Event("a", math.nan, 2.0, "dog", 1.0),)}, "'found' parameter"),
        ({"found": (Event("a", -1.0, 2.0, "dog", 1.0),)}, "'found' parameter"),
    ],
)
def test_outcomes_that_do_not_fit_are_refused(changes: dict[str, Any], match: str) -> None:
    fields: dict[str, Any] = {
        "labels": ("dog",),
        "true": (Event("a", 1.0, 2.0, "dog", 1.0),),
        "found": (),
        "durations_s": {"a": 1.0},
    }
    with pytest.raises(ValueError, match=match):
        EventOutcomes(**fields | changes)


@pytest.mark.parametrize(
    "criteria",
    [{"onset_collar_s": -1.0}, {"overlap": 0.0}, {"overlap": 1.1}, {"segment_s": 0.0}, {"offset_share": math.nan}],
)
def test_criteria_that_make_no_sense_are_refused(criteria: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"The '{next(iter(criteria))}' parameter of EventCriteria"):
        EventCriteria(**criteria)


def test_a_rule_of_another_name_is_refused() -> None:
    with pytest.raises(ValueError, match="'rule' parameter must be one of event, overlap, segment"):
        events_per_class(outcomes({"a": []}, {}), "psds")  # type: ignore[arg-type]


@pytest.mark.parametrize("rule", ["event", "overlap"])
def test_memory_does_not_grow_with_the_square_of_the_events(rule: EventRule) -> None:
    """Ten thousand of each, in one recording: the matrix of all with all would be 800 MB."""
    true = tuple(Event("a", 8.0 * i, 8.0 * i + 3, "dog", 1.0) for i in range(10_000))
    found = tuple(Event("a", 8.0 * i + 0.1, 8.0 * i + 3, "dog", 0.5) for i in range(10_000))
    day = EventOutcomes(("dog",), true, found, {"a": 80_000.0})
    tracemalloc.start()
    try:
        counts = count_events(day, rule)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert counts.ravel().tolist() == [10_000, 0, 0]
    assert peak < 30e6

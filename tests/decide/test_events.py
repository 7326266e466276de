"""Events against tables written out by hand, and against a plain implementation on whole arrays."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.audio import plan_windows
from auscult.decide import EventFinder, EventOptions
from auscult.decide.events import resolve_levels
from auscult.decide.runs import Smoother
from auscult.errors import UsageError
from auscult.records import Event, Label

LABELS = (Label("/m/cat", "Cat"), Label("/m/dog", "Dog"), Label("/m/owl", "Owl"))
RATE = 10
ONE_LEVEL = EventOptions(on=0.5, off=0.5)


def find(
    scores: list[Any],
    options: EventOptions = ONE_LEVEL,
    *,
    n_samples: int | None = None,
    length: int = 10,
    hop: int = 10,
    groups: list[int] | None = None,
    columns: list[int] | None = None,
    thresholds: list[float] | None = None,
    rate: int = RATE,
) -> list[Event]:
    """Events of windows of 1 s that do not overlap, unless said otherwise; one label for a flat list."""
    values = np.asarray(scores, np.float32)
    values = values[:, None] if values.ndim == 1 else values
    labels = LABELS[: values.shape[1]]
    windows = plan_windows(n_samples or (len(values) - 1) * hop + length, length=length, hop=hop)
    assert len(windows) == len(values)
    finder = EventFinder(
        "a.wav",
        labels,
        range(len(labels)) if columns is None else columns,
        options,
        thresholds=thresholds,
        sample_rate=rate,
        window_samples=length,
        hop_samples=hop,
    )
    events, at = [], 0
    for size in groups or [len(values)]:
        events += finder.push(windows[at : at + size], values[at : at + size])
        at += size
    return events + finder.finish()


def times(*arguments: Any, **options: Any) -> list[tuple[float, float]]:
    return [(event.start_s, event.end_s) for event in find(*arguments, **options)]


# ------------------------------------------------------------------------------------------- tables, by hand


def test_an_event_says_what_it_is() -> None:
    scores = [[0.0, 0.0], [0.0, 0.75], [0.0, 0.5], [0.0, 0.0]]
    assert find(scores) == [Event("a.wav", 1.0, 3.0, "/m/dog", 0.75, "Dog")]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0, 0, 0], []),
        ([1, 1, 1], [(0, 3)]),
        ([1], [(0, 1)]),
        ([0.5], [(0, 1)]),
        ([0.49], []),
        ([0, 1, 0, 1, 1, 0], [(1, 2), (3, 5)]),
        ([1, 0, 0, 1], [(0, 1), (3, 4)]),
    ],
)
def test_windows_that_do_not_overlap_speak_for_themselves(scores: list[float], expected: list[Any]) -> None:
    assert times(scores) == expected


def test_a_window_speaks_for_the_middle_of_it() -> None:
    # Windows of 2 s each 0.8 s: window k speaks from 0.8 k + 0.6 s, the first from 0, the last to the end.
    plan: dict[str, Any] = {"length": 20, "hop": 8, "n_samples": 50}
    assert times([0, 1, 0, 0, 0], **plan) == [(1.4, 2.2)]
    assert times([1, 0, 0, 0, 0], **plan) == [(0.0, 1.4)]
    assert times([0, 0, 0, 0, 1], **plan) == [(3.8, 5.0)]
    assert times([1, 1, 1, 1, 1], **plan) == [(0.0, 5.0)]


def test_the_last_window_ends_with_the_sound() -> None:
    assert times([0, 0, 1], n_samples=21) == [(2.0, 2.1)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"on": 0.75, "off": 0.75}, [(3, 4)]),
        ({"on": 0.75, "off": 0.5}, [(3, 6)]),
        ({"on": 0.75, "off": 0.25}, [(3, 7)]),
        ({"on": 0.5, "off": 0.25}, [(1, 2), (3, 7)]),
        # 0.15 below, and not less than half of it.
        ({"on": 0.65}, [(3, 6)]),
        ({"on": 0.76}, []),
        ({"on": 0.25}, [(1, 2), (3, 7)]),
        ({"on": 0.0}, [(0, 8)]),
    ],
)
def test_on_and_off(options: dict[str, float], expected: list[Any]) -> None:
    scores = [0.0, 0.5, 0.0, 0.75, 0.5, 0.5, 0.25, 0.0]
    assert times(scores, EventOptions(**options)) == expected


def test_the_models_own_thresholds_unless_another_is_named() -> None:
    scores = [[0.3, 0.3, 0.3]]
    assert [e.label for e in find(scores, EventOptions(), thresholds=[0.3, 0.4, 0.2])] == ["/m/cat", "/m/owl"]
    by_label = EventOptions(on={"Dog": 0.1, "/m/cat": 0.9})
    assert [e.label for e in find(scores, by_label, thresholds=[0.3, 0.4, 0.2])] == ["/m/dog", "/m/owl"]
    assert [e.label for e in find(scores, EventOptions(on=0.3))] == ["/m/cat", "/m/dog", "/m/owl"]


def test_levels_are_compared_as_the_scores_are() -> None:
    """0.7 as float32 is a little less than 0.7."""
    assert times([0.7], EventOptions(on=0.7)) == [(0, 1)]


@pytest.mark.parametrize(
    ("smooth_s", "expected"),
    [
        (0.0, [(2, 3)]),
        (1.9, [(2, 3)]),
        # Means over three windows: 0, 1/4, 1/4, 1/4, 0, 0.
        (2.0, [(1, 4)]),
        (3.9, [(1, 4)]),
    ],
)
def test_smoothing(smooth_s: float, expected: list[Any]) -> None:
    scores = [0.0, 0.0, 0.75, 0.0, 0.0, 0.0]
    level = 0.5 if smooth_s < 2 else 0.25
    assert times(scores, EventOptions(on=level, off=level, smooth_s=smooth_s)) == expected


def test_smoothing_at_the_ends_takes_what_is_there() -> None:
    found = find([1.0, 0.0, 0.0, 0.0, 0.5], EventOptions(on=0.25, off=0.25, smooth_s=2.0))
    assert [(e.start_s, e.end_s, e.score) for e in found] == [(0.0, 2.0, 0.5), (4.0, 5.0, 0.25)]


@pytest.mark.parametrize(
    ("max_gap_s", "expected"),
    [(0.0, [(0, 1), (2, 3), (5, 6)]), (0.9, [(0, 1), (2, 3), (5, 6)]), (1.0, [(0, 3), (5, 6)]), (2.0, [(0, 6)])],
)
def test_gaps(max_gap_s: float, expected: list[Any]) -> None:
    assert times([1, 0, 1, 0, 0, 1], EventOptions(max_gap_s=max_gap_s)) == expected


@pytest.mark.parametrize(
    ("min_s", "expected"),
    [(0.0, [(0, 1), (2, 4)]), (1.0, [(0, 1), (2, 4)]), (1.1, [(2, 4)]), (2.0, [(2, 4)]), (2.1, [])],
)
def test_least_length(min_s: float, expected: list[Any]) -> None:
    assert times([1, 0, 1, 1, 0], EventOptions(min_s=min_s)) == expected


def test_gaps_are_closed_before_lengths_are_looked_at() -> None:
    assert times([1, 0, 1, 0, 0], EventOptions(min_s=3.0, max_gap_s=1.0)) == [(0, 3)]


@pytest.mark.parametrize(
    ("pad_s", "expected"),
    [
        (0.5, [(0.5, 2.5), (3.5, 5.5), (7.5, 9)]),
        (0.9, [(0.1, 2.9), (3.1, 5.9), (7.1, 9)]),
        (1.0, [(0, 6), (7, 9)]),
        (1.5, [(0, 9)]),
    ],
)
def test_padding(pad_s: float, expected: list[Any]) -> None:
    assert times([0, 1, 0, 0, 1, 0, 0, 0, 1], EventOptions(pad_s=pad_s)) == expected


def test_padding_does_not_reach_what_was_left_out() -> None:
    # The short one at 4 s is no event, so the first and the last do not meet over it.
    options = EventOptions(pad_s=1.0, min_s=2.0)
    assert times([0, 1, 1, 0, 1, 0, 0, 1, 1], options) == [(0, 4), (6, 9)]


def test_only_the_best_of_a_window() -> None:
    scores = [[0.5, 0.75, 1.0], [0.75, 0.5, 0.25], [0.5, 0.5, 0.5]]
    best = find(scores, EventOptions(on=0.5, off=0.5, top_k=1))
    assert [(e.label, e.start_s, e.end_s) for e in best] == [("/m/owl", 0, 1), ("/m/cat", 1, 3)]
    two = find(scores, EventOptions(on=0.5, off=0.5, top_k=2))
    assert [(e.label, e.start_s, e.end_s) for e in two] == [("/m/owl", 0, 1), ("/m/dog", 0, 3), ("/m/cat", 1, 3)]
    # Of those that are asked for.
    without_owl = find(scores, EventOptions(on=0.5, off=0.5, top_k=1), columns=[0, 1])
    assert [(e.label, e.start_s, e.end_s) for e in without_owl] == [("/m/dog", 0, 1), ("/m/cat", 1, 3)]


@pytest.mark.parametrize(
    ("max_per_minute", "expected"),
    [
        (None, [0, 20, 40, 59, 60, 80, 100]),
        (7, [0, 20, 40, 59, 60, 80, 100]),
        # At 59 s two others have begun in the 60 s before; at 60 s, that at 0 is a minute ago.
        (3, [0, 20, 40, 60, 80, 100]),
        (2, [0, 20, 60, 80]),
        (1, [0, 60]),
    ],
)
def test_so_many_a_minute(max_per_minute: int | None, expected: list[float]) -> None:
    scores = np.zeros(2 * 102)
    # Windows of half a second, so that neighbours at 59 and 60 s do not touch.
    scores[[2 * second for second in (0, 20, 40, 59, 60, 80, 100)]] = 1
    found = times(scores.tolist(), EventOptions(max_per_minute=max_per_minute), length=5, hop=5)
    assert [start for start, _ in found] == expected


def test_each_label_is_counted_for_itself() -> None:
    scores = [[1, 0], [0, 1], [1, 0], [0, 1]]
    assert len(find(scores, EventOptions(max_per_minute=1))) == 2


def test_events_come_in_the_order_of_their_ends() -> None:
    scores = [[1, 0, 0], [1, 1, 0], [1, 0, 1], [0, 0, 1]]
    assert [e.label for e in find(scores)] == ["/m/dog", "/m/cat", "/m/owl"]
    ties = [[0, 1, 1], [1, 1, 1], [0, 0, 0]]
    assert [e.label for e in find(ties)] == ["/m/dog", "/m/owl", "/m/cat"]


def test_times_do_not_drift_over_a_day() -> None:
    """Window 180 000 of 0.48 s begins at exactly 86 400 s, where steps that are added up would not."""
    finder = EventFinder(
        "day",
        LABELS[:1],
        [0],
        EventOptions(),
        thresholds=None,
        sample_rate=16000,
        window_samples=7680,
        hop_samples=7680,
    )
    windows = plan_windows(180_002 * 7680, length=7680, hop=7680)
    values = np.zeros((len(windows), 1), np.float32)
    values[180_000] = 1
    events = finder.push(windows, values) + finder.finish()
    assert [(e.start_s, e.end_s) for e in events] == [(86400.0, 86400.48)]


# ------------------------------------------------------------------------------------------- as a stream


def test_an_event_comes_as_soon_as_it_is_certain() -> None:
    finder = EventFinder(
        "a",
        LABELS[:1],
        [0],
        EventOptions(max_gap_s=1.0),
        thresholds=None,
        sample_rate=RATE,
        window_samples=10,
        hop_samples=10,
    )
    windows = plan_windows(100, length=10, hop=10)
    found = [
        len(finder.push([window], np.array([[score]], np.float32)))
        for window, score in zip(windows, [0, 1, 0, 0, 0, 0, 0, 0, 0, 0], strict=True)
    ]
    assert found == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]


def test_a_day_long_event_does_not_hold_the_others_back() -> None:
    finder = EventFinder(
        "a",
        LABELS[:2],
        [0, 1],
        EventOptions(pad_s=1.0, max_gap_s=1.0, min_s=1.0),
        thresholds=None,
        sample_rate=RATE,
        window_samples=10,
        hop_samples=10,
    )
    windows = plan_windows(10_000, length=10, hop=10)
    values = np.ones((1000, 2), np.float32)
    values[:, 1] = (np.arange(1000) % 10) == 0
    values[0, 0] = values[2, 0] = values[3, 0] = 0
    early = finder.push(windows[:900], values[:900])
    assert {e.label for e in early} == {"/m/dog"}
    assert len(early) >= 88


def test_memory_does_not_grow_with_the_length_of_an_event() -> None:
    finder = EventFinder(
        "a",
        LABELS,
        [0, 1, 2],
        EventOptions(smooth_s=3.0, max_gap_s=1.0, min_s=5.0, pad_s=1.0, top_k=2, max_per_minute=3),
        thresholds=None,
        sample_rate=RATE,
        window_samples=10,
        hop_samples=10,
    )
    windows = plan_windows(100_000, length=10, hop=10)
    values = np.ones((10_000, 3), np.float32)
    values[::7, 1] = 0
    values[::100, 2] = 0
    assert finder._smoother is not None
    for at in range(0, 10_000, 8):
        finder.push(windows[at : at + 8], values[at : at + 8])
        assert len(finder._smoother._sums) <= 4 * 1 + 64
        assert len(finder._assembly._certain) < 10


@pytest.mark.parametrize("smooth_s", [3600.0, 1e12, 1e300])
def test_means_over_any_time_take_no_more_memory_than_the_sound(smooth_s: float) -> None:
    scores = np.linspace(0, 1, 1000, dtype=np.float32)
    smoother = Smoother(round(smooth_s) // 2, 1)
    for part in np.split(scores[:, None], 100):
        assert len(smoother.push(part)) == 0
        assert len(smoother._sums) < 4000
    np.testing.assert_allclose(smoother.finish(), 0.5, atol=1e-6)
    finder = EventFinder(
        *("a", LABELS, [0], EventOptions(smooth_s=smooth_s)),
        thresholds=None,
        sample_rate=RATE,
        window_samples=10,
        hop_samples=10,
    )
    (event,) = finder.push(plan_windows(20, length=10, hop=10), np.full((2, 3), 0.5, np.float32)) + finder.finish()
    assert (event.start_s, event.end_s) == (0.0, 20 / RATE)


@pytest.mark.parametrize("smooth_s", [0.0, 2.0])
def test_a_finder_like_another_knows_nothing_of_its_sound(smooth_s: float) -> None:
    options = EventOptions(on={"Cat": 0.25}, smooth_s=smooth_s, max_gap_s=2.0, max_per_minute=1)
    first = EventFinder(
        "a", LABELS, [0, 1], options, thresholds=None, sample_rate=RATE, window_samples=10, hop_samples=10
    )
    windows = plan_windows(60, length=10, hop=10)
    values = np.array([[0.5, 1.0, 1.0], [0, 0, 0], [0.5, 1.0, 0], [0, 0, 0], [0, 0, 0], [1, 1, 1]], np.float32)
    second = first.like("b")
    half = first.push(windows[:3], values[:3])
    third = first.like("b")
    assert second.push(windows, values) + second.finish() == third.push(windows, values) + third.finish()
    whole = half + first.push(windows[3:], values[3:]) + first.finish()
    fresh = first.like("a")
    assert whole == fresh.push(windows, values) + fresh.finish()
    assert {event.source for event in whole} == {"a"}


def test_no_windows_no_events() -> None:
    finder = EventFinder(
        "a", LABELS, [0], EventOptions(), thresholds=None, sample_rate=1, window_samples=2, hop_samples=1
    )
    assert finder.push([], np.zeros((0, 3), np.float32)) == []
    assert finder.finish() == []


@pytest.mark.parametrize("smooth_s", [0.0, 2.0])
def test_what_is_heard_ends_where_windows_are_missing(smooth_s: float) -> None:
    finder = EventFinder(
        "a",
        LABELS[:1],
        [0],
        EventOptions(smooth_s=smooth_s),
        thresholds=None,
        sample_rate=RATE,
        window_samples=20,
        hop_samples=10,
    )
    windows = plan_windows(110, length=20, hop=10)
    ones = np.ones((3, 1), np.float32)
    events = finder.push(windows[:3], ones) + finder.push(windows[6:9], ones) + finder.finish()
    assert [(e.start_s, e.end_s) for e in events] == [(0.0, 3.5), (6.5, 10.0)]


@pytest.mark.parametrize(("first", "n", "match"), [(0, 2, "follow each other"), (2, 3, "have the shape")])
def test_windows_that_cannot_be_next_are_refused(first: int, n: int, match: str) -> None:
    finder = EventFinder(
        "a", LABELS[:1], [0], EventOptions(), thresholds=None, sample_rate=1, window_samples=1, hop_samples=1
    )
    windows = plan_windows(9, length=1, hop=1)
    finder.push(windows[:2], np.zeros((2, 1), np.float32))
    with pytest.raises(ValueError, match=match):
        finder.push(windows[first : first + 2], np.zeros((n, 1), np.float32))


# ------------------------------------------------------------------------------------------- against whole arrays


def plain(values: Any, windows: Any, hop: int, length: int, rate: int, options: EventOptions) -> list[Event]:
    """The same rules on whole arrays, label by label and step by step; windows may be missing."""
    labels = LABELS[: values.shape[1]]
    on, off = resolve_levels(options, labels, range(len(labels)), None)
    lead = (length - hop) // 2
    index = [window.index for window in windows]
    begins = [k * hop + lead if k else 0 for k in index]
    ends = [(k + 1) * hop + lead for k in index[:-1]] + [windows[-1].end]
    # Windows that follow each other without a hole share a number.
    block = np.cumsum([k - before != 1 for before, k in pairwise([-1, *index])])
    half = int(options.smooth_s / 2 * rate + 1e-9) // hop
    n = len(values)
    smooth = np.empty_like(values)
    for row in range(n):
        part = [k for k in range(max(0, row - half), min(n, row + half + 1)) if block[k] == block[row]]
        for column in range(len(labels)):
            smooth[row, column] = float(sum(Fraction(float(values[k, column])) for k in part) / len(part))
    found = []
    for column, label in enumerate(labels):
        runs: list[list[Any]] = []
        heard = False
        for row in range(n):
            score = smooth[row, column]
            if options.top_k is not None:
                better = sorted(range(len(labels)), key=lambda one: (-smooth[row, one], one))[: options.top_k]
                score = score if column in better else -math.inf
            heard = heard and row > 0 and block[row - 1] == block[row]
            was, heard = heard, bool(score >= on[column] or (heard and score >= off[column]))
            if heard and not was:
                runs.append([begins[row], 0, 0.0])
            if heard:
                runs[-1][1:] = [ends[row], max(runs[-1][2], float(score))]
        runs = [run for run in joined(runs, options.max_gap_s * rate) if run[1] - run[0] >= options.min_s * rate]
        pad = round(options.pad_s * rate)
        runs = [[max(0, s - pad), min(windows[-1].end, e + pad), top] for s, e, top in joined(runs, 2 * pad)]
        begun: list[int] = []
        for start, end, top in runs:
            recent = [one for one in begun if start - one < 60 * rate]
            if options.max_per_minute is None or len(recent) < options.max_per_minute:
                begun.append(start)
                found.append((end, start, column, top, label))
    found.sort(key=lambda one: one[:3])
    return [Event("a.wav", s / rate, e / rate, one.id, top, one.name) for e, s, _, top, one in found]


def joined(runs: list[list[Any]], gap: float) -> list[list[Any]]:
    whole: list[list[Any]] = []
    for start, end, top in runs:
        if whole and start - whole[-1][1] <= gap:
            whole[-1] = [whole[-1][0], end, max(whole[-1][2], top)]
        else:
            whole.append([start, end, top])
    return whole


# Multiples of half a second: what is asked for in seconds is whole in samples.
SECONDS = st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0])


@st.composite
def cases(draw: st.DrawFn) -> tuple[Any, list[int], dict[str, int], EventOptions]:
    n, n_labels = draw(st.integers(1, 40)), draw(st.integers(1, 3))
    level = st.sampled_from([0.0, 0.0, 0.125, 0.25, 0.3, 0.5, 0.5, 0.75, 1.0])
    scores = draw(st.lists(st.lists(level, min_size=n_labels, max_size=n_labels), min_size=n, max_size=n))
    borders = draw(st.lists(st.integers(0, n), max_size=8))
    edges = sorted({0, n, *borders})
    groups = [b - a for a, b in pairwise(edges)]
    hop = draw(st.sampled_from([5, 10, 20]))
    length = hop + draw(st.sampled_from([0, 1, 5, 11, 40]))
    last = draw(st.integers(length - hop + 1, length)) if n > 1 else draw(st.integers(1, length))
    plan = {"hop": hop, "length": length, "n_samples": (n - 1) * hop + last}
    on = draw(st.sampled_from([0.0, 0.25, 0.3, 0.5, 0.6]))
    options = EventOptions(
        on=on,
        off=draw(st.sampled_from([None, on, on / 2])),
        smooth_s=draw(SECONDS),
        min_s=draw(SECONDS),
        max_gap_s=draw(SECONDS),
        pad_s=draw(SECONDS),
        top_k=draw(st.sampled_from([None, 1, 2, 9])),
        max_per_minute=draw(st.sampled_from([None, 1, 2, 5])),
    )
    return scores, groups, plan, options


@settings(max_examples=500, deadline=None)
@given(cases())
def test_any_groups_give_the_events_of_the_whole(case: tuple[Any, list[int], dict[str, int], EventOptions]) -> None:
    scores, groups, plan, options = case
    windows = plan_windows(plan["n_samples"], length=plan["length"], hop=plan["hop"])
    values = np.asarray(scores, np.float32)
    expected = plain(values, windows, plan["hop"], plan["length"], RATE, options)
    assert find(scores, options, groups=groups, **plan) == expected
    assert find(scores, options, **plan) == expected
    assert find(scores, options, groups=[1] * len(scores), **plan) == expected


@settings(max_examples=300, deadline=None)
@given(cases(), st.sets(st.integers(0, 39), max_size=12), st.integers(1, 9))
def test_windows_may_be_missing(
    case: tuple[Any, list[int], dict[str, int], EventOptions], missing: set[int], size: int
) -> None:
    scores, _, plan, options = case
    windows = plan_windows(plan["n_samples"], length=plan["length"], hop=plan["hop"])
    kept = [k for k in range(len(windows)) if k not in missing]
    if not kept:
        return
    values = np.asarray(scores, np.float32)
    finder = EventFinder(
        "a.wav",
        LABELS[: values.shape[1]],
        range(values.shape[1]),
        options,
        thresholds=None,
        sample_rate=RATE,
        window_samples=plan["length"],
        hop_samples=plan["hop"],
    )
    events = []
    group: list[int] = []
    for k in [*kept, None]:
        if group and (k is None or k != group[-1] + 1 or len(group) == size):
            events += finder.push(windows[group[0] : group[-1] + 1], values[group])
            group = []
        if k is not None:
            group.append(k)
    there = [windows[k] for k in kept]
    assert events + finder.finish() == plain(values[kept], there, plan["hop"], plan["length"], RATE, options)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 2.0, 30.0]))
def test_any_scores_in_any_groups(seed: int, smooth_s: float) -> None:
    """Scores of all 24 bits: their means are the same to the bit, however they come."""
    generator = np.random.default_rng(seed)
    scores = generator.random((300, 3), np.float32) ** 2
    sizes = generator.integers(1, 40, 300)
    groups = sizes[: np.searchsorted(np.cumsum(sizes), 300)].tolist()
    groups.append(300 - sum(groups))
    options = EventOptions(on=0.4 if smooth_s else 0.8, smooth_s=smooth_s, max_gap_s=0.5, pad_s=0.5, top_k=2)
    assert find(scores.tolist(), options, groups=groups) == find(scores.tolist(), options)


# ------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize("name", ["on", "off"])
@pytest.mark.parametrize("value", [math.nan, -0.1, 1.1, True, "0.5", [0.5]])
def test_levels_are_in_0_to_1(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=rf"The '{name}' parameter must be a number in \[0, 1\], or one by label"):
        EventOptions(**{name: value})
    with pytest.raises(UsageError, match=rf"The '{name}' parameter must be a number in \[0, 1\] for 'Dog'. Got"):
        EventOptions(**{name: {"Dog": value}})


@pytest.mark.parametrize("name", ["smooth_s", "min_s", "max_gap_s", "pad_s"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -0.1, True, "1", None])
def test_times_are_seconds(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=f"The '{name}' parameter must be a number of seconds, 0 or more. Got"):
        EventOptions(**{name: value})


@pytest.mark.parametrize("name", ["top_k", "max_per_minute"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "1"])
def test_counts_are_whole(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=f"The '{name}' parameter must be a whole number from 1, or None. Got"):
        EventOptions(**{name: value})


def test_numpys_numbers_are_numbers() -> None:
    options = EventOptions(on=np.float32(0.5), min_s=np.int64(2), top_k=np.int64(3))  # type: ignore[arg-type]
    assert (options.on, options.min_s, options.top_k) == (0.5, 2.0, 3)
    assert [type(value) for value in (options.on, options.min_s, options.top_k)] == [float, float, int]


def test_off_is_at_most_on() -> None:
    with pytest.raises(UsageError, match=r"'off' parameter must be at most 'on', which is 0.3. Got 0.4"):
        EventOptions(on=0.3, off=0.4)
    with pytest.raises(UsageError, match=r"at most 'on', which is 0.3 for 'Dog'. Got 0.4"):
        find([[0, 0, 0]], EventOptions(on={"Dog": 0.3}, off=0.4))
    with pytest.raises(UsageError, match=r"at most 'on', which is 0.2 for 'Owl'. Got 0.4"):
        find([[0, 0, 0]], EventOptions(off=0.4), thresholds=[0.5, 0.5, 0.2])
    # What is not asked for is not looked at.
    assert find([[0, 0, 0]], EventOptions(off=0.4), thresholds=[0.5, 0.5, 0.2], columns=[0, 1]) == []


def test_labels_that_are_not_there_are_named() -> None:
    with pytest.raises(UsageError, match=r"The 'on' parameter names 'dgo', a label that .*; did you mean 'Dog'"):
        find([[0, 0, 0]], EventOptions(on={"dgo": 0.3}))
    with pytest.raises(UsageError, match="The 'off' parameter names 'mouse', a label"):
        find([[0, 0, 0]], EventOptions(off={"mouse": 0.3}))
    with pytest.raises(UsageError, match=r"'on' parameter must name labels by their ids or names\. Got 1"):
        EventOptions(on={1: 0.3})  # type: ignore[dict-item]


def test_a_label_is_named_once() -> None:
    with pytest.raises(UsageError, match="names one label twice, as '/m/dog' and as 'Dog'"):
        find([[0, 0, 0]], EventOptions(on={"/m/dog": 0.3, "Dog": 0.4}))
    assert find([[0, 0, 0]], EventOptions(on={"/m/dog": 0.3, "Dog": 0.3})) == []

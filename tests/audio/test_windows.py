from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.audio import WindowCutter, plan_windows
from auscult.records import FloatArray, Window

# n_samples, length, hop, starts, valid_samples: worked out by hand from the rule in design and docstring.
TABLE = [
    (1, 4, 4, [0], [1]),
    (3, 4, 2, [0], [3]),
    (4, 4, 4, [0], [4]),
    (4, 4, 1, [0], [4]),
    (5, 4, 4, [0, 4], [4, 1]),
    (5, 4, 1, [0, 1], [4, 4]),
    (8, 4, 4, [0, 4], [4, 4]),
    (9, 4, 4, [0, 4, 8], [4, 4, 1]),
    (6, 4, 2, [0, 2], [4, 4]),
    (7, 4, 2, [0, 2, 4], [4, 4, 3]),
    (10, 4, 3, [0, 3, 6], [4, 4, 4]),
    (11, 4, 3, [0, 3, 6, 9], [4, 4, 4, 2]),
    (12, 4, 3, [0, 3, 6, 9], [4, 4, 4, 3]),
    (1, 1, 1, [0], [1]),
    (3, 1, 1, [0, 1, 2], [1, 1, 1]),
    (80000, 32000, 16000, [0, 16000, 32000, 48000], [32000, 32000, 32000, 32000]),
    (80001, 32000, 16000, [0, 16000, 32000, 48000, 64000], [32000, 32000, 32000, 32000, 16001]),
]


@st.composite
def plans(draw: st.DrawFn) -> tuple[int, int, int]:
    length = draw(st.integers(1, 40))
    return draw(st.integers(1, 300)), length, draw(st.integers(1, length))


@pytest.mark.parametrize(("n_samples", "length", "hop", "starts", "valid"), TABLE)
def test_plan_is_the_table(n_samples: int, length: int, hop: int, starts: list[int], valid: list[int]) -> None:
    windows = plan_windows(n_samples, length=length, hop=hop)
    assert [w.start for w in windows] == starts
    assert [w.valid_samples for w in windows] == valid
    assert [w.index for w in windows] == list(range(len(starts)))
    assert {w.length for w in windows} == {length}


@given(plans())
@settings(deadline=None)
def test_plan_covers_the_sound_and_ends_with_the_first_window_that_reaches_its_end(plan: tuple[int, int, int]) -> None:
    n_samples, length, hop = plan
    windows = plan_windows(n_samples, length=length, hop=hop)
    covered = {position for w in windows for position in range(w.start, w.end)}
    assert covered == set(range(n_samples))
    reaches_end = [w.start + length >= n_samples for w in windows]
    assert reaches_end == [False] * (len(windows) - 1) + [True]
    assert all(w.valid_samples >= 1 for w in windows)


@given(plans(), st.lists(st.integers(0, 90), max_size=40))
@settings(deadline=None, max_examples=300)
def test_cutter_gives_the_plan_over_the_whole_for_any_blocks(plan: tuple[int, int, int], sizes: list[int]) -> None:
    n_samples, length, hop = plan
    sound = np.arange(1, n_samples + 1, dtype=np.float32)
    cutter = WindowCutter(length, hop)
    cut: list[tuple[Window, FloatArray]] = []
    position = 0
    for size in [*sizes, n_samples]:
        cut += cutter.push(sound[position : position + size])
        position = min(n_samples, position + size)
    cut += cutter.finish()
    assert tuple(window for window, _ in cut) == plan_windows(n_samples, length=length, hop=hop)
    padded = np.concatenate([sound, np.zeros(length, np.float32)])
    for window, samples in cut:
        assert np.array_equal(samples, padded[window.start : window.start + length])


def test_windows_inside_a_block_are_views_and_read_only() -> None:
    block = np.arange(100, dtype=np.float32)
    windows = WindowCutter(10, 5).push(block)
    assert all(np.shares_memory(samples, block) for _, samples in windows)
    assert block.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        windows[0][1][0] = 1


def test_cutter_holds_less_than_a_window() -> None:
    block = np.zeros(1000, np.float32)
    cutter = WindowCutter(50_000, 10_000)
    tracemalloc.start()
    try:
        for _ in range(2000):
            cutter.push(block)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 10_000
    assert peak < 2.5 * 50_000 * 4


@pytest.mark.parametrize(
    ("n_samples", "length", "hop", "match"),
    [
        (0, 4, 2, r"'n_samples' parameter of plan_windows must be at least 1. Got 0"),
        (5, 0, 1, r"'length' parameter .* at least 1 sample. Got 0"),
        (5, 4, 0, r"'hop' parameter .* 1 to its length \(4\). Got 0"),
        (5, 4, 5, r"'hop' parameter .* 1 to its length \(4\). Got 5"),
    ],
)
def test_plan_refuses(n_samples: int, length: int, hop: int, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        plan_windows(n_samples, length=length, hop=hop)


def test_cutter_refuses() -> None:
    with pytest.raises(ValueError, match="'hop' parameter"):
        WindowCutter(4, 5)
    with pytest.raises(ValueError, match="before any sample was pushed"):
        WindowCutter(4, 2).finish()
    with pytest.raises(ValueError, match=r"must be float32 .* Got float64 of shape \(2,\)"):
        WindowCutter(4, 2).push(np.zeros(2))

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from auscult.decide import aggregate_windows

windows_by_classes = npst.arrays(
    np.float32,
    st.tuples(st.integers(1, 20), st.integers(1, 6)),
    elements=st.floats(0, 1, width=32),
)


@settings(deadline=None)
@given(windows_by_classes)
def test_lies_between_the_least_and_the_greatest_window(values: np.ndarray) -> None:
    mean = aggregate_windows(values)
    assert mean.dtype == np.float32
    assert (values.min(axis=0) <= mean).all()
    assert (mean <= aggregate_windows(values, "max")).all()


@settings(deadline=None)
@given(
    npst.arrays(np.float32, st.integers(1, 8), elements=st.floats(0, 1, width=32)),
    st.sampled_from(["mean", "max"]),
)
def test_one_window_is_the_whole_sound_bit_for_bit(scores: np.ndarray, how: str) -> None:
    np.testing.assert_array_equal(aggregate_windows(scores[None], how), scores)


def test_mean_over_a_day_of_windows_loses_nothing() -> None:
    # Summing 0.1 in single precision drifts by 1e-4 within a hundred thousand windows.
    values = np.full((180_000, 1), 0.1, dtype=np.float32)
    assert aggregate_windows(values)[0] == np.float32(0.1)


def test_refuses_no_windows_wrong_axes_and_unknown_words() -> None:
    with pytest.raises(ValueError, match=r"at least one window.*\(0, 3\)"):
        aggregate_windows(np.zeros((0, 3), dtype=np.float32))
    with pytest.raises(ValueError, match=r"\(windows, classes\).*\(3,\)"):
        aggregate_windows(np.zeros(3, dtype=np.float32))
    with pytest.raises(ValueError, match=r"'mean' or 'max'.*'median'"):
        aggregate_windows(np.zeros((1, 3), dtype=np.float32), "median")  # type: ignore[arg-type]

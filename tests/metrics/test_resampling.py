from __future__ import annotations

import numpy as np
import pytest

from auscult.metrics import resampling
from auscult.metrics.resampling import (
    additive,
    divide,
    draw,
    mean_of_defined,
    number_groups,
    percentile_interval,
)


def test_groups_are_numbered_by_name() -> None:
    numbers, n_groups = number_groups(np.array(["b", "a", "b", "ç"]))
    assert (numbers.tolist(), n_groups) == ([1, 0, 1, 2], 3)


def test_every_resample_draws_as_many_groups_as_there_are() -> None:
    (counts,) = draw(13, 40, 500, np.random.default_rng(0))
    assert counts.shape == (500, 13)
    assert (counts.sum(axis=1) == 13).all()
    # Drawn with replacement, a group is missing with a chance of (1 - 1/13) ** 13 = 0.353.
    assert (counts == 0).mean() == pytest.approx((12 / 13) ** 13, abs=0.02)


def test_blocks_make_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    (whole,) = draw(6, 50, 30, np.random.default_rng(1))
    monkeypatch.setattr(resampling, "CLIPS_AT_A_TIME", 350)
    blocks = list(draw(6, 50, 30, np.random.default_rng(1)))
    assert [len(block) for block in blocks] == [7, 7, 7, 7, 2]
    np.testing.assert_array_equal(np.concatenate(blocks), whole)


def test_a_measure_counts_all_clips_of_a_group_as_often_as_it_is_drawn() -> None:
    measure = additive(np.array([[1.0], [10.0], [100.0]]), np.array([0, 1, 0]), lambda totals: totals[:, 0])
    assert measure(np.array([[1, 1], [2, 0], [0, 2]], dtype=np.int32)).tolist() == [111, 202, 20]


def test_the_interval_is_the_middle_of_what_is_defined() -> None:
    resampled = np.concatenate([np.arange(101.0), [np.nan]])
    assert percentile_interval(50, resampled, 0.9) == pytest.approx((5, 95))
    assert percentile_interval(99, resampled, 0.9) == pytest.approx((5, 99))
    assert percentile_interval(50, np.array([np.nan]), 0.9) == (None, None)


def test_quotients_and_means_of_nothing_are_nan_and_warn_of_nothing() -> None:
    np.testing.assert_array_equal(divide(np.array([1.0, 0.0]), np.array([2.0, 0.0])), [0.5, np.nan])
    np.testing.assert_array_equal(mean_of_defined(np.array([[1, 3, np.nan], [np.nan, np.nan, np.nan]])), [2, np.nan])

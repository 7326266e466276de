"""Intervals by resampling groups.

A resample draws as many groups as there are, with replacement, and takes all clips of each. It is held as
*counts*: how often each group was drawn. A measure is a function of counts, and the figure itself is the
measure at counts of one; so the figure and its resamples come from the same code.

Most measures are a formula over totals (right answers, true positives of each class, ...). The totals of a
group are summed once; those of a thousand resamples are then one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int32]
"""(resamples, groups): how often each group was drawn."""
Measure = Callable[[Counts], Floats]
"""From counts to (resamples,); NaN where the measure is undefined for a resample."""

# Counts of this many clips are held at a time: 16 MB, whatever the number of clips.
CLIPS_AT_A_TIME = 4_000_000


def number_groups(groups: NDArray[np.str_]) -> tuple[NDArray[np.intp], int]:
    """The number of each clip's group, (clips,), and how many groups there are. Numbers follow the names'
    order."""
    names, numbers = np.unique(groups, return_inverse=True)
    return numbers, len(names)


def additive(statistics: Floats, group_of: NDArray[np.intp], formula: Callable[[Floats], Floats]) -> Measure:
    """A measure that is a formula over totals.

    Parameters
    ----------
    statistics : (clips, k), what each clip adds to each total
    group_of : (clips,), from `number_groups`
    formula : from totals (resamples, k) to (resamples,)
    """
    of_groups = np.zeros((int(group_of.max()) + 1, statistics.shape[1]))
    np.add.at(of_groups, group_of, statistics)
    return lambda counts: formula(counts.astype(np.float64) @ of_groups)


def draw(n_groups: int, n_clips: int, n_resamples: int, generator: np.random.Generator) -> Iterator[Counts]:
    """Counts of `n_resamples` resamples, in blocks whose memory does not grow with the number of clips."""
    block = max(1, CLIPS_AT_A_TIME // n_clips)
    for first in range(0, n_resamples, block):
        rows = min(block, n_resamples - first)
        drawn = generator.integers(n_groups, size=(rows, n_groups))
        drawn += np.arange(rows)[:, None] * n_groups
        counts = np.bincount(drawn.ravel(), minlength=rows * n_groups)
        yield counts.reshape(rows, n_groups).astype(np.int32)


def percentile_interval(value: float, resampled: Floats, confidence: float) -> tuple[float | None, float | None]:
    """The middle `confidence` of the resampled values, widened to hold `value`; None where nothing was
    resampled.

    Undefined resamples (NaN) are left out.
    """
    defined = resampled[~np.isnan(resampled)]
    if len(defined) == 0:
        return None, None
    tail = (1 - confidence) / 2
    low, high = np.quantile(defined, (tail, 1 - tail))
    return float(min(low, value)), float(max(high, value))


def divide(numerator: Floats, denominator: Floats) -> Floats:
    """Quotients, NaN where the denominator is zero."""
    quotient: Floats = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator != 0)
    return quotient


def mean_of_defined(values: Floats) -> Floats:
    """Mean over the last axis of what is not NaN; NaN where nothing is."""
    defined = ~np.isnan(values)
    return divide(np.where(defined, values, 0).sum(axis=-1), defined.sum(axis=-1).astype(np.float64))

"""All figures of an evaluation, with intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from auscult.metrics import multi_label, single_label
from auscult.metrics.outcomes import Figure, Outcomes
from auscult.metrics.resampling import Counts, Floats, Measure, draw, number_groups, percentile_interval

# Shares of clips: 1 (or 0) over all groups still leaves room for a bound, see `evaluate_outcomes`.
SHARES = frozenset({"accuracy", "top_5_accuracy", "subset_accuracy"})
SPREAD_OF_ROUNDING = 1e-12


def evaluate_outcomes(
    outcomes: Outcomes, *, n_resamples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> dict[str, Figure]:
    """Figures with intervals that resample groups.

    Parameters
    ----------
    outcomes : truth and scores; `Outcomes.groups` says which clips belong together
    n_resamples : resamples of the groups, from 1
    confidence : share of the resampled values inside the interval, between 0 and 1
    seed : of the resampling; the same seed gives the same interval, whatever the order of the clips

    Returns
    -------
    Name -> figure, the main one first: the lists of `single_label` and `multi_label`. The interval holds the
    value. It is None where it cannot be said:

    * with one group there is nothing to resample;
    * where the value itself is undefined (no clip holds any class), so is its interval;
    * where no resample differs from the value (a perfect F1, say), resampling has seen no spread. For shares
      of clips a bound is known without it: were fewer than ``((1 - confidence) / 2) ** (1 / groups)`` of all
      groups free of error, so many in a row without one would be rarer than the interval allows. That bound
      is used.

    Raises
    ------
    ValueError : where `n_resamples` or `confidence` is out of range

    Examples
    --------
    Two recordings of two clips each; the model fails on both clips of the second.

    >>> import numpy as np
    >>> outcomes = Outcomes(
    ...     labels=("rain", "siren"),
    ...     targets=np.array([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=np.float32),
    ...     scores=np.array([[0.75, 0.25]] * 4, dtype=np.float32),
    ...     groups=np.array(["a", "a", "b", "b"]),
    ...     task="single_label",
    ... )
    >>> evaluate_outcomes(outcomes)["accuracy"]
    Figure(value=0.5, low=0.0, high=1.0, n=4)
    """
    group_of, n_groups = number_groups(outcomes.groups)
    of_task = single_label if outcomes.task == "single_label" else multi_label
    return with_intervals(
        of_task.measures(outcomes, group_of),
        n_groups=n_groups,
        n_clips=outcomes.n_clips,
        caveat=outcomes.caveat,
        n_resamples=n_resamples,
        confidence=confidence,
        seed=seed,
    )


def with_intervals(
    measures: dict[str, Measure],
    *,
    n_groups: int,
    n_clips: int,
    caveat: str | None,
    n_resamples: int,
    confidence: float,
    seed: int,
) -> dict[str, Figure]:
    """Each measure at counts of one, and its interval over resampled groups; see `evaluate_outcomes`."""
    if n_resamples < 1:
        raise ValueError(f"The 'n_resamples' parameter must be 1 or more. Got {n_resamples} instead.")
    if not 0 < confidence < 1:
        raise ValueError(f"The 'confidence' parameter must lie between 0 and 1. Got {confidence} instead.")
    generator = np.random.default_rng(seed)
    blocks = draw(n_groups, n_clips, n_resamples if n_groups > 1 else 0, generator)
    resampled = _resample(measures, blocks)
    once = np.ones((1, n_groups), dtype=np.int32)
    figures = {}
    for name, measure in measures.items():
        value = float(measure(once)[0])
        low, high = _interval(name, value, resampled[name], confidence, n_groups)
        figures[name] = Figure(None if math.isnan(value) else value, low, high, n_clips, caveat)
    return figures


def _resample(measures: dict[str, Measure], blocks: Iterator[Counts]) -> dict[str, Floats]:
    found: dict[str, list[Floats]] = {name: [np.zeros(0)] for name in measures}
    for counts in blocks:
        for name, measure in measures.items():
            found[name].append(measure(counts))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _interval(
    name: str, value: float, resampled: Floats, confidence: float, n_groups: int
) -> tuple[float | None, float | None]:
    if math.isnan(value) or n_groups == 1:
        return None, None
    low, high = percentile_interval(value, resampled, confidence)
    if low is None or high is None or high - low > SPREAD_OF_ROUNDING:
        return low, high
    unseen = 1 - ((1 - confidence) / 2) ** (1 / n_groups)
    if name in SHARES and value in (0.0, 1.0):
        return (1 - unseen, 1.0) if value == 1 else (0.0, unseen)
    return None, None

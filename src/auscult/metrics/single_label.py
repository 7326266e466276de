"""Figures for clips that hold exactly one class each.

Conventions: scores are (clips, classes); the decision is the highest score, of equal ones the first class.

Measures
--------
* `accuracy`: share of clips whose decision is right
* `balanced_accuracy`: mean recall over the classes that have clips
* `macro_f1`: mean F1 over the classes that have clips
* `top_5_accuracy`: share of clips whose class is among the five best; only with more than five classes
* `log_loss`: mean of -ln(score of the true class), in nats; 0 is best
* `ece`: expected calibration error, how far the highest score is from the share of right decisions; 0 is best
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auscult.metrics.outcomes import Outcomes
from auscult.metrics.resampling import Floats, Measure, additive, divide, mean_of_defined

N_CALIBRATION_BINS = 15
# The smallest score that counts; a class given 0 would make the loss infinite. scikit-learn's choice for
# float32.
SMALLEST_SCORE = float(np.finfo(np.float32).eps)


def measures(outcomes: Outcomes, group_of: NDArray[np.intp]) -> dict[str, Measure]:
    """Name -> measure, the main one first."""
    found = {
        "accuracy": mean_over_clips(right_decisions(outcomes), group_of),
        "balanced_accuracy": balanced_accuracy(outcomes, group_of),
        "macro_f1": macro_f1(outcomes, group_of),
    }
    if len(outcomes.labels) > 5:
        found["top_5_accuracy"] = mean_over_clips(among_best(outcomes, 5), group_of)
    found["log_loss"] = mean_over_clips(log_losses(outcomes), group_of)
    found["ece"] = calibration_error(outcomes, group_of)
    return found


def right_decisions(outcomes: Outcomes) -> NDArray[np.bool_]:
    """Bool (clips,): the decision is exactly what the clip holds."""
    return np.asarray((outcomes.predicted() == outcomes.present()).all(axis=1))


def among_best(outcomes: Outcomes, k: int) -> NDArray[np.bool_]:
    """Bool (clips,): the true class is among the `k` best; equal scores are ranked in the order of the
    labels."""
    true = outcomes.targets.argmax(axis=1)[:, None]
    of_true = np.take_along_axis(outcomes.scores, true, axis=1)
    is_earlier = np.arange(len(outcomes.labels)) < true
    better = (outcomes.scores > of_true) | ((outcomes.scores == of_true) & is_earlier)
    return np.asarray(better.sum(axis=1) < k)


def log_losses(outcomes: Outcomes) -> Floats:
    """Nats (clips,). The scores of a clip are divided by their sum, for they need not sum to one."""
    shares = _shares_of_sum(outcomes)
    of_true = (shares * outcomes.present()).sum(axis=1)
    return np.asarray(-np.log(np.clip(of_true, SMALLEST_SCORE, 1)))


def calibration_error(outcomes: Outcomes, group_of: NDArray[np.intp]) -> Measure:
    """Expected calibration error of the decision, over 15 bins of equal width.

    Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017.
    """
    confidence = _shares_of_sum(outcomes).max(axis=1)
    # Bins are open below and closed above, as in the paper.
    bins = np.ceil(confidence * N_CALIBRATION_BINS).astype(int).clip(1, N_CALIBRATION_BINS) - 1
    gaps = np.zeros((outcomes.n_clips, N_CALIBRATION_BINS + 1))
    gaps[np.arange(outcomes.n_clips), bins] = confidence - right_decisions(outcomes)
    gaps[:, -1] = 1
    return additive(gaps, group_of, lambda totals: np.abs(totals[:, :-1]).sum(axis=1) / totals[:, -1])


def balanced_accuracy(outcomes: Outcomes, group_of: NDArray[np.intp]) -> Measure:
    """Mean recall over the classes that have clips."""

    def formula(totals: Floats) -> Floats:
        hits, held, _ = np.split(totals, 3, axis=1)
        return mean_of_defined(divide(hits, held))

    return additive(class_counts(outcomes), group_of, formula)


def macro_f1(outcomes: Outcomes, group_of: NDArray[np.intp]) -> Measure:
    """Mean F1 over the classes that have clips; a class that is never decided has F1 = 0."""

    def formula(totals: Floats) -> Floats:
        hits, held, decided = np.split(totals, 3, axis=1)
        return mean_of_defined(np.where(held > 0, divide(2 * hits, held + decided), np.nan))

    return additive(class_counts(outcomes), group_of, formula)


def class_counts(outcomes: Outcomes) -> Floats:
    """(clips, 3 * classes): hits, clips that hold the class, clips decided to hold it."""
    present, predicted = outcomes.present(), outcomes.predicted()
    return np.hstack([present & predicted, present, predicted]).astype(np.float64)


def mean_over_clips(of_clips: Floats | NDArray[np.bool_], group_of: NDArray[np.intp]) -> Measure:
    """Mean over clips of what is 0 or 1, or any number."""
    statistics = np.column_stack([of_clips.astype(np.float64), np.ones(len(of_clips))])
    return additive(statistics, group_of, lambda totals: totals[:, 0] / totals[:, 1])


def _shares_of_sum(outcomes: Outcomes) -> Floats:
    scores = outcomes.scores.astype(np.float64)
    sums = scores.sum(axis=1, keepdims=True)
    # A clip that scores 0 everywhere says nothing of its class: all are alike.
    return np.where(sums > 0, scores / np.where(sums > 0, sums, 1), 1 / len(outcomes.labels))

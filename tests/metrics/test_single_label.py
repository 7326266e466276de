"""Against scikit-learn, the outside reference, and against a calibration error summed bin by bin."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from auscult.metrics import Outcomes, evaluate_outcomes
from auscult.metrics.resampling import draw, number_groups
from auscult.metrics.single_label import balanced_accuracy, macro_f1

reference = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the reference of this test")


def with_sums_of_one(outcomes: Outcomes) -> Outcomes:
    scores = outcomes.scores / outcomes.scores.sum(axis=1, keepdims=True)
    return Outcomes(outcomes.labels, outcomes.targets, scores, outcomes.groups, "single_label")


@pytest.mark.parametrize("seed", range(4))
def test_figures(make_outcomes: Callable[..., Outcomes], seed: int) -> None:
    outcomes = with_sums_of_one(make_outcomes("single_label", seed=seed))
    true, predicted = outcomes.targets.argmax(axis=1), outcomes.scores.argmax(axis=1)
    figures = evaluate_outcomes(outcomes, n_resamples=1)
    expected = {
        "accuracy": reference.accuracy_score(true, predicted),
        "balanced_accuracy": reference.balanced_accuracy_score(true, predicted),
        "macro_f1": reference.f1_score(true, predicted, average="macro", zero_division=0),
        "top_5_accuracy": reference.top_k_accuracy_score(true, outcomes.scores, k=5, labels=range(7)),
    }
    assert {name: figures[name].value for name in expected} == pytest.approx(expected, abs=1e-12)
    scores = outcomes.scores.astype(np.float64)
    loss = reference.log_loss(true, scores / scores.sum(axis=1, keepdims=True), labels=range(7))
    assert figures["log_loss"].value == pytest.approx(loss, abs=1e-6)


def test_each_resample_is_the_figure_with_clips_repeated(make_outcomes: Callable[..., Outcomes]) -> None:
    outcomes = make_outcomes("single_label", seed=2)
    group_of, n_groups = number_groups(outcomes.groups)
    counts = next(draw(n_groups, outcomes.n_clips, 20, np.random.default_rng(0)))
    recalls, f1s = balanced_accuracy(outcomes, group_of)(counts), macro_f1(outcomes, group_of)(counts)
    for row in range(20):
        drawn = np.repeat(np.arange(outcomes.n_clips), counts[row][group_of])
        true, predicted = outcomes.targets[drawn].argmax(axis=1), outcomes.scores[drawn].argmax(axis=1)
        held = np.unique(true)
        assert recalls[row] == pytest.approx(
            reference.recall_score(true, predicted, average="macro", labels=held, zero_division=0)
        )
        assert f1s[row] == pytest.approx(
            reference.f1_score(true, predicted, average="macro", labels=held, zero_division=0)
        )


def test_calibration_error_bin_by_bin(make_outcomes: Callable[..., Outcomes]) -> None:
    outcomes = with_sums_of_one(make_outcomes("single_label", n_clips=400, n_classes=3))
    confidence = outcomes.scores.max(axis=1)
    right = outcomes.scores.argmax(axis=1) == outcomes.targets.argmax(axis=1)
    expected = 0.0
    for low, high in zip(np.linspace(0, 1, 16)[:-1], np.linspace(0, 1, 16)[1:], strict=True):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            expected += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    assert evaluate_outcomes(outcomes, n_resamples=1)["ece"].value == pytest.approx(expected, abs=1e-6)

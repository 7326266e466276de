"""Average precision and AUROC against scikit-learn, the outside reference, equal scores included."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from auscult.metrics import Outcomes, evaluate_outcomes
from auscult.metrics.multi_label import Ranking, auroc, average_precision
from auscult.metrics.resampling import draw, number_groups

reference = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the reference of this test")


@pytest.mark.parametrize("step", [None, 0.1, 0.5])
@pytest.mark.parametrize("seed", range(3))
def test_figures(make_outcomes: Callable[..., Outcomes], step: float | None, seed: int) -> None:
    outcomes = make_outcomes("multi_label", seed=seed, step=step)
    figures = evaluate_outcomes(outcomes, n_resamples=1)
    targets, scores = outcomes.targets.astype(int), outcomes.scores
    predicted = (scores >= 0.5).astype(int)
    expected = {
        "mean_average_precision": reference.average_precision_score(targets, scores, average="macro"),
        "macro_auroc": reference.roc_auc_score(targets, scores, average="macro"),
        "macro_f1": reference.f1_score(targets, predicted, average="macro", zero_division=0),
        "micro_f1": reference.f1_score(targets, predicted, average="micro", zero_division=0),
        "subset_accuracy": reference.accuracy_score(targets, predicted),
    }
    assert {name: figure.value for name, figure in figures.items()} == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("step", [None, 0.2])
def test_each_resample_is_the_figure_with_clips_repeated(
    make_outcomes: Callable[..., Outcomes], step: float | None
) -> None:
    outcomes = make_outcomes("multi_label", seed=4, step=step)
    group_of, n_groups = number_groups(outcomes.groups)
    counts = next(draw(n_groups, outcomes.n_clips, 20, np.random.default_rng(0)))
    ranking = Ranking.of_class(outcomes, 2, group_of)
    averages, areas = average_precision(ranking, counts), auroc(ranking, counts)
    for row in range(20):
        drawn = np.repeat(np.arange(outcomes.n_clips), counts[row][group_of])
        true, score = outcomes.targets[drawn, 2], outcomes.scores[drawn, 2]
        assert averages[row] == pytest.approx(reference.average_precision_score(true, score), abs=1e-12)
        assert areas[row] == pytest.approx(reference.roc_auc_score(true, score), abs=1e-12)


def test_a_class_with_all_clips_or_none_is_left_out() -> None:
    outcomes = Outcomes(
        labels=("some", "none", "all"),
        targets=np.array([[1, 0, 1], [0, 0, 1], [1, 0, 1]], dtype=np.float32),
        scores=np.array([[0.75, 0.5, 0.5], [0.5, 0.5, 0.5], [0.25, 0.5, 0.5]], dtype=np.float32),
        groups=np.array(["x", "y", "z"]),
        task="multi_label",
    )
    figures = evaluate_outcomes(outcomes)
    # "some": hits at ranks 1 and 3, so (1 + 2/3) / 2; "all": 1. AUROC of "some": one pair won, one lost.
    assert figures["mean_average_precision"].value == pytest.approx((5 / 6 + 1) / 2)
    assert figures["macro_auroc"].value == 0.5

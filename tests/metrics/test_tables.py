from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from auscult.metrics import ClassFigures, Outcomes, confusion_matrix, normalise_rows, per_class

HAND = Outcomes(
    labels=("a", "b", "c", "d"),
    targets=np.eye(4, dtype=np.float32)[[0, 0, 0, 1, 2]],
    scores=np.eye(4, dtype=np.float32)[[0, 0, 1, 1, 0]],
    groups=np.array(["r", "r", "s", "t", "t"]),
    task="single_label",
)


def test_rows_are_true_and_columns_predicted() -> None:
    matrix = confusion_matrix(HAND)
    assert matrix.dtype == np.int64
    assert matrix.tolist() == [[2, 1, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]


def test_agrees_with_scikit_learn(make_outcomes: Callable[..., Outcomes]) -> None:
    reference = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the reference of this test")
    outcomes = make_outcomes("single_label", n_clips=200)
    true, predicted = outcomes.targets.argmax(axis=1), outcomes.scores.argmax(axis=1)
    np.testing.assert_array_equal(confusion_matrix(outcomes), reference.confusion_matrix(true, predicted))
    precision, recall, f1, support = reference.precision_recall_fscore_support(true, predicted, zero_division=0)
    figures = per_class(outcomes)
    np.testing.assert_allclose([figure.precision or 0 for figure in figures], precision)
    np.testing.assert_allclose([figure.recall for figure in figures], recall)
    np.testing.assert_allclose([figure.f1 for figure in figures], f1)
    assert [figure.support for figure in figures] == support.tolist()


def test_normalised_rows_sum_to_one_or_are_empty() -> None:
    shares = normalise_rows(confusion_matrix(HAND))
    assert shares.sum(axis=1).tolist() == [1, 1, 1, 0]
    np.testing.assert_allclose(shares[0], [2 / 3, 1 / 3, 0, 0])


def test_figures_of_each_class_by_hand() -> None:
    assert per_class(HAND) == [
        ClassFigures(
            "a",
            support=3,
            precision=pytest.approx(2 / 3),
            recall=pytest.approx(2 / 3),
            f1=pytest.approx(2 / 3),
        ),
        ClassFigures("b", support=1, precision=0.5, recall=1.0, f1=pytest.approx(2 / 3)),
        ClassFigures("c", support=1, precision=None, recall=0.0, f1=0.0),
        ClassFigures("d", support=0, precision=None, recall=None, f1=None),
    ]


def test_multi_label_adds_what_needs_no_threshold() -> None:
    outcomes = Outcomes(
        labels=("some", "none"),
        targets=np.array([[1, 0], [0, 0], [1, 0]], dtype=np.float32),
        scores=np.array([[0.75, 0.25], [0.5, 0.75], [0.25, 0.25]], dtype=np.float32),
        groups=np.array(["x", "y", "z"]),
        task="multi_label",
    )
    assert per_class(outcomes) == [
        ClassFigures(
            "some",
            support=2,
            precision=0.5,
            recall=0.5,
            f1=0.5,
            auroc=0.5,
            average_precision=pytest.approx(5 / 6),
        ),
        ClassFigures("none", support=0, precision=0.0, recall=None, f1=None),
    ]


def test_several_classes_at_once_have_no_confusion_matrix(make_outcomes: Callable[..., Outcomes]) -> None:
    with pytest.raises(ValueError, match=r"single_label task.*per_class"):
        confusion_matrix(make_outcomes("multi_label"))

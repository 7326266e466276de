from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from auscult.metrics import Figure, Outcomes

GOOD: dict[str, Any] = {
    "labels": ("a", "b"),
    "targets": np.array([[1, 0], [0, 1]], dtype=np.float32),
    "scores": np.array([[0.75, 0.25], [0.5, 0.5]], dtype=np.float32),
    "groups": np.array(["x", "y"]),
    "task": "single_label",
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ("a", "a")}, r"'labels'.*all different.*\('a', 'a'\)"),
        ({"labels": ("a",)}, r"'labels'.*2 or more"),
        ({"task": "regression"}, r"'task'.*'regression'"),
        ({"targets": GOOD["targets"].astype(np.float64)}, r"'targets'.*float32.*float64 of shape \(2, 2\)"),
        ({"targets": np.zeros((0, 2), dtype=np.float32)}, r"'targets'.*at least one clip.*\(0, 2\)"),
        ({"scores": np.zeros((2, 3), dtype=np.float32)}, r"'scores'.*2 classes.*\(2, 3\)"),
        ({"scores": np.full((2, 2), 1.5, dtype=np.float32)}, r"'scores'.*within \[0, 1\].*1.5"),
        ({"scores": np.full((2, 2), np.nan, dtype=np.float32)}, r"'scores'.*within \[0, 1\].*nan"),
        ({"targets": np.full((2, 2), 0.5, dtype=np.float32)}, r"'targets'.*0 or 1"),
        ({"targets": np.array([[1, 0], [1, 1]], dtype=np.float32)}, r"exactly one 1.*Got 2 in row 1"),
        ({"groups": np.array(["x"])}, r"'groups'.*shape \(2,\).*shape \(1,\)"),
        ({"groups": np.array([1, 2])}, r"'groups'.*str array"),
        ({"thresholds": np.array([0.5], dtype=np.float32)}, r"'thresholds'.*shape \(2,\).*shape \(1,\)"),
    ],
)
def test_one_gate_says_the_field_the_rule_and_what_came(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Outcomes(**(GOOD | change))


def test_the_decision_is_the_first_of_equal_scores() -> None:
    assert Outcomes(**GOOD).predicted().tolist() == [[True, False], [True, False]]


def test_a_class_is_present_from_its_threshold_on() -> None:
    outcomes = Outcomes(**(GOOD | {"task": "multi_label", "thresholds": np.array([0.5, 0.5], dtype=np.float32)}))
    assert outcomes.predicted().tolist() == [[True, False], [True, True]]
    lower = Outcomes(**(GOOD | {"task": "multi_label", "thresholds": np.array([0.8, 0.25], dtype=np.float32)}))
    assert lower.predicted().tolist() == [[False, True], [False, True]]
    assert Outcomes(**(GOOD | {"task": "multi_label"})).predicted().tolist() == outcomes.predicted().tolist()


def test_what_cannot_be_said_is_none_in_json() -> None:
    assert Figure(None, None, None, 3).to_dict() == {"value": None, "low": None, "high": None, "n": 3}

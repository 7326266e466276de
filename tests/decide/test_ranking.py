from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.decide import rank
from auscult.records import Label

LABELS = (Label("a"), Label("b"), Label("c"), Label("d"))


def scores(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def test_best_first_and_equal_scores_in_label_order() -> None:
    ranked = rank(LABELS, scores(0.25, 0.5, 0.25, 0.5))
    assert [(p.label, p.score) for p in ranked] == [("b", 0.5), ("d", 0.5), ("a", 0.25), ("c", 0.25)]


@pytest.mark.parametrize(("top_k", "expected"), [(None, 4), (1, 1), (3, 3), (4, 4), (99, 4)])
def test_top_k(top_k: int | None, expected: int) -> None:
    assert len(rank(LABELS, scores(0.1, 0.2, 0.3, 0.4), top_k=top_k)) == expected


@settings(deadline=None)
@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=30), st.integers(1, 40))
def test_agrees_with_a_plain_sort(values: list[float], top_k: int) -> None:
    labels = [Label(f"{i:02d}") for i in range(len(values))]
    plain = sorted(zip(values, labels, strict=True), key=lambda pair: (-pair[0], pair[1].id))[:top_k]
    ranked = rank(labels, np.array(values, dtype=np.float32), top_k=top_k)
    assert [p.label for p in ranked] == [label.id for _, label in plain]


def test_says_the_id_not_the_name() -> None:
    assert rank([Label("/m/0bt9lr", "Dog")], scores(1.0))[0].label == "/m/0bt9lr"


def test_refuses_what_is_not_a_score_for_each_label() -> None:
    with pytest.raises(ValueError, match=r"\(4,\).*\(2,\)"):
        rank(LABELS, scores(0.1, 0.2))
    with pytest.raises(ValueError, match="NaN"):
        rank(LABELS, scores(0.1, 0.2, float("nan"), 0.4))
    with pytest.raises(ValueError, match=r"'top_k'.*Got 0"):
        rank(LABELS, scores(0.1, 0.2, 0.3, 0.4), top_k=0)

"""Which labels are named."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.decide import NOT_GIVEN, Selection
from auscult.errors import UsageError
from auscult.records import FloatArray, Label

LABELS = (Label("/m/dog", "Dog"), Label("/m/cat", "Cat"), Label("/m/rain", "Rain"), Label("/m/dog2", "Dog"))
SCORES = np.array([0.5, 0.125, 0.25, 0.0625], np.float32)


def ids(selection: Selection, scores: FloatArray = SCORES, thresholds: tuple[float, ...] | None = None) -> list[str]:
    return [one.label for one in selection.shortlist(LABELS, thresholds).rank(scores)]


def test_best_first_and_names_come_along() -> None:
    found = Selection(top_k=2).shortlist(LABELS).rank(SCORES)
    assert [(one.label, one.name, one.score) for one in found] == [("/m/dog", "Dog", 0.5), ("/m/rain", "Rain", 0.25)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["/m/dog", "/m/rain", "/m/cat", "/m/dog2"]),
        ({"top_k": 1}, ["/m/dog"]),
        ({"top_k": None}, ["/m/dog", "/m/rain", "/m/cat", "/m/dog2"]),
        ({"score_threshold": 0.25}, ["/m/dog", "/m/rain"]),
        ({"score_threshold": 1}, []),
        ({"allow": ["/m/cat", "/m/rain"]}, ["/m/rain", "/m/cat"]),
        ({"allow": ["Dog"]}, ["/m/dog", "/m/dog2"]),
        ({"allow": ["/m/dog", "Dog"]}, ["/m/dog", "/m/dog2"]),
        ({"deny": ["Dog", "/m/rain"]}, ["/m/cat"]),
        ({"deny": []}, ["/m/dog", "/m/rain", "/m/cat", "/m/dog2"]),
        ({"allow": ["Cat", "Dog"], "top_k": 2, "score_threshold": 0.1}, ["/m/dog", "/m/cat"]),
    ],
)
def test_what_is_named(options: dict[str, Any], expected: list[str]) -> None:
    assert ids(Selection(**options)) == expected


def test_the_model_s_thresholds_hold_where_none_is_given() -> None:
    thresholds = (0.6, 0.1, 0.25, 0.1)
    assert ids(Selection(), thresholds=thresholds) == ["/m/rain", "/m/cat"]
    assert len(ids(Selection(score_threshold=0.0), thresholds=thresholds)) == 4


@given(st.lists(st.floats(0, 1, width=32), min_size=4, max_size=4), st.floats(0, 1, width=32), st.integers(1, 5))
def test_agrees_with_a_plain_filter(values: list[float], threshold: float, top_k: int) -> None:
    scores = np.array(values, np.float32)
    plain = [label.id for label, value in zip(LABELS, values, strict=True) if value >= threshold]
    plain.sort(key=lambda one: -values[[label.id for label in LABELS].index(one)])
    assert ids(Selection(score_threshold=threshold, top_k=top_k), scores) == plain[:top_k]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top_k": 0}, "'top_k' parameter must be a whole number from 1, or None. Got 0"),
        ({"score_threshold": 1.5}, "'score_threshold' parameter must be a number in [0, 1], or None. Got 1.5"),
        ({"score_threshold": float("nan")}, "'score_threshold' parameter must be a number in [0, 1], or None. Got nan"),
        ({"score_threshold": "0.5"}, "'score_threshold' parameter must be a number"),
        ({"allow": "Dog"}, "'allow' parameter must be several labels, as in a list, or None. Got 'Dog'"),
        ({"deny": 3}, "'deny' parameter must be several labels, as in a list, or None. Got 3"),
        ({"deny": [3]}, "'deny' parameter must be several labels, as in a list, or None. Got [3]"),
        ({"allow": []}, "'allow' parameter must name at least one label"),
        ({"allow": ["Dog"], "deny": ["Cat"]}, "'allow' and 'deny' exclude each other"),
    ],
)
def test_values_that_break_their_rule(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        Selection(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"allow": ["Dog", "cta"]}, "The 'allow' parameter names 'cta', a label that the model does not have; did you"),
        ({"deny": ["CAT"]}, "did you mean 'Cat'"),
        ({"deny": ["violin"]}, "names 'violin', a label that the model does not have; look at the model's labels."),
    ],
)
def test_an_unknown_label_is_an_error(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        Selection(**options).shortlist(LABELS)


def test_labels_are_compared_in_one_form_of_unicode() -> None:
    composed, decomposed = "Hündin", "Hu\u0308ndin"
    assert Selection(allow=(decomposed,)).shortlist([Label(composed)]).columns == (0,)


class TestChanged:
    def changed(self, selection: Selection, **given: Any) -> Selection:
        names = ("top_k", "score_threshold", "allow", "deny")
        return selection.changed(**{name: given.get(name, NOT_GIVEN) for name in names})

    def test_what_is_not_given_stays(self) -> None:
        selection = Selection(top_k=3, score_threshold=0.25, deny=("Dog",))
        assert self.changed(selection) is selection
        assert self.changed(selection, top_k=1) == Selection(top_k=1, score_threshold=0.25, deny=("Dog",))

    def test_none_is_given_too(self) -> None:
        selection = Selection(top_k=3, score_threshold=0.25, deny=("Dog",))
        found = self.changed(selection, top_k=None, score_threshold=None, deny=None)
        assert found == Selection(top_k=None)

    def test_one_list_takes_the_place_of_the_other(self) -> None:
        assert self.changed(Selection(deny=("Dog",)), allow=["Cat"]) == Selection(allow=("Cat",))
        with pytest.raises(UsageError, match="exclude each other"):
            self.changed(Selection(), allow=["Cat"], deny=["Dog"])

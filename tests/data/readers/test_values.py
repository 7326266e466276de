"""Fields of a table, whatever their type."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.data.readers.values import label_form, label_weights, text, weight


@given(st.text().filter(bool))
def test_without_a_delimiter_a_text_is_one_label(value):
    assert len(label_weights(value)) == 1


@given(st.dictionaries(st.text(min_size=1).map(str.strip).filter(bool), st.floats(0, 1)))
def test_weights_by_label_and_as_arrow_has_them(weights):
    pairs = [{"id": name, "weight": value} for name, value in weights.items()]
    found = label_weights(weights)
    assert found == label_weights(pairs)
    assert all(value > 0 for value in found.values())


@pytest.mark.parametrize("value", ["x", -0.1, 1.1, "nan", float("inf")])
def test_what_is_no_weight(value):
    with pytest.raises(ValueError, match="must be a number from 0 to 1"):
        weight(value)


def test_numpy_values():
    assert text(np.float64(3)) == "3"
    assert label_form(np.array(["dog", "cat"])) == "list"
    assert label_weights(np.array(["dog", "cat"])) == {"dog": 1.0, "cat": 1.0}

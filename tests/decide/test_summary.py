"""A recording summed up, from a table by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.decide import LabelSummary, Summing
from auscult.records import Event, Label

LABELS = (Label("/m/cat", "Cat"), Label("dog"), Label("owl"))
SCORES = np.array([[0.5, 0.0, 0.25], [1.0, 0.5, 0.25], [0.75, 1.0, 0.25], [0.75, 0.0, 0.25]], np.float32)


def test_a_line_a_label() -> None:
    summing = Summing(LABELS, [0, 1])
    summing.push(SCORES[:3])
    for event in (
        Event("a.wav", 1.5, 2.0, "/m/cat", 1.0),
        Event("a.wav", 1.0, 1.25, "/m/cat", 1.0),
        Event("a.wav", 3.0, 4.0, "/m/cat", 1.0),
    ):
        summing.add(event)
    summing.push(SCORES[3:])
    found = summing.finish("a.wav", 4.0)
    assert (found.source, found.duration_s) == ("a.wav", 4.0)
    assert found.labels == (
        LabelSummary("/m/cat", "Cat", True, 0.75, 1.0, 3, 1.75, 1.0),
        LabelSummary("dog", "dog", False, 0.375, 1.0, 0, 0.0, None),
    )
    assert found.to_dict()["labels"][0]["name"] == "Cat"
    assert "name" not in found.to_dict()["labels"][1]


@given(st.lists(st.integers(0, 4), max_size=4))
def test_groups_change_nothing(borders: list[int]) -> None:
    whole, parts = Summing(LABELS, range(3)), Summing(LABELS, range(3))
    whole.push(SCORES)
    edges = [0, *sorted(borders), 4]
    for first, last in pairwise(edges):
        parts.push(SCORES[first:last])
    assert parts.finish("a", 1.0) == whole.finish("a", 1.0)


def test_a_recording_without_windows_has_no_summary() -> None:
    with pytest.raises(ValueError, match="at least one window"):
        Summing(LABELS, [0]).finish("a", 0.0)

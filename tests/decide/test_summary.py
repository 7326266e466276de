"""A recording summed up, from a table by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.decide import LabelSummary, Summary, Summing, longest_first
from auscult.records import Event, Label

LABELS = (Label("/m/cat", "Cat"), Label("dog"), Label("owl"))
SCORES = np.array([[0.5, 0.0, 0.25], [1.0, 0.5, 0.25], [0.75, 1.0, 0.25], [0.75, 0.0, 0.25]], np.float32)


def test_a_line_a_label() -> None:
    summing = Summing(LABELS, [0, 1])
    summing.push(SCORES[:3])
    summing.add([Event("a.wav", 1.5, 2.0, "/m/cat", 1.0), Event("a.wav", 1.0, 1.25, "/m/cat", 1.0)])
    summing.push(SCORES[3:])
    summing.add([Event("a.wav", 3.0, 4.0, "/m/cat", 1.0)])
    lines = summing.finish()
    assert lines == (
        LabelSummary("/m/cat", "Cat", True, 0.75, 1.0, 3, 1.75, 1.0),
        LabelSummary("dog", "dog", False, 0.375, 1.0, 0, 0.0, None),
    )
    found = Summary("a.wav", 4.0, lines)
    assert found.to_dict()["labels"][0]["name"] == "Cat"
    assert "name" not in found.to_dict()["labels"][1]


@given(st.lists(st.integers(0, 4), max_size=4))
def test_groups_change_nothing(borders: list[int]) -> None:
    whole, parts = Summing(LABELS, range(3)), Summing(LABELS, range(3))
    whole.push(SCORES)
    edges = [0, *sorted(borders), 4]
    for first, last in pairwise(edges):
        parts.push(SCORES[first:last])
    assert parts.finish() == whole.finish()


def test_what_is_not_heard_may_have_no_line() -> None:
    summing = Summing(LABELS, [0, 1, 2], always=[2])
    summing.push(SCORES)
    summing.add([Event("a.wav", 1.0, 2.0, "/m/cat", 1.0)])
    assert [line.label for line in summing.finish()] == ["/m/cat", "owl"]


def test_longest_first_then_by_the_highest_score() -> None:
    lines = [
        LabelSummary("a", "a", False, 0.1, 0.2, 0, 0.0, None),
        LabelSummary("b", "b", False, 0.1, 0.4, 0, 0.0, None),
        LabelSummary("c", "c", True, 0.1, 0.5, 1, 1.0, 0.0),
        LabelSummary("d", "d", True, 0.1, 0.5, 1, 2.0, 0.0),
    ]
    assert [line.label for line in longest_first(lines)] == ["d", "c", "b", "a"]


def test_a_recording_without_windows_has_no_summary() -> None:
    with pytest.raises(ValueError, match="at least one window"):
        Summing(LABELS, [0]).finish()

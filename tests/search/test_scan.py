"""Exact search: blocks, threads and doubling give what the definition gives in double precision."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from auscult.search import scan
from auscult.search.ranking import best_spans
from auscult.search.scan import Query, span_scores
from auscult.search.vectors import SCALE, centre, mean_direction, packed, total


def defined_scores(
    vectors: np.ndarray, first_rows: np.ndarray, n_windows: np.ndarray, query: np.ndarray, around: np.ndarray
) -> np.ndarray:
    """The cosine between the mean directions of the query and of each span, as `Index.search` says it."""

    def mean(rows: np.ndarray) -> np.ndarray:
        seen = rows.astype(np.float64) - around
        lengths = np.linalg.norm(seen, axis=1)
        return (seen[lengths > 0] / lengths[lengths > 0, None]).sum(axis=0)

    looked_for = mean(query)
    scores = np.full(len(vectors), -np.inf)
    for first, n in zip(first_rows, n_windows, strict=True):
        span = min(len(query), n, scan.MAX_SPAN)
        for row in range(first, first + n - span + 1):
            there = mean(vectors[row : row + span])
            lengths = np.linalg.norm(there) * np.linalg.norm(looked_for)
            scores[row] = there @ looked_for / lengths if np.linalg.norm(there) > scan.NO_LENGTH and lengths else 0.0
    return scores


lengths = st.lists(st.integers(1, 40), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(
    n_windows=lengths,
    gaps=st.integers(0, 3),
    n_query=st.integers(1, 45),
    dim=st.integers(2, 9),
    block=st.sampled_from([1, 64, 2**19]),
    workers=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_spans_score_as_defined_whatever_the_blocks(
    n_windows: list[int], gaps: int, n_query: int, dim: int, block: int, workers: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    counts = np.array(n_windows)
    # Rows between recordings belong to none: they were replaced.
    first_rows = np.cumsum([0, *(counts[:-1] + gaps)])
    vectors = packed(generator.normal(0.3, 1, (int(first_rows[-1] + counts[-1]), dim)).astype(np.float32))
    vectors[generator.random(len(vectors)) < 0.05] = 0
    query = packed(generator.normal(0.3, 1, (n_query, dim)).astype(np.float32))
    around = centre(total(vectors), len(vectors))
    asked = Query(mean_direction(query, around), around, len(query))
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(workers) as pool:
        patch.setattr(scan, "BLOCK_VALUES", block)
        scores = span_scores(vectors, first_rows, counts, asked, pool)
    expected = defined_scores(vectors, first_rows, counts, query, around)
    np.testing.assert_array_equal(np.isfinite(scores), np.isfinite(expected))
    is_span = np.isfinite(expected)
    # float32 sums of directions: what is short is rounded more, relatively.
    np.testing.assert_allclose(scores[is_span], expected[is_span], atol=2e-3)
    assert np.median(np.abs(scores[is_span] - expected[is_span])) < 1e-6


@pytest.mark.parametrize("span", [*range(1, 20), 255, 256])
def test_moving_sums_are_those_of_a_convolution(span: int) -> None:
    rows = np.random.default_rng(span).integers(-9, 9, (300, 2)).astype(np.float32)
    expected = np.stack([np.convolve(column, np.ones(span), "valid") for column in rows.T], axis=1)
    np.testing.assert_array_equal(scan._moving_sum(rows, span), expected)


def greedy(scores: np.ndarray, first_rows: np.ndarray, n_windows: np.ndarray, span: int, k: int) -> list[int]:
    """Hits by the rule as it is written, over all spans."""
    owner = np.repeat(np.arange(len(first_rows)), n_windows)
    found: list[int] = []
    for row in np.argsort(-scores, kind="stable"):
        if np.isfinite(scores[row]) and all(owner[row] != owner[x] or abs(row - x) >= span for x in found):
            found.append(int(row))
    return found[:k]


@settings(max_examples=100, deadline=None)
@given(
    n_windows=lengths,
    span=st.integers(1, 8),
    k=st.integers(1, 12),
    one_each=st.booleans(),
    data=st.data(),
)
def test_the_best_that_do_not_overlap(
    n_windows: list[int], span: int, k: int, one_each: bool, data: st.DataObject
) -> None:
    counts = np.array(n_windows)
    first_rows = np.cumsum([0, *counts[:-1]])
    # Few values, so that many are equal.
    values = data.draw(arrays.arrays(np.float32, int(counts.sum()), elements=st.sampled_from([-1.0, 0.0, 0.25, 1.0])))
    scores = values.copy()
    for first, n in zip(first_rows, counts, strict=True):
        scores[first + n - min(span, n) + 1 : first + n] = -np.inf
    found = best_spans(scores, first_rows, counts, span=span, k=k, one_each=one_each)
    assert [one.recording for one in found] == [int(np.searchsorted(first_rows, one.row, "right")) - 1 for one in found]
    if one_each:
        tops = [first + int(np.argmax(scores[first : first + n])) for first, n in zip(first_rows, counts, strict=True)]
        assert [one.row for one in found] == sorted(tops, key=lambda row: (-scores[row], row))[:k]
    else:
        assert [one.row for one in found] == greedy(scores, first_rows, counts, span, k)


@given(arrays.arrays(np.float32, (5, 3), elements=st.floats(-(2.0**100), 2.0**100, width=32)))
def test_packed_vectors_have_unit_length_or_none(embeddings: np.ndarray) -> None:
    lengths = np.linalg.norm(packed(embeddings).astype(np.float64), axis=1)
    is_zero = (embeddings == 0).all(axis=1)
    assert (lengths[is_zero] == 0).all()
    # Rounding each of three values by half a step.
    np.testing.assert_allclose(lengths[~is_zero], SCALE, atol=1)


def test_similarities_survive_the_packing() -> None:
    """16 bits against double precision: far below what tells sounds apart."""
    generator = np.random.default_rng(0)
    embeddings = np.maximum(generator.normal(0, 1, (50, 1024)), 0).astype(np.float32)
    roots = np.sqrt(embeddings.astype(np.float64))
    roots /= np.linalg.norm(roots, axis=1, keepdims=True)
    kept = packed(embeddings).astype(np.float64) / SCALE
    np.testing.assert_allclose(kept @ kept.T, roots @ roots.T, atol=1e-4)

"""Comparing a query with every part of an archive that is as long: blocks of vectors, on all cores, in constant memory.

A part (a *span*) is a run of windows. What is compared are mean directions: of the windows of the query, and of the
windows of the span. The score is the cosine of the angle between the two, in [-1, 1]; equal sounds have 1.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auscult.records import FloatArray
from auscult.search.vectors import Packed

# Values that a thread has unpacked at a time: 4 MB. Smaller blocks cost more in Python, larger ones leave the cache: of
# 200,000 windows, spans of ten took 0.39 s of processor time at an eighth of it, 0.30 s at half, 0.37 s at twice.
BLOCK_VALUES = 2**20
# A block is at least so many times as long as a span, because it begins again a span before its end.
SPANS_IN_A_BLOCK = 4
# Longer queries are compared with parts of so many windows (two minutes of YAMNet's).
MAX_SPAN = 256
# Sums of directions shorter than this are rounding: they say nothing of where they point.
NO_LENGTH = 1e-3


@dataclass(frozen=True)
class Query:
    """What is looked for: a direction as seen from the centre, and how many windows it has. See `vectors`."""

    direction: FloatArray
    centre: FloatArray
    n_windows: int

    @property
    def span(self) -> int:
        """Windows of the parts that it is compared with."""
        return min(self.n_windows, MAX_SPAN)


def span_scores(
    vectors: Packed,
    first_rows: NDArray[np.int64],
    n_windows: NDArray[np.int64],
    query: Query,
    pool: ThreadPoolExecutor,
) -> FloatArray:
    """The score of the span that begins at each row.

    Parameters
    ----------
    vectors : int16 (windows, dim), of recordings one after another
    first_rows, n_windows : where in `vectors` each recording begins, ascending, and how long it is
    query : what is looked for
    pool : threads to work on

    Returns
    -------
    float32 (windows,); minus infinity where no span begins, because it would go beyond its recording. A recording
    shorter than the query is one span.
    """
    scores = np.full(len(vectors), -np.inf, np.float32)
    blocks = _blocks(vectors, first_rows, n_windows, query)
    for start, found in pool.map(lambda block: (block.start, block.scores(query)), blocks):
        scores[start : start + len(found)] = found
    return scores


@dataclass(frozen=True)
class _Block:
    """Rows of which the first `n_starts` may begin a span; the others are there for the spans to end in.

    `is_start` of those, and recordings shorter than the span: their rows here, from and to.
    """

    start: int
    vectors: Packed
    is_start: NDArray[np.bool_]
    short_from: NDArray[np.int64]
    short_to: NDArray[np.int64]

    def scores(self, query: Query) -> FloatArray:
        unpacked = _room(self.vectors.shape)
        np.copyto(unpacked, self.vectors)
        unpacked -= query.centre
        lengths = np.sqrt(np.einsum("ij,ij->i", unpacked, unpacked))
        # Not by a matrix product: BLAS would start threads of its own in each of these.
        along = np.einsum("ij,j->i", unpacked, query.direction)
        inverse = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        along *= inverse
        found = np.full(len(self.is_start), -np.inf, np.float32)
        if query.span == 1:
            found[self.is_start] = along[: len(found)][self.is_start]
            return found.clip(None, 1)
        unpacked *= inverse[:, None]
        sums = np.concatenate([[0.0], np.cumsum(along, dtype=np.float64)])
        if self.is_start.any():
            rows = np.flatnonzero(self.is_start)
            vectors = _moving_sum(unpacked, query.span)
            squares = np.einsum("ij,ij->i", vectors, vectors)[rows]
            found[rows] = _cosine(sums[rows + query.span] - sums[rows], squares)
        if len(self.short_from):
            ends = np.stack([self.short_from, self.short_to], axis=1).ravel()
            # A row more, because the last may end where the block does.
            vectors = np.add.reduceat(np.concatenate([unpacked, unpacked[:1]]), ends, axis=0)[::2]
            squares = np.einsum("ij,ij->i", vectors, vectors)
            found[self.short_from] = _cosine(sums[self.short_to] - sums[self.short_from], squares)
        return found


def _blocks(
    vectors: Packed, first_rows: NDArray[np.int64], n_windows: NDArray[np.int64], query: Query
) -> Iterator[_Block]:
    n_rows, dim = vectors.shape
    n_starts = max(BLOCK_VALUES // dim, SPANS_IN_A_BLOCK * query.span)
    ends = first_rows + n_windows
    for start in range(0, n_rows, n_starts):
        stop = min(start + n_starts, n_rows)
        inside = slice(np.searchsorted(ends, start, "right"), np.searchsorted(first_rows, stop))
        firsts, lasts = first_rows[inside], ends[inside]
        is_long = lasts - firsts >= query.span
        # +1 where the starts of a recording begin and -1 after the last: their running sum tells which rows are one.
        steps = np.zeros(stop - start + 1, np.int64)
        np.add.at(steps, np.clip(firsts[is_long] - start, 0, stop - start), 1)
        np.add.at(steps, np.clip(lasts[is_long] - query.span + 1 - start, 0, stop - start), -1)
        is_short = ~is_long & (firsts >= start)
        yield _Block(
            start,
            vectors[start : min(stop + query.span - 1, n_rows)],
            np.cumsum(steps[:-1]) > 0,
            firsts[is_short] - start,
            lasts[is_short] - start,
        )


_rooms = threading.local()


def _room(shape: tuple[int, int]) -> FloatArray:
    """An array that this thread uses again and again: a new one each time would cost as much as what is done in it."""
    room: FloatArray | None = getattr(_rooms, "room", None)
    if room is None or room.shape[1] != shape[1] or len(room) < shape[0]:
        room = _rooms.room = np.empty(shape, np.float32)
    return room[: shape[0]]


def _moving_sum(rows: FloatArray, span: int) -> FloatArray:
    """Sums of `span` rows that follow each other, by doubling: as many additions as `span` has binary digits, or twice.

    Examples
    --------
    >>> _moving_sum(np.arange(6, dtype=np.float32)[:, None], 3).ravel().tolist()
    [3.0, 6.0, 9.0, 12.0]
    """
    n_sums = len(rows) - span + 1
    if n_sums < 1:
        return rows[:0]
    found: FloatArray | None = None
    doubled, size, taken = rows, 1, 0
    while True:
        if span & size:
            part = doubled[taken : taken + n_sums]
            found = part if found is None else found + part
            taken += size
        if size * 2 > span:
            break
        doubled = doubled[:-size] + doubled[size:]
        size *= 2
    assert found is not None
    return found


def _cosine(along: NDArray[np.float64], squares: FloatArray) -> FloatArray:
    """Of sums of directions: their part along the query, by their own length, 0 for those that cancel out."""
    lengths = np.sqrt(squares)
    cosine = np.divide(along, lengths, out=np.zeros(len(along)), where=lengths > NO_LENGTH)
    return cosine.clip(-1, 1).astype(np.float32)

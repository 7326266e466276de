"""Scores of spans -> hits: the best first, none of which overlaps a better one of its recording."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult.records import FloatArray

# Scores are printed to so many digits: the 16 bits of the vectors hold no more.
DIGITS = 5


@dataclass(frozen=True)
class Hit:
    """A part of an archive that sounds like the query.

    Attributes
    ----------
    source : the recording, by the URL or absolute path that it was added by; where it was added by a relative one, by a
        path that begins as that of the index does
    start_s, end_s : where in it, in seconds from its beginning; as long as the query, or as the recording, if that is
        shorter
    score : cosine similarity in [-1, 1]: 1 for the same sound, about 0 for what is no more like the query than the
        archive is on the whole

    Examples
    --------
    >>> Hit("night.flac", 12.0, 12.975, 0.75).to_dict()
    {'source': 'night.flac', 'start_s': 12.0, 'end_s': 12.975, 'score': 0.75}
    """

    source: str
    start_s: float
    end_s: float
    score: float

    def to_dict(self) -> dict[str, Any]:
        return {"source": self.source, "start_s": self.start_s, "end_s": self.end_s, "score": self.score}


@dataclass(frozen=True, order=True)
class Found:
    """A span among the best: ordered by score, best first, then by its row."""

    below: float
    row: int
    recording: int

    @property
    def score(self) -> float:
        return -self.below


def best_spans(
    scores: FloatArray,
    first_rows: NDArray[np.int64],
    n_windows: NDArray[np.int64],
    *,
    span: int,
    k: int,
    one_each: bool,
) -> list[Found]:
    """The `k` best spans that do not overlap.

    From the best on, each span is taken unless it overlaps one that was taken before it; equal scores are taken in
    the order of their rows.

    Parameters
    ----------
    scores : float32 (windows,), of the span that begins there, minus infinity for none
    first_rows, n_windows : of the recordings, ascending
    span : windows
    k : at most so many
    one_each : at most one of each recording

    Examples
    --------
    >>> scores = np.array([0.1, 0.9, 0.8, 0.2, 0.5], np.float32)
    >>> found = best_spans(scores, np.array([0]), np.array([6]), span=2, k=3, one_each=False)
    >>> [(one.row, round(one.score, 1)) for one in found]
    [(1, 0.9), (4, 0.5)]
    """
    if one_each:
        # No other of a recording can be among the answers.
        scores = _tops(scores, first_rows, n_windows, k)
    # A span that is taken rules out those that begin less than a span before or after it, so that among so many of the
    # best there are `k`.
    n_candidates = k * (2 * span - 1)
    candidates = np.flatnonzero(scores > -np.inf)
    if len(candidates) > n_candidates:
        least = np.partition(scores[candidates], -n_candidates)[-n_candidates]
        candidates = candidates[scores[candidates] >= least]
    candidates = candidates[np.argsort(-scores[candidates], kind="stable")]
    recordings = np.searchsorted(first_rows, candidates, "right") - 1
    taken: dict[int, list[int]] = {}
    found: list[Found] = []
    for row, recording in zip(candidates.tolist(), recordings.tolist(), strict=True):
        others = taken.setdefault(recording, [])
        if any(abs(row - other) < span for other in others):
            continue
        others.append(row)
        found.append(Found(-float(scores[row]), row, recording))
        if len(found) == k:
            break
    return found


def merged(parts: Iterable[Sequence[Found]], k: int) -> list[Found]:
    """The `k` best of several lists, of which no two hold spans of one recording."""
    return sorted(one for part in parts for one in part)[:k]


def _tops(scores: FloatArray, first_rows: NDArray[np.int64], n_windows: NDArray[np.int64], k: int) -> FloatArray:
    """Scores with nothing left but the best one of each recording that may be among the `k` best."""
    left = np.full_like(scores, -np.inf)
    ends = np.stack([first_rows, first_rows + n_windows], axis=1).ravel()
    best = np.maximum.reduceat(np.append(scores, np.float32(-np.inf)), ends)[::2]
    least = np.partition(best, -k)[-k] if len(best) > k else -np.inf
    for i in np.flatnonzero((best >= least) & (best > -np.inf)).tolist():
        row = int(first_rows[i]) + int(np.argmax(scores[first_rows[i] : first_rows[i] + n_windows[i]]))
        left[row] = best[i]
    return left

"""From the scores of windows to where each label is heard: means over time, the best of a window, hysteresis.

Rows arrive in groups of any size, and nothing here depends on how they are grouped, not by a bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auscult.records import FloatArray

# Scores are added up as whole multiples of 2 ** -32, so that sums are exact, and the same in any order.
STEPS_OF_ONE = 2.0**32
# More than any sound has windows.
MOST_ROWS = 2**40
# A score that is below every threshold.
NOT_HEARD = np.float32(-np.inf)


class Turn(NamedTuple):
    """Where a label begins to be heard, or where it no longer is: in that row, counted from the first ever pushed.

    `top` is the highest score of the run that ends here, and means nothing where one begins.
    """

    row: int
    column: int
    begins: bool
    top: float


class Smoother:
    """Centred means over `2 * half + 1` rows; at both ends over those of them that exist.

    A row comes out when the `half` rows after it are in. In memory are a few times as many rows as a mean takes, or as
    there are.

    Examples
    --------
    >>> smoother = Smoother(1, 1)
    >>> smoother.push(np.array([[0.0], [0.5], [1.0]], np.float32)).tolist()
    [[0.25], [0.5]]
    >>> smoother.finish().tolist()
    [[0.75]]
    """

    def __init__(self, half: int, n_columns: int) -> None:
        self._half = min(half, MOST_ROWS)
        # Sums of all rows before row `_base`, `_base + 1`, ... `_n`: int64, which may wrap around without harm.
        self._sums = np.zeros((64, n_columns), np.int64)
        self._base = self._n = 0
        self._next = 0

    def push(self, values: FloatArray) -> FloatArray:
        """Take rows, float32 (rows, columns); give the means that they complete, float32 (rows, columns)."""
        held = self._n - self._base
        if held + 1 + len(values) > len(self._sums):
            self._make_room(len(values))
            held = self._n - self._base
        into = self._sums[held + 1 : held + 1 + len(values)]
        np.cumsum(np.rint(values * STEPS_OF_ONE).astype(np.int64), axis=0, out=into)
        into += self._sums[held]
        self._n += len(values)
        return self._means(self._n - self._half)

    def finish(self) -> FloatArray:
        """The means that lacked rows behind them. After it, rows begin anew."""
        rest = self._means(self._n)
        self._sums[0] = 0
        self._base = self._n = self._next = 0
        return rest

    def _means(self, stop: int) -> FloatArray:
        rows = np.arange(self._next, max(stop, self._next))
        first, behind = np.maximum(rows - self._half, 0), np.minimum(rows + self._half + 1, self._n)
        self._next = max(stop, self._next)
        sums = self._sums[behind - self._base] - self._sums[first - self._base]
        means: FloatArray = (sums / (STEPS_OF_ONE * (behind - first)[:, None])).astype(np.float32)
        return means

    def _make_room(self, n_rows: int) -> None:
        unneeded = max(self._next - self._half, 0) - self._base
        kept = self._sums[unneeded : self._n - self._base + 1]
        if len(kept) + n_rows > len(self._sums):
            # In proportion to what there is, so that a row is moved a few times at most.
            self._sums = np.concatenate([kept, np.empty((len(kept) + 2 * n_rows, kept.shape[1]), np.int64)])
        else:
            self._sums[: len(kept)] = kept.copy()
        self._base += unneeded


def best_of_each(values: FloatArray, k: int) -> FloatArray:
    """The `k` highest scores of each row; `NOT_HEARD` in place of all others. Of equal ones the first columns count.

    Examples
    --------
    >>> best_of_each(np.array([[0.5, 0.25, 0.5, 0.5]], np.float32), 2).tolist()
    [[0.5, -inf, 0.5, -inf]]
    """
    n_columns = values.shape[1]
    if k >= n_columns or len(values) == 0:
        return values
    least = np.partition(values, n_columns - k, axis=1)[:, n_columns - k, None]
    above, level = values > least, values == least
    left = k - above.sum(axis=1, keepdims=True)
    among = above | (level & (level.cumsum(axis=1) <= left))
    return np.where(among, values, NOT_HEARD)


class Hysteresis:
    """A label is heard from the row that scores at least its `on`, while rows score at least its `off`.

    Parameters
    ----------
    on, off : float32 (columns,), `off` at most `on`

    Examples
    --------
    >>> finder = Hysteresis(np.array([0.5], np.float32), np.array([0.25], np.float32))
    >>> list(finder.push(np.array([[0.25], [0.5], [0.25], [0.125]], np.float32)))
    [Turn(row=1, column=0, begins=True, top=0.5), Turn(row=3, column=0, begins=False, top=0.5)]
    """

    def __init__(self, on: FloatArray, off: FloatArray) -> None:
        self._on, self._off = on, off
        self._heard = np.zeros(len(on), bool)
        self._top = np.full(len(on), NOT_HEARD)
        self._n = 0

    def push(self, values: FloatArray) -> Iterator[Turn]:
        """Take rows, float32 (rows, columns); give the turns in them, of each column in order of time."""
        first_row, self._n = self._n, self._n + len(values)
        if len(values) == 0:
            return iter(())
        # Most labels are silent most of the time: they cost this one comparison.
        columns = np.flatnonzero(self._heard | (values.max(axis=0) >= self._on))
        if len(columns) == 0:
            return iter(())
        part = np.ascontiguousarray(values[:, columns].T)
        heard = self._is_heard(part, columns)
        turned = heard.copy()
        turned[:, 1:] ^= heard[:, :-1]
        turned[:, 0] ^= self._heard[columns]
        self._heard[columns] = heard[:, -1]
        return self._turns(part, heard, turned, columns, first_row)

    def _is_heard(self, part: FloatArray, columns: NDArray[np.intp]) -> NDArray[np.bool_]:
        """(columns, rows): what the last score at or over `on`, or under `off`, said."""
        over = part >= self._on[columns, None]
        said = np.where(over | (part < self._off[columns, None]), np.arange(part.shape[1]), -1)
        np.maximum.accumulate(said, axis=1, out=said)
        at = np.take_along_axis(over, np.maximum(said, 0), axis=1)
        return np.where(said >= 0, at, self._heard[columns, None])

    def _turns(
        self,
        part: FloatArray,
        heard: NDArray[np.bool_],
        turned: NDArray[np.bool_],
        columns: NDArray[np.intp],
        first_row: int,
    ) -> Iterator[Turn]:
        """The turns; `_top` is kept up for what goes on."""
        n_rows = part.shape[1]
        begins_piece = turned.copy()
        begins_piece[:, 0] = True
        pieces = np.flatnonzero(begins_piece)
        tops = np.maximum.reduceat(part.ravel(), pieces)
        is_heard, is_turned = heard.ravel()[pieces], turned.ravel()[pieces]
        of_column = columns[pieces // n_rows]
        goes_on = is_heard & ~is_turned
        self._top[of_column[goes_on]] = np.maximum(self._top[of_column[goes_on]], tops[goes_on])
        found = []
        for i in np.flatnonzero(is_turned).tolist():
            column, begins = int(of_column[i]), bool(is_heard[i])
            if begins:
                self._top[column] = tops[i]
            found.append(Turn(first_row + int(pieces[i]) % n_rows, column, begins, float(self._top[column])))
        return iter(found)

    def finish(self) -> Iterator[Turn]:
        """What is still heard ends behind the last row. After it, rows go on, and nothing is heard."""
        columns = np.flatnonzero(self._heard).tolist()
        self._heard[:] = False
        return iter([Turn(self._n, column, False, float(self._top[column])) for column in columns])

"""The window plan: how a sound of any length is cut into windows of one length.

Goal: training, classification of a clip, of a day-long file and of a live stream all cut a sound in the same
places.

The plan, in samples at the model's rate: window k starts at ``k * hop``, and ``hop <= length``; the last
window is the first whose end reaches the end of the sound; beyond the end are zeros, and a window records its
`valid_samples`. So every sample is in some window, no window holds only zeros, and a sound shorter than one
window is one window. A sound of no samples has no plan: `ValueError`. (Decoding refuses such a sound earlier,
as an `InputError`.)
"""

from __future__ import annotations

import numpy as np

from auscult.records import FloatArray, Window


def plan_windows(n_samples: int, *, length: int, hop: int) -> tuple[Window, ...]:
    """The windows of a sound of `n_samples`.

    Parameters
    ----------
    n_samples : length of the sound, at least 1
    length : samples in a window, at least 1
    hop : samples from one window's start to the next one's, 1 to `length`

    Returns
    -------
    tuple of Window, at least one, by start

    Raises
    ------
    ValueError : a parameter out of its range

    Examples
    --------
    >>> [(w.start, w.valid_samples) for w in plan_windows(10, length=4, hop=3)]
    [(0, 4), (3, 4), (6, 4)]
    >>> [(w.start, w.valid_samples) for w in plan_windows(11, length=4, hop=3)]
    [(0, 4), (3, 4), (6, 4), (9, 2)]
    """
    _check_plan(length, hop)
    if n_samples < 1:
        raise ValueError(f"The 'n_samples' parameter of plan_windows must be at least 1. Got {n_samples} instead.")
    after_first = max(0, n_samples - length)
    count = 1 + -(-after_first // hop)
    return tuple(Window(k, k * hop, length, min(length, n_samples - k * hop)) for k in range(count))


class WindowCutter:
    """Cuts a sound that arrives in blocks into the windows of `plan_windows`, in constant memory.

    It holds fewer than `length` samples. A window that lies inside one block is a view of it; only a window
    that reaches over a border of blocks is copied together. The windows are read-only, since neighbours share
    samples; for the same reason a block must not be changed after it was pushed.

    Examples
    --------
    >>> cutter = WindowCutter(length=4, hop=3)
    >>> block = np.arange(9, dtype=np.float32)
    >>> [(window.start, samples.tolist()) for window, samples in cutter.push(block)]
    [(0, [0.0, 1.0, 2.0, 3.0]), (3, [3.0, 4.0, 5.0, 6.0])]
    >>> [(window.valid_samples, samples.tolist()) for window, samples in cutter.finish()]
    [(3, [6.0, 7.0, 8.0, 0.0])]
    """

    def __init__(self, length: int, hop: int) -> None:
        _check_plan(length, hop)
        self._length = length
        self._hop = hop
        self._index = 0
        self._n_samples = 0
        # The samples since the start of window `_index` are `_kept[_first:_last]`.
        self._kept = np.empty(length, np.float32)
        self._first = 0
        self._last = 0

    def push(self, block: FloatArray) -> list[tuple[Window, FloatArray]]:
        """Take the next samples, float32 `(samples,)`; give the windows that they complete."""
        if block.ndim != 1 or block.dtype != np.float32:
            raise ValueError(
                "The 'block' parameter of WindowCutter.push must be float32 with axes (samples,). "
                f"Got {block.dtype} of shape {block.shape} instead."
            )
        self._n_samples += len(block)
        complete = []
        position = 0
        while self._last > self._first and (missing := self._length - (self._last - self._first)) <= len(block):
            complete.append(self._take(np.concatenate((self._kept[self._first : self._last], block[:missing]))))
            self._first += self._hop
        if self._first >= self._last:
            position = self._first - self._last
            self._first = self._last = 0
            while position + self._length <= len(block):
                complete.append(self._take(block[position : position + self._length].view()))
                position += self._hop
        self._keep(block[position:])
        return complete

    def finish(self) -> list[tuple[Window, FloatArray]]:
        """Give the last window, filled up with zeros, where the plan has one more; to be called once.

        Raises
        ------
        ValueError : no sample was ever pushed
        """
        if self._n_samples == 0:
            raise ValueError("WindowCutter.finish was called before any sample was pushed: there is no window.")
        reached = (self._index - 1) * self._hop + self._length
        if self._index > 0 and reached >= self._n_samples:
            return []
        valid = self._last - self._first
        samples = np.zeros(self._length, np.float32)
        samples[:valid] = self._kept[self._first : self._last]
        return [self._take(samples, valid)]

    def _take(self, samples: FloatArray, valid: int | None = None) -> tuple[Window, FloatArray]:
        samples.flags.writeable = False
        window = Window(self._index, self._index * self._hop, self._length, self._length if valid is None else valid)
        self._index += 1
        return window, samples

    def _keep(self, rest: FloatArray) -> None:
        held = self._last - self._first
        if self._last + len(rest) > self._length:
            self._kept[:held] = self._kept[self._first : self._last]
            self._first, self._last = 0, held
        self._kept[self._last : self._last + len(rest)] = rest
        self._last += len(rest)


def _check_plan(length: int, hop: int) -> None:
    if length < 1:
        raise ValueError(f"The 'length' parameter of a window plan must be at least 1 sample. Got {length} instead.")
    if not 1 <= hop <= length:
        raise ValueError(f"The 'hop' parameter of a window plan must be 1 to its length ({length}). Got {hop} instead.")

"""From the scores of windows to the scores of the whole sound."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from auscult.records import FloatArray

Aggregate = Literal["mean", "max"]


class WindowAggregate:
    """`aggregate_windows` for windows that come one after another: the same bits, however they are grouped.

    Parameters
    ----------
    how : ``"mean"`` or ``"max"`` over windows

    Raises
    ------
    ValueError : where `how` is another word

    Examples
    --------
    >>> whole = WindowAggregate("max")
    >>> whole.push(np.array([[0.75, 0.25], [0.25, 0.75]], dtype=np.float32))
    >>> whole.push(np.array([[0.5, 0.5]], dtype=np.float32))
    >>> whole.finish().tolist()
    [0.75, 0.75]
    """

    def __init__(self, how: Aggregate = "mean") -> None:
        if how not in get_args(Aggregate):
            raise ValueError(f"The 'how' parameter of aggregate_windows must be 'mean' or 'max'. Got {how!r} instead.")
        self._how = how
        self._n_windows = 0
        # Of all windows so far: the highest scores, or their sum, in double precision.
        self._whole: NDArray[np.float64] | None = None

    def push(self, values: FloatArray) -> None:
        """Take the scores of the next windows, float32 (windows, classes).

        Raises
        ------
        ValueError : where `values` has other axes
        """
        if values.ndim != 2:
            raise ValueError(_wrong_axes(values))
        if len(values) == 0:
            return
        if self._whole is None:
            self._whole = np.zeros(values.shape[1])
        self._n_windows += len(values)
        if self._how == "max":
            np.maximum(self._whole, values.max(axis=0), out=self._whole)
        else:
            # A row at a time: in one call, the order in which numpy adds would depend on how many there are.
            for row in values:
                self._whole += row

    def finish(self) -> FloatArray:
        """The scores of the whole sound, float32 (classes,).

        Raises
        ------
        ValueError : where there was no window
        """
        if self._whole is None:
            raise ValueError("The 'values' parameter of aggregate_windows must have at least one window. Got none.")
        whole = self._whole if self._how == "max" else self._whole / self._n_windows
        return whole.astype(np.float32)


def aggregate_windows(values: FloatArray, how: Aggregate = "mean") -> FloatArray:
    """One score a class for the whole sound.

    The mean suits sounds that last as long as the clip, and keeps single-label scores summing to one; the
    maximum finds a short event in a long clip. Windows count alike, the last one too, which may be padded.

    Parameters
    ----------
    values : float32 (windows, classes), in [0, 1], at least one window
    how : ``"mean"`` or ``"max"`` over windows

    Returns
    -------
    float32 (classes,), in [0, 1]. The mean is summed in double precision: a day of windows loses nothing.

    Raises
    ------
    ValueError : where `values` has no windows or other axes, or `how` is another word

    Examples
    --------
    >>> import numpy as np
    >>> scores = np.array([[0.75, 0.25], [0.25, 0.75], [0.5, 0.5]], dtype=np.float32)
    >>> aggregate_windows(scores).tolist(), aggregate_windows(scores, "max").tolist()
    ([0.5, 0.5], [0.75, 0.75])
    """
    whole = WindowAggregate(how)
    if values.ndim != 2 or len(values) == 0:
        raise ValueError(_wrong_axes(values))
    whole.push(values)
    return whole.finish()


def _wrong_axes(values: FloatArray) -> str:
    return (
        "The 'values' parameter of aggregate_windows must have axes (windows, classes) and at least one window. "
        f"Got the shape {values.shape} instead."
    )

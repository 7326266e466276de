"""From the scores of windows to the scores of the whole sound."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from auscult.records import FloatArray

Aggregate = Literal["mean", "max"]


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
    if values.ndim != 2 or len(values) == 0:
        raise ValueError(
            "The 'values' parameter of aggregate_windows must have axes (windows, classes) and at least one "
            f"window. Got the shape {values.shape} instead."
        )
    if how not in get_args(Aggregate):
        raise ValueError(f"The 'how' parameter of aggregate_windows must be 'mean' or 'max'. Got {how!r} instead.")
    whole: FloatArray = values.max(axis=0) if how == "max" else values.mean(axis=0, dtype=np.float64)
    return whole.astype(np.float32)
